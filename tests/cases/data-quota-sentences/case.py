"""Last words of agent clients that say only that an allowance is spent are no answers; talk of a user's matter is."""


def check(bench):
    command = ["simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "a@1"]
    told = bench.assay(*command).stdout
    assert "2 passed, 0 failed, 6 without a verdict" in told
    assert "6 of 8 conversations hold an infrastructure error (6 rate limit)" in told
    apart = {c.scenario_id: c.error.cause for c in bench.conversations() if c.error is not None}
    assert apart == dict.fromkeys(("s0", "s1", "s2", "s3", "s4", "s5"), "rate_limit")
