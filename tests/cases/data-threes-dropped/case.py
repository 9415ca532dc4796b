"""All 25 ratings count: a three is not negative, and not positive. Nothing is tested where there is no dataset."""


def check(bench):
    bench.assay("agent", "register", "card.json", "--no-probe")
    report = bench.json("feedback", "ingest", "feedback.jsonl", "--agent", "a@1")
    assert (report["satisfaction"]["value"], report["satisfaction"]["n"]) == (0.8, 25)
    assert (report["positive"]["value"], report["positive"]["n"]) == (0.2, 25)
    assert sum(week["items"] for week in report["trend"]) in (0, 25)
    assert [cluster["in_dataset"] for cluster in report["clusters"]] == [False]
    assert "already" not in report["narrative"]["text"]
