"""One conversation: the user simulator and the agent take turns until one of them, or a limit, ends it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import AgentRef, Usage
from assay.errors import CallError
from assay.models.usage import add_usage
from assay.stages.context import Calls

if TYPE_CHECKING:
    from assay.agents.user_simulator import UserSimulator
    from assay.connectors import AgentReply, Connector


@dataclass(frozen=True, slots=True)
class Trial:
    """One conversation to play."""

    scenario: Scenario
    trial: int
    seed: int
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Player:
    """Plays one trial after another; knows nothing of what the other conversations do."""

    agent: AgentRef
    connector: "Connector"
    user: "UserSimulator"
    calls: Calls
    now: Callable[[], datetime]
    timeout_s: float
    max_turns: int | None = None
    """Caps every scenario's own limit; None: no cap."""

    async def play(self, trial: Trial) -> Conversation:
        from assay.agents.user_simulator import find_faults

        scenario = trial.scenario
        started_at, began = self.now(), time.perf_counter()
        turns: list[Turn] = []
        usages: list[Usage] = []
        world = _World()
        error: CallFailed | None = None
        try:
            async with asyncio.timeout(self.timeout_s):
                stop = await self._converse(trial, turns, usages, world)
        except TimeoutError:
            stop = StopReason.TIMEOUT
            error = CallFailed(
                cause=FailureCause.TIMEOUT,
                detail=f"the conversation took longer than {self.timeout_s:g} s",
            )
        except _SideFailed as side:
            stop, error = side.stop, side.failed
        return Conversation(
            conversation_id=trial.conversation_id,
            scenario_id=scenario.scenario_id,
            trial=trial.trial,
            seed=trial.seed,
            agent=self.agent,
            turns=tuple(turns),
            stop_reason=stop,
            error=error,
            simulator_faults=find_faults(scenario, turns, stop),
            outcome=world.state,
            started_at=started_at,
            duration_s=time.perf_counter() - began,
            simulator_usage=add_usage(*usages),
        )

    async def _converse(self, trial: Trial, turns: list[Turn], usages: list[Usage], world: "_World") -> StopReason:
        from assay.connectors import ConversationStart

        scenario = trial.scenario
        most = min(scenario.max_turns, self.max_turns or scenario.max_turns)
        start = ConversationStart(
            conversation_id=trial.conversation_id,
            scenario_id=scenario.scenario_id,
            seed=trial.seed,
            initial_state=scenario.initial_state,
        )
        with _side(StopReason.AGENT_ERROR):
            dialogue = await self.connector.open(start)
        try:
            for _ in range(most):
                with _side(StopReason.SIMULATOR_ERROR):
                    began = time.perf_counter()
                    move = await self.calls.of(
                        "user_simulator",
                        self.user.name,
                        self.user.next_move(scenario, turns, seed=trial.seed),
                        lambda move: move.usage,
                    )
                usages.append(move.usage)
                if move.text is not None:
                    turns.append(Turn(role="user", text=move.text, latency_s=time.perf_counter() - began))
                if move.stop is not None:
                    return move.stop
                with _side(StopReason.AGENT_ERROR):
                    reply = await dialogue.reply(move.text or "")
                turns.append(_agent_turn(reply))
                world.state = reply.state if reply.state is not None else world.state
            with _side(StopReason.SIMULATOR_ERROR):
                # The user has heard the last answer: did it reach the goal, or did the turns run out?
                move = await self.user.next_move(scenario, turns, seed=trial.seed)
            usages.append(move.usage)
            return move.stop or StopReason.MAX_TURNS
        finally:
            with suppress(CallError):
                await dialogue.close()


@dataclass(slots=True)
class _World:
    """What the agent last showed of its world."""

    state: dict | None = None


class _SideFailed(Exception):
    def __init__(self, stop: StopReason, failed: CallFailed) -> None:
        super().__init__(failed.detail)
        self.stop = stop
        self.failed = failed


class _side:
    """Whose failure a failed call is."""

    def __init__(self, stop: StopReason) -> None:
        self.stop = stop

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CallError):
            raise _SideFailed(self.stop, error.failed) from error


def _agent_turn(reply: "AgentReply") -> Turn:
    return Turn(
        role="agent",
        text=reply.text,
        tool_calls=tuple(ToolCall.model_validate(call) for call in reply.tool_calls),
        latency_s=reply.latency_s,
        first_token_s=reply.first_token_s,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        cost_usd=reply.cost_usd,
    )
