"""A pass in which the agent did nothing is marked, in the analytics report and where it flips."""

import json
from pathlib import Path


def check(bench):
    command = ["simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "a@1"]
    assert "6 passed, 0 failed" in bench.assay(*command).stdout
    report = bench.json("analytics", "report")
    assert [(row["scenario_id"], row["trial"]) for row in report["vacuous_passes"]] == [("s0", 0)]

    rows = [json.loads(line) for line in Path("transcripts.jsonl").read_text().splitlines()]
    rows[0]["outcome"] = {"db_match": False}
    Path("before.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bench.assay("simulate", "import", "before.jsonl", "--dataset", "scenarios.jsonl", "--agent", "a@0")
    compared = bench.json("compare", "run", "--champion", "a@0", "--challenger", "a@1")
    assert [(f["scenario_id"], f["direction"], f["vacuous"]) for f in compared["flips"]] == [("s0", "fixed", True)]
