"""Agents that are Python: a function of the messages, or a class that is made anew for each conversation."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.connectors.answers import Answer, read_answer, read_state
from assay.connectors.protocol import AgentReply, ConversationStart, Message, call_error, messages_of, traceparent
from assay.connectors.target import load_target, told_by
from assay.connectors.threads import in_thread
from assay.contracts.agent import PythonConnector
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, Turn
from assay.errors import BadInput, CallError

TOLD = ("conversation_id", "scenario_id", "seed", "state", "traceparent")
"""What a function, a class or its method is told if it declares a parameter of that name."""


class InProcess:
    """A target in the card's own folder, or anything that can be imported.

    A function gets the messages so far. A class gets its configuration when it is made, and then each text, or the
    messages if the first parameter of `reply` (or `__call__`) has that name. `async def` is awaited, `def` runs in a
    thread of its own; a generator of strings streams.
    """

    def __init__(self, spec: PythonConnector, *, card_dir: Path) -> None:
        self.spec = spec
        self.target = load_target(spec.target, card_dir)
        if inspect.isclass(self.target) and not _answers(self.target):
            raise BadInput(f"connector.target: class {spec.target} has no `reply` and no `__call__`: give it one")
        declared = _declared(self.target)
        wrong = sorted(set(spec.config) - declared)
        if declared and wrong and not _takes_any(self.target):
            raise BadInput(
                f"connector.config: {spec.target} takes no {', '.join(wrong)}: it declares "
                f"{', '.join(sorted(declared)) or 'nothing'}"
            )

    async def open(self, start: ConversationStart) -> "PythonDialogue":
        if not inspect.isclass(self.target):
            return PythonDialogue(start, self.spec, self.target, self.spec.config, takes_messages=True)
        told = {"state": start.initial_state, **_told(start, 1)}
        given = {**self.spec.config, **_asked_for(self.target, told)}
        agent = await _guarded(self.spec, in_thread(lambda: self.target(**given)))
        method = getattr(agent, "reply", agent)
        first = next(iter(inspect.signature(method).parameters), "")
        return PythonDialogue(start, self.spec, method, {}, takes_messages=first == "messages", agent=agent)


@dataclass
class PythonDialogue:
    start: ConversationStart
    spec: PythonConnector
    call: Callable[..., Any]
    config: Mapping[str, Any]
    takes_messages: bool
    agent: object | None = None
    """The instance that was made for this conversation; None: a function, which keeps nothing."""

    def __post_init__(self) -> None:
        self.messages: list[Message] = []
        self.state = self.start.initial_state

    async def reply(self, user_text: str) -> AgentReply:
        self.messages.append({"role": "user", "content": user_text})
        told = {"state": self.state, **_told(self.start, len(self.messages))}
        given = {**self.config, **_asked_for(self.call, told)}
        said = [dict(message) for message in self.messages] if self.takes_messages else user_text
        began = time.perf_counter()
        answer, first_token_s = await _guarded(self.spec, _answer(self.call, said, given, began))
        latency_s = time.perf_counter() - began
        state = answer.state if answer.state is not None else self._shown_state()
        self.state = state if state is not None else self.state
        self.messages.append({"role": "assistant", "content": answer.text})
        return AgentReply(
            text=answer.text,
            tool_calls=answer.tool_calls,
            latency_s=latency_s,
            first_token_s=first_token_s,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            cost_usd=answer.cost_usd,
            finish_reason=answer.finish_reason,
            refusal=answer.refusal,
            reasoning=answer.reasoning,
            state=state,
        )

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        """A function keeps nothing; what an instance kept is gone."""
        if self.agent is not None:
            return False
        self.messages = messages_of(turns)
        self.state = state if state is not None else self.state
        return True

    async def close(self) -> None:
        """Calls the agent's own `close`, if it has one."""
        close = getattr(self.agent, "close", None)
        if callable(close):
            await _guarded(self.spec, _finished(close))

    def _shown_state(self) -> JsonObject | None:
        state = getattr(self.agent, "state", None)
        return read_state(state) if isinstance(state, Mapping) else None


async def _answer(
    call: Callable[..., Any], said: object, given: dict[str, Any], began: float
) -> tuple[Answer, float | None]:
    """The answer, and seconds to its first piece; None: it came whole."""
    if _is_async(call) or _is_async(type(call).__call__):
        made = call(said, **given)
    else:
        made, first = await in_thread(lambda: _all_pieces(call(said, **given), began))
        if first is not None:
            return made, first
    if inspect.isawaitable(made):
        made = await made
    if isinstance(made, AsyncIterator):
        pieces, first = [], None
        async for piece in made:
            first = time.perf_counter() - began if first is None else first
            pieces.append(piece)
        return _joined(pieces), first
    return read_answer(made), None


def _is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def _all_pieces(made: object, began: float) -> tuple[Any, float | None]:
    """Runs a generator in the thread that its function ran in."""
    if not isinstance(made, Iterator):
        return made, None
    pieces, first = [], None
    for piece in made:
        first = time.perf_counter() - began if first is None else first
        pieces.append(piece)
    return _joined(pieces), first or time.perf_counter() - began


def _joined(pieces: list[object]) -> Answer:
    """Strings are put together; a last piece that is none brings the tool calls, the state and the counts."""
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    if not pieces or isinstance(pieces[-1], str):
        return Answer(text=text)
    last = pieces[-1]
    return read_answer({"text": text, **last} if isinstance(last, Mapping) else last)


async def _finished(call: Callable[[], Any]) -> None:
    made = await in_thread(call) if not inspect.iscoroutinefunction(call) else call()
    if inspect.isawaitable(made):
        await made


async def _guarded(spec: PythonConnector, work: Awaitable[Any]) -> Any:
    """The work within the connector's time-out; what the agent raises is a CallError."""
    scope = asyncio.timeout(spec.timeout_s)
    try:
        async with scope:
            return await work
    except CallError:
        raise
    except Exception as error:
        if scope.expired():
            raise call_error(FailureCause.TIMEOUT, f"no answer in {spec.timeout_s:g} s") from error
        raise call_error(FailureCause.AGENT_EXCEPTION, told_by(error)) from error


def _told(start: ConversationStart, turn: int) -> dict[str, Any]:
    return {
        "conversation_id": start.conversation_id,
        "scenario_id": start.scenario_id,
        "seed": start.seed,
        "traceparent": traceparent(start.conversation_id, turn),
    }


def _asked_for(call: Callable[..., Any], told: dict[str, Any]) -> dict[str, Any]:
    declared = _declared(call)
    return {name: value for name, value in told.items() if name in declared}


def _declared(call: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(call).parameters)
    except (TypeError, ValueError):
        return set()  # a callable of C says nothing of itself


def _answers(target: type) -> bool:
    # every class can be called, to make it; what counts is what its instances have
    return callable(getattr(target, "reply", None)) or any("__call__" in vars(base) for base in target.__mro__)


def _takes_any(call: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(call).parameters.values())
