import json
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.agent import AgentCard, PythonConnector
from assay.contracts.rollout import RegistryStage
from assay.contracts.stage import AgentRef, Stage, StageResult
from assay.errors import BadInput, NotFound
from assay.tracking import (
    Tracking,
    agent_card,
    connect,
    list_agents,
    production_version,
    register_agent,
    stage_of,
    stage_run,
    transition,
    transitions,
    write_conversations,
)


def card(version: str = "v1", **changes: Any) -> AgentCard:
    fields: dict[str, Any] = {
        "agent_id": "support",
        "version": version,
        "description": "Answers shoppers.",
        "connector": PythonConnector(target="shop.agent:Support"),
        "system_prompt": "Be kind.",
        "parameters": {"temperature": 0.2, "tools": ["a"]},
        "files": ("prompts/system.md",),
        "checkpoints": ("weights.bin",),
    }
    return AgentCard.model_validate({**fields, **changes})


@pytest.fixture
def card_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "system.md").write_text("Be kind.")
    (folder / "weights.bin").write_bytes(b"\x00" * 1000)
    return folder


def register(t: Tracking, agent: AgentCard, card_dir: Path, project: str = "shop") -> tuple[str, str, str]:
    request_hash = f"{agent.version.encode().hex():0<64}"
    with stage_run(t, project, Stage.DEVELOP, request_hash=request_hash, agent=agent.ref, gated=False) as run:
        registered = register_agent(t, project, agent, card_dir=card_dir, run=run)
        subject = f"agent-{agent.version}"
        run.finish(StageResult(project=project, gated=False, stage=Stage.DEVELOP, subject_id=subject))
    return registered


def test_an_agent_is_a_registered_version_with_its_lineage(t: Tracking, card_dir: Path) -> None:
    name, version, model_id = register(t, card(), card_dir)
    assert (name, version) == ("shop.support", "1")
    registered = t.client.get_model_version(name, version)
    assert registered.tags["model_id"] == model_id
    assert registered.tags["sha256.weights.bin"].startswith("541b3e9daa09")
    run = t.client.get_run(registered.run_id)
    assert [output.model_id for output in run.outputs.model_outputs] == [model_id]
    model = t.client.get_logged_model(model_id)
    assert model.status == "READY"
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": name, "version": 1}]
    assert model.params == {"connector": "python", "temperature": "0.2", "tools": '["a"]'}


def test_what_the_agent_is_made_of_is_kept(t: Tracking, card_dir: Path) -> None:
    _, _, model_id = register(t, card(), card_dir)
    root = Path(t.client.get_logged_model(model_id).artifact_location.removeprefix("file://"))
    kept = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    assert kept == {"card.json", "system_prompt.txt", "SHA256SUMS", "files/prompts/system.md"}
    assert agent_card(t, "shop", card().ref) == card()


def test_the_same_card_gives_the_same_version(t: Tracking, card_dir: Path) -> None:
    assert register(t, card(), card_dir) == register(t, card(), card_dir)
    assert len(list_agents(t, "shop")) == 1


@pytest.mark.parametrize("changed", ["card", "file", "checkpoint"])
def test_a_version_is_never_given_other_content(t: Tracking, card_dir: Path, changed: str) -> None:
    register(t, card(), card_dir)
    agent = card(description="Answers better.") if changed == "card" else card()
    if changed == "file":
        (card_dir / "prompts" / "system.md").write_text("Be rude.")
    if changed == "checkpoint":
        (card_dir / "weights.bin").write_bytes(b"\x01")
    with pytest.raises(BadInput, match=r"support@v1 is registered with other content.*give the card a new version"):
        register(t, agent, card_dir)


def test_a_folder_of_weights_is_one_checkpoint(t: Tracking, card_dir: Path) -> None:
    (card_dir / "lora").mkdir()
    (card_dir / "lora" / "a.bin").write_bytes(b"a")
    agent = card(checkpoints=("lora",))
    register(t, agent, card_dir)
    (card_dir / "lora" / "a.bin").rename(card_dir / "lora" / "b.bin")
    with pytest.raises(BadInput, match="other content"):
        register(t, agent, card_dir)


