"""Texts that are the error message of a server, a network or an LLM provider, told from texts that speak of one.

A text is one only where it begins as machines begin: with a status line, the name of an exception, a JSON error body,
a page of a proxy, a label such as `Error:` before words of such a fault, or a provider's own sentence; or where a short
preface says that something failed and one of these follows. A word in the middle of a sentence is never enough.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.contracts.conversation import FailureCause
from assay.evaluation.error_wordings import (
    ALONE,
    APOLOGY,
    BARE_NUMBER,
    CODE_KEYS,
    CODES,
    DISTINCT,
    FAILED,
    INNER_KEYS,
    LABEL,
    LABELLED,
    MESSAGE_KEYS,
    NAME_KEYS,
    NAMED,
    NAMES,
    OPERATION,
    PAGE_TITLE,
    PLAIN,
    RETRIED,
    RPC,
    SERVER_ERROR,
    SPOKEN_TO,
    STATUS,
    STATUS_KEYS,
    STATUS_LINES,
    TALK,
    TITLE,
    WRAPPERS,
)

LONGEST = 20_000
"""Characters of a text that are read."""
LONGEST_SENTENCE = 1_500
"""Characters of a provider's sentence that stands without a label; longer texts are articles or answers."""
SHOWN = 160
DEEPEST = 5


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What an error message says went wrong, and the words that say so."""

    cause: FailureCause
    words: str


def spoken_error(text: str) -> ErrorMessage | None:
    """An agent's turn that is nothing but an error message. None: it is talk, or an error of another kind."""
    text = _bare(text)
    return _from_page_or_json(text) or _from_text(text, talk=True) or _after_preface(text)


def returned_error(result: Any) -> ErrorMessage | None:
    """A tool's result (any JSON value) that is an error message."""
    return _from_result(result, depth=0)


def raised_error(text: str) -> ErrorMessage | None:
    """What is known to be a tool's error, where it is one of infrastructure and not of what was asked."""
    text = _bare(text)
    return _from_page_or_json(text) or _from_text(text, labelled=True) or _after_preface(text)


def _bare(text: str) -> str:
    """Without a code fence, quotes and signs of warning around it."""
    text = text[:LONGEST].strip()
    if fenced := re.fullmatch(r"```\w*\s*(.*?)\s*```", text, re.DOTALL):
        text = fenced.group(1)
    return re.sub(r"^[^\w{<\[(\"']+", "", text).strip()


def _found(cause: FailureCause, text: str) -> ErrorMessage:
    words = " ".join(text.split())
    return ErrorMessage(cause, words if len(words) <= SHOWN else f"{words[:SHOWN]}…")


def _name(raw: str) -> FailureCause | None:
    last = raw.rsplit(".", 1)[-1]
    return CODES.get(last) or NAMES.get(re.sub(r"[^a-z]", "", last.lower()))


PREFACE = 200


def _from_text(text: str, *, labelled: bool = False, talk: bool = False) -> ErrorMessage | None:
    """`labelled`: it is known to be an error. `talk`: it may be a person's or an agent's sentence."""
    if talk and TALK.search(text[:LONGEST_SENTENCE]) and not STATUS_LINES[0].match(text):
        return None
    if text.startswith("Traceback (most recent call last)"):
        return _from_text(text.splitlines()[-1].strip(), labelled=True)
    rest = text
    for _ in range(6):
        if (found := _machine(rest)) is not None:
            return _found(found, text)
        label = LABEL.match(rest)
        if label is None:
            break
        rest, labelled = rest[label.end() :], True
        if rest.startswith(("{", "[", "<")) and (inner := _from_page_or_json(rest)) is not None:
            return _found(inner.cause, text)
    if labelled and BARE_NUMBER.match(rest):
        return _found(STATUS[int(rest[:3])], text)
    if not labelled and len(rest) > LONGEST_SENTENCE:
        return None
    sentences = (DISTINCT, LABELLED) if labelled else (DISTINCT, ALONE)
    for patterns in sentences:
        for cause, pattern in patterns.items():
            if pattern.match(rest):
                return _found(cause, text)
    return None


def _machine(text: str) -> FailureCause | None:
    """Status lines and names of exceptions: no one speaks like that."""
    if named := NAMED.match(text):
        word = named["name"].lower() in PLAIN and text[named.end() :].strip(" .!")
        if not word and (cause := _name(named["name"])) is not None:
            return cause
    if operation := OPERATION.match(text):
        return _name(operation["name"])
    if retried := RETRIED.match(text):
        return _name(retried["name"])
    if (rpc := RPC.match(text)) and (cause := _name(rpc["name"] or rpc["code"])):
        return cause
    if (rpc := re.match(r"\[?\d{1,3} (?P<code>[A-Z_]{8,20})\b", text)) and rpc["code"] in CODES:
        return CODES[rpc["code"]]
    for line in STATUS_LINES:
        if status := line.match(text):
            return STATUS.get(int(status["status"]), SERVER_ERROR)
    return None


