"""A run with quota and time-out errors that its maker scored as failures: recognised, set apart, given both ways."""

import json

from assay.protocols import turns_of

SCENARIOS = 12
FAULTS = ("Error code: 429 - You exceeded your current quota", "Request timed out.", "502 Bad Gateway")


def rows(broken: int) -> str:
    lines = []
    for number in range(SCENARIOS):
        for trial in (0, 1):
            fault = trial == 1 and number < broken
            said = FAULTS[number % len(FAULTS)] if fault else "It is solved."
            messages = [{"role": "user", "content": "Solve it."}, {"role": "assistant", "content": said}]
            solved = not fault and (number + trial) % 4 != 0
            outcome = {"solved": solved}
            lines.append(
                json.dumps({"scenario_id": f"s-{number}", "trial": trial, "messages": messages, "outcome": outcome})
            )
    return "\n".join(lines) + "\n"


def scenarios() -> str:
    expectation = {
        "expectation_id": "ok",
        "text": "Solved.",
        "check": {"kind": "outcome", "path": "solved", "equals": True},
    }
    return "".join(
        json.dumps(
            {
                "scenario_id": f"s-{number}",
                "topic": "cases",
                "persona": {"name": "user", "description": "A user."},
                "goal": "Have it solved.",
                "expectations": [expectation],
            }
        )
        + "\n"
        for number in range(SCENARIOS)
    )


def test_broken_conversations_are_set_apart_and_the_comparison_is_given_both_ways(assay, tmp_path):
    (tmp_path / "scenarios.jsonl").write_text(scenarios())
    for version, broken in (("1", 0), ("2", 9)):
        file = tmp_path / f"{version}.jsonl"
        file.write_text(rows(broken))
        told = assay(
            "simulate", "import", str(file), "--dataset", str(tmp_path / "scenarios.jsonl"), "--agent", f"bot@{version}"
        ).stdout
    assert "9 of 24 conversations hold an infrastructure error (3 rate limit, 3 timeout, 3 server error)" in told
    assert "for example scenario s-0, trial 1: turn 1 (agent) is an error message: Error code: 429" in told
    assert "--as-scored" in told and "11 passed, 4 failed, 9 without a verdict" in told

    found = json.loads(assay("compare", "run", "--champion", "bot@1", "--challenger", "bot@2", "--json").stdout)
    apart, counted = found["pass_rate"]["difference"], found["as_scored"]["difference"]
    assert found["recommendation"] == "INCONCLUSIVE"
    assert abs(apart["value"]) < 0.1 and counted["value"] < -0.2 and counted["high"] < 0
    assert sum(count for why, count in found["left_out"].items() if why.startswith("challenger")) == 9
    budget = {row["blamed"]: row["conversations"] for row in found["challenger_attributions"]}
    assert budget["infrastructure"] == 9 and budget["agent"] == 4

    report = json.loads(assay("analytics", "report", "--agent", "bot@2", "--json").stdout)
    assert report["pass_rate"]["n"] == 15 and report["as_scored"]["n"] == 24


def test_as_scored_takes_them_as_they_were_scored(assay, tmp_path):
    (tmp_path / "scenarios.jsonl").write_text(scenarios())
    (tmp_path / "t.jsonl").write_text(rows(9))
    command = ["simulate", "import", str(tmp_path / "t.jsonl"), "--dataset", str(tmp_path / "scenarios.jsonl")]
    judged = json.loads(assay(*command, "--agent", "bot@1", "--as-scored", "--json").stdout)
    assert judged["unjudged"] == 0 and judged["failed"] == 9 + 4


def test_one_project_holds_a_run_both_ways(assay, tmp_path):
    (tmp_path / "scenarios.jsonl").write_text(scenarios())
    (tmp_path / "t.jsonl").write_text(rows(9))
    command = ["simulate", "import", str(tmp_path / "t.jsonl"), "--dataset", str(tmp_path / "scenarios.jsonl")]
    apart = json.loads(assay(*command, "--agent", "bot@1", "--json").stdout)
    whole = json.loads(assay(*command, "--agent", "bot@1", "--as-scored", "--json").stdout)
    assert (apart["unjudged"], whole["unjudged"]) == (9, 0)
    for done in (apart, whole):
        report = json.loads(assay("analytics", "report", "--judging", done["subject_id"], "--json").stdout)
        assert report["judged"] == 24 - done["unjudged"]


def test_each_tool_result_goes_to_its_own_call_also_after_words_of_the_agent():
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("track", "refund")]
    messages = [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "content": "Error: 503 Service Unavailable"},
        {"role": "tool", "content": "done"},
    ]
    [_, turn] = turns_of(messages)
    assert [call.result for call in turn.tool_calls] == ["Error: 503 Service Unavailable", "done"]
