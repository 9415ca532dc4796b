"""Asking over HTTP: the token in its header alone, problems as errors, what may be asked twice asked again."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import stamina
from pydantic import BaseModel

from assay import errors
from assay.client.events import Event, read_events
from assay.contracts.api import Problem

M = TypeVar("M", bound=BaseModel)
PREFIX = "/api/v1"
ATTEMPTS = 4
NOT_THERE = (502, 503, 504)
"""What a proxy answers while the server starts."""


class ServerUnreachable(errors.AssayError):
    """The server does not answer."""

    title = "The server cannot be reached"


class NotLoggedIn(errors.AssayError):
    """No token was sent, or one that is no longer good."""

    title = "Not logged in"


class NotAllowed(errors.AssayError):
    """The token lacks the role."""

    title = "Not allowed"


KINDS: dict[str, type[errors.AssayError]] = {
    kind.__name__: kind
    for kind in (
        errors.BadInput,
        errors.NotFound,
        errors.GateClosed,
        errors.Refused,
        errors.OverBudget,
        errors.TrackingUnavailable,
        errors.TrackingFailed,
    )
}
"""Errors that a problem's type names."""


class _Again(Exception):
    """An answer that is worth asking for once more."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


Body = BaseModel | Mapping[str, Any] | bytes | None
"""Of a request: a contract, JSON, or a file's bytes."""


class Http:
    def __init__(self, server: str, token: str | None, timeout_s: float) -> None:
        address = urlsplit(server)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise errors.BadInput(f"server: {server!r} is no address: write it as http://127.0.0.1:8000")
        if address.password:
            raise errors.BadInput("server: has a password in it: give a token instead, as ASSAY_TOKEN")
        self.address = server.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=f"{self.address}{PREFIX}", headers=headers, timeout=timeout_s)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, answer: type[M], **query: Any) -> M:
        return answer.model_validate_json(self.ask("GET", path, query=query).content)

    def items(self, path: str, page: type[BaseModel], **query: Any) -> Iterator[Any]:
        """Every item of a list, page after page, as they are asked for."""
        cursor: str | None = None
        while True:
            found: Any = self.get(path, page, **query, cursor=cursor)
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return

    def send(
        self,
        method: str,
        path: str,
        answer: type[M],
        body: Body = None,
        *,
        key: str | None = None,
    ) -> M:
        """A change, with an idempotency key, so that it is done once though it may be sent twice."""
        sent = self.ask(method, path, body=body, key=key or new_key())
        return answer.model_validate_json(sent.content)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Body = None,
        key: str | None = None,
    ) -> httpx.Response:
        """Raises ServerUnreachable, or what the server's problem says."""
        request = self._request(method, path, query, body, key)
        try:
            for attempt in stamina.retry_context(
                on=(httpx.TransportError, _Again), attempts=ATTEMPTS, wait_initial=0.2, wait_max=3.0, timeout=60.0
            ):
                with attempt:
                    answer = self._client.send(request)
                    if answer.status_code in NOT_THERE and not _is_problem(answer):
                        raise _Again(answer)
                    return raised(answer)
        except _Again as again:
            return raised(again.answer)
        except httpx.TransportError as error:
            raise self.unreachable(error) from None
        raise AssertionError("stamina raises the last error")

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Body = None,
        key: str | None = None,
        last: str | None = None,
    ) -> Iterator[Iterator[Event]]:
        """Server-sent events. last: the id of the last one that was heard. Raises httpx.TransportError when it
        breaks: whoever follows knows how to go on."""
        request = self._request(method, path, query, body, key)
        if last is not None:
            request.headers["Last-Event-ID"] = last
        # a beat comes every 15 s, so a longer silence is a broken connection
        request.extensions["timeout"] = {"connect": 10.0, "read": 45.0, "write": 10.0, "pool": 10.0}
        answer = self._client.send(request, stream=True)
        try:
            if answer.is_error:
                answer.read()
                raised(answer)
            yield read_events(answer.iter_lines())
        finally:
            answer.close()

    def unreachable(self, error: Exception) -> ServerUnreachable:
        return ServerUnreachable(
            f"{self.address} does not answer ({type(error).__name__}): is `assay up` running there? --server and "
            "ASSAY_SERVER name the address"
        )

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Body,
        key: str | None,
    ) -> httpx.Request:
        params = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        headers = {"Idempotency-Key": key} if key is not None else {}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
            return self._client.build_request(method, path, params=params, content=body, headers=headers)
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        return self._client.build_request(method, path, params=params, json=content, headers=headers)


def new_key() -> str:
    return f"client-{secrets.token_hex(12)}"


def part(text: object) -> str:
    """As a part of a path."""
    return quote(str(text), safe="@")


def raised(answer: httpx.Response) -> httpx.Response:
    """The answer, or its problem as an error."""
    if answer.is_success:
        return answer
    if not _is_problem(answer):
        raise ServerUnreachable(f"{answer.request.url.host} answered {answer.status_code}, and not as Assay does")
    told = Problem.model_validate_json(answer.content)
    match answer.status_code:
        case 401:
            raise NotLoggedIn(f"{told.detail}; --token and ASSAY_TOKEN give it to commands")
        case 403:
            raise NotAllowed(told.detail)
    kind = KINDS.get(told.type.removeprefix("urn:assay:"), errors.AssayError)
    fields = "".join(f"\n{one.field}: {one.problem}" for one in told.errors if one.problem not in told.detail)
    raise kind(told.detail + fields)


def _is_problem(answer: httpx.Response) -> bool:
    return answer.headers.get("content-type", "").startswith("application/problem+json")


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else str(value)
