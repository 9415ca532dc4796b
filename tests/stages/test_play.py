"""A fault of one conversation is that conversation's own."""

from datetime import UTC, datetime

import pytest

from assay.agents.user_simulator import UserMove
from assay.connectors import AgentReply
from assay.contracts.conversation import FailureCause, FinishReason, StopReason
from assay.contracts.dataset import Expectation, Persona, Scenario
from assay.contracts.stage import AgentRef, Usage
from assay.stages.context import Calls
from assay.stages.play import Player, Trial

SCENARIO = Scenario(
    scenario_id="parcel",
    topic="delivery",
    persona=Persona(name="customer", description="A customer."),
    goal="Find the parcel.",
    expectations=(Expectation(expectation_id="polite", text="Stays polite."),),
    max_turns=1,
)


class User:
    name = "rules"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def next_move(self, scenario, turns, *, seed):
        if self.error:
            raise self.error
        return UserMove(text="Where is it?", stop=None, usage=Usage())


class Agent:
    def __init__(self, reply: AgentReply | Exception) -> None:
        self.given = reply

    async def open(self, start):
        return self

    async def reply(self, text):
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    async def close(self): ...


async def play(agent: Agent, user: User):
    player = Player(
        agent=AgentRef(agent_id="shop", version="1"),
        connector=agent,  # type: ignore[arg-type]
        user=user,  # type: ignore[arg-type]
        calls=Calls(),
        now=lambda: datetime.now(UTC),
        timeout_s=60,
    )
    return await player.play(Trial(SCENARIO, 0, 0, "0" * 32))


@pytest.mark.parametrize("error", [TypeError("no len()"), KeyError("choices"), OverflowError("too large")])
async def test_an_unexpected_exception_of_the_agent_is_a_bad_answer(error):
    conversation = await play(Agent(error), User())
    assert conversation.stop_reason is StopReason.AGENT_ERROR
    assert conversation.error is not None
    assert conversation.error.cause is FailureCause.BAD_ANSWER
    assert type(error).__name__ in conversation.error.detail
    assert [turn.text for turn in conversation.turns] == ["Where is it?"]


async def test_an_unexpected_exception_of_the_user_simulator_is_its_own():
    conversation = await play(Agent(AgentReply(text="Here.")), User(ValueError("half a move")))
    assert conversation.stop_reason is StopReason.SIMULATOR_ERROR
    assert conversation.error is not None
    assert conversation.error.detail == "ValueError: half a move"


async def test_a_turn_keeps_how_the_answer_ended():
    reply = AgentReply(text="No.", finish_reason=FinishReason.REFUSAL, refusal="No.", reasoning="Hm.")
    conversation = await play(Agent(reply), User())
    turn = conversation.turns[1]
    assert (turn.finish_reason, turn.refusal, turn.reasoning) == (FinishReason.REFUSAL, "No.", "Hm.")
