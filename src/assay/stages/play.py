"""One conversation: the user simulator and the agent take turns until one of them, or a limit, ends it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from assay.contracts.base import content_hash
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import AgentRef
from assay.contracts.text import clean
from assay.errors import AssayError, CallError, OverBudget
from assay.models.usage import add_usage
from assay.stages.context import Calls
from assay.stages.journal import Begun, GivenUp, Journal

if TYPE_CHECKING:
    from assay.agents.user_simulator import UserSimulator
    from assay.connectors import AgentReply, Connector, Dialogue
    from assay.models.budget import Budget


log = structlog.get_logger("assay")
NOWHERE = Journal(None)


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
    journal: Journal = NOWHERE
    fault_limit: int = 0
    """Faults of the user simulator that a conversation may have before it is played again."""
    reruns: int = 0
    """How often it is at the most."""
    budget: "Budget | None" = None
    """None: the agent's tokens and dollars are not limited."""

    async def play(self, trial: Trial, begun: Begun | None = None) -> Conversation:
        """The conversation, from where it was left. Raises OverBudget where a limit is reached.

        One in which the user simulator erred too often is played again, with another seed, and says so.
        """
        begun = begun or Begun()
        if begun.whole is not None:
            return begun.whole
        while True:
            attempt = len(begun.given_up)
            seed = trial.seed if attempt == 0 else int(content_hash([trial.seed, "again", attempt])[:8], 16)
            whole = await self._attempt(replace(trial, seed=seed), begun)
            sound = len(whole.simulator_faults) <= self.fault_limit or whole.error is not None
            if sound or attempt >= self.reruns:
                self.journal.whole(whole)
                return whole
            given_up = GivenUp(whole.simulator_faults, add_usage(*begun.usages))
            self.journal.again(trial.conversation_id, given_up)
            begun = Begun(given_up=[*begun.given_up, given_up], replayed=begun.replayed)

    async def _attempt(self, trial: Trial, begun: Begun) -> Conversation:
        from assay.agents.user_simulator import find_faults

        scenario = trial.scenario
        started_at, began = self.now(), time.perf_counter()
        error: CallFailed | None = None
        try:
            async with asyncio.timeout(self.timeout_s) as limit:
                stop = await self._converse(trial, begun, limit)
        except TimeoutError:
            stop = StopReason.TIMEOUT
            error = CallFailed(
                cause=FailureCause.TIMEOUT,
                detail=f"the conversation took longer than {self.timeout_s:g} s",
            )
        except _SideFailed as side:
            if side.failed.cause is FailureCause.BUDGET:
                raise OverBudget(side.failed.detail) from side
            stop, error = side.stop, side.failed
        turns = tuple(begun.turns)
        return Conversation(
            conversation_id=trial.conversation_id,
            scenario_id=scenario.scenario_id,
            trial=trial.trial,
            seed=trial.seed,
            agent=self.agent,
            turns=turns,
            stop_reason=stop,
            error=error,
            simulator_faults=find_faults(scenario, turns, stop),
            outcome=begun.state,
            started_at=started_at,
            duration_s=time.perf_counter() - began,
            simulator_usage=add_usage(*(attempt.usage for attempt in begun.given_up), *begun.usages),
            reruns=len(begun.given_up),
            rerun_faults=tuple(fault for attempt in begun.given_up for fault in attempt.faults),
            replayed=begun.replayed,
        )

    async def _converse(self, trial: Trial, begun: Begun, limit: asyncio.Timeout) -> StopReason:
        """User and agent in turns. `begun` is added to as they end, so what it holds is true at any moment."""
        scenario, turns = trial.scenario, begun.turns
        most = min(scenario.max_turns, self.max_turns or scenario.max_turns)
        with _side(StopReason.AGENT_ERROR):
            dialogue = await self._open(trial, begun)
        try:
            while True:
                if not turns or turns[-1].role == "agent":
                    last = sum(turn.role == "agent" for turn in turns) >= most
                    with _not_counted(limit):
                        stop = await self._user_moves(trial, begun, last=last)
                    if stop is not None:
                        return stop
                with _side(StopReason.AGENT_ERROR):
                    reply = await dialogue.reply(turns[-1].text)
                    turn = _agent_turn(reply)
                begun.state = reply.state if reply.state is not None else begun.state
                begun.replayed |= reply.replayed
                turns.append(turn)
                self.journal.turn(trial.conversation_id, turn, None, begun.state)
                if self.budget is not None:
                    self.budget.count(turn.input_tokens, turn.output_tokens, turn.cost_usd)
        finally:
            with suppress(CallError):
                await dialogue.close()

    async def _open(self, trial: Trial, begun: Begun) -> "Dialogue":
        """The dialogue as far as it went before. An agent that keeps more than the words has to begin again."""
        from assay.connectors import ConversationStart

        dialogue = await self.connector.open(
            ConversationStart(
                conversation_id=trial.conversation_id,
                scenario_id=trial.scenario.scenario_id,
                seed=trial.seed,
                initial_state=trial.scenario.initial_state,
            )
        )
        said = begun.turns[:-1] if begun.turns and begun.turns[-1].role == "user" else begun.turns
        if said and not dialogue.resume(said, begun.state):
            begun.turns.clear()
            begun.usages.clear()
            begun.state = None
        return dialogue

    async def _user_moves(self, trial: Trial, begun: Begun, *, last: bool) -> StopReason | None:
        """None: the user said something and waits. `last`: only whether the last answer reached the goal counts."""
        began = time.perf_counter()
        with _side(StopReason.SIMULATOR_ERROR):
            move = await self.calls.of(
                "user_simulator",
                self.user.name,
                self.user.next_move(trial.scenario, begun.turns, seed=trial.seed),
                lambda move: move.usage,
            )
        begun.usages.append(move.usage)
        if last:
            return move.stop or StopReason.MAX_TURNS
        if move.text is not None or move.stop is None:
            turn = Turn(role="user", text=move.text or "", latency_s=time.perf_counter() - began)
            begun.turns.append(turn)
            if move.stop is None:
                self.journal.turn(trial.conversation_id, turn, move.usage, None)
        return move.stop


@contextmanager
def _not_counted(limit: asyncio.Timeout) -> Iterator[None]:
    """The user's moves do not count against the conversation's limit: their model's calls have time-outs of their own,
    and a server that is slow or away is no reason to give a conversation up."""
    ends_at, loop = limit.when(), asyncio.get_running_loop()
    began = loop.time()
    limit.reschedule(None)
    try:
        yield
    finally:
        if ends_at is not None and not limit.expired():
            limit.reschedule(ends_at + loop.time() - began)


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
        if isinstance(error, Exception) and not isinstance(error, AssayError | TimeoutError):
            # a fault of one conversation must not end the others
            log.error("a conversation failed", exc_info=error)
            detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            failed = CallFailed(cause=FailureCause.BAD_ANSWER, detail=clean(detail))
            raise _SideFailed(self.stop, failed) from error


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
        finish_reason=reply.finish_reason,
        refusal=reply.refusal,
        reasoning=reply.reasoning,
    )
