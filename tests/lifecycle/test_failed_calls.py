"""A result that holds failed calls is not final: the same request does exactly what is missing."""

import asyncio

import pytest

from assay.contracts.evaluation import EvaluateRequest
from assay.contracts.schedule import Schedule
from assay.contracts.stage import Stage
from assay.errors import BadInput, Stopped
from assay.lifecycle.evaluate import evaluate
from assay.lifecycle.gates import ANY_DECISION, decide
from assay.lifecycle.schedules import put_schedule, run_now
from assay.settings import Settings
from assay.stages.context import Context, open_context
from assay.tracking import list_results, load_result, read_conversations
from tests.lifecycle.flaky import Flaky, agent, dataset


@pytest.fixture
def flaky(tmp_path) -> Flaky:
    made = Flaky(tmp_path / "desk")
    made.write()
    return made


async def test_only_what_failed_is_played_again(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    whole = await flaky.played(context)
    assert (whole.revision, whole.errors, len(flaky.asked())) == (0, {}, 6)
    flaky.breaks()
    broken = await flaky.played(context, seed=1)
    assert broken.errors == {"agent_exception": 6}
    (failed,) = broken.failures
    assert (failed.side, failed.count) == ("agent", 6)
    assert "the database is away" in failed.detail
    flaky.asked()
    flaky.breaks(broken=False)
    mended = await flaky.played(context, seed=1)
    assert sorted(flaky.asked()) == [f"order-{number}" for number in range(6)]
    assert (mended.errors, mended.conversations, mended.revision) == ({}, 6, 1)
    assert (mended.subject_id, mended.run_id) == (broken.subject_id, broken.run_id)
    stored = read_conversations(context.tracking, "flaky", mended.subject_id)
    assert [conversation.error for conversation in stored] == [None] * 6
    assert await flaky.played(context, seed=1) == mended
    assert flaky.asked() == []


async def test_a_judging_follows_its_completed_simulation_and_so_do_reports(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    flaky.breaks()
    before = await flaky.judged(context, await flaky.played(context))
    assert (before.errors, before.failures) == ({"agent_exception": 6}, ())
    early = await flaky.analyzed(context, before)
    flaky.breaks(broken=False)
    after = await flaky.judged(context, await flaky.played(context))
    assert (after.passed, after.errors, after.revision) == (6, {}, 1)
    assert after.subject_id == before.subject_id
    late = await flaky.analyzed(context, after)
    assert late.subject_id != early.subject_id, "a report on the earlier judging is not taken for one on this"
    assert (early.judged, late.judged) == (0, 6)


async def test_an_approved_result_is_taken_with_its_failures(context: Context, flaky: Flaky) -> None:
    version = await flaky.registered(context, gated=True)
    await decide(context, "flaky", version.subject_id, "approve", by="ada", reason="Fine.")
    built = await flaky.built(context, gated=True)
    await decide(context, "flaky", built.subject_id, "approve", by="ada", reason="Fine.")
    flaky.breaks()
    broken = await flaky.played(context, gated=True)
    await decide(context, "flaky", broken.subject_id, "approve", by="ada", reason="It is known to be away.")
    flaky.breaks(broken=False)
    flaky.asked()
    assert await flaky.played(context, gated=True) == broken
    assert flaky.asked() == []
    await decide(context, "flaky", broken.subject_id, "reject", by="ada", reason="Again.", overrules=ANY_DECISION)
    assert (await flaky.played(context, gated=True)).errors == {}


async def test_two_processes_that_complete_one_result_leave_one_good_one(
    context: Context, settings: Settings, flaky: Flaky
) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    flaky.breaks()
    broken = await flaky.played(context)
    flaky.breaks(broken=False)
    async with open_context(settings) as other:
        both = await asyncio.gather(flaky.played(context), flaky.played(other))
    assert {result.subject_id for result in both} == {broken.subject_id}
    stored = read_conversations(context.tracking, "flaky", broken.subject_id)
    assert [conversation.error for conversation in stored] == [None] * 6
    runs = list_results(context.tracking, "flaky", Stage.SIMULATE)
    assert len(runs) == 1
    last = await flaky.played(context)
    assert last.errors == {}
    assert last.evidence == load_result(context.tracking, "flaky", Stage.SIMULATE, broken.subject_id)["evidence"]


async def test_a_retry_that_breaks_off_leaves_the_result_readable(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    flaky.breaks()
    broken = await flaky.played(context)
    object.__setattr__(context, "settings", context.settings.model_copy(update={"stop_after_failures": 2}))
    with pytest.raises(Stopped, match=r"2 conversations in a row failed .*the database is away.*6 conversations are"):
        await flaky.played(context)
    kept = load_result(context.tracking, "flaky", Stage.SIMULATE, broken.subject_id)
    assert kept["errors"] == {"agent_exception": 6}
    (run,) = list_results(context.tracking, "flaky", Stage.SIMULATE)
    assert run.tags["error_cause"] == "Stopped"
    flaky.breaks(broken=False)
    assert (await flaky.played(context)).errors == {}


async def test_a_run_stops_after_failures_of_one_cause_in_a_row(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    object.__setattr__(context, "settings", context.settings.model_copy(update={"stop_after_failures": 3}))
    flaky.breaks()
    with pytest.raises(Stopped, match=r"run the same command again"):
        await flaky.played(context, concurrency=1)
    assert len(flaky.asked()) == 3
    flaky.breaks(broken=False)
    whole = await flaky.played(context, concurrency=1)
    assert (whole.conversations, whole.errors) == (6, {})
    assert len(flaky.asked()) == 6


async def test_a_schedule_evaluates_at_every_tick(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    flaky.asked()
    request = EvaluateRequest(project="flaky", agent=agent(), dataset=dataset().ref, trials=1, max_turns=1)
    await put_schedule(
        context,
        "flaky",
        Schedule(
            name="nightly",
            cron="0 3 * * *",
            kind="evaluate",
            request=request.model_dump(mode="json", exclude={"project"}, exclude_defaults=True),
            since=context.now(),
        ),
    )
    first = await run_now(context, "flaky", "nightly")
    flaky.knows(())
    second = await run_now(context, "flaky", "nightly")
    assert (first.ok, second.ok) == (True, True)
    assert "6 passed, 0 failed" in (first.words or "")
    assert "0 passed, 6 failed" in (second.words or ""), "an agent that got worse overnight is seen"
    assert len(flaky.asked()) == 12


async def test_an_occasion_plays_again_and_the_same_one_goes_on(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    await flaky.built(context)
    request = EvaluateRequest(project="flaky", agent=agent(), dataset=dataset().ref, trials=1, max_turns=1)
    plain = await evaluate(request, context)
    fresh = await evaluate(request.replace(occasion="after the fix"), context)
    assert plain.simulation.subject_id != fresh.simulation.subject_id
    assert len(flaky.asked()) == 12
    await evaluate(request.replace(occasion="after the fix"), context)
    assert flaky.asked() == []


async def test_a_look_with_no_rollout_under_way_is_quiet(context: Context, flaky: Flaky) -> None:
    await flaky.registered(context)
    told = []
    object.__setattr__(context, "announce", told.append)
    await put_schedule(
        context, "flaky", Schedule(name="look", cron="*/5 * * * *", kind="look", request={}, since=context.now())
    )
    assert (await run_now(context, "flaky", "look")).ok
    assert told == []


class TestChangedCode:
    """Changed code is never answered with the results of the old."""

    async def test_a_changed_module_takes_another_version(self, context: Context, flaky: Flaky) -> None:
        await flaky.registered(context)
        await flaky.built(context)
        await flaky.played(context)
        flaky.write(answer="It arrives in a week.")
        name = f"{flaky.module}_answers.py"
        with pytest.raises(BadInput, match=rf"{name} changed since it was registered"):
            await flaky.played(context)
        with pytest.raises(BadInput, match=rf"registered with other content \({name} changed\)"):
            await flaky.registered(context)

    async def test_what_was_read_back_is_known(self, context: Context, flaky: Flaky) -> None:
        await flaky.registered(context)
        await flaky.built(context)
        played = await flaky.played(context)
        assert played.subject_id not in context.read_back
        await flaky.played(context)
        assert context.read_back[played.subject_id] <= context.now()
