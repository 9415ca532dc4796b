"""Silence is the agent's own failure: an agent that says nothing in half of its conversations is not promoted."""


def check(bench):
    for version in ("champion", "challenger"):
        judging = bench.json(
            "simulate", "import", f"{version}.jsonl", "--dataset", "scenarios.jsonl", "--agent", f"{version}@1"
        )
        assert (judging["passed"], judging["failed"], judging["unjudged"]) == (10, 10, 0)
    report = bench.json("compare", "run", "--champion", "champion@1", "--challenger", "challenger@1")
    assert report["recommendation"] == "INCONCLUSIVE"
    difference = report["pass_rate"]["difference"]
    assert [round(100 * difference[part], 1) for part in ("value", "low", "high")] == [0.0, -34.0, 34.0]
    assert report["as_scored"] is None
    signs = bench.json("analytics", "report", "--agent", "challenger@1")["signs"]
    assert [(sign["kind"], sign["conversations"]) for sign in signs] == [("silence", 10)]
