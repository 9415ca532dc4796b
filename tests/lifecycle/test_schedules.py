"""Schedules: what was missed is made up once, two workers run a tick once, and a failure is told and is not the end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assay.contracts.agent import DevelopRequest
from assay.contracts.api import NewSchedule
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.feedback import Feedback
from assay.contracts.notification import Notification
from assay.contracts.schedule import Schedule
from assay.contracts.stage import AgentRef, Stage
from assay.errors import BadInput, NotFound
from assay.lifecycle.run import run_stage
from assay.lifecycle.schedules import (
    NAME,
    last_tick,
    missed,
    put_schedule,
    read_schedules,
    remove_schedule,
    run_now,
    tick,
)
from assay.tracking import list_results, read_conversations, write_conversations, write_feedback, write_kept
from tests.conftest import SHOP
from tests.lifecycle.conftest import card

MONDAY = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clocked(context):
    """A context whose clock stands still, and what was announced."""
    clock, told = Clock(), []
    return replace(context, now=clock, announce=told.append), clock, told


def ingest(file: str, **changes) -> Schedule:
    fields = {"name": "feedback", "cron": "0 6 * * *", "kind": "ingest", "since": MONDAY}
    request = {"file": file, "agent": {"agent_id": "shop-support", "version": "v2"}}
    return Schedule.model_validate({**fields, "request": request, **changes})


async def test_a_tick_comes_once_and_missed_ones_are_made_up_once(clocked):
    context, clock, told = clocked
    await run_stage(DevelopRequest(project="shop", card=card("v2"), card_dir=str(SHOP), probe=False), context)
    await put_schedule(context, "shop", ingest(str(SHOP / "feedback.jsonl")))
    assert await tick(context, "shop") == []  # six o'clock is still to come
    clock.now = MONDAY + timedelta(hours=6, minutes=1)
    ((name, run),) = await tick(context, "shop")
    assert name == "feedback" and run.ok and run.words.startswith("61 items") and run.missed == 0
    assert await tick(context, "shop") == []
    clock.now = MONDAY + timedelta(days=4, hours=7)  # nobody was there for three days
    ((_, run),) = await tick(context, "shop")
    assert run.missed == 3 and run.tick == MONDAY + timedelta(days=4, hours=6)
    assert len(list_results(context.tracking, "shop", Stage.FEEDBACK)) == 1  # the same feedback again changes nothing
    assert not told


async def test_two_workers_run_a_tick_once(clocked):
    context, clock, _ = clocked
    await put_schedule(
        context, "shop", Schedule(name="old", cron="* * * * *", kind="retention", request={"days": 30}, since=MONDAY)
    )
    clock.now = MONDAY + timedelta(minutes=5)
    found = await asyncio.gather(*(tick(context, "shop") for _ in range(6)))
    assert sum(map(len, found)) == 1


async def test_a_schedule_that_fails_is_told_and_the_next_tick_comes_all_the_same(clocked):
    context, clock, told = clocked
    await put_schedule(context, "shop", ingest("/nowhere/feedback.jsonl"))
    for day in (0, 1):
        clock.now = MONDAY + timedelta(days=day, hours=7)
        ((_, run),) = await tick(context, "shop")
        assert run.ok is False and "there is no such file" in run.words
    assert [type(one) for one in told] == [Notification] * 2
    assert {one.kind.value for one in told} == {"schedule_failed"} and told[0].subject_id != told[1].subject_id


async def test_old_production_conversations_go_but_not_what_people_spoke_of(clocked):
    context, _, _ = clocked
    rows = [
        Conversation(
            conversation_id=f"{number:032x}",
            scenario_id="production",
            trial=0,
            seed=0,
            agent=AgentRef(agent_id="a", version="1"),
            turns=(Turn(role="user", text="Hi."), Turn(role="agent", text="Hello.")),
            stop_reason=StopReason.IMPORTED,
            started_at=MONDAY - timedelta(days=days),
        )
        for number, days in enumerate((40, 40, 5))
    ]
    t = context.tracking
    written = [(row, None) for row in rows]
    write_conversations(t, "shop", written, simulation_id="production", run_id=None, dataset=None)
    said = Feedback(feedback_id="f-1", conversation_id=rows[1].conversation_id, thumbs="down")
    write_feedback(t, "shop", [said])
    keep = Schedule(name="old", cron="0 3 * * *", kind="retention", request={"days": 30}, since=MONDAY)
    await put_schedule(context, "shop", keep)
    run = await run_now(context, "shop", "old")
    assert run.ok and run.words.startswith("1 production conversations"), run.words
    left = {c.conversation_id for c in read_conversations(t, "shop", "production")}
    assert left == {rows[1].conversation_id, rows[2].conversation_id}


async def test_schedules_are_changed_switched_off_and_removed(clocked):
    context, clock, _ = clocked
    await put_schedule(context, "shop", ingest("f.jsonl"))
    await put_schedule(context, "shop", ingest("f.jsonl", enabled=False))
    clock.now = MONDAY + timedelta(days=2)
    assert await tick(context, "shop") == []
    (known,) = (await read_schedules(context, "shop")).schedules
    assert not known.enabled
    await remove_schedule(context, "shop", "feedback")
    assert (await read_schedules(context, "shop")).schedules == ()
    with pytest.raises(NotFound, match="no schedule feedback: there is none yet"):
        await remove_schedule(context, "shop", "feedback")


async def test_what_does_not_fit_is_named(clocked):
    context, _, _ = clocked
    for bad, said in (
        (ingest("f", cron="61 * * * *"), "cron: '61"),
        (ingest("f", request={"file": "f"}), "request.agent: is missing"),
        (ingest("f", kind="evaluate", request={"agent": 1}), "request: agent"),
    ):
        with pytest.raises(BadInput, match=said):
            await put_schedule(context, "shop", bad)
    with pytest.raises(ValueError, match="five fields"):
        ingest("f", cron="* * *")
    with pytest.raises(ValueError, match="five fields"):
        NewSchedule(cron="000", kind="look")


async def test_a_schedule_acts_in_its_own_project_alone(clocked):
    context, clock, _ = clocked
    for project in ("shop", "bank"):
        await run_stage(DevelopRequest(project=project, card=card("v2"), card_dir=str(SHOP), probe=False), context)
    own = ingest(str(SHOP / "feedback.jsonl"))
    foreign = own.replace(request={**own.request, "project": "shop"})
    for kind in ("ingest", "judge_online", "evaluate", "analyze", "look"):
        with pytest.raises(BadInput, match="request.project: shop is not the schedule's project bank"):
            await put_schedule(context, "bank", foreign.replace(kind=kind))
    await put_schedule(context, "shop", foreign)
    kept = await read_schedules(context, "shop")
    # as an earlier version took it
    await write_kept_schedules(context, "bank", kept.replace(project="bank"))
    clock.now = MONDAY + timedelta(hours=7)
    ((_, run),) = await tick(context, "bank")
    assert run.ok, run.words
    assert not list_results(context.tracking, "shop", Stage.FEEDBACK)
    assert len(list_results(context.tracking, "bank", Stage.FEEDBACK)) == 1


async def write_kept_schedules(context, project, schedules):
    await asyncio.to_thread(write_kept, context.tracking, project, NAME, schedules.model_dump_json(), before=None)


def test_ticks_are_counted():
    assert last_tick("0 6 * * *", MONDAY) == MONDAY - timedelta(hours=18)
    assert last_tick("*/5 * * * *", MONDAY) == MONDAY
    assert missed("0 6 * * *", MONDAY, MONDAY + timedelta(days=3, hours=6)) == 3
