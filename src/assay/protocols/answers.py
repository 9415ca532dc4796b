"""Whole answers of LLM servers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from assay.contracts.conversation import FailureCause, FinishReason, ToolCall
from assay.protocols.errors import UnusableAnswer, find_error
from assay.protocols.finish import read_finish_reason
from assay.protocols.messages import Folding, Message, finish_of, is_message, read_message
from assay.protocols.parts import text_of
from assay.protocols.usage import Tokens, read_usage
from assay.protocols.values import storable


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whoever's protocol it speaks."""

    text: str
    """What is said to the user, a refusal included."""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    refusal: str | None = None
    finish_reason: FinishReason | None = None
    usage: Tokens = field(default_factory=Tokens)
    model: str | None = None
    """As the server names it."""
    response_id: str | None = None


def read_answer(body: Any) -> Answer:
    """A JSON body as an answer: a chat completion (or a legacy one), Anthropic's message, a Responses object, Gemini's
    candidates, Ollama's, Cohere's or Bedrock's message, or a list of a stream's chunks.

    Raises UnusableAnswer, with the server's error where the body holds one, for anything else.
    """
    if error := find_error(body):
        raise UnusableAnswer(error.cause, f"the answer is an error: {error.words}", error)
    answer = _read(body)
    if answer is None:
        raise UnusableAnswer(FailureCause.BAD_ANSWER, f"the answer is no chat completion: {shown(body)}")
    return answer


def shown(body: Any) -> str:
    """The body for an error message, cut short."""
    try:
        return storable(json.dumps(body, ensure_ascii=False, default=str))[:500]
    except (RecursionError, ValueError):
        return f"a {type(body).__name__}"


def answer_of(messages: list[Message], body: Mapping[str, Any], reason: object = None) -> Answer:
    """One answer of the messages that an agent gave in a row."""
    folding = Folding()
    for message in messages:
        folding.add(message)
    turns = [turn for turn in folding.turns() if turn.role == "agent"]
    finish = read_finish_reason(reason)
    refusal = "\n".join(turn.refusal for turn in turns if turn.refusal)
    last = next((turn.finish_reason for turn in reversed(turns) if turn.finish_reason), None)
    model, response_id = body.get("model") or body.get("modelVersion"), body.get("id") or body.get("responseId")
    return Answer(
        text="\n".join(turn.text for turn in turns if turn.text),
        tool_calls=tuple(call for turn in turns for call in turn.tool_calls),
        reasoning="\n".join(turn.reasoning for turn in turns if turn.reasoning) or None,
        refusal=refusal or None,
        finish_reason=finish_of(finish or last, refusal),
        usage=read_usage(body),
        model=storable(model) if isinstance(model, str) and model else None,
        response_id=storable(response_id) if isinstance(response_id, str) and response_id else None,
    )


def _read(body: Any) -> Answer | None:
    if isinstance(body, list):
        return _read_list(body)
    if not isinstance(body, Mapping):
        return None
    if isinstance(body.get("choices"), list) and body["choices"]:
        return _read_choices(body)
    if isinstance(body.get("candidates"), list) or isinstance(body.get("promptFeedback"), Mapping):
        return _read_gemini(body)
    if isinstance(body.get("output"), list) and (body.get("object") == "response" or _any_item(body["output"])):
        return _read_responses(body)
    if isinstance(body.get("output"), Mapping) and isinstance(body["output"].get("message"), Mapping):  # Bedrock
        return _one(body["output"]["message"], body, body.get("stopReason"))
    if body.get("role") in ("assistant", "model") and is_message(body):  # Anthropic
        return _one(body, body, body.get("stop_reason") or body.get("finish_reason"))
    if isinstance(body.get("message"), Mapping) and is_message(body["message"]):  # Ollama, Cohere
        return _one(body["message"], body, body.get("done_reason") or body.get("finish_reason"))
    return None


def _one(raw: Mapping[str, Any], body: Mapping[str, Any], reason: object) -> Answer | None:
    message = read_message({**raw, "role": "assistant"})
    return answer_of([message], body, reason) if message else None


def _read_choices(body: Mapping[str, Any]) -> Answer | None:
    choice = next((c for c in body["choices"] if isinstance(c, Mapping) and c.get("index") in (0, None)), None)
    choice = choice if choice is not None else body["choices"][0]
    if not isinstance(choice, Mapping):
        return None
    reason = choice.get("finish_reason") or choice.get("stop_reason") or choice.get("finishReason")
    message = choice.get("message", choice.get("delta"))
    if isinstance(message, Mapping):
        return _one(message, body, reason)
    if isinstance(choice.get("text"), str):
        return _one({"content": choice["text"]}, body, reason)
    return None


def _read_gemini(body: Mapping[str, Any]) -> Answer:
    feedback = body.get("promptFeedback")
    candidates = [row for row in body.get("candidates") or () if isinstance(row, Mapping)]
    if not candidates:
        blocked = isinstance(feedback, Mapping) and feedback.get("blockReason")
        return replace(
            answer_of([], body), finish_reason=FinishReason.CONTENT_FILTER if blocked else FinishReason.UNKNOWN
        )
    content = candidates[0].get("content")
    reason = candidates[0].get("finishReason") or candidates[0].get("finish_reason")
    raw = content if isinstance(content, Mapping) else {"content": text_of(content)}
    message = read_message({**raw, "role": "assistant"})
    return answer_of([message] if message else [], body, reason)


def _read_responses(body: Mapping[str, Any]) -> Answer:
    items = [read_message(item) for item in body["output"]]
    details = body.get("incomplete_details")
    reason = (details.get("reason") if isinstance(details, Mapping) else None) or body.get("status")
    return answer_of([item for item in items if item is not None], body, reason)


def _any_item(rows: list[Any]) -> bool:
    return any(is_message(row) for row in rows)


def _read_list(rows: list[Any]) -> Answer | None:
    from assay.protocols.streams import StreamedAnswer

    if rows and all(isinstance(row, Mapping) for row in rows):
        if all(is_message(row) for row in rows):
            messages = [message for row in rows if (message := read_message(row)) is not None]
            return answer_of([message for message in messages if message.role in ("agent", "tool")], {})
        stream = StreamedAnswer()
        for row in rows:
            stream.add(row)
        if stream.chunks and stream.error is None:
            return stream.answer()
    return None
