"""Feedback as people and tools export it."""


def check(bench):
    bench.register(_nowhere())

    def items(file, *arguments):
        import json

        bench.assay("feedback", "ingest", file, "--agent", "support@1", "--output", "report.json", *arguments)
        report = json.loads((bench.folder / "report.json").read_text())
        return report, _stored(bench, report)

    _, rows = items("thumbs.csv")
    assert [row.thumbs for row in rows] == ["up", "down", "up", "down", "up"]
    _, rows = items("ratings.csv")
    assert [row.rating for row in rows] == [4, 4, 4, 5]
    refused = bench.assay("feedback", "ingest", "dates.csv", "--agent", "support@1", code=2)
    assert "dates.csv:2: at: '03/02/2026 10:15 AM' can be read in two ways: say --dates" in refused.stderr
    _, rows = items("dates.csv", "--dates", "month-first")
    assert {row.at.isoformat() for row in rows} == {"2026-03-02T10:15:00+00:00"}
    report, rows = items("excel-serial.csv")
    assert rows[0].at.isoformat() == "2026-03-02T10:15:00+00:00"
    assert [point["week"] for point in report["trend"]] == ["2026-03-02"]
    _, rows = items("ids.csv")
    assert {row.conversation_id for row in rows} == {"3f2504e04f8911d39a0c0305e82c3301"}
    assert [row.feedback_id for row in rows] == ["FB_001", "3F2504E0-4F89-11D3-9A0C-0305E82C3301"]
    assert {row.topic for row in rows} == {"Order status"}
    report, rows = items("empty-row.csv")
    assert (report["items"], [row.user for row in rows]) == (2, ["u1", "u3"])
    done = bench.assay("feedback", "ingest", "empty-row.csv", "--agent", "support@1")
    assert "empty-row.csv: 1 rows say nothing and are skipped: line 3" in done.stderr


def _nowhere():
    from tests.cases.bench import Stub

    return Stub(answer=b"", port=9)


def _stored(bench, report):
    """The items as the report's run keeps them."""
    from assay.evaluation.exchange import Rows, feedback_of
    from assay.stages.feedback import ITEMS
    from assay.tracking import connect, read_text

    store = connect(f"sqlite:///{bench.home}/mlflow.db")
    return feedback_of(Rows(read_text(store, report["run_id"], ITEMS), ITEMS))
