"""Reading what agents answer: text, tool calls, state and counts, however they spell them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from assay.connectors.protocol import call_error, shortened
from assay.contracts.base import JsonObject
from assay.contracts.conversation import FailureCause, ToolCall
from assay.protocols import read_arguments, read_count


@dataclass(frozen=True, slots=True)
class Answer:
    """An AgentReply without the times."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    state: JsonObject | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None


def read_answer(answer: object) -> Answer:
    """A string; a mapping with `text` (or `content`); or an object with these attributes.

    Besides the text it may hold tool_calls, state, input_tokens, output_tokens and cost_usd; the rest is the
    agent's own business. Raises CallError, bad_answer, for anything else.
    """
    if isinstance(answer, str):
        return Answer(text=answer)
    text = _field(answer, "text")
    text = _field(answer, "content") if text is None else text
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
    function = _field(call, "function")
    name = _field(call if function is None else function, "name")
    if not isinstance(name, str):
        raise call_error(FailureCause.BAD_ANSWER, f"tool_calls holds {_shown(call)}: a call has a `name`")
    error = _field(call, "error")
    return ToolCall(
        name=name,
        arguments=read_arguments(_field(call if function is None else function, "arguments")),
        result=_plain(_field(call, "result"), f"the result of {name}"),
        error=None if error is None else str(error),
    )


def _cost(cost: object) -> Decimal | None:
    if cost is None or isinstance(cost, bool):
        return None
    try:
        usd = Decimal(str(cost))
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and usd >= 0 else None


def _field(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)


def _plain(value: object, what: str) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise call_error(FailureCause.BAD_ANSWER, f"{what} is no JSON ({error})") from error


def _shown(value: object) -> str:
    return f"a {type(value).__name__}, {shortened(repr(value))[:80]}"
