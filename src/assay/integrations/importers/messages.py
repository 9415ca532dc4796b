"""Chat messages as OpenAI writes them, folded into turns."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from assay.contracts.base import JsonObject
from assay.contracts.conversation import ToolCall, Turn
from assay.errors import BadInput


def turns_of(messages: Sequence[Mapping[str, Any]], where: str) -> tuple[Turn, ...]:
    """User and assistant messages as turns; tool calls and their results go with the agent turn that they lead to.

    Raises BadInput for a role that is none. System messages are left out: they are the agent's, not said.
    """
    turns: list[Turn] = []
    pending: list[ToolCall] = []
    for place, message in enumerate(messages):
        content = _text(message.get("content"))
        match message.get("role"):
            case "user":
                turns.append(Turn(role="user", text=content))
            case "assistant" if message.get("tool_calls"):
                pending += [_call(call, f"{where}: messages.{place}") for call in message["tool_calls"]]
                if content:
                    turns.append(Turn(role="agent", text=content, tool_calls=tuple(pending)))
                    pending = []
            case "assistant":
                turns.append(Turn(role="agent", text=content, tool_calls=tuple(pending)))
                pending = []
            case "tool" | "function":
                pending = _answered(pending, turns, content)
            case "system" | "developer":
                continue
            case role:
                raise BadInput(
                    f"{where}: messages.{place}.role: {role!r} is no role: use user, assistant, tool or system"
                )
    if pending:
        turns.append(Turn(role="agent", text="", tool_calls=tuple(pending)))
    return tuple(turns)


def _answered(pending: list[ToolCall], turns: list[Turn], content: str) -> list[ToolCall]:
    """The result goes to the first call that has none yet."""
    if any(call.result is None for call in pending):
        return _with_result(pending, content)
    if turns and turns[-1].role == "agent" and turns[-1].tool_calls:
        turns[-1] = turns[-1].replace(tool_calls=tuple(_with_result(turns[-1].tool_calls, content)))
    return pending


def _with_result(calls: Sequence[ToolCall], content: str) -> list[ToolCall]:
    """With this result on the first call that has none; where all have one, on the last."""
    place = next((place for place, call in enumerate(calls) if call.result is None), len(calls) - 1)
    error = content if content.lower().startswith("error") else None
    return [*calls[:place], calls[place].replace(result=content, error=error), *calls[place + 1 :]]


def _call(call: Mapping[str, Any], where: str) -> ToolCall:
    function = call.get("function", call)
    if "name" not in function:
        raise BadInput(f"{where}.tool_calls: a call has no name")
    arguments = function.get("arguments") or {}
    return ToolCall(name=function["name"], arguments=_arguments(arguments))


def _arguments(arguments: str | JsonObject) -> JsonObject:
    """Models write malformed arguments too: those are kept as they stand."""
    if not isinstance(arguments, str):
        return dict(arguments)
    try:
        loaded = json.loads(arguments)
    except json.JSONDecodeError:
        return {"unreadable": arguments}
    return loaded if isinstance(loaded, dict) else {"value": loaded}


def _text(content: Any) -> str:
    match content:
        case None:
            return ""
        case str():
            return content
        case list():
            return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
        case _:
            return str(content)