@pytest.mark.parametrize(
    ("field", "path", "says"),
    [
        ("files", "gone.md", "gone.md is not in"),
        ("files", "prompts", "prompts is not in"),
        ("checkpoints", "../secret", "outside of the card's folder"),
        ("files", "/etc/passwd", "outside of the card's folder"),
    ],
)
def test_a_file_that_cannot_be_kept_is_named(t: Tracking, card_dir: Path, field: str, path: str, says: str) -> None:
    with pytest.raises(BadInput, match=f"{field}: .*{says}"):
        register(t, card(**{field: (path,)}), card_dir)
    assert list_agents(t, "shop") == []


def test_an_unknown_agent_is_told_which_there_are(t: Tracking, card_dir: Path) -> None:
    register(t, card(), card_dir)
    with pytest.raises(NotFound, match=r"agent support@v9 is not registered .*there is support@v1"):
        agent_card(t, "shop", AgentRef(agent_id="support", version="v9"))


def test_projects_do_not_see_each_others_agents(t: Tracking, card_dir: Path) -> None:
    register(t, card(), card_dir)
    register(t, card(), card_dir, project="shop.eu")
    assert [found.registered_model for found in list_agents(t, "shop")] == ["shop.support"]


def test_each_move_is_recorded_with_who_and_why(t: Tracking, card_dir: Path, store_uri: str) -> None:
    name, version, _ = register(t, card(), card_dir)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = transition(
            t, name, version, RegistryStage.STAGING, by="ann", reason="better", evidence={"cmp": "c-1"}, at=at
        )
        second = transition(t, name, version, RegistryStage.PRODUCTION, by="bob", reason="canary held", evidence={})
    assert (first.from_stage, first.to_stage, first.by, first.at) == (
        RegistryStage.NONE,
        RegistryStage.STAGING,
        "ann",
        at,
    )
    assert transitions(connect(store_uri), name, version) == (first, second)
    assert stage_of(t, name, version) is RegistryStage.PRODUCTION
    assert t.client.get_model_version(name, version).current_stage == "Production"
    with pytest.raises(NotFound, match=r"shop.support has no version 7 in .*: there is 1"):
        stage_of(t, name, "7")


def test_one_version_is_in_production_and_has_its_aliases(t: Tracking, card_dir: Path) -> None:
    name, one, _ = register(t, card("v1"), card_dir)
    _, two, _ = register(t, card("v2"), card_dir)
    assert production_version(t, "shop", "support") is None
    move: dict[str, Any] = {"by": "ann", "reason": "r", "evidence": {}}
    transition(t, name, one, RegistryStage.PRODUCTION, **move)
    transition(t, name, two, RegistryStage.STAGING, **move)
    assert t.client.get_registered_model(name).aliases == {
        "production": 1,
        "champion": 1,
        "staging": 2,
        "challenger": 2,
    }
    transition(t, name, two, RegistryStage.PRODUCTION, **move)
    assert production_version(t, "shop", "support") == AgentRef(agent_id="support", version="v2")
    assert stage_of(t, name, one) is RegistryStage.ARCHIVED
    assert transitions(t, name, one)[-1].reason == "replaced by version 2: r"
    assert t.client.get_registered_model(name).aliases == {"production": 2, "champion": 2}
    assert [(found.agent.version, found.stage, found.aliases) for found in list_agents(t, "shop")] == [
        ("v2", RegistryStage.PRODUCTION, ("champion", "production")),
        ("v1", RegistryStage.ARCHIVED, ()),
    ]


def test_what_an_agent_said_is_linked_to_its_version(t: Tracking, card_dir: Path, new_conversation: Any) -> None:
    _, _, model_id = register(t, card(), card_dir)
    mine, other = new_conversation(agent=card().ref), new_conversation(1)
    rows = [(mine, None), (other, None)]
    write_conversations(t, "shop", rows, simulation_id="sim-1", run_id=None, dataset=None)
    linked = t.client.search_traces(locations=[t.projects["shop"]], model_id=model_id, include_spans=False)
    assert [trace.info.trace_id for trace in linked] == [f"tr-{mine.conversation_id}"]
