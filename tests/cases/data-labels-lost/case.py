"""Two people label the same conversations in two files: nobody's label is lost."""

import csv
import json
from pathlib import Path

from tests.cases.bench import Stub, running


def check(bench):
    opinion = {"expectation_id": "done", "rationale": "It greets.", "ruling": "met", "confidence": 0.6}
    opinion["evidence"] = [{"turn": 1, "quote": "hi"}]
    message = {"role": "assistant", "content": json.dumps({"opinions": [opinion]})}
    judge = Stub(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode())
    with running(judge):
        imported = ("simulate", "import", "transcripts.jsonl", "--dataset", "scenarios.jsonl", "--agent", "a@1")
        bench.assay(*imported, env={**judge.env, "ASSAY_MODEL": "openai:m"})
    bench.assay("label", "draw", "--count", 3, "--to", "drawn.csv")
    with Path("drawn.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["scenario_id"])

    def write(name, rulings):
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, list(rows[0]))
            out.writeheader()
            for place, rater in rulings:
                out.writerow(dict(rows[place], ruling="met", by=rater))

    write("monday.csv", [(0, "bob"), (1, "bob")])
    write("tuesday.csv", [(0, "ada"), (2, "bob")])
    for file in ("monday.csv", "tuesday.csv"):
        assert bench.json("label", "take", file)["rulings"] == 2
    agreement = bench.json("label", "agreement")
    assert (agreement["raters"], agreement["rulings"], agreement["rated_twice"]) == (["ada", "bob"], 4, 1)
