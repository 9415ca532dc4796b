"""A folder with other fields is refused by name; tau-bench's and tau2-bench's own result files are read."""

import json
import shutil

MESSAGES = [
    {"role": "system", "content": "Policy."},
    {"role": "user", "content": "Please cancel EHGLP3."},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "cancel", "arguments": '{"id": "EHGLP3"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "name": "cancel", "content": "ok"},
    {"role": "assistant", "content": "Done."},
]
TASK = {
    "user_id": "u1",
    "instruction": "Cancel the booking EHGLP3.",
    "actions": [{"name": "cancel_reservation", "kwargs": {"reservation_id": "EHGLP3"}}],
    "outputs": [],
}


def trajectory(task_id, trial, reward):
    info = {"task": TASK, "source": "user", "user_cost": 0.1, "reward_info": {"reward": reward, "actions": []}}
    return {"task_id": task_id, "trial": trial, "reward": reward, "info": info, "traj": MESSAGES}


def simulation(task_id, trial, reward, **more):
    call = {"id": "c1", "name": "cancel", "arguments": {"id": "EHGLP3"}, "requestor": "assistant"}
    own = {"id": "u1", "name": "check_mail", "arguments": {}, "requestor": "user"}
    return {
        "id": f"sim-{task_id}-{trial}",
        "task_id": task_id,
        "trial": trial,
        "start_time": "2026-03-02T10:15:00.123456",
        "end_time": "2026-03-02T10:16:00",
        "duration": 60.0,
        "termination_reason": "user_stop",
        "agent_cost": 0.02,
        "reward_info": {"reward": reward, "db_check": None},
        "messages": [
            {"role": "assistant", "content": "Hi!", "tool_calls": None, "turn_idx": 0},
            {"role": "user", "content": None, "tool_calls": [own]},
            {"role": "tool", "id": "u1", "content": "1 mail", "requestor": "user", "error": False},
            {"role": "user", "content": "Please cancel EHGLP3.", "tool_calls": None},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "id": "c1", "content": "not found", "requestor": "assistant", "error": True},
            {"role": "assistant", "content": "Done.", "tool_calls": None},
        ],
        **more,
    }


def check(bench):
    def take(path, code=0):
        return bench.assay("simulate", "import", path, "--format", "tau-bench", "--agent", "a@1", code=code)

    refused = take(".", code=2)
    assert "scenarios.jsonl:1: user_instruction: is required" in refused.stderr
    assert "scenarios.jsonl:1: expected_actions: is required" in refused.stderr

    rows = [trajectory(0, 0, 1.0), trajectory(0, 1, 0.0), trajectory(1, 0, 1.0)]
    (bench.folder / "gpt-4o-airline.json").write_text(json.dumps(rows))
    assert "3 conversations of a@1: 2 passed, 1 failed" in take("gpt-4o-airline.json").stdout
    played = bench.conversations()
    assert [(c.scenario_id, c.trial) for c in played] == [
        ("gpt-4o-airline-000", 0),
        ("gpt-4o-airline-000", 1),
        ("gpt-4o-airline-001", 0),
    ]
    assert [call.result for turn in played[0].turns for call in turn.tool_calls] == ["ok"]

    instructions = {"domain": "airline", "reason_for_call": "Cancel EHGLP3.", "task_instructions": "Be brief."}
    name = "[mobile_data_issue]airplane_mode|Größe[PERSONA:None]"
    tasks = [
        {"id": name, "user_scenario": {"persona": None, "instructions": instructions}, "evaluation_criteria": None},
        {"id": "7", "user_scenario": {"instructions": "Cancel it."}, "evaluation_criteria": {"actions": []}},
    ]
    runs = [
        simulation(name, 0, 1.0),
        simulation("7", 0, 0.0),
        simulation("7", 1, None, reward_info=None, termination_reason="infrastructure_error"),
    ]
    (bench.folder / "tau2.json").write_text(json.dumps({"info": {}, "tasks": tasks, "simulations": runs}))
    done = take("tau2.json")
    assert "3 conversations of a@1: 1 passed, 1 failed" in done.stdout
    assert "1 of 3 conversations hold an infrastructure error" in done.stdout
    played = {(c.scenario_id, c.trial): c for c in bench.conversations()}
    one = played[name, 0]
    assert one.source_id == f"sim-{name}-0"
    assert one.metadata == {"termination_reason": "user_stop", "agent_cost": 0.02, "user_tool_calls": 1}
    (call,) = [call for turn in one.turns for call in turn.tool_calls]
    assert (call.name, call.arguments, call.error) == ("cancel", {"id": "EHGLP3"}, "not found")
    assert (one.duration_s, one.started_at.isoformat()) == (60.0, "2026-03-02T10:15:00.123456+00:00")

    results = bench.folder / "tau2-folder"
    (results / "simulations").mkdir(parents=True)
    (results / "results.json").write_text(json.dumps({"info": {}, "tasks": tasks, "simulations": []}))
    for place, run in enumerate(runs[:2]):
        (results / "simulations" / f"{place}.json").write_text(json.dumps(run))
    assert "2 conversations of a@1: 1 passed, 1 failed" in take("tau2-folder").stdout
    shutil.rmtree(results / "simulations")
    assert "simulations: holds no conversation" in take("tau2-folder", code=2).stderr
    (bench.folder / "other.json").write_text('{"a": 1}')
    assert "is no result file of tau-bench" in take("other.json", code=2).stderr
    assert "there is no such file or folder" in take("nowhere", code=2).stderr
