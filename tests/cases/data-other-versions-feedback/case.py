"""Items that name another version are stored and counted apart."""


def check(bench):
    bench.assay("agent", "register", "card.json", "--no-probe")
    report = bench.json("feedback", "ingest", "feedback.jsonl", "--agent", "a@1")
    assert (report["items"], report["satisfaction"]["value"]) == (10, 0.0)
    (other,) = report["other_versions"]
    assert (other["agent"], other["items"]) == ({"agent_id": "a", "version": "2"}, 10)
    assert other["satisfaction"]["value"] == 1.0
