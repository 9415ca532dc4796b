"""Where agents' answers come in: whatever one sends or raises becomes a reply that can be stored, or a CallError."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from assay.connectors.protocol import AgentReply, Connector, ConversationStart, Dialogue, call_error
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, ToolCall, Turn
from assay.contracts.text import clean
from assay.errors import AssayError
from assay.protocols import read_count, split_reasoning, storable


class Door:
    """A connector, whoever wrote it, that raises nothing but Assay's own errors."""

    def __init__(self, inner: Connector) -> None:
        self.inner = inner

    async def open(self, start: ConversationStart) -> "DoorDialogue":
        try:
            return DoorDialogue(await self.inner.open(start))
        except AssayError:
            raise
        except Exception as error:
            raise call_error(FailureCause.AGENT_EXCEPTION, f"it cannot be opened: {_told(error)}") from error


class DoorDialogue:
    def __init__(self, inner: Dialogue) -> None:
        self.inner = inner

    async def reply(self, user_text: str) -> AgentReply:
        try:
            return _storable(await self.inner.reply(user_text))
        except AssayError:
            raise
        except Exception as error:
            raise call_error(FailureCause.BAD_ANSWER, f"the answer cannot be read: {_told(error)}") from error

    def resume(self, turns: Sequence[Turn], state: JsonObject | None) -> bool:
        resume = getattr(self.inner, "resume", None)
        if resume is None:
            return False
        try:
            return bool(resume(turns, state))
        except Exception:
            return False  # then the conversation begins again

    async def close(self) -> None:
        """What fails here is past the last answer, so that nothing is lost by it."""
        close = getattr(self.inner, "close", None)
        if close is not None:
            with suppress(Exception):
                await close()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _storable(reply: object) -> AgentReply:
    """Raises CallError, bad_answer, for what is no reply."""
    if not isinstance(reply, AgentReply) or not isinstance(reply.text, str):
        raise call_error(
            FailureCause.BAD_ANSWER, f"the connector gave a {type(reply).__name__}: give an AgentReply with a text"
        )
    split = split_reasoning(reply.text)
    reasoning = reply.reasoning or split.reasoning
    return replace(
        reply,
        text=clean(split.text),
        tool_calls=tuple(_stored_call(call) for call in reply.tool_calls),
        input_tokens=read_count(reply.input_tokens),
        output_tokens=read_count(reply.output_tokens),
        cost_usd=_cost(reply.cost_usd),
        refusal=clean(reply.refusal) if reply.refusal else None,
        reasoning=clean(reasoning) if reasoning else None,
        state=None if reply.state is None else storable(reply.state),
    )


def _stored_call(call: ToolCall) -> ToolCall:
    return ToolCall(
        name=clean(call.name),
        arguments=storable(call.arguments),
        result=storable(call.result),
        error=None if call.error is None else clean(call.error),
    )


def _cost(cost: Decimal | None) -> Decimal | None:
    return cost if cost is not None and cost.is_finite() and cost >= 0 else None
