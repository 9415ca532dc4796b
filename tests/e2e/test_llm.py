"""The LLM versions of all six agents, against a server that speaks OpenAI's protocol."""

import json
import re

import pytest

from tests.conftest import SHOP
from tests.stub_llm import Raw, Reply, Status, StubLLM, in_order, sensible

FEW = [line for place, line in enumerate((SHOP / "dataset.jsonl").read_text().splitlines()) if place % 8 == 0]


@pytest.fixture
def few(tmp_path):
    file = tmp_path / "few.jsonl"
    file.write_text("\n".join(FEW) + "\n")
    return file


def pipeline(assay, few, env, *more, code=0):
    done = assay(
        "pipeline",
        "run",
        *("--project", "llm", "--trials", "1", "--approve-all", "--json"),
        *("--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json")),
        *("--dataset", str(few), "--feedback", str(SHOP / "feedback.jsonl")),
        *more,
        env=env,
        code=code,
    )
    return json.loads(done.stdout)


def user_leaves(request, nth):
    """The default answers, but a user that has said enough ends the conversation."""
    schema = json.dumps(request.get("response_format") or {})
    said = sum(message["role"] == "assistant" for message in request["messages"])
    if '"goal_reached"' in schema:
        status = "goal_reached" if said >= 2 else "continue"
        told = re.findall(r"You know the [^:]+: (.+?)\.(?= You know| Answer)", request["messages"][-1]["content"])
        return Reply({"text": ". ".join(told) or f"Please help me with it, in words {'x' * said}.", "status": status})
    if '"Draft"' in schema:
        return Reply({"text": "What follows rests on computed numbers alone."})
    return sensible(request, nth)


def test_the_pipeline_runs_with_models_and_a_second_run_asks_none(assay, few):
    """The stub's models say the same of both versions, so the verdict stops the lifecycle: exit code 4."""
    with StubLLM(user_leaves) as stub:
        first = pipeline(assay, few, stub.env(), code=4)
        assert first["recommendation"] == "INCONCLUSIVE"
        calls = stub.calls
        assert calls > 20
        again = pipeline(assay, few, stub.env(), code=4)
        assert stub.calls == calls
    assert again["verdict_hash"] == first["verdict_hash"]
    assert all(stage["reused"] for stage in again["stages"])


def test_dataset_builder_and_feedback_analyst_work_with_models(assay):
    with StubLLM(user_leaves) as stub:
        assay("agent", "register", str(SHOP / "v2.json"), "--project", "llm", env=stub.env())
        built = assay(
            *("dataset", "build", "--agent", "shop-support@v2", "--brief", "returns", "--size", "1"),
            *("--no-reference-attempt", "--project", "llm", "--json"),
            env=stub.env(),
        )
        assert json.loads(built.stdout)["dataset"]["scenarios"][0]["origin"] == "drafted"
        report = assay(
            *("feedback", "ingest", str(SHOP / "feedback.jsonl"), "--agent", "shop-support@v2"),
            *("--project", "llm", "--json"),
            env=stub.env(),
        )
        report = json.loads(report.stdout)
    assert report["narrative"]["author"] == "openai:stub"
    assert report["proposed_scenarios"]
    assert not report["offline"]


@pytest.fixture
def played(assay, few):
    """A simulation by rules, to be judged by a model."""
    assay("agent", "register", str(SHOP / "v2.json"), "--no-probe")
    assay("dataset", "build", str(few), "--agent", "shop-support@v2", "--no-reference-attempt")
    assay("simulate", "run", "--agent", "shop-support@v2", "--trials", "1", "--model", "offline")


def judged(assay, stub, *, code: int = 0):
    done = assay(
        "judge",
        "run",
        "--model",
        "openai:stub",
        "--expect",
        "The agent stays friendly throughout.",
        "--json",
        env=stub.env(),
        code=code,
    )
    return json.loads(done.stdout)


def test_a_judge_whose_server_fails_gives_errors_and_no_scores(assay, played):
    with StubLLM(lambda request, nth: Status(500)) as stub:
        judging = judged(assay, stub, code=4)
    assert judging["errors"] == {"server_error": judging["conversations"]}
    assert judging["unjudged"] == judging["conversations"] > 0
    assert judging["mean_score"] is None
    assert judging["passed"] == judging["failed"] == 0


def test_a_judge_that_is_told_to_wait_waits_and_answers(assay, played):
    with StubLLM(in_order(Status(429, retry_after=1), Raw("no json"), Reply("not json either"))) as stub:
        judging = judged(assay, stub)
        assert stub.calls > judging["conversations"]
    assert judging["unjudged"] < judging["conversations"]


def test_no_key_stands_in_any_output(assay, played):
    with StubLLM(lambda request, nth: Status(401), api_key="sk-very-secret") as stub:
        done = assay("judge", "run", "--model", "openai:stub", "--expect", "x y z", "--json", env=stub.env(), code=4)
    assert "sk-very-secret" not in done.stdout + done.stderr
