"""What was said, out of the many shapes in which a trace's inputs and outputs hold it. Pure functions on JSON."""

import json
from collections.abc import Sequence
from typing import Any

from assay.contracts.conversation import ToolCall, Turn

ASKED = ("messages", "input", "inputs", "request", "question", "query", "prompt", "message", "text", "content")
ANSWERED = (
    "choices",
    "messages",
    "output",
    "outputs",
    "response",
    "answer",
    "reply",
    "result",
    "message",
    "content",
    "text",
)
NOTHING = (None, "", {}, [])


def asked_turns(inputs: Any) -> list[Turn]:
    """The turns that led to the answer: one user turn, or a whole history where the inputs hold messages."""
    messages = _messages(inputs, ASKED)
    if messages is None:
        return [] if inputs in NOTHING else [Turn(role="user", text=_text(inputs, ASKED))]
    return _turns(messages)


def answered_turns(outputs: Any) -> list[Turn]:
    """The agent's answer; its last word where the outputs repeat the whole history."""
    messages = _messages(outputs, ANSWERED)
    if messages is None:
        return [] if outputs in NOTHING else [Turn(role="agent", text=_text(outputs, ANSWERED))]
    turns = _turns([{"role": "assistant"} | message if "type" not in message else message for message in messages])
    agent = [turn for turn in turns if turn.role == "agent"]
    return agent[-1:]


def _turns(messages: Sequence[dict[str, Any]]) -> list[Turn]:
    """Messages with tool calls and their results are one turn with what the agent said after them."""
    turns: list[Turn] = []
    calls: dict[str, ToolCall] = {}
    for message in messages:
        text = _content(message.get("content"))
        match str(message.get("role") or message.get("type")):
            case "user" | "human":
                turns += _pending(calls, "")
                turns.append(Turn(role="user", text=text))
            case "assistant" | "ai" | "agent" | "model" | "message":
                calls |= dict(_calls(message))
                if text or not calls:
                    turns += _pending(calls, text) or [Turn(role="agent", text=text)]
            case "function_call":
                call = ToolCall(name=str(message.get("name")), arguments=_object(message.get("arguments")))
                calls[str(message.get("call_id") or len(calls))] = call
            case "tool" | "function" | "function_call_output":
                name = str(message.get("tool_call_id") or message.get("call_id") or message.get("name"))
                result = _json(message.get("output", text))
                if name in calls:
                    calls[name] = calls[name].replace(result=result)
            case _:
                continue  # system and developer messages are not said in the conversation
    return turns + _pending(calls, "")


def _pending(calls: dict[str, ToolCall], text: str) -> list[Turn]:
    """The agent's turn that these calls belong to, and no calls left; empty where there were none."""
    if not calls:
        return []
    turn = Turn(role="agent", text=text, tool_calls=tuple(calls.values()))
    calls.clear()
    return [turn]


def _calls(message: dict[str, Any]) -> list[tuple[str, ToolCall]]:
    found = []
    for number, call in enumerate(message.get("tool_calls") or ()):
        if isinstance(call, dict):
            function = call.get("function") if isinstance(call.get("function"), dict) else call
            arguments = function.get("arguments", function.get("args"))
            name = str(call.get("id") or number)
            found.append((name, ToolCall(name=str(function.get("name")), arguments=_object(arguments))))
    return found


def _messages(value: Any, keys: Sequence[str]) -> list[dict[str, Any]] | None:
    """Chat messages in it, wherever they stand; None: there are none."""
    value = _json(value)
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        return rows if len(rows) == len(value) and any(_is_message(row) for row in rows) else None
    if isinstance(value, dict):
        if isinstance(value.get("choices"), list) and value["choices"]:
            message = value["choices"][0].get("message") if isinstance(value["choices"][0], dict) else None
            return [message] if isinstance(message, dict) else None
        if _is_message(value):
            return [value]
        for key in keys:
            if key in value and (found := _messages(value[key], keys)) is not None:
                return found
        if len(value) == 1:
            return _messages(next(iter(value.values())), keys)
    return None


def _is_message(value: dict[str, Any]) -> bool:
    if "role" in value:
        return "content" in value or "tool_calls" in value
    if value.get("type") in ("function_call", "function_call_output"):
        return True
    return value.get("type") in ("human", "ai", "tool", "system", "message") and "content" in value


def _text(value: Any, keys: Sequence[str]) -> str:
    """The words, where they are plain; else all of it as JSON."""
    value = _json(value)
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in keys:
            if isinstance(value.get(key), str):
                return value[key]
        if len(value) == 1:
            return _text(next(iter(value.values())), keys)
        for key in keys:
            if isinstance(value.get(key), dict):
                return _text(value[key], keys)
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def _content(content: Any) -> str:
    """Plain text, or the text among a message's parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "\n".join(part for part in parts if isinstance(part, str))
    return json.dumps(content, ensure_ascii=False)


def _json(value: Any) -> Any:
    """JSON that was kept as text, read; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _object(value: Any) -> dict[str, Any]:
    found = _json(value)
    if isinstance(found, dict):
        return found
    return {} if found in (None, "") else {"value": found}
