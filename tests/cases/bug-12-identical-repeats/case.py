"""Rows that read the same are different rows."""


def check(bench):
    for _ in range(2):  # the same file again changes nothing
        done = bench.json(
            "simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "support@1"
        )
        assert (done["conversations"], done["passed"], done["failed"]) == (36, 24, 12)
    played = bench.conversations()
    assert len({conversation.conversation_id for conversation in played}) == 36
    for scenario_id in {conversation.scenario_id for conversation in played}:
        assert [c.trial for c in played if c.scenario_id == scenario_id] == [0, 1, 2]
    report = bench.json("analytics", "report")
    assert round(report["pass_rate"]["value"], 3) == 0.667
    report = bench.json("feedback", "ingest", "thumbs.csv", "--agent", "support@1")
    assert report["items"] == 100
    assert report["satisfaction"]["value"] == 0.6
