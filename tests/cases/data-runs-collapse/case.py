"""Ten runs of a scenario stay ten; a trial that is given twice is refused with both lines."""

import json


def check(bench):
    def take(file, code=0):
        return bench.assay("simulate", "import", file, "--dataset", "scenarios.jsonl", "--agent", "a@1", code=code)

    assert "10 conversations of a@1: 7 passed, 3 failed" in take("transcripts.jsonl").stdout
    assert sorted(conversation.trial for conversation in bench.conversations()) == list(range(10))
    rows = [json.loads(line) for line in (bench.folder / "transcripts.jsonl").read_text().splitlines()]
    (bench.folder / "twice.jsonl").write_text("\n".join(json.dumps({**row, "trial": 0}) for row in rows[:2]))
    refused = take("twice.jsonl", code=2)
    assert "twice.jsonl:2: trial: scenario s0, trial 0 is in line 1 already: give each run its own" in refused.stderr
