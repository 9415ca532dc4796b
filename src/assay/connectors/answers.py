"""Reading what agents answer: text, tool calls, state and counts, however they spell them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from assay.connectors.protocol import call_error, shortened
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, FinishReason, ToolCall
from assay.protocols import read_count, read_finish_reason, storable
from assay.protocols.tool_calls import UNNAMED, read_call


@dataclass(frozen=True, slots=True)
class Answer:
    """An AgentReply without the times."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    state: JsonObject | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    finish_reason: FinishReason | None = None
    refusal: str | None = None
    reasoning: str | None = None


def read_answer(answer: object) -> Answer:
    """A string; a mapping with `text` (or `content`); or an object with these attributes.

    Besides the text it may hold tool_calls, state, input_tokens, output_tokens, cost_usd, finish_reason, refusal and
    reasoning; the rest is the agent's own business. Raises CallError, bad_answer, for anything else.
    """
    if isinstance(answer, str):
        return Answer(text=answer)
    text = _field(answer, "text")
    text = _field(answer, "content") if text is None else text
    refusal = _words(_field(answer, "refusal"))
    text = refusal if text is None and refusal else text
    if not isinstance(text, str):
        raise call_error(
            FailureCause.BAD_ANSWER,
            f"the agent answered with {_shown(answer)}: answer with a string, or with a mapping or object that has "
            "a string `text`",
        )
    return Answer(
        text=text,
        tool_calls=read_tool_calls(_field(answer, "tool_calls")),
        state=read_state(_field(answer, "state")),
        input_tokens=read_count(_field(answer, "input_tokens")),
        output_tokens=read_count(_field(answer, "output_tokens")),
        cost_usd=_cost(_field(answer, "cost_usd")),
        finish_reason=read_finish_reason(_field(answer, "finish_reason")),
        refusal=refusal,
        reasoning=_words(_field(answer, "reasoning")),
    )


def read_tool_calls(calls: object) -> tuple[ToolCall, ...]:
    """Mappings or objects with `name`, `arguments`, `result`, `error`, or as chat completions write them.

    None: none were made. Raises CallError, bad_answer, for what is no list of calls.
    """
    if calls is None:
        return ()
    if not isinstance(calls, list | tuple):
        raise call_error(FailureCause.BAD_ANSWER, f"tool_calls is {_shown(calls)}: give a list of calls")
    return tuple(_tool_call(call) for call in calls)


def read_state(state: object) -> JsonObject | None:
    """A copy that later turns do not change. Raises CallError, bad_answer, for what is no JSON object."""
    if state is None:
        return None
    if not isinstance(state, Mapping):
        raise call_error(FailureCause.BAD_ANSWER, f"state is {_shown(state)}: give a JSON object")
    return _plain(dict(state), "state")


def _tool_call(call: object) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    given = call if isinstance(call, Mapping) else {name: getattr(call, name, None) for name in _CALL_FIELDS}
    given = {name: value for name, value in given.items() if value is not None}
    if (function := given.get("function")) is not None and not isinstance(function, str | Mapping):
        given["function"] = {name: getattr(function, name, None) for name in ("name", "arguments")}
    found = read_call(given)
    if found is None or found.name == UNNAMED:
        raise call_error(FailureCause.BAD_ANSWER, f"tool_calls holds {_shown(call)}: a call has a `name`")
    _plain(given.get("arguments"), f"the arguments of {found.name}")
    _plain(given.get("result"), f"the result of {found.name}")
    return found.whole()


_CALL_FIELDS = ("id", "name", "function", "arguments", "args", "input", "result", "error")


def _cost(cost: object) -> Decimal | None:
    if cost is None or isinstance(cost, bool):
        return None
    try:
        usd = Decimal(str(cost))
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and usd >= 0 else None


def _words(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _field(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)


def _plain(value: object, what: str) -> Any:
    try:
        return storable(json.loads(json.dumps(value, allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise call_error(FailureCause.BAD_ANSWER, f"{what} is no JSON ({error})") from error


def _shown(value: object) -> str:
    return f"a {type(value).__name__}, {shortened(repr(value))[:80]}"
