"""Transcripts as OpenAI chat messages come in with their tool calls, and bad lines are named."""

import json

import pytest

SCENARIO = {
    "scenario_id": "late",
    "topic": "delivery",
    "persona": {"name": "user", "description": "A user."},
    "goal": "Know where the parcel is.",
    "expectations": [
        {"expectation_id": "looks", "text": "Looks it up.", "check": {"kind": "calls", "tool": "track"}},
        {
            "expectation_id": "ok",
            "text": "It arrives.",
            "check": {"kind": "outcome", "path": "resolved", "equals": True},
        },
    ],
}


def transcript(resolved: bool, **changes) -> dict:
    call = {"id": "1", "type": "function", "function": {"name": "track", "arguments": '{"order": "17"}'}}
    return {
        "scenario_id": "late",
        "trial": 0 if resolved else 1,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Where is it?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "in Hamburg"},
            {"role": "assistant", "content": "In Hamburg."},
        ],
        "outcome": {"resolved": resolved},
        **changes,
    }


@pytest.fixture
def files(tmp_path):
    (tmp_path / "scenarios.jsonl").write_text(json.dumps(SCENARIO) + "\n")

    def written(*rows):
        (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
        return [str(tmp_path / "t.jsonl"), "--dataset", str(tmp_path / "scenarios.jsonl"), "--agent", "bot@1"]

    return written


def test_they_are_judged_by_the_checks_of_their_scenarios(assay, files):
    done = json.loads(assay("simulate", "import", *files(transcript(True), transcript(False)), "--json").stdout)
    assert (done["conversations"], done["passed"], done["failed"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (transcript(True, scenario_id="other"), "t.jsonl:1: scenario_id: other is not in"),
        (transcript(True, messages=[{"role": "robot", "content": "x"}]), "role: 'robot' is no role"),
        ({"scenario_id": "late"}, "messages: is required"),
        (transcript(True, started_at="soon"), "t.jsonl:1: started_at: "),
    ],
)
def test_a_bad_line_is_named(assay, files, row, said):
    refused = assay("simulate", "import", *files(row), code=2)
    assert said in " ".join(refused.stderr.split())
