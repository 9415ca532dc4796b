"""What the user's moves take does not count against a conversation's limit; what the agent takes does."""

import asyncio
from datetime import UTC, datetime

import pytest

from assay.agents.user_simulator import UserMove
from assay.connectors import AgentReply
from assay.contracts.conversation import StopReason
from assay.contracts.stage import AgentRef, Usage
from assay.stages.context import Calls
from assay.stages.play import Player, Trial
from tests.evaluation.make import scenario

LIMIT_S = 2.0


class User:
    name = "slow"
    prompt_hash = "0" * 64

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s

    async def next_move(self, scenario, turns, *, seed):
        await asyncio.sleep(self.pause_s)
        return UserMove(text="And then?", stop=None, usage=Usage())


class Agent:
    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s

    async def open(self, start):
        return self

    def resume(self, turns, state):
        return True

    async def reply(self, text):
        await asyncio.sleep(self.pause_s)
        return AgentReply(text="Then it goes on.", latency_s=self.pause_s)

    async def close(self): ...


@pytest.mark.parametrize(
    ("user_s", "agent_s", "stop"),
    [(LIMIT_S * 1.5, 0.0, StopReason.MAX_TURNS), (0.0, LIMIT_S * 1.5, StopReason.TIMEOUT)],
)
async def test_only_the_agents_time_counts(user_s, agent_s, stop):
    player = Player(
        agent=AgentRef(agent_id="a", version="1"),
        connector=Agent(agent_s),  # type: ignore[arg-type]
        user=User(user_s),
        calls=Calls(),
        now=lambda: datetime.now(UTC),
        timeout_s=LIMIT_S,
        max_turns=2,
    )
    played = await player.play(Trial(scenario(opening=None), 0, 0, "0" * 32))
    assert played.stop_reason is stop
