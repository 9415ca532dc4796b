"""What somebody does to a ledger behind Assay's back is found, over each kind of store."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from assay.contracts.agent import AgentCard
from assay.contracts.notification import Notification
from assay.contracts.rollout import RegistryStage, RolloutState
from assay.contracts.stage import AgentRef, Stage, StageResult
from assay.contracts.traffic import Traffic, Upstream
from assay.errors import GateClosed, NotFound, Refused
from assay.lifecycle.gates import read_decisions, record, require_open, verify
from assay.lifecycle.ledger_audit import HEAD, restore_file
from assay.settings import Settings
from assay.stages.context import Context, open_context
from assay.tracking import (
    artifact_uri,
    ensure_project,
    log_artifacts,
    project_run,
    read_ledger,
    read_project_tags,
    read_text,
    register_agent,
    set_project_tag,
    stage_run,
    transition,
)
from tests.stores.conftest import Store

FILE = "gates/ledger.jsonl"


@pytest.fixture
async def context(store: Store) -> AsyncIterator[Context]:
    settings = Settings(
        home=store.folder, tracking_uri=store.uri, jobs_url=store.jobs_url, model="offline", user="tester"
    )
    async with open_context(settings) as opened:
        yield opened


async def decide(context: Context, project: str, count: int = 3, *, start: int = 0) -> None:
    for number in range(start, start + count):
        await record(
            context,
            project,
            Stage.SIMULATE,
            f"sim-{number}",
            "approve",
            "ann",
            "looks fine\u2028to me\x85, said \x00 ann",
            {"result.json": "0" * 64},
            "person",
        )


def rows(context: Context, statement: str, **values: object) -> None:
    engine = context.tracking.engines[0]
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def write_file(context: Context, project: str, lines: list[str]) -> None:
    t = context.tracking
    log_artifacts(t, project_run(t, project, "ledger"), {FILE: "".join(f"{line}\n" for line in lines).encode()})


async def test_a_ledger_is_intact_and_its_head_is_noted(store: Store, context: Context) -> None:
    ensure_project(context.tracking, store.project)
    assert (await verify(context, store.project)).decisions == 0
    await decide(context, store.project)
    check = await verify(context, store.project)
    assert check.intact and check.decisions == 3 and not check.unapproved
    decisions = await read_decisions(context, store.project)
    assert decisions[0].reason == "looks fine\u2028to me\x85, said \ufffd ann"
    assert read_project_tags(context.tracking, store.project)[HEAD] == f"3 {decisions[-1].hash}" == f"3 {check.head}"
    with pytest.raises(NotFound):
        await verify(context, "nowhere")


async def test_a_cut_deleted_or_changed_file_is_found_and_restored(store: Store, context: Context) -> None:
    project, t = store.project, context.tracking
    await decide(context, project)
    lines = read_ledger(t, project)

    write_file(context, project, lines[:1])
    assert "holds 1 of 3 decisions; the database holds all" in (await verify(context, project)).problem
    await decide(context, project, 1, start=3)  # nothing was lost, so decisions go on
    assert (await verify(context, project)).intact

    write_file(context, project, [lines[0].replace("ann", "the cfo"), *read_ledger(t, project)[1:]])
    check = await verify(context, project)
    assert "line 1 of gates/ledger.jsonl is not what the database holds" in check.problem
    with pytest.raises(Refused, match="assay gate restore"):
        await decide(context, project, 1, start=4)
    assert (await restore_file(context, project)).intact
    await decide(context, project, 1, start=4)
    assert (await verify(context, project)).decisions == 5

    run_id = project_run(t, project, "ledger")
    if store.kind != "server":
        (Path(urlsplit(artifact_uri(t, run_id, FILE)).path)).unlink()
        assert "missing or cannot be read; the database holds 5" in (await verify(context, project)).problem


async def test_what_is_changed_in_both_places_is_found_by_the_noted_head(store: Store, context: Context) -> None:
    project, t = store.project, context.tracking
    await decide(context, project)
    lines = read_ledger(t, project)
    owner = next(iter(t.owners.values()))
    rows(context, "DELETE FROM assay_ledger WHERE owner = :owner AND line > 1", owner=owner)
    write_file(context, project, lines[:1])
    assert (
        "3 decisions were taken, and the ledger holds 1: its end was cut off"
        in (await verify(context, project)).problem
    )
    with pytest.raises(Refused, match="its end was cut off"):
        await decide(context, project, 1)
    rows(context, "DELETE FROM assay_ledger WHERE owner = :owner", owner=owner)
    write_file(context, project, [])
    check = await verify(context, project)
    assert not check.intact and "3 decisions were taken, and the ledger holds 0" in check.problem


async def test_a_changed_line_closes_gates_but_neither_lists_nor_a_rollback(store: Store, context: Context) -> None:
    from assay.contracts.judgment import JudgeRequest
    from assay.lifecycle.rollouts import change, traffic_of
    from assay.rollout import TRAFFIC
    from assay.tracking import write_kept

    project, t = store.project, context.tracking
    await decide(context, project)
    side = Upstream(agent=AgentRef(agent_id="shop", version="v1"), url="http://127.0.0.1:1")
    traffic = Traffic(
        project=project,
        rollout_id="rollout-1",
        champion=side,
        challenger=side.replace(agent=AgentRef(agent_id="shop", version="v2")),
        number=1,
        state=RolloutState.RUNNING,
        step=0,
        share=0.05,
        started_at=datetime.now(UTC),
        step_at=datetime.now(UTC),
    )
    write_kept(t, project, TRAFFIC, traffic.model_dump_json(), before=None, number=1)

    told: list[Notification] = []
    context = replace(context, announce=told.append)
    await change(context, project, "pause", by="ann", reason="lunch")
    await change(context, project, "resume", by="ann", reason="back")
    assert told[-1].body.endswith(f"ledger head {(await verify(context, project)).head}")

    owner = next(iter(t.owners.values()))
    rows(context, "UPDATE assay_ledger SET text = 'not json' WHERE owner = :owner AND line = 2", owner=owner)
    check = await verify(context, project)
    assert not check.intact and check.first_bad_line == 2
    assert len(await read_decisions(context, project)) == 1  # what can be trusted; lists and pages still show it
    with pytest.raises(Refused, match="line 2"):
        await change(context, project, "advance", by="ann", reason="better")
    assert (await traffic_of(context, project)).number == 3  # refused before anything was put in force
    with pytest.raises(NotFound, match="shop@v2"):
        await change(context, project, "roll_back", by="ann", reason="worse")  # no such agents to move back here
    assert (await traffic_of(context, project)).state is RolloutState.ROLLED_BACK
    assert "The ledger did not take this decision: the ledger of" in told[-1].body
    with pytest.raises(GateClosed, match="changed at line 2"):
        await require_open(JudgeRequest(project=project, simulation_id="sim-0", gated=True), context)


async def test_what_is_deployed_without_an_approval_is_reported(
    store: Store, context: Context, card: AgentCard, tmp_path: Path
) -> None:
    project, t = store.project, context.tracking
    (tmp_path / "prompt.md").write_text("Be kind.")
    with stage_run(t, project, Stage.DEVELOP, request_hash="c" * 64, gated=True) as run:
        name, version, _ = register_agent(t, project, card, card_dir=tmp_path, run=run)
        run.finish(StageResult(project=project, gated=True, stage=Stage.DEVELOP, subject_id="agent-1"))
    evidence = {"comparison": "comparison-1"}
    transition(t, name, version, RegistryStage.PRODUCTION, by="ann", reason="better", evidence=evidence)
    check = await verify(context, project)
    assert check.intact and check.unapproved == (
        "support@v1 is in Production: the approval of comparison-1, which it was deployed with, is not in the ledger",
    )
    await record(
        context, project, Stage.COMPARE, "comparison-1", "approve", "ann", "better", {"result.json": "0" * 64}, "person"
    )
    assert not (await verify(context, project)).unapproved


async def test_the_head_survives_a_project_tag_that_says_nothing(store: Store, context: Context) -> None:
    await decide(context, store.project, 1)
    set_project_tag(context.tracking, store.project, HEAD, "nonsense")
    assert "ledger.head cannot be read" in (await verify(context, store.project)).problem
    run_id = project_run(context.tracking, store.project, "ledger")
    assert read_text(context.tracking, run_id, FILE).count("\n") == 1
