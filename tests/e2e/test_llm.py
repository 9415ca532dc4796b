"""The LLM versions of all six agents, against a server that speaks OpenAI's protocol."""

import json

import pytest

from tests.conftest import SHOP
from tests.stub_llm import Reply, StubLLM, sensible

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
        return Reply({"text": "Please help me with my order.", "status": status})
    if '"Draft"' in schema:
        return Reply({"text": "What follows rests on computed numbers alone."})
    return sensible(request, nth)


def test_the_pipeline_runs_with_models_and_a_second_run_asks_none(assay, few):
    with StubLLM(user_leaves) as stub:
        first = pipeline(assay, few, stub.env())
        assert first["stages"][0]["stage"] == "develop"
        assert first["comparison_id"], first["reason"]
        calls = stub.calls
        assert calls > 20
        again = pipeline(assay, few, stub.env(), code=4 if first["state"] == "stopped" else 0)
        assert stub.calls == calls
    assert again["verdict_hash"] == first["verdict_hash"]
