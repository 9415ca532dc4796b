"""A tool result that nobody recorded is not an empty result."""


def check(bench):
    command = ["simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "a@1"]
    told = bench.assay(*command).stdout
    assert "1 passed, 1 failed, 0 without a verdict" in told
    assert told.count("No tool result is recorded in any conversation") == 1
    assert "outage" not in told
    assert [sign["kind"] for sign in bench.json("analytics", "report")["signs"]] == ["no_tool_results"]
