"""A conversation in which the user simulator erred is played again, and both attempts are counted."""

import re
from collections import Counter

import pytest

from assay.contracts.conversation import SimulateRequest, SimulatorFault, SimulatorFaultKind, Turn
from assay.contracts.estimate import Estimate
from assay.contracts.stage import Usage
from assay.settings import Settings
from assay.stages.context import open_context
from assay.stages.journal import GivenUp, Journal
from assay.stages.simulate import simulate, spoilt
from assay.tracking import read_conversations
from tests.lifecycle.conversing import converse, ready, role_of
from tests.stub_answers import Answer, Json, Reply
from tests.stub_llm import StubLLM

PARCEL = re.compile(r"Where is parcel (\d+)\?")
AS_AGENT = "How can I help you today?"


def errs(times: int):
    """A user that speaks as the agent in the first `times` draws of each even scenario; each move has two."""
    asked: Counter[str] = Counter()

    def answer(request: Json, nth: int) -> Answer:
        if role_of(request) != "user":
            return converse(request, nth)
        found = PARCEL.search(str(request["messages"]))
        number = found.group(1) if found else ""
        asked[number] += 1
        if int(number) % 2 == 0 and asked[number] <= times:
            return Reply({"text": AS_AGENT, "status": "continue"})
        return converse(request, nth)

    return answer


async def played(stub: StubLLM, store_uri: str, tmp_path, **changes):
    settings = Settings(
        tracking_uri=store_uri,
        home=tmp_path,
        model="openai:stub",
        openai_base_url=stub.base_url,
        openai_api_key="k",
    )
    asked = await ready(settings, stub.base_url, scenarios=10, turns=2)
    request = SimulateRequest(agent=asked.agent, dataset=asked.dataset, trials=1, **changes)
    async with open_context(settings) as context:
        done = await simulate(request, context)
        return done, read_conversations(context.tracking, "default", done.subject_id)


async def test_faulty_attempts_are_played_again_and_counted(store_uri, tmp_path):
    with StubLLM(errs(2)) as stub:
        done, conversations = await played(stub, store_uri, tmp_path)
    assert done.played_again == 5 and done.rerun_faults == {SimulatorFaultKind.SPOKE_AS_AGENT: 5}
    assert done.simulator_faults == {} and isinstance(done.faulty, Estimate) and done.faulty.value == 0
    assert done.first_attempts_at_fault == 5
    assert spoilt(done, 0.2) is not None and "5 of 10" in str(spoilt(done, 0.2))
    assert spoilt(done, 0.5) is None
    again = [conversation for conversation in conversations if conversation.reruns]
    assert len(again) == 5 and len(conversations) == 10
    assert all(AS_AGENT not in turn.text for conversation in again for turn in conversation.turns)
    assert all(conversation.simulator_usage.calls > 2 for conversation in again)  # the first attempt was paid for too


async def test_a_move_that_is_better_the_second_time_costs_no_second_attempt(store_uri, tmp_path):
    with StubLLM(errs(1)) as stub:
        done, _ = await played(stub, store_uri, tmp_path)
    assert (done.played_again, done.first_attempts_at_fault, done.simulator_faults) == (0, 0, {})


async def test_what_is_still_faulty_stays_and_is_marked(store_uri, tmp_path):
    with StubLLM(errs(99)) as stub:
        done, conversations = await played(stub, store_uri, tmp_path)
    assert done.played_again == 5 and done.simulator_faults == {SimulatorFaultKind.SPOKE_AS_AGENT: 5}
    assert isinstance(done.faulty, Estimate) and done.faulty.value == pytest.approx(0.5)
    assert done.fault_rates[SimulatorFaultKind.SPOKE_AS_AGENT] == done.faulty
    assert sum(bool(conversation.simulator_faults) for conversation in conversations) == 5


@pytest.mark.parametrize("changes", [{"reruns": 0}, {"fault_limit": 3}])
async def test_nothing_is_played_again_where_that_is_not_wanted(store_uri, tmp_path, changes):
    with StubLLM(errs(99)) as stub:
        done, _ = await played(stub, store_uri, tmp_path, **changes)
    assert done.played_again == 0 and done.simulator_faults == {SimulatorFaultKind.SPOKE_AS_AGENT: 5}


def test_a_crash_in_the_second_attempt_goes_on_with_the_second(tmp_path):
    name, file = "c" * 32, tmp_path / "j.jsonl"
    fault = SimulatorFault(kind=SimulatorFaultKind.SPOKE_AS_AGENT, turn=0, detail="d")
    first = Journal(file)
    first.turn(name, Turn(role="user", text=AS_AGENT), Usage(calls=1), None)
    first.again(name, GivenUp((fault,), Usage(calls=1)))
    first.turn(name, Turn(role="user", text="Where is it?"), Usage(calls=1), None)
    first.close()
    second = Journal(file)
    begun = second.take_up(name)
    second.close()
    for found in (begun, Journal(file).take_up(name)):  # also what the second process wrote down
        assert [turn.text for turn in found.turns] == ["Where is it?"]
        assert [attempt.faults for attempt in found.given_up] == [(fault,)]
