"""The scripts: JSON in, JSON out, results that pipe into requests, and nothing done twice."""

import json

import pytest

from assay.contracts.stage import Stage
from assay.lifecycle.follow import ORDER
from tests.conftest import ROOT, SHOP

STAGES = ROOT / "scripts" / "stages"
AGENTS = ROOT / "scripts" / "agents"
NAMES = {
    Stage.DEVELOP: "develop",
    Stage.DATASET: "dataset",
    Stage.SIMULATE: "simulate",
    Stage.JUDGE: "judge",
    Stage.ANALYZE: "analytics",
    Stage.COMPARE: "compare",
    Stage.DEPLOY: "deploy",
    Stage.FEEDBACK: "feedback",
}


@pytest.fixture
def few(tmp_path):
    lines = (SHOP / "dataset.jsonl").read_text().splitlines()
    # What code can check needs no admitted judge for a verdict.
    lines = [line for line in lines if all("check" in wanted for wanted in json.loads(line)["expectations"])][::2]
    file = tmp_path / "shop.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture
def stage_script(script):
    def started(stage: Stage, given, *more: str, code: int = 0):
        done = script(STAGES / f"{NAMES[stage]}_session.py", given, *more, code=code)
        return json.loads(done.stdout) if code == 0 else " ".join(done.stderr.split())

    return started


def develop_request(version: str, project: str) -> dict:
    return {"project": project, "card": json.loads((SHOP / f"{version}.json").read_text()), "card_dir": str(SHOP)}


def piped(stage_script, few, version: str, upto: Stage) -> dict[Stage, dict]:
    """What `develop_session.py | dataset_session.py | ...` gives, gated and approved unseen."""
    given = develop_request(version, "shop")
    results = {}
    for stage in ORDER[: ORDER.index(upto) + 1]:
        more = ["--gated", "--approve-all"]
        if stage is Stage.DATASET:
            more += ["--set", f"dataset=@{few}"]
        if stage is Stage.SIMULATE:
            more += ["--set", "trials=2"]
        if stage is Stage.FEEDBACK:
            more += ["--set", f"items=@{SHOP / 'feedback.jsonl'}"]
        given = results[stage] = stage_script(stage, given, *more)
    return results


def test_the_pipe_gives_the_same_verdict_as_the_pipeline_and_runs_twice_for_free(assay, script, stage_script, few):
    piped(stage_script, few, "v1", Stage.ANALYZE)
    first = piped(stage_script, few, "v2", Stage.FEEDBACK)
    assert first[Stage.COMPARE]["recommendation"] == "PROMOTE"
    assert first[Stage.DEPLOY]["registry_stage"] == "Staging"

    again = stage_script(Stage.COMPARE, first[Stage.ANALYZE])
    assert again == first[Stage.COMPARE]

    cards = {
        side: json.loads((SHOP / f"{v}.json").read_text()) for side, v in (("champion", "v1"), ("challenger", "v2"))
    }
    lines = [json.loads(line) for line in few.read_text().splitlines()]
    request = {"project": "other", "card_dir": str(SHOP), "trials": 2, **cards}
    (few.parent / "dataset.json").write_text(json.dumps({"name": "shop", "scenarios": lines}))
    given = ("--set", f"dataset=@{few.parent / 'dataset.json'}", "--set", "policy.margin=0.05")
    done = script(ROOT / "scripts" / "pipeline" / "run_pipeline.py", request, *given, "--approve-all")
    pipeline = json.loads(done.stdout)
    assert pipeline["recommendation"] == "PROMOTE"
    difference = first[Stage.COMPARE]["pass_rate"]
    assert pipeline["comparison_id"] in assay("compare", "list", "--project", "other").stdout
    from assay.contracts.comparison import ComparisonReport
    from assay.evaluation.verdict import verdict_hash

    assert pipeline["verdict_hash"] == verdict_hash(ComparisonReport.model_validate(first[Stage.COMPARE]))
    assert difference["p"] is not None


def test_a_result_of_the_wrong_stage_and_a_missing_field_are_named(stage_script):
    wrong = {"stage": "judge", "subject_id": "judging-x", "project": "p", "gated": False}
    assert "do not lead to" in stage_script(Stage.DEPLOY, wrong, code=2)
    assert "simulation_id" in stage_script(Stage.JUDGE, {"project": "p"}, code=2)
    assert "not JSON" in stage_script(Stage.JUDGE, "{broken", code=2)
    assert "stdin is empty: did the previous command fail?" in stage_script(Stage.JUDGE, "", code=2)
    assert "no such field" in stage_script(Stage.JUDGE, {"simulation_id": "sim-1", "typo": 1}, code=2)


SCENARIO = {
    "scenario_id": "s1",
    "topic": "refunds",
    "persona": {"name": "polite", "description": "Friendly."},
    "goal": "Get my money back.",
    "expectations": [
        {"expectation_id": "e1", "text": "Says 5 days.", "check": {"kind": "says", "pattern": "5 days"}},
        {"expectation_id": "e2", "kind": "must_not", "text": "The agent blames the user."},
    ],
}
CONVERSATION = {
    "conversation_id": "0" * 32,
    "scenario_id": "s1",
    "trial": 0,
    "seed": 1,
    "agent": {"agent_id": "a", "version": "1"},
    "turns": [{"role": "user", "text": "Money back!"}, {"role": "agent", "text": "You have it in 5 days."}],
    "stop_reason": "goal_reached",
    "started_at": "2026-01-01T00:00:00Z",
}


def agent_requests() -> dict[str, dict]:
    card = json.loads((SHOP / "v2.json").read_text())
    return {
        "dataset_builder": {"card": card, "size": 3},
        "user_simulator": {"scenario": SCENARIO, "turns": []},
        "judge": {"scenario": SCENARIO, "conversation": CONVERSATION},
    }


@pytest.mark.parametrize("name", sorted(agent_requests()))
def test_each_agent_answers_on_its_own_and_is_asked_once(script, name):
    request = agent_requests()[name]
    first, again = (script(AGENTS / f"{name}.py", request).stdout for _ in range(2))
    assert json.loads(first) == json.loads(again)


def test_the_three_that_read_results_answer_too(script, assay, few):
    arguments = ["--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json"), "--dataset", str(few)]
    more = ["--trials", "1", "--approve-all", "--json", "--project", "q", "--feedback", str(SHOP / "feedback.jsonl")]
    done = json.loads(assay("pipeline", "run", *arguments, *more).stdout)
    ids = {stage["stage"]: stage["subject_id"] for stage in done["stages"]}
    asked = {
        "analyst": {"judging_id": ids["judge"], "question": "What is the pass rate by topic?"},
        "comparator": {"comparison_id": ids["compare"], "question": "Why did conversations fail?"},
        "feedback_analyst": {"production_id": ids["feedback"], "question": "How satisfied are users?"},
    }
    for name, request in asked.items():
        said = json.loads(script(AGENTS / f"{name}.py", {"project": "q", **request}).stdout)
        assert said["author"] == "offline"
        assert said["facts"], name


def test_as_a_process_of_its_own_a_script_writes_json_and_nothing_else(run):
    done = run(str(AGENTS / "judge.py"), stdin=agent_requests()["judge"])
    assert json.loads(done.stdout)["conversation_id"] == CONVERSATION["conversation_id"]
    assert done.stderr == ""


def test_every_stage_and_agent_has_its_script():
    assert {path.stem.removesuffix("_session") for path in STAGES.glob("*.py")} == set(NAMES.values())
    from assay.lifecycle.agents_report import RULES

    assert {path.stem for path in AGENTS.glob("*.py")} == set(RULES)
