"""Conversations that went through the gateway, put together and stored off the request path. What is lost counts."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, Turn
from assay.contracts.feedback import Feedback
from assay.contracts.stage import AgentRef

log = structlog.get_logger("assay")

LONGEST = 200_000
"""Bytes of one answer that are kept."""
PRODUCTION, SHADOW, TAKEN_OVER = "production", "shadow", "taken-over"
"""What an answer was: one that counts; one that nobody saw; the champion's, given because the challenger gave none."""
Write = Callable[[Sequence[Conversation], str], None]
"""Stores conversations of one kind; may fail, and is tried again."""
WriteFeedback = Callable[[Sequence[Feedback]], None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer, as it went over the wire."""

    conversation_id: str
    agent: AgentRef
    kind: str
    started_at: float
    latency_s: float
    first_byte_s: float | None
    status: int
    """0: there was no answer."""
    streamed: bool
    request: bytes
    response: bytes


@dataclass
class _Open:
    """A conversation that may go on."""

    exchanges: list[Exchange] = field(default_factory=list)
    last: float = 0.0


@dataclass
class Recorder:
    """Takes exchanges without waiting; a task of its own writes what is complete.

    While the store is down conversations wait, so many at the most; what comes on top is dropped and counted.
    """

    write: Write
    write_feedback: WriteFeedback | None = None
    """None: no feedback is taken."""
    idle_s: float = 20.0
    """A conversation that is silent for so long is written."""
    flush_s: float = 1.0
    most_waiting: int = 10_000
    """Exchanges and conversations held in memory."""
    dropped: int = 0
    written: int = 0
    failures: int = 0
    feedback_written: int = 0
    _said: deque[tuple[float, Feedback]] = field(default_factory=deque)
    _inbox: deque[Exchange] = field(default_factory=deque)
    _open: dict[tuple[str, str], _Open] = field(default_factory=dict)
    _ready: deque[tuple[Conversation, str]] = field(default_factory=deque)
    _held: int = 0
    _task: asyncio.Task[None] | None = None

    def record(self, exchange: Exchange) -> None:
        """On the request path: a check and an append."""
        if self._held >= self.most_waiting:
            self.dropped += 1
            return
        self._held += 1
        self._inbox.append(exchange)

    def take(self, item: Feedback) -> bool:
        """Feedback, kept until its conversation is stored. False: none is taken, or too much is waiting."""
        if self.write_feedback is None or len(self._said) >= self.most_waiting:
            return False
        self._said.append((time.monotonic(), item))
        return True

    @property
    def waiting(self) -> int:
        return self._held

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Writes what there is, however fresh; what cannot be written in time is dropped and counted."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._sort(float("inf"))
        ends = time.monotonic() + timeout_s
        while self._ready and time.monotonic() < ends:
            if not await self._flush():
                await asyncio.sleep(0.2)
        self.dropped += len(self._ready)
        self._ready.clear()
        await self._flush_feedback(float("inf"))

    async def _run(self) -> None:
        pause = self.flush_s
        while True:
            await asyncio.sleep(pause)
            self._sort(time.monotonic())
            stored = await self._flush() and await self._flush_feedback(time.monotonic())
            pause = self.flush_s if stored else min(30.0, pause * 2)

    def _sort(self, now: float) -> None:
        """Exchanges to their conversations, and conversations that have ended to those that are written."""
        while self._inbox:
            exchange = self._inbox.popleft()
            found = self._open.setdefault((exchange.conversation_id, exchange.kind), _Open())
            found.exchanges.append(exchange)
            found.last = time.monotonic()
        for key, found in [*self._open.items()]:
            if now - found.last >= self.idle_s:
                del self._open[key]
                self._held -= len(found.exchanges) - 1
                self._ready.append((conversation_of(found.exchanges), key[1]))

    async def _flush(self) -> bool:
        """True: nothing is left that could be written. A batch that fails stays and is tried again."""
        while self._ready:
            kind = self._ready[0][1]
            batch = [conversation for conversation, of in list(self._ready)[:100] if of == kind]
            try:
                await asyncio.to_thread(self.write, batch, kind)
            except Exception as error:
                self.failures += 1
                log.warning("conversations not stored yet", waiting=self._held, error=type(error).__name__)
                return False
            names = {conversation.conversation_id for conversation in batch}
            self._ready = deque(row for row in self._ready if not (row[1] == kind and row[0].conversation_id in names))
            self._held -= len(batch)
            self.written += len(batch)
        return True

    async def _flush_feedback(self, now: float) -> bool:
        """What was said long enough ago for its conversation to be stored."""
        ripe = [item for at, item in self._said if now - at > self.idle_s + 2 * self.flush_s]
        if not ripe or self.write_feedback is None:
            return True
        try:
            await asyncio.to_thread(self.write_feedback, ripe)
        except Exception as error:
            self.failures += 1
            log.warning("feedback not stored yet", waiting=len(self._said), error=type(error).__name__)
            return False
        for _ in ripe:
            self._said.popleft()
        self.feedback_written += len(ripe)
        return True


def conversation_of(exchanges: Sequence[Exchange]) -> Conversation:
    """One conversation of all requests of a session.

    A chat-completions request brings the whole history, so the last one tells what was said before; a plain request
    is a turn of its own.
    """
    ordered = sorted(exchanges, key=lambda exchange: exchange.started_at)
    first, last = ordered[0], ordered[-1]
    history = _messages(last.request)
    measured = {text: exchange for exchange in ordered if (text := _answer(exchange)) is not None}
    turns: list[Turn] = []
    if history is not None:
        for role, text in history:
            turns.append(_turn(text, measured.get(text)) if role == "agent" else Turn(role="user", text=text))
        if (answer := _answer(last)) is not None:
            turns.append(_turn(answer, last))
    else:
        for exchange in ordered:
            turns.append(Turn(role="user", text=_text(exchange.request)))
            if (answer := _answer(exchange)) is not None:
                turns.append(_turn(answer, exchange))
    failed = next((exchange for exchange in ordered if exchange.status == 0 or exchange.status >= 500), None)
    return Conversation(
        conversation_id=first.conversation_id,
        scenario_id="production",
        trial=0,
        seed=0,
        agent=last.agent,
        turns=tuple(turns),
        stop_reason=StopReason.AGENT_ERROR if failed else StopReason.IMPORTED,
        error=_error(failed) if failed else None,
        started_at=datetime.fromtimestamp(first.started_at, tz=UTC),
        duration_s=max(0.0, last.started_at + last.latency_s - first.started_at),
    )


def _turn(text: str, exchange: Exchange | None) -> Turn:
    if exchange is None:
        return Turn(role="agent", text=text)
    usage = _usage(exchange)
    return Turn(
        role="agent",
        text=text,
        latency_s=exchange.latency_s,
        first_token_s=exchange.first_byte_s if exchange.streamed else None,
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
    )


def _error(exchange: Exchange) -> CallFailed:
    if exchange.status == 0:
        return CallFailed(cause=FailureCause.REFUSED, detail="the agent gave no answer")
    cause = FailureCause.TIMEOUT if exchange.status == 504 else FailureCause.SERVER_ERROR
    return CallFailed(cause=cause, detail=f"the agent answered with status {exchange.status}")


def _messages(body: bytes) -> list[tuple[str, str]] | None:
    """User's and agent's words of a chat-completions request; None: it is none."""
    loaded = _json(body)
    messages = loaded.get("messages") if isinstance(loaded, dict) else None
    if not isinstance(messages, list):
        return None
    said = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role in ("user", "assistant"):
            said.append(("agent" if role == "assistant" else "user", _content(message.get("content"))))
    return said


def _answer(exchange: Exchange) -> str | None:
    """The agent's words; None: it gave none."""
    if exchange.status == 0 or exchange.status >= 400:
        return None
    if exchange.streamed:
        return "".join(_deltas(exchange.response))
    loaded = _json(exchange.response)
    if isinstance(loaded, dict) and isinstance(loaded.get("choices"), list) and loaded["choices"]:
        message = loaded["choices"][0].get("message") or {}
        return _content(message.get("content"))
    return _text(exchange.response)


def _deltas(response: bytes) -> list[str]:
    """What a stream of server-sent events says, piece by piece."""
    pieces = []
    for line in response.decode("utf-8", errors="replace").splitlines():
        if line.startswith("data:") and (data := line[5:].strip()) != "[DONE]":
            loaded = _json(data.encode())
            choices = loaded.get("choices") if isinstance(loaded, dict) else None
            if choices:
                pieces.append(_content((choices[0].get("delta") or {}).get("content")))
            elif choices is None:
                pieces.append(data)
    return pieces


def _usage(exchange: Exchange) -> dict[str, int]:
    loaded = _json(exchange.response) if not exchange.streamed else None
    usage = loaded.get("usage") if isinstance(loaded, dict) else None
    if not isinstance(usage, dict):
        return {}
    return {name: value for name, value in usage.items() if isinstance(value, int) and value >= 0}


def _content(content: object) -> str:
    match content:
        case str():
            return content
        case list():
            return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        case _:
            return ""


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _text(body: bytes) -> str:
    return body[:LONGEST].decode("utf-8", errors="replace")
