"""What servers send instead of an answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.contracts.conversation import FailureCause
from assay.contracts.text import clean

MAX_WORDS = 2000
"""Characters of a server's own words that are kept."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """An error that a server sent, in whatever form."""

    status: int
    """An HTTP status: the response's own, or what the body's code comes to where the response says 200. 500: the
    body says that it failed, not how."""
    words: str
    """The server's own, cleaned; not free of secrets."""
    code: str | None = None
    """As the body has it."""

    @property
    def cause(self) -> FailureCause:
        return cause_of_status(self.status)


class UnusableAnswer(Exception):
    """An answer that cannot be used. `str()` says why, in the server's words where it has any."""

    def __init__(self, cause: FailureCause, detail: str, error: ServerError | None = None) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.error = error
        """None: the answer is no error of the server's, only unreadable."""


def cause_of_status(status: int) -> FailureCause:
    match status:
        case 401 | 403:
            return FailureCause.UNAUTHORIZED
        case 408 | 504:
            return FailureCause.TIMEOUT
        case 429:
            return FailureCause.RATE_LIMIT
        case _ if status < 500:
            return FailureCause.BAD_REQUEST
        case _:
            return FailureCause.SERVER_ERROR


def find_error(body: Any, status: int = 200) -> ServerError | None:
    """The error in a JSON body. None: there is none, so `"error": null` is no error.

    `status` is the response's own. From 400 on any body is an error; below, only one that says so: a truthy `error`,
    `{"object": "error"}`, `{"type": "error"}` or `{"success": false}` with errors.
    """
    if isinstance(body, list) and body and isinstance(body[0], Mapping) and body[0].get("error"):
        body = body[0]  # Gemini's streams
    if isinstance(body, Mapping):
        found = _error_in(body)
        if found is not None:
            error, code = found
            return ServerError(status if status >= 400 else _status_of(error, body), _words(error, body), code)
    if status < 400:
        return None
    if isinstance(body, Mapping):
        return ServerError(status, _words(body.get("detail") or body.get("message") or body, body), _code(body))
    return ServerError(status, _words(body, {}))


def _error_in(body: Mapping[str, Any]) -> tuple[Any, str | None] | None:
    error = body.get("error")
    if error:
        return error, _code(error) or _code(body)
    if body.get("object") == "error" or body.get("type") == "error":
        return body, _code(body)
    if body.get("success") is False and body.get("errors"):
        errors = body["errors"]
        first = errors[0] if isinstance(errors, list) else errors
        return first, _code(first)
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) and choices[0].get("error"):
        return choices[0]["error"], _code(choices[0]["error"])
    return None


_STATUS_OF_CODE = (
    (429, ("rate_limit", "ratelimit", "too_many_requests", "insufficient_quota", "resource_exhausted", "throttl")),
    (401, ("invalid_api_key", "authentication", "unauthenticated", "unauthorized")),
    (403, ("permission", "forbidden")),
    (404, ("not_found",)),
    (504, ("timeout", "deadline_exceeded")),
    (503, ("overloaded", "unavailable", "capacity")),
    (400, ("invalid_request", "invalid_argument", "bad_request", "badrequest", "context_length", "content_filter")),
)
"""Parts of the machine-readable codes (`type`, `code`, `status`) of OpenAI, Anthropic, Google, AWS and proxies."""


def _status_of(error: Any, body: Mapping[str, Any]) -> int:
    """The HTTP status that the error's code stands for; 500 where it has none."""
    for holder in (error, body):
        if not isinstance(holder, Mapping):
            continue
        for key in ("code", "status", "status_code", "statusCode"):
            value = holder.get(key)
            if isinstance(value, str) and value.strip().isdecimal():
                value = int(value.strip()[:9])
            if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
                return value
        for key in ("code", "type", "status"):
            value = holder.get(key)
            if isinstance(value, str):
                word = re.sub(r"[^a-z]+", "_", value.lower())
                for status, parts in _STATUS_OF_CODE:
                    if any(part in word for part in parts):
                        return status
    return 500


def _code(holder: Any) -> str | None:
    if not isinstance(holder, Mapping):
        return None
    code = holder.get("code") or holder.get("type") or holder.get("status")
    return clean(str(code))[:200] if isinstance(code, str | int) and not isinstance(code, bool) else None


def _words(error: Any, body: Mapping[str, Any]) -> str:
    """The message where there is one, with the code and the parameter that it speaks of; else all of it."""
    if isinstance(error, Mapping):
        message = error.get("message") or error.get("detail") or error.get("msg") or body.get("message")
        if message:
            parts = [message, error.get("code"), error.get("param")]
            return _cut(" ".join(str(part) for part in parts if part))
    return _cut(str(error) if error else "")


def _cut(words: str) -> str:
    return clean(words)[:MAX_WORDS]