def _after_preface(text: str) -> ErrorMessage | None:
    """`I'm sorry, something went wrong: openai.RateLimitError: …`, `Summary failed: HTTP 503 Service Unavailable`."""
    prefaces = [preface.end() for preface in [APOLOGY.match(text)] if preface]
    for colon in re.finditer(r":\s+", text[:PREFACE]):
        said = text[: colon.start()]
        if FAILED.search(said) and not SPOKEN_TO.search(said):
            prefaces.append(colon.end())
    return next((_found(cause, text) for end in prefaces if (cause := _unmistakable(text[end:]))), None)


def _unmistakable(text: str) -> FailureCause | None:
    """What no one says: the rest of a text whose beginning may be anyone's."""
    if TALK.search(text[:LONGEST_SENTENCE]):
        return None
    if inner := _from_page_or_json(text):
        return inner.cause
    for _ in range(3):
        cause = _machine(text) or next((cause for cause, pattern in DISTINCT.items() if pattern.match(text)), None)
        if cause is not None:
            return cause
        label = LABEL.match(text)
        if label is None:
            return None
        text = text[label.end() :]
    return None


def _from_page_or_json(text: str) -> ErrorMessage | None:
    if text[:1] == "<":
        if title := TITLE.search(text[:4_000]):
            words = " ".join(title.group(1).split())
            if (match := PAGE_TITLE.match(words)) is not None:
                return _found(STATUS.get(int(match["status"] or 500), SERVER_ERROR), words)
        return None
    if text[:1] in ("{", "["):
        value = _loaded(text)
        return None if value is None or isinstance(value, str) else _from_result(value, depth=0)
    return None


def _loaded(text: str) -> Any:
    """JSON, or a Python literal as str() of a dict writes it. None: neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _from_result(value: Any, depth: int) -> ErrorMessage | None:
    if depth > DEEPEST:
        return None
    match value:
        case str():
            return spoken_error(value)
        case [only]:
            return _from_result(only, depth + 1)
        case dict() if _is_error_body(value):
            return _from_body(value)
        case dict() if value and value.keys() <= WRAPPERS:
            inner = [part for key, part in value.items() if key != "type"]
            return _from_result(inner[0], depth + 1) if len(inner) == 1 else None
        case _:
            return None


def _is_error_body(value: Mapping[Any, Any]) -> bool:
    return bool(
        value.get("error")
        or value.get("errors")
        or value.get("Error")
        or value.get("fault")
        or value.get("type") == "error"
        or "__type" in value
        or value.get("isError") is True
        or value.get("is_error") is True
        or str(value.get("name", "")).endswith(("Error", "Exception"))
        or value.get("success") is False
        or value.get("ok") is False
        or str(value.get("status", "")).lower() in ("error", "failed", "failure")
        or any(_status(value.get(key)) for key in STATUS_KEYS)
        or (value.keys() <= {"message", "detail", "title", "status", "type", "instance", "code", "Message"})
    )


def _from_body(body: Mapping[Any, Any]) -> ErrorMessage | None:
    """By its codes, then its words, then its status."""
    parts = list(_parts(body, 0))
    shown = json.dumps(body, ensure_ascii=False, default=str)
    for part in parts:
        for key in NAME_KEYS:
            raw = part.get(key)
            if isinstance(raw, str) and len(raw) < 80 and (cause := _name(raw)) is not None:
                return _found(cause, shown)
    for part in parts:
        for key in MESSAGE_KEYS:
            raw = part.get(key)
            if isinstance(raw, str) and (found := raised_error(raw) if raw[:1] not in "{[" else None) is not None:
                return _found(found.cause, shown)
    marked = (
        any(key in body for key in ("error", "errors", "Error", "fault", "success", "ok"))
        or body.get("type") == "error"
    )
    for part in parts:
        for key in (*STATUS_KEYS, *(CODE_KEYS if marked else ())):
            if (cause := _status(part.get(key))) is not None:
                return _found(cause, shown)
    return None


def _status(raw: Any) -> FailureCause | None:
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) == 3:
        raw = int(raw)
    return STATUS.get(raw) if isinstance(raw, int) and not isinstance(raw, bool) else None


def _parts(body: Mapping[Any, Any], depth: int) -> Iterator[Mapping[Any, Any]]:
    """The body and the objects in it that say more of the error."""
    yield body
    if depth >= DEEPEST:
        return
    for key in INNER_KEYS:
        inner = body.get(key)
        if isinstance(inner, str) and inner[:1] == "{":
            inner = _loaded(inner[:LONGEST])
        for part in inner if isinstance(inner, list) else [inner]:
            if isinstance(part, dict):
                yield from _parts(part, depth + 1)
