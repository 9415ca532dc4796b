"""A decline is found although the last week has just begun, and said on the screen, in the report and outside."""

import json


def check(bench):
    bench.assay("agent", "register", "card.json", "--no-probe")
    report = bench.json("feedback", "ingest", "feedback.jsonl", "--agent", "a@1")
    assert report["falling"] is True and "fell from" in report["decline"]
    assert "Ratings are falling" in report["narrative"]["text"]
    screen = bench.assay("feedback", "ingest", "feedback.jsonl", "--agent", "a@1").stdout
    assert "RATINGS ARE FALLING" in screen

    lines = (bench.folder / "feedback.jsonl").read_text().splitlines()
    steady = [json.dumps({**json.loads(line), "rating": 5 if number % 9 else 1}) for number, line in enumerate(lines)]
    (bench.folder / "steady.jsonl").write_text("\n".join(steady) + "\n")
    assert bench.json("feedback", "ingest", "steady.jsonl", "--agent", "a@1")["falling"] is False
