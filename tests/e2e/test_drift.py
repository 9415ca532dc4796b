"""assay feedback drift: windows of stored conversations against the first."""

import json
from datetime import UTC, datetime, timedelta

WANTED = {"expectation_id": "ok", "text": "Ok.", "check": {"kind": "outcome", "path": "ok", "equals": True}}


def test_a_change_of_what_users_ask_is_found_in_its_window(assay, tmp_path):
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    asked = (
        "Where is my parcel number {:02}?",
        "Please cancel the invoice of month {:02}, the tax is wrong on this bill.",
    )
    rows = [
        {
            "scenario_id": "s",
            "trial": number,
            "messages": [
                {"role": "user", "content": asked[number >= 40].format(number)},
                {"role": "assistant", "content": "I see."},
            ],
            "outcome": {"ok": True},
            "started_at": (begin + timedelta(days=number * 21 / 60)).isoformat(),
        }
        for number in range(60)
    ]
    scenario = {
        "scenario_id": "s",
        "topic": "x",
        "persona": {"name": "user", "description": "A user."},
        "goal": "Ask.",
        "expectations": [WANTED],
    }
    (tmp_path / "scenarios.jsonl").write_text(json.dumps(scenario) + "\n")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["simulate", "import", str(tmp_path / "t.jsonl"), "--dataset", str(tmp_path / "scenarios.jsonl")]
    judged = json.loads(assay(*command, "--agent", "bot@1", "--json").stdout)
    told = assay("feedback", "drift", "--source", judged["simulation_id"], "--days", "7")
    assert "drift in the windows from 2026-01-19" in told.stdout
    report = json.loads(assay("feedback", "drift", "--source", judged["simulation_id"], "--json").stdout)
    assert [window["conversations"] for window in report["windows"]] == [20, 20]
    assert [any(f["changed"] for f in window["features"]) for window in report["windows"]] == [False, True]
