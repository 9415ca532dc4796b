"""The main path through a real `mlflow server`, where nothing of the fast routes holds."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.agent import AgentCard, PythonConnector
from assay.contracts.dataset import Dataset, DatasetReport
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Judgment, Ruling, TraceQuery, Verdict
from assay.contracts.rollout import RegistryStage
from assay.contracts.stage import Stage, StageResult
from assay.errors import BadInput, NotFound, Refused, TrackingUnavailable
from assay.tracking import (
    Tracking,
    agent_card,
    append_ledger,
    connect,
    evaluation_run,
    find_result,
    finished,
    import_traces,
    list_agents,
    list_datasets,
    list_projects,
    list_results,
    load_dataset,
    prompt,
    read_bytes,
    read_conversations,
    read_human_labels,
    read_judgments,
    read_ledger,
    register_agent,
    save_dataset,
    stage_of,
    stage_run,
    transition,
    transitions,
    write_conversations,
    write_feedback,
    write_human_labels,
    write_judgments,
)
from tests.conftest import PATIENCE_S

New = Callable[..., Any]


@pytest.fixture(scope="module")
def server_uri(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    for file in template.glob("mlflow.db*"):
        (folder / file.name).write_bytes(file.read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "served"),
    ]
    quiet = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = (folder / "log.txt").open("w")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=quiet, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            connect(uri)
            break
        except TrackingUnavailable:
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.1)
    yield uri
    os.killpg(process.pid, 15)
    process.wait(PATIENCE_S)


@pytest.fixture
def served(server_uri: str) -> Tracking:
    return connect(server_uri)


def test_a_stage_is_run_found_and_resumed(served: Tracking, new_conversation: New, tmp_path: Path) -> None:
    agent = new_conversation().agent
    parent = evaluation_run(served, "runs", agent, None)
    assert evaluation_run(served, "runs", agent, None) == parent
    asked: dict[str, Any] = {"request_hash": "ab" * 32, "gated": True, "agent": agent, "parent_run_id": parent}
    with pytest.raises(ValueError, match="broken"), stage_run(served, "runs", Stage.SIMULATE, **asked) as first:
        raise ValueError("broken")
    with stage_run(served, "runs", Stage.SIMULATE, **asked) as run:
        run.log_metrics({"n": 1.0})
        run.log_bytes("reports/a.pdf", b"%PDF\x00")
        run.finish(StageResult(project="runs", gated=True, stage=Stage.SIMULATE, subject_id="sim-1"))
    assert run.run_id == first.run_id
    assert (find_result(served, "runs", Stage.SIMULATE, "ab" * 32) or {})["subject_id"] == "sim-1"
    assert [row.subject_id for row in list_results(served, "runs", Stage.SIMULATE, agent=agent)] == ["sim-1"]
    assert read_bytes(served, run.run_id, "reports/a.pdf") == b"%PDF\x00"
    with pytest.raises(NotFound, match="has no artifact reports/b"):
        read_bytes(served, run.run_id, "reports/b.pdf")
    assert "runs" in [row.project for row in list_projects(served)]


def test_conversations_judgments_feedback_and_labels(
    served: Tracking, new_conversation: New, new_failure: New, new_scenario: New
) -> None:
    conversations = [new_conversation(0), new_conversation(1), new_failure(2)]
    rows = [(conversation, new_scenario()) for conversation in conversations]
    for project in ("shop", "shop", "other"):
        write_conversations(served, project, rows, simulation_id="sim-1", run_id=None, dataset=None)
    for project in ("shop", "other"):
        assert read_conversations(served, project, "sim-1") == conversations
        assert finished(served, project, "sim-1") == {row.conversation_id for row in conversations}
    info = served.client.get_trace(f"tr-{conversations[0].conversation_id}", display=False).info
    assert info.token_usage == {"input_tokens": 250, "output_tokens": 25, "total_tokens": 275}
    assert info.tags["scenario_id"] == "late-refund"

    verdict = Verdict(
        expectation_id="refunds",
        rationale="It did.",
        ruling=Ruling.MET,
        confidence=1.0,
        source="llm_judge",
        judge="openai:gpt-5-mini",
    )
    judgments = [
        Judgment(
            conversation_id=row.conversation_id,
            scenario_id=row.scenario_id,
            trial=row.trial,
            verdicts=(verdict,),
            score=1.0,
            passed=True,
            rationale="All met.",
        )
        for row in conversations
    ]
    for _ in range(2):
        write_judgments(served, "shop", "judging-1", judgments, run_id=None)
    assert read_judgments(served, "shop", "judging-1") == judgments

    name = conversations[0].conversation_id
    assert write_feedback(served, "shop", [Feedback(feedback_id="f-1", conversation_id=name, thumbs="up")]) == 1
    label = verdict.replace(source="human", judge="ann")
    write_human_labels(served, "shop", {name: [label]})
    assert read_human_labels(served, "shop", [name]) == {name: [label]}
    shown = served.client.get_trace(f"tr-{name}", display=False).info.assessments
    assert sorted(row.name for row in shown) == ["passed", "refunds", "refunds", "score", "user_thumbs"]
    imported = import_traces(served, TraceQuery(experiment="shop"))
    assert sorted(imported, key=lambda row: row.trial) == conversations


def test_labels_of_several_raters_in_several_writes_are_all_kept(served: Tracking, new_conversation: New) -> None:
    conversations = [new_conversation(number) for number in range(3)]
    rows = [(row, None) for row in conversations]
    write_conversations(served, "labels", rows, simulation_id="sim-1", run_id=None, dataset=None)
    names = [row.conversation_id for row in conversations]

    def label(rater: str, ruling: Ruling = Ruling.MET) -> Verdict:
        return Verdict(
            expectation_id="refunds", rationale="Seen.", ruling=ruling, confidence=1, source="human", judge=rater
        )

    write_human_labels(served, "labels", {names[0]: [label("bob")], names[1]: [label("bob")]})
    write_human_labels(served, "labels", {names[0]: [label("ada")], names[2]: [label("bob")]})
    write_human_labels(served, "labels", {names[0]: [label("Bob"), label("ada", Ruling.NOT_MET)]})
    stored = {
        (name, row.judge, row.ruling)
        for name, told in read_human_labels(served, "labels", names).items()
        for row in told
    }
    assert stored == {
        (names[0], "bob", Ruling.MET),
        (names[0], "Bob", Ruling.MET),
        (names[0], "ada", Ruling.NOT_MET),
        (names[1], "bob", Ruling.MET),
        (names[2], "bob", Ruling.MET),
    }


def test_datasets_and_agents(served: Tracking, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Be kind.")
    card = AgentCard(
        agent_id="support",
        version="v1",
        description="Answers shoppers.",
        connector=PythonConnector(target="shop.agent:Support"),
        files=("prompt.md",),
    )
    report = DatasetReport(
        dataset=dataset.ref,
        scenarios=12,
        expectations=24,
        checked_by_code=0.5,
        coverage=(),
        findings=(),
        score=1.0,
        threshold=0.8,
        passed=True,
        detectable_difference=None,
    )
    with stage_run(served, "shop", Stage.DEVELOP, request_hash="cd" * 32, gated=False) as run:
        for _ in range(2):
            save_dataset(served, "shop", dataset, report, run)
        name, version, _ = register_agent(served, "shop", card, card_dir=tmp_path, run=run)
        assert register_agent(served, "shop", card, card_dir=tmp_path, run=run)[:2] == (name, version)
        with pytest.raises(BadInput, match="registered with other content"):
            register_agent(served, "shop", card.replace(description="Other."), card_dir=tmp_path, run=run)
        run.finish(StageResult(project="shop", gated=False, stage=Stage.DEVELOP, subject_id="agent-1"))
    assert load_dataset(served, "shop", dataset.ref) == dataset
    assert [row.ref for row in list_datasets(served, "shop")] == [dataset.ref]
    assert agent_card(served, "shop", card.ref) == card
    move = transition(served, name, version, RegistryStage.STAGING, by="ann", reason="better", evidence={})
    assert transitions(served, name, version) == (move,)
    assert stage_of(served, name, version) is RegistryStage.STAGING
    assert [(str(row.agent), row.aliases) for row in list_agents(served, "shop")] == [
        ("support@v1", ("challenger", "staging"))
    ]


def test_prompts_and_the_ledger(served: Tracking) -> None:
    assert prompt(served, "assay.judge", "Rule.") == prompt(served, "assay.judge", "Rule.")
    append_ledger(served, "shop", "one", expected_lines=0)
    append_ledger(served, "shop", "two", expected_lines=1)
    with pytest.raises(Refused, match="somebody decided meanwhile"):
        append_ledger(served, "shop", "three", expected_lines=1)
    assert read_ledger(served, "shop") == ["one", "two"]


def test_a_server_that_went_away_is_a_named_error(server_uri: str) -> None:
    gone = connect(server_uri)
    gone._opened[:] = [type(gone.client)(tracking_uri="http://127.0.0.1:9")]
    with pytest.raises(TrackingUnavailable, match="mlflow server"):
        list_projects(gone)
