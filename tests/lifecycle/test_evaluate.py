"""Simulation and judging in one go."""

import asyncio
from collections import Counter

import pytest

from assay.contracts.evaluation import Limits
from assay.contracts.judgment import JudgeRequest
from assay.contracts.stage import Stage
from assay.errors import OverBudget
from assay.lifecycle.evaluate import evaluate, judging_of, simulation_of
from assay.settings import Settings
from assay.stages.context import open_context
from assay.stages.judge import judge
from assay.stages.simulate import simulate
from assay.tracking import connect, read_conversations, read_judgments
from tests.conftest import PATIENCE_S
from tests.lifecycle.conversing import converse, ready, role_of
from tests.stub_llm import StubLLM


@pytest.fixture
async def stub():
    async with StubLLM(converse, latency_s=0.002) as server:
        yield server


@pytest.fixture
def settings(store_uri, tmp_path, stub):
    return Settings(
        home=tmp_path, tracking_uri=store_uri, openai_base_url=stub.base_url, openai_api_key="k", openai_model="stub"
    )


def roles(stub):
    return Counter(role_of(asked) for asked in stub.requests)


async def test_each_conversation_takes_its_calls_and_no_more(settings, stub):
    request = await ready(settings, stub.base_url, scenarios=6, turns=3, trials=2)
    async with open_context(settings) as context:
        done = await evaluate(request, context)
    assert roles(stub) == {"user": 36, "agent": 36, "judge": 12}
    assert (done.simulation.conversations, done.judging.passed) == (12, 12)
    assert done.spent.calls == 84
    t = connect(settings.store)
    assert len(read_conversations(t, "default", done.simulation.subject_id)) == 12
    assert len(read_judgments(t, "default", done.judging.subject_id)) == 12


async def test_no_conversation_waits_for_the_slowest_before_it_is_judged(settings, stub):
    """A conversation that hangs keeps its own judgment waiting, and no other."""
    slow = asyncio.Event()

    async def hangs(asked, nth):
        if role_of(asked) == "agent" and "parcel 0" in asked["messages"][0]["content"]:
            await slow.wait()
        return converse(asked, nth)

    request = await ready(settings, stub.base_url, scenarios=8, concurrency=4)
    stub.responder = hangs
    async with open_context(settings) as context:
        task = asyncio.create_task(evaluate(request, context))
        async with asyncio.timeout(PATIENCE_S):
            while roles(stub)["judge"] < 7:
                await asyncio.sleep(0.01)
        assert not task.done()
        slow.set()
        assert (await task).judging.passed == 8


async def test_in_one_go_and_stage_by_stage_come_to_the_same(settings, stub):
    request = await ready(settings, stub.base_url, scenarios=5)
    async with open_context(settings) as context:
        done = await evaluate(request, context)
        calls = stub.calls
        simulation = await simulate(simulation_of(request), context)
        judging = await judge(judging_of(request, simulation.subject_id), context)
        assert isinstance(judging_of(request, "sim-1"), JudgeRequest)
    assert (simulation, judging) == (done.simulation, done.judging)
    assert stub.calls == calls
    assert simulation.stage is Stage.SIMULATE


async def test_a_limit_stops_it_and_a_higher_one_goes_on(settings, stub):
    request = await ready(settings, stub.base_url, scenarios=20, turns=2, concurrency=4)
    async with open_context(settings) as context:
        with pytest.raises(OverBudget, match="raise the limit"):
            await evaluate(request.replace(limits=Limits(calls=33)), context)
        assert stub.calls <= 33 + 4  # the agent's own calls are counted when they have been made
        first = stub.calls
        done = await evaluate(request.replace(limits=Limits(calls=1000)), context)
    assert done.judging.passed == 20
    assert done.simulation.errors == {}
    assert stub.calls <= 100 + 4
    assert done.spent.calls == stub.calls - first


async def test_a_limit_of_time_stops_it_with_words(settings, stub):
    request = await ready(settings, stub.base_url, scenarios=20, turns=2, concurrency=2)
    stub.latency_s = 0.05
    async with open_context(settings) as context:
        with pytest.raises(OverBudget, match="longer than 0.5 s"):
            await evaluate(request.replace(limits=Limits(time_s=0.5)), context)
        stub.latency_s = 0.0
        assert (await evaluate(request, context)).judging.passed == 20
    assert stub.calls <= 100 + 2


async def test_a_cancelled_one_goes_on_from_its_last_whole_turn(settings, stub):
    request = await ready(settings, stub.base_url, scenarios=12, turns=6, concurrency=6)
    stub.latency_s = 0.02
    async with open_context(settings) as context:
        task = asyncio.create_task(evaluate(request, context))
        while stub.calls < 40:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        done = await evaluate(request, context)
    assert done.judging.passed == 12
    assert stub.calls <= 12 * 13 + 6
    assert not list((settings.home / "journal").glob("*"))


async def test_a_stored_conversation_whose_judgment_was_lost_is_only_judged_again(settings, stub):
    request = await ready(settings, stub.base_url, scenarios=4)
    async with open_context(settings) as context:
        simulation = await simulate(simulation_of(request), context)
        played = stub.calls
        done = await evaluate(request, context)
    assert done.simulation == simulation
    assert stub.calls == played + 4
