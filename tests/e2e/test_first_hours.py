"""The first hours: an MLflow model, the agents' report with the pipeline, recording too late."""

import json
import textwrap

import mlflow

from tests.conftest import SHOP
from tests.e2e.test_llm import few as few
from tests.e2e.test_llm import pipeline, user_leaves
from tests.stub_llm import StubLLM

ECHO = """
import mlflow
from mlflow.models import set_model

class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ["I have heard you."]

set_model(Echo())
"""


def test_a_model_is_probed_in_the_store_that_the_other_commands_use(assay, home, tmp_path, monkeypatch):
    assay("gate", "list", code=0)  # makes the store
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    code = tmp_path / "echo_model.py"
    code.write_text(textwrap.dedent(ECHO))
    experiment_id = mlflow.create_experiment("models", artifact_location=(home / "artifacts" / "models").as_uri())
    with mlflow.start_run(experiment_id=experiment_id):
        mlflow.pyfunc.log_model(
            name="echo", python_model=str(code), registered_model_name="echo", pip_requirements=["mlflow"]
        )
    mlflow.set_tracking_uri(before)
    connector = {"kind": "mlflow", "model_uri": "models:/echo/1"}
    card = {"agent_id": "echo", "version": "1", "description": "Says that it hears.", "connector": connector}
    (tmp_path / "agent.json").write_text(json.dumps(card))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    probe = json.loads(assay("agent", "probe", str(tmp_path / "agent.json"), "--json").stdout)
    assert next(check["finding"] for check in probe["checks"] if check["name"] == "answers") == "yes"
    assert not [*elsewhere.iterdir()], "no other store is made"


def test_the_pipeline_makes_the_agents_report(assay, few):
    cards = ("--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json"))
    command = ("pipeline", "run", *cards, "--dataset", str(few), "--trials", "1", "--approve-all", "--json")
    result = json.loads(assay(*command, "--agents-report", "--until", "judge").stdout)
    agents = {agent["agent"]: agent for agent in result["agents_report"]["agents"]}
    assert len(agents) == 6
    assert "agents" in result["reports"]


def test_recording_what_is_stored_already_is_refused_with_the_way_out(assay, few, tmp_path):
    recording = tmp_path / "calls.jsonl"
    with StubLLM(user_leaves) as stub:
        first = pipeline(assay, few, stub.env(), code=4)
        refused = pipeline_error(assay, few, {**stub.env(), "ASSAY_RECORD": str(recording)})
        assert "so nobody would be asked and nothing recorded" in refused and "--fresh" in refused
        elsewhere = {"ASSAY_HOME": str(tmp_path / "elsewhere"), "ASSAY_RECORD": str(recording)}
        again = pipeline(assay, few, {**stub.env(), **elsewhere}, code=4)
    assert again["verdict_hash"] == first["verdict_hash"]
    assert len(recording.read_text().splitlines()) > 20


def pipeline_error(assay, few, env):
    cards = ("--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json"))
    command = ("pipeline", "run", "--project", "llm", "--trials", "1", "--approve-all", *cards)
    done = assay(*command, "--dataset", str(few), "--feedback", str(SHOP / "feedback.jsonl"), env=env, code=2)
    return done.stderr
