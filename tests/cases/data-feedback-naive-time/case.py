"""Times without a zone are UTC, on every machine."""

import json
import time


def check(bench):
    bench.assay("agent", "register", "card.json", "--no-probe")
    weeks = []
    for zone in ("UTC", "America/Los_Angeles", "Asia/Tokyo"):
        bench.monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            file = f"{zone.replace('/', '-')}.json"
            project = ("--project", file.removesuffix(".json").lower())
            bench.assay("agent", "register", "card.json", "--no-probe", *project)
            bench.assay("feedback", "ingest", "feedback.jsonl", "--agent", "a@1", "--output", file, *project)
        finally:
            bench.monkeypatch.setenv("TZ", "UTC")
            time.tzset()
        report = json.loads((bench.folder / file).read_text())
        weeks.append([(point["week"], point["items"]) for point in report["trend"]])
    assert weeks == [[("2026-02-23", 2), ("2026-03-02", 3)]] * 3
