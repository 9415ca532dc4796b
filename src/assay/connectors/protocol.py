"""What every connector gives and takes, and what of a call is the same for all kinds."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol, TypedDict

from assay.contracts.base import JsonObject
from assay.contracts.conversation import CallFailed, FailureCause, FinishReason, ToolCall, Turn
from assay.errors import CallError
from assay.protocols import Answer

DETAIL_CHARS = 300
"""How much of a server's or an agent's own words goes into an error."""


class Message(TypedDict):
    """As in chat completions."""

    role: Literal["user", "assistant"]
    content: str


def messages_of(turns: Sequence[Turn]) -> list[Message]:
    """What was said, as chat completions write it."""
    return [{"role": "user" if turn.role == "user" else "assistant", "content": turn.text} for turn in turns]


@dataclass(frozen=True, slots=True)
class ConversationStart:
    """What a conversation begins with."""

    conversation_id: str
    """32 hex digits, the W3C trace id too."""
    scenario_id: str
    seed: int
    initial_state: JsonObject | None = None
    """The world before the first turn; None: the agent's own."""


@dataclass(frozen=True, slots=True)
class AgentReply:
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    latency_s: float = 0.0
    """Of the call that was answered; what waiting for earlier tries took is not in it."""
    first_token_s: float | None = None
    """None: the answer came whole."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    """None: the agent does not say."""
    cost_usd: Decimal | None = None
    """None: the agent does not say."""
    finish_reason: FinishReason | None = None
    """None: the agent does not say."""
    refusal: str | None = None
    """Its words where the agent marks them as a refusal; they are in `text` too."""
    reasoning: str | None = None
    """What it thought, apart from what it said."""
    state: JsonObject | None = None
    """The world as the agent now shows it; None: it shows none."""
    replayed: bool = False
    """True: it came from a recording."""


class Dialogue(Protocol):
    """One conversation. Its turns come one after the other."""

    async def reply(self, user_text: str) -> AgentReply:
        """The agent's answer. Raises CallError with its cause."""
        ...

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        """Goes on after these turns, which an earlier process had, and the world that they left.

        False: this agent keeps more than the words, so the conversation has to begin again.
        """
        ...

    async def close(self) -> None: ...


class Connector(Protocol):
    """How one agent is reached. Any number of conversations may be open at a time."""

    async def open(self, start: ConversationStart) -> Dialogue:
        """Raises CallError where the agent cannot be reached or made."""
        ...


@asynccontextmanager
async def converse(connector: Connector, start: ConversationStart) -> AsyncIterator[Dialogue]:
    """A conversation that is closed at the end."""
    dialogue = await connector.open(start)
    try:
        yield dialogue
    finally:
        await dialogue.close()


def traceparent(conversation_id: str, turn: int) -> str:
    """W3C trace context. `turn` is the agent's turn, an index into the conversation's turns.

    The parent is the span that this turn will have in the conversation's trace (the same digits as
    tracking.turn_span_id), so the agent's own spans hang below it.
    """
    span_id = hashlib.sha256(f"{conversation_id}/turn/{turn}".encode()).hexdigest()[:16]
    return f"00-{conversation_id}-{span_id}-01"


def reply_of(answer: Answer, *, latency_s: float, first_token_s: float | None = None) -> AgentReply:
    """An LLM server's answer as the agent's."""
    return AgentReply(
        text=answer.text,
        tool_calls=answer.tool_calls,
        latency_s=latency_s,
        first_token_s=first_token_s,
        input_tokens=answer.usage.input,
        output_tokens=answer.usage.output,
        finish_reason=answer.finish_reason,
        refusal=answer.refusal,
        reasoning=answer.reasoning,
    )


def call_error(cause: FailureCause, detail: str, attempts: int = 1) -> CallError:
    return CallError(CallFailed(cause=cause, detail=shortened(detail), attempts=attempts))


def shortened(text: str) -> str:
    """One line of at most DETAIL_CHARS."""
    line = " ".join(text.split())
    return line if len(line) <= DETAIL_CHARS else line[: DETAIL_CHARS - 1] + "…"
