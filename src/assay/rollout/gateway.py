"""The gateway: an ASGI application before the agent's versions. A request in, the arm's answer out, nothing waited for
but the arm."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import ValidationError

from assay.contracts.feedback import Feedback
from assay.contracts.traffic import Traffic, Upstream
from assay.errors import BadInput
from assay.rollout.health import Health
from assay.rollout.numbers import Numbers
from assay.rollout.recorder import LONGEST, PRODUCTION, SHADOW, TAKEN_OVER, Exchange, Recorder
from assay.rollout.sources import TrafficSource
from assay.rollout.split import Arm, arm_of, sampled
from assay.rollout.wire import COOKIE, Caller, Headers, answered, caller_of, conversation_id, passed_on, traceparent

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

RETRY_AFTER = b"1"
FEEDBACK = "/assay/feedback"
"""Where users' feedback is posted; every other path is the agent's."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What one request, and all together, may take."""

    most_bytes: int = 2_000_000
    """Of a request's body: more is answered 413."""
    timeout_s: float = 120.0
    """For a whole answer: longer is answered 504."""
    connect_s: float = 2.0
    most_in_flight: int = 2_000
    """More are answered 503 with Retry-After."""
    most_shadows: int = 100
    """Shadow requests in flight; more are left out."""


@dataclass
class Gateway:
    """Serves what `source` says. Stops taking requests when told to drain, and ends when those in flight have ended."""

    source: TrafficSource
    recorder: Recorder
    limits: GatewayLimits = GatewayLimits()
    tester_token: str | None = None
    """Who sends it in x-assay-token may force an arm by x-assay-arm; None: nobody may."""
    numbers: Numbers = field(default_factory=Numbers)
    health: dict[str, Health] = field(default_factory=dict)
    draining: bool = False
    _client: aiohttp.ClientSession | None = None
    _shadows: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                if scope["path"] in ("/healthz", "/readyz", "/metrics"):
                    await self._about_itself(scope["path"], send)
                elif scope["path"] == FEEDBACK:
                    await self._take_feedback(scope, receive, send)
                else:
                    await self._serve(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case _:
                raise RuntimeError(f"{scope['type']} is not spoken here")

    async def open(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0)
        self._client = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self.limits.timeout_s, sock_connect=self.limits.connect_s),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        self.source.start()
        self.recorder.start()

    async def close(self) -> None:
        """Ends what runs beside requests, and stores what was recorded."""
        self.draining = True
        await self.source.stop()
        if self._shadows:
            await asyncio.wait(self._shadows, timeout=5.0)
        await self.recorder.stop()
        if self._client is not None:
            await self._client.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            match (await receive())["type"]:
                case "lifespan.startup":
                    await self.open()
                    await send({"type": "lifespan.startup.complete"})
                case "lifespan.shutdown":
                    await self.close()
                    await send({"type": "lifespan.shutdown.complete"})
                    return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.draining or self.numbers.in_flight >= self.limits.most_in_flight:
            why = "draining" if self.draining else "too many requests in flight"
            self.numbers.refused[why] += 1
            await _problem(send, 503, why, extra=[(b"retry-after", RETRY_AFTER)])
            return
        self.numbers.in_flight += 1
        try:
            body = await _read(receive, self.limits.most_bytes)
            if body is None:
                self.numbers.refused["too large"] += 1
                await _problem(send, 413, f"the request has more than {self.limits.most_bytes} bytes")
                return
            await self._route(_Request(scope, body, receive, send))
        except _Gone:
            self.numbers.refused["caller left"] += 1
        finally:
            self.numbers.in_flight -= 1

    async def _route(self, request: "_Request") -> None:
        """The session's arm, and the champion where the challenger does not answer."""
        traffic = self.source.now
        caller = caller_of(request.scope["headers"], request.body, self.tester_token)
        arm = self._arm(caller, traffic)
        recorded = sampled(caller.session, traffic) and caller.forced is None
        found = _Found(caller, traffic, recorded)
        kind = PRODUCTION
        if arm == "challenger":
            kind = TAKEN_OVER
            if self._health("challenger").open(time.monotonic()):
                if await self._forward(request, found, "challenger", may_fail=caller.forced is None):
                    return
            elif caller.forced is not None:
                self.numbers.refused["ejected"] += 1
                await _problem(request.send, 503, "the challenger is ejected: it failed too often")
                return
            self.numbers.taken_over += 1
        elif traffic.shadow and traffic.challenger is not None and caller.forced is None:
            self._shadow(request, found)
        await self._forward(request, found, "champion", may_fail=False, kind=kind)

    def _arm(self, caller: Caller, traffic: Traffic) -> Arm:
        if traffic.challenger is None:
            return "champion"
        if caller.forced in ("champion", "challenger"):
            return caller.forced  # type: ignore[return-value]
        return arm_of(caller.session, traffic)

    def _health(self, arm: str) -> Health:
        return self.health.setdefault(arm, Health())

    async def _forward(
        self, request: "_Request", found: "_Found", arm: Arm, *, may_fail: bool, kind: str = PRODUCTION
    ) -> bool:
        """Passes it on. False: the arm did not answer and nothing was said to the caller yet."""
        upstream = found.traffic.champion if arm == "champion" else found.traffic.challenger
        assert upstream is not None and self._client is not None  # noqa: S101, routed here only if it is there
        exchange = _Exchange(found, upstream, kind)
        began = time.perf_counter()
        try:
            async with self._client.request(
                request.scope["method"],
                _url(upstream, request.scope),
                headers=_headers(request.scope["headers"], exchange.conversation_id),
                data=request.body or None,
                allow_redirects=False,
            ) as response:
                exchange.status = response.status
                failed = response.status >= 500
                self._health(arm).tell(not failed, time.monotonic())
                if failed and may_fail:
                    await response.read()
                    self._note(request, exchange, arm, began)
                    return False
                await self._answer(request, response, exchange, arm, began)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._health(arm).tell(False, time.monotonic())
            exchange.status = 504 if isinstance(error, TimeoutError) else 0
            self._note(request, exchange, arm, began)
            if request.started:
                raise _Gone from error  # half an answer cannot be taken back: the connection ends
            if may_fail:
                return False
            status, why = (504, "did not answer in time") if exchange.status == 504 else (502, "cannot be reached")
            await _problem(request.send, status, f"the agent {why}", extra=exchange.ours(arm))
        return True

    async def _answer(
        self, request: "_Request", response: aiohttp.ClientResponse, exchange: "_Exchange", arm: Arm, began: float
    ) -> None:
        headers = answered(response.raw_headers) + exchange.ours(arm)
        content_type = response.headers.get("content-type", "")
        exchange.streamed = content_type.startswith("text/event-stream")
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        request.started = True
        if exchange.streamed or response.content_length is None:
            await request.send(start)
            with _watching(request):
                async for chunk in response.content.iter_any():
                    exchange.first_byte_s = exchange.first_byte_s or time.perf_counter() - began
                    exchange.keep(chunk)
                    await request.send({"type": "http.response.body", "body": chunk, "more_body": True})
            await request.send({"type": "http.response.body", "body": b""})
        else:
            body = await response.read()
            exchange.keep(body)
            await request.send(start)
            await request.send({"type": "http.response.body", "body": body})
        self._note(request, exchange, arm, began)

    def _note(self, request: "_Request", exchange: "_Exchange", arm: str, began: float) -> None:
        took = time.perf_counter() - began
        self.numbers.answered(arm, exchange.status, took)
        if exchange.found.recorded:
            self.recorder.record(exchange.whole(request, took))

    def _shadow(self, request: "_Request", found: "_Found") -> None:
        if len(self._shadows) >= self.limits.most_shadows:
            self.numbers.refused["shadow left out"] += 1
            return
        task = asyncio.create_task(self._ask_shadow(request, found))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _ask_shadow(self, request: "_Request", found: "_Found") -> None:
        """The challenger's answer, which nobody is told."""
        upstream = found.traffic.challenger
        assert upstream is not None and self._client is not None  # noqa: S101, asked only where it is there
        exchange = _Exchange(found, upstream, SHADOW)
        began = time.perf_counter()
        try:
            async with self._client.request(
                request.scope["method"],
                _url(upstream, request.scope),
                headers=_headers(request.scope["headers"], exchange.conversation_id),
                data=request.body or None,
                allow_redirects=False,
            ) as response:
                exchange.status = response.status
                exchange.streamed = response.headers.get("content-type", "").startswith("text/event-stream")
                async for chunk in response.content.iter_any():
                    exchange.keep(chunk)
        except (aiohttp.ClientError, TimeoutError) as error:
            exchange.status = 504 if isinstance(error, TimeoutError) else 0
        self._note(request, exchange, "shadow", began)

    async def _take_feedback(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One item, stored off the request path once its conversation is. 202: taken."""
        body = await _read(receive, self.limits.most_bytes)
        if scope["method"] != "POST" or body is None:
            await _problem(send, 405 if body is not None else 413, "POST one item of feedback as JSON")
            return
        try:
            item = Feedback.model_validate_json(body)
        except ValidationError as error:
            await _problem(send, 422, str(BadInput.from_validation("feedback", error)))
            return
        taken = self.recorder.take(item)
        status, said = (202, b'{"taken": true}') if taken else (503, b'{"taken": false}')
        await _reply(send, status, said, b"application/json")

    async def _about_itself(self, path: str, send: Send) -> None:
        if path == "/metrics":
            traffic = self.source.now
            more = {
                "share": traffic.share,
                "traffic_number": float(traffic.number),
                "traffic_read_failures_total": float(self.source.failures),
                "ejected": float(sum(health.ejected for health in self.health.values())),
                "ejections_total": float(sum(health.ejections for health in self.health.values())),
                "traces_written_total": float(self.recorder.written),
                "traces_dropped_total": float(self.recorder.dropped),
                "traces_waiting": float(self.recorder.waiting),
                "trace_write_failures_total": float(self.recorder.failures),
                "feedback_written_total": float(self.recorder.feedback_written),
            }
            await _reply(send, 200, self.numbers.text(more).encode(), b"text/plain; version=0.0.4")
        elif path == "/readyz" and self.draining:
            await _reply(send, 503, b"draining\n", b"text/plain")
        else:
            await _reply(send, 200, b"ok\n", b"text/plain")


class _Gone(Exception):
    """The caller left, or was left in the middle of an answer."""


@dataclass
class _Request:
    scope: Scope
    body: bytes
    receive: Receive
    send: Send
    started: bool = False
    """The caller has been told a status."""


@dataclass(frozen=True, slots=True)
class _Found:
    caller: Caller
    traffic: Traffic
    recorded: bool


class _Exchange:
    """What is noted of one request to one arm."""

    def __init__(self, found: _Found, upstream: Upstream, kind: str) -> None:
        self.found = found
        self.upstream = upstream
        self.kind = kind
        salt = "" if kind == PRODUCTION else kind
        self.conversation_id = conversation_id(found.caller.session, f"{found.traffic.rollout_id}{salt}")
        self.started_at = time.time()
        self.status = 0
        self.streamed = False
        self.first_byte_s: float | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    def keep(self, chunk: bytes) -> None:
        if self.found.recorded and self._size < LONGEST:
            self._chunks.append(chunk)
            self._size += len(chunk)

    def ours(self, arm: str) -> Headers:
        """Who answered, for the caller; and the cookie of a session that was made up here."""
        headers = [
            (b"x-assay-arm", arm.encode()),
            (b"x-assay-version", str(self.upstream.agent).encode()),
            (b"x-assay-conversation", self.conversation_id.encode()),
        ]
        if self.found.caller.new_cookie:
            cookie = COOKIE + b"=" + self.found.caller.session.encode() + b"; Path=/; HttpOnly; SameSite=Lax"
            headers.append((b"set-cookie", cookie))
        return headers

    def whole(self, request: _Request, latency_s: float) -> Exchange:
        return Exchange(
            conversation_id=self.conversation_id,
            agent=self.upstream.agent,
            kind=self.kind,
            started_at=self.started_at,
            latency_s=latency_s,
            first_byte_s=self.first_byte_s,
            status=self.status,
            streamed=self.streamed,
            request=request.body,
            response=b"".join(self._chunks),
        )


@contextlib.contextmanager
def _watching(request: _Request):
    """While an answer streams: a caller that leaves ends the request to the agent too."""
    mine = asyncio.current_task()
    assert mine is not None  # noqa: S101, an ASGI call runs in a task
    left = False

    async def watch() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        mine.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if left:
            raise _Gone from None
        raise
    finally:
        watcher.cancel()


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; None: it is too large. Raises _Gone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _Gone
    body = message.get("body", b"")
    if not message.get("more_body", False):
        return body if len(body) <= most else None
    chunks, size = [body], len(body)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


def _url(upstream: Upstream, scope: Scope) -> str:
    query = scope["query_string"]
    path = upstream.url + scope["path"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def _headers(headers: Headers, conversation: str) -> list[tuple[str, str]]:
    """The agent's own spans join the conversation's trace, unless the caller brings a trace of its own."""
    passed = passed_on(headers)
    if not any(name == "traceparent" for name, _ in passed):
        passed.append(traceparent(conversation))
    return passed


async def _reply(send: Send, status: int, body: bytes, content_type: bytes, extra: Headers | None = None) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _problem(send: Send, status: int, detail: str, extra: Headers | None = None) -> None:
    """RFC 9457."""
    title = HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    await _reply(send, status, body, b"application/problem+json", extra)
