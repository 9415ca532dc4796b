"""The same command takes up exactly what failed, and nothing that was answered."""

import json
from typing import Any

from tests.cases.bench import STUB, Bench, Stub

FAILING = (401, b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}')


def check(bench: Bench) -> None:
    with bench.serve("good.json") as agent, bench.serve("verdict.json") as judge:
        agent.failing = FAILING
        bench.register(agent)
        builds(bench, agent)
        simulates(bench, agent)
        judges(bench, judge)
        evaluates(bench, agent, judge)


def builds(bench: Bench, agent: Stub) -> None:
    """A dataset's reference attempts."""
    command = ("dataset", "build", STUB / "scenarios.jsonl", "--agent", "support@1")
    before = bench.json(*command)
    assert sum(failed["count"] for failed in before["failures"]) == 6
    agent.failing = None
    agent.requests.clear()
    after = bench.json(*command)
    assert after["failures"] == [], "the attempts that failed are made again"
    assert after["subject_id"] == before["subject_id"]
    assert len(agent.requests) >= 6
    agent.requests.clear()
    assert bench.json(*command) == after
    assert agent.requests == [], "nobody is asked again"
    agent.failing = FAILING


def simulates(bench: Bench, agent: Stub) -> None:
    command = ("simulate", "run", "--agent", "support@1", "--trials", "1")
    before = bench.json(*command, code=4)
    assert before["conversations"] == 6
    assert before["errors"] == {"unauthorized": 6}
    agent.failing = None
    after = bench.json(*command)
    assert after["errors"] == {}, "the six that failed are played"
    assert after["conversations"] == 6
    assert (after["subject_id"], after["run_id"]) == (before["subject_id"], before["run_id"])
    assert after["revision"] == 1
    agent.requests.clear()
    assert bench.json(*command) == after
    assert agent.requests == []


def judges(bench: Bench, judge: Stub) -> None:
    command = ("judge", "run", "--model", "openai:m")
    judge.failing = FAILING
    before = bench.json(*command, code=4, env=judge.env)
    assert (before["unjudged"], before["errors"]) == (6, {"unauthorized": 6})
    judge.failing = None
    after = bench.json(*command, env=judge.env)
    assert (after["failed"], after["unjudged"], after["errors"]) == (6, 0, {})
    assert after["subject_id"] == before["subject_id"]
    judge.requests.clear()
    assert bench.json(*command, env=judge.env) == after
    assert judge.requests == []


def evaluates(bench: Bench, agent: Stub, judge: Stub) -> None:
    """First the agent fails on all conversations, then the judge: each is asked only for what is missing."""
    command = ("evaluate", "--agent", "support@1", "--trials", "1", "--seed", "5", "--judge-model", "openai:m")
    env = judge.env | {"ASSAY_MODEL": "offline"}
    judge.failing = FAILING
    agent.failing = FAILING
    before = bench.json(*command, code=4, env=env)
    assert before["simulation"]["errors"] == {"unauthorized": 6}
    agent.failing = None
    between = bench.json(*command, code=4, env=env)
    assert between["simulation"]["errors"] == {}
    assert between["judging"]["errors"] == {"unauthorized": 6}
    judge.failing = None
    agent.requests.clear()
    after = bench.json(*command, env=env)
    assert (after["judging"]["failed"], after["judging"]["unjudged"]) == (6, 0)
    assert agent.requests == [], "conversations that were played are not played again"
    assert_reports(bench, after)


def assert_reports(bench: Bench, evaluation: dict[str, Any]) -> None:
    """Both results have their reports, and they are those of the completed results."""
    from assay.tracking import connect, read_json

    store = connect(f"sqlite:///{bench.home}/mlflow.db")
    for name in ("simulation", "judging"):
        report = read_json(store, evaluation[name]["run_id"], f"reports/{name}.json")
        assert "unauthorized" not in json.dumps(report), name
