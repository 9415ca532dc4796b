"""What a caller and an agent said to each other, read from the bytes of a request and of its answer."""

import json
import secrets
from dataclasses import dataclass

from assay.contracts.base import JsonObject
from assay.contracts.conversation import CallFailed, FailureCause
from assay.contracts.exchange import Exchange
from assay.contracts.stage import AgentRef
from assay.contracts.text import clean
from assay.protocols import Answer, decompressed, messages_in, parse_json, read_message, read_response, storable
from assay.rollout.conversations import key_of

LONGEST = 2_000_000
"""Bytes of one answer that are kept."""
MOST_WORDS = 200_000
"""Characters of a body that is of no known protocol."""
READABLE = ("gzip", "x-gzip", "deflate", "identity")
"""Content encodings that can be read when an answer is stored."""
REFUSED = (401, 403, 404, 408, 429)
"""Statuses below 500 by which an agent fails its user, whatever was asked."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request with its answer, as it went over the wire."""

    thread: str
    """The session with one version (`thread_of`)."""
    told: str
    """The conversation that the caller was told."""
    agent: AgentRef
    kind: str
    started_at: float
    latency_s: float
    first_byte_s: float | None
    status: int
    """0: there was no answer."""
    request: bytes
    response: bytes
    exchange_id: str = ""
    streamed: bool = False
    encoding: str = ""
    """The answer's Content-Encoding."""
    target: str = ""
    """Method and path, for a request without a body."""
    failed: str | None = None
    """Why it counts as a failure, though its status alone does not say so; None: it does not."""
    cut: bool = False
    """True: the answer was longer than what is kept."""
    rollout_id: str = ""
    arm: str = ""


def new_exchange_id() -> str:
    return secrets.token_hex(8)


def read(recorded: Recorded) -> Exchange:
    """The messages, counts and error of a request. Raises ValueError for what cannot be stored at all."""
    asked, history = _asked(recorded)
    answer, error = _answered(recorded)
    messages: dict[str, JsonObject] = {}
    keys = []
    for message in asked:
        key = _key(message)
        if key is not None:
            messages.setdefault(key, message)
            keys.append(key)
    answered = None
    if answer is not None:
        message = _message(answer)
        answered = _key(message)
        assert answered is not None  # noqa: S101, an assistant's message is one
        messages.setdefault(answered, message)
    return Exchange(
        exchange_id=recorded.exchange_id,
        told=recorded.told,
        agent=recorded.agent,
        started_at=recorded.started_at,
        latency_s=recorded.latency_s,
        first_token_s=recorded.first_byte_s if recorded.streamed else None,
        asked=tuple(keys),
        history=history,
        answered=answered,
        messages=messages,
        input_tokens=answer.usage.input if answer else None,
        output_tokens=answer.usage.output if answer else None,
        error=error,
    )


def error_in(body: bytes, encoding: str = "") -> str | None:
    """What a whole answer with status 200 says went wrong; None: nothing."""
    failure = read_response(body, encoding=encoding).failure
    return failure.detail if failure is not None and failure.error is not None else None


def _asked(recorded: Recorded) -> tuple[list[JsonObject], bool]:
    """The request's messages, and whether they are the whole conversation."""
    try:
        body = parse_json(decompressed(recorded.request)) if recorded.request else None
    except ValueError:
        body = None
    if isinstance(body, dict):
        messages = messages_in(body)
        if messages is not None:
            known = [message for message in messages if isinstance(message, dict)]
            return known, not (body.get("previous_response_id") or body.get("conversation"))
        if isinstance(body.get("prompt"), str):
            return [_user(body["prompt"])], False
    text = clean(decompressed(recorded.request).decode("utf-8", errors="replace"))[:MOST_WORDS]
    return [_user(text or recorded.target)], False


def _answered(recorded: Recorded) -> tuple[Answer | None, CallFailed | None]:
    status = recorded.status
    if status == 0 and not recorded.response:
        return None, CallFailed(cause=FailureCause.REFUSED, detail=recorded.failed or "the agent gave no answer")
    response = read_response(recorded.response, status=status or 200, encoding=recorded.encoding)
    answer, failure = response.answer, response.failure
    if recorded.cut and answer is None and status < 400:
        return Answer(text=f"[an answer of more than {LONGEST} bytes]"), None
    if recorded.cut and failure is not None and failure.error is None:
        failure = None  # it did not break off, it was not kept
    if recorded.failed is not None:
        cause = failure.cause if failure else FailureCause.SERVER_ERROR
        return answer, CallFailed(cause=cause, detail=_detail(recorded.failed, failure))
    if failure is None:
        if answer is None:
            answer = Answer(text=clean(_plain(recorded))[:MOST_WORDS])
        return answer, None
    if 400 <= status < 500 and status not in REFUSED:
        return None, None  # what was asked was wrong, not the agent
    return answer, CallFailed(cause=failure.cause, detail=clean(failure.detail)[:2000])


def _detail(why: str, failure: Exception | None) -> str:
    return clean(f"{why}: {failure}" if failure and str(failure) not in why else why)[:2000]


def _plain(recorded: Recorded) -> str:
    unread = [name for name in recorded.encoding.lower().split(",") if name.strip() not in ("", *READABLE)]
    if unread:
        return f"[an answer in the encoding {unread[0].strip()[:20]}, which cannot be read]"
    return decompressed(recorded.response, recorded.encoding).decode("utf-8", errors="replace")


def _message(answer: Answer) -> JsonObject:
    """As a chat completion's message, which the one reader of messages reads again."""
    message: JsonObject = {"role": "assistant", "content": answer.text}
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in answer.tool_calls
        ]
    if answer.refusal:
        message["refusal"] = answer.refusal
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.finish_reason:
        message["finish_reason"] = answer.finish_reason.value
    return storable(message)


def _user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


def _key(message: JsonObject) -> str | None:
    """None: a system's message, or one of no known role."""
    found = read_message(message)
    return None if found is None or found.role in (None, "system") else key_of(found)
