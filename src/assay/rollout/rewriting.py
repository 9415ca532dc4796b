"""How a request is changed on its way to a version, so that the version answers as its card says. Pure."""

from collections.abc import Sequence
from typing import Any

from assay.contracts.base import JsonObject
from assay.contracts.traffic import Upstream

PREFIX = "/v1"
"""Under which callers reach the gateway as they would OpenAI's own server."""
_SYSTEM = ("system", "developer")


class CannotApply(Exception):
    """A request to which a version's card cannot be applied. `str()` says why."""


def path_for(upstream: Upstream, every: Sequence[Upstream], path: str) -> str:
    """The path at the version's server. every: all versions that are served, whose own paths callers may use."""
    rewrite = upstream.rewrite
    if rewrite is None:
        return path
    own = {other.rewrite.path for other in every if other.rewrite is not None and other.rewrite.path}
    if rewrite.protocol == "http":
        return rewrite.path or "/" if path in own or path == "/" else path
    for prefix in sorted({*own, PREFIX}, key=len, reverse=True):
        if path == prefix or path.startswith(f"{prefix}/"):
            return rewrite.path + path.removeprefix(prefix)
    return rewrite.path + path if _shape(path) else path


def body_for(upstream: Upstream, path: str, body: Any) -> JsonObject | None:
    """The body with the card's fields in place. None: it goes on as it came.

    Raises CannotApply where the card has a system prompt, or names a model, and the request has no place for it.
    """
    rewrite = upstream.rewrite
    if rewrite is None or (not rewrite.body and rewrite.system_prompt is None):
        return None
    shape = _shape(path)
    if shape is None and not (isinstance(body, dict) and "model" in body):
        return None
    if not isinstance(body, dict):
        raise CannotApply(f"{upstream.agent} takes a JSON object here: its model and prompt are put into the body")
    changed = {**body, **rewrite.body}
    if rewrite.system_prompt is not None:
        _put_prompt(changed, shape, rewrite.system_prompt, upstream)
    return {name: value for name, value in changed.items() if value is not None}


def _shape(path: str) -> str | None:
    """Of the requests that a model answers; None: another path."""
    for tail in ("/chat/completions", "/responses", "/messages", "/completions", "/api/chat"):
        if path.endswith(tail):
            return tail
    return None


def _put_prompt(body: dict[str, Any], shape: str | None, prompt: str, upstream: Upstream) -> None:
    """In place of a system prompt that the caller brings."""
    messages = body.get("messages")
    if shape == "/responses":
        body["instructions"] = prompt
        if isinstance(body.get("input"), list):
            body["input"] = _without_system(body["input"])
    elif shape == "/messages" and isinstance(messages, list):
        body["system"] = prompt
    elif shape in ("/chat/completions", "/api/chat") and isinstance(messages, list):
        body["messages"] = [{"role": "system", "content": prompt}, *_without_system(messages)]
    else:
        raise CannotApply(
            f"the system prompt of {upstream.agent} has no place in this request: it goes into `messages` of chat "
            "completions or of Anthropic's Messages, or into a Responses request"
        )


def _without_system(messages: list[Any]) -> list[Any]:
    return [row for row in messages if not (isinstance(row, dict) and row.get("role") in _SYSTEM)]
