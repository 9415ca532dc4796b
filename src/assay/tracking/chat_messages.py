"""What was said, out of the many shapes in which a trace's inputs and outputs hold it. Pure functions on JSON."""

import json
from collections.abc import Sequence
from typing import Any

from assay.contracts.conversation import Turn
from assay.protocols import Answer, UnusableAnswer, is_message, parse_json, read_answer, turns_of

ASKED = (
    *("messages", "contents", "input", "inputs", "request", "question", "query", "prompt", "message", "text"),
    "content",
)
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
ANSWERS = ("choices", "candidates", "promptFeedback")
"""Fields that an LLM server's answer has, and no message."""
NOTHING = (None, "", {}, [])


def asked_turns(inputs: Any) -> list[Turn]:
    """The turns that led to the answer: one user turn, or a whole history where the inputs hold messages."""
    messages = _messages(inputs, ASKED)
    if messages is None:
        return [] if inputs in NOTHING else [Turn(role="user", text=_text(inputs, ASKED))]
    return turns_of(messages)


def answered_turns(outputs: Any) -> list[Turn]:
    """The agent's answer; its last word where the outputs repeat the whole history."""
    if answer := _answer(outputs, ANSWERED):
        return [
            Turn(
                role="agent",
                text=answer.text,
                tool_calls=answer.tool_calls,
                finish_reason=answer.finish_reason,
                refusal=answer.refusal,
                reasoning=answer.reasoning,
            )
        ]
    messages = _messages(outputs, ANSWERED)
    if messages is None:
        return [] if outputs in NOTHING else [Turn(role="agent", text=_text(outputs, ANSWERED))]
    turns = turns_of([{"role": "assistant"} | message if "type" not in message else message for message in messages])
    return [turn for turn in turns if turn.role == "agent"][-1:]


def exchange(asked: list[Turn], answered: list[Turn]) -> list[Turn]:
    """A history and the answer to it. Calls at the history's end, whose results the answer rests on, are the
    answer's."""
    if not (asked and answered) or asked[-1].role != "agent" or asked[-1].text or not asked[-1].tool_calls:
        return [*asked, *answered]
    before, answer = asked[-1], answered[0]
    reasoning = "\n".join(part for part in (before.reasoning, answer.reasoning) if part)
    whole = answer.replace(tool_calls=(*before.tool_calls, *answer.tool_calls), reasoning=reasoning or None)
    return [*asked[:-1], whole, *answered[1:]]


_ROLE_OF_EVENT = {"user": "user", "assistant": "assistant", "tool": "tool", "system": "system"}


def read_events(events: Sequence[tuple[str, dict[str, Any]]]) -> tuple[Any, Any]:
    """(inputs, outputs) of a span's GenAI events, by OpenTelemetry's conventions.

    Up to 1.36 an event for each message (`gen_ai.user.message`, `gen_ai.choice`), since then one that holds them all
    (`gen_ai.client.inference.operation.details`).
    """
    asked: list[Any] = []
    answered: list[Any] = []
    for name, attributes in events:
        if "gen_ai.input.messages" in attributes or "gen_ai.output.messages" in attributes:
            asked += _rows(attributes.get("gen_ai.input.messages"))
            answered += _rows(attributes.get("gen_ai.output.messages"))
        elif name == "gen_ai.choice":
            message = _json(attributes.get("message", attributes.get("gen_ai.event.content")))
            message = message.get("message", message) if isinstance(message, dict) else {"content": message}
            answered.append({**attributes, **message, "role": "assistant"})
        elif name.startswith("gen_ai.") and name.endswith(".message"):
            role = _ROLE_OF_EVENT.get(name.split(".")[1])
            body = _json(attributes.get("gen_ai.event.content"))
            body = body if isinstance(body, dict) else {}
            message = {key: _json(value) if key == "tool_calls" else value for key, value in attributes.items()}
            if role is not None:
                made = {**message, **body, "role": role}
                asked.append({**made, "tool_call_id": made.get("id")} if role == "tool" else made)
    return asked, answered


def _rows(value: Any) -> list[Any]:
    value = _json(value)
    return value if isinstance(value, list) else [] if value is None else [value]


def _answer(value: Any, keys: Sequence[str]) -> Answer | None:
    """An LLM server's answer in it, whole or as the list of its chunks; None: there is none."""
    value = _json(value)
    if isinstance(value, list):
        of_answer = any(isinstance(row, dict) and (row.keys() & {*ANSWERS, "delta"}) for row in value)
        return _read(value) if of_answer else None
    if not isinstance(value, dict) or is_message(value):
        return None
    if value.keys() & {*ANSWERS} or (value.get("object") == "response" and isinstance(value.get("output"), list)):
        return _read(value)
    for key in keys:
        if (found := _answer(value.get(key), keys)) is not None:
            return found
    return _answer(next(iter(value.values())), keys) if len(value) == 1 else None


def _read(value: Any) -> Answer | None:
    try:
        return read_answer(value)
    except UnusableAnswer:
        return None


def _messages(value: Any, keys: Sequence[str]) -> list[dict[str, Any]] | None:
    """Chat messages in it, wherever they stand; None: there are none."""
    value = _json(value)
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        if value and len(rows) < len(value) and all(isinstance(row, list) for row in value):
            return _messages(value[0], keys)  # LangChain asks in batches
        return rows if len(rows) == len(value) and any(is_message(row) for row in rows) else None
    if isinstance(value, dict):
        if is_message(value):
            return [value]
        for key in keys:
            if key in value and (found := _messages(value[key], keys)) is not None:
                return found
        if len(value) == 1:
            return _messages(next(iter(value.values())), keys)
    return None


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


def _json(value: Any) -> Any:
    """JSON that was kept as text, read; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return parse_json(value)
        except ValueError:
            return value
    return value
