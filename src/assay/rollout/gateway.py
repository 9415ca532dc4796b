"""The gateway: an ASGI application before the agent's versions. A request in, the arm's answer out, nothing waited for
but the arm."""

import asyncio
import contextlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import ValidationError
from pydantic_core import from_json
from yarl import URL

from assay.connectors.network import proxy_for
from assay.contracts.feedback import Feedback
from assay.contracts.traffic import Traffic, Upstream
from assay.errors import BadInput
from assay.protocols import parse_json
from assay.rollout.conversations import thread_of
from assay.rollout.health import Health
from assay.rollout.numbers import CONTENT_TYPE, Numbers
from assay.rollout.reading import LONGEST, READABLE, Recorded, error_in, new_exchange_id
from assay.rollout.recorder import PRODUCTION, SHADOW, TAKEN_OVER, Recorder
from assay.rollout.rewriting import CannotApply, body_for, path_for
from assay.rollout.sources import TrafficSource
from assay.rollout.split import Arm, arm_of, sampled
from assay.rollout.wire import (
    COOKIE,
    Caller,
    Headers,
    answered,
    bearer,
    caller_of,
    is_json,
    passed_on,
    path_of,
    read_receipt,
    receipt,
    same_token,
    traceparent,
)

_proxy_for = lru_cache(maxsize=64)(proxy_for)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

RETRY_AFTER = (b"retry-after", b"1")
CLOSE = (b"connection", b"close")
FEEDBACK = "/assay/feedback"
"""Where users' feedback is posted; every other path is the agent's."""
BUFFERED = 1_000_000
"""Bytes of an answer that is held before it is sent on; a longer one is sent on as it comes."""
SINCE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What one request, and all together, may take."""

    most_bytes: int = 2_000_000
    """Of a request's body: more is answered 413."""
    timeout_s: float = 120.0
    """For a whole answer: longer is answered 504."""
    connect_s: float = 2.0
    most_in_flight: int = 2_000
    """Requests whose body has arrived; more are answered 503 with Retry-After."""
    most_shadows: int = 100
    """Shadow requests in flight; more are left out."""
    body_s: float = 10.0
    """For a whole body to arrive: longer is answered 408."""
    most_reading: int = 1_000
    """Requests whose body has not arrived; more are answered 503."""
    most_reading_per_address: int = 50
    """The same, of one address: more are answered 429. A proxy that sends bodies at once never reaches it."""


@dataclass
class Gateway:
    """Serves what `source` says. Stops taking requests when told to drain, and ends when those in flight have ended."""

    source: TrafficSource
    recorder: Recorder
    limits: GatewayLimits = GatewayLimits()
    tester_token: str | None = None
    """Who sends it in x-assay-token may force an arm by x-assay-arm; None: nobody may."""
    feedback_token: str | None = None
    """Who sends it as a bearer token may give feedback on any conversation; None: a receipt is needed."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    """Signs receipts. All gateways of a project need the same."""
    numbers: Numbers = field(default_factory=Numbers)
    health: dict[str, Health] = field(default_factory=dict)
    draining: bool = False
    in_flight: int = 0
    _reading: Counter[str] = field(default_factory=Counter)
    _client: aiohttp.ClientSession | None = None
    _shadows: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.recorder.numbers = self.numbers
        self.source.failed = lambda: self.numbers.count("traffic_read_failures")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                if scope["path"] in ("/healthz", "/readyz", "/metrics"):
                    await self._about_itself(scope["path"], send)
                elif scope["path"] == FEEDBACK:
                    await self._guarded(self._take_feedback, scope, receive, send)
                else:
                    await self._guarded(self._serve, scope, receive, send)
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
        self.numbers.close()

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

    async def _guarded(
        self, handle: "Callable[[_Request], Awaitable[None]]", scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Reads the body within its limits, and answers what is refused."""
        request = _Request(scope, receive, send)
        try:
            if self.draining:
                raise _Refused(503, "draining", [RETRY_AFTER])
            request.body = await self._read(scope, receive)
            await handle(request)
        except _Refused as refused:
            self.numbers.count_as("refused", refused.why)
            await _problem(send, refused.status, refused.detail or refused.why, refused.headers)
        except _Gone:
            self.numbers.count_as("refused", "caller left")

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body. It takes no place among the requests in flight until it is here."""
        address = (scope.get("client") or ("",))[0]
        if self._reading[address] >= self.limits.most_reading_per_address:
            raise _Refused(429, "too many slow requests of one address", [RETRY_AFTER, CLOSE])
        if self._reading.total() >= self.limits.most_reading:
            raise _Refused(503, "too many slow requests", [RETRY_AFTER, CLOSE])
        self._reading[address] += 1
        try:
            async with asyncio.timeout(self.limits.body_s):
                body = await _body(receive, self.limits.most_bytes)
        except TimeoutError:
            why = f"the request's body did not arrive within {self.limits.body_s:g} s"
            raise _Refused(408, "body too slow", [CLOSE], why) from None
        finally:
            self._reading[address] -= 1
            if not self._reading[address]:
                del self._reading[address]
        if body is None:
            raise _Refused(413, "too large", [CLOSE], f"the request has more than {self.limits.most_bytes} bytes")
        return body

    async def _serve(self, request: "_Request") -> None:
        if self.in_flight >= self.limits.most_in_flight:
            raise _Refused(503, "too many requests in flight", [RETRY_AFTER])
        path = path_of(request.scope.get("raw_path") or request.scope["path"].encode())
        if path is None:
            raise _Refused(400, "bad path", [], "the path holds a dot segment or a character that no path has")
        request.path = path
        request.json = _parsed(request)
        self.in_flight += 1
        try:
            await self._route(request)
        finally:
            self.in_flight -= 1

    async def _route(self, request: "_Request") -> None:
        """The session's arm, and the champion where the challenger fails."""
        traffic = self.source.now
        caller = caller_of(request.scope["headers"], request.json, self.tester_token)
        arm = self._arm(caller, traffic)
        recorded = sampled(caller.session, traffic) and caller.forced is None and _is_told(request)
        found = _Found(caller, traffic, recorded)
        failure: _Exchange | None = None
        kind = PRODUCTION
        if arm == "challenger":
            if self._health("challenger").open(time.monotonic()):
                failure = await self._forward(request, found, "challenger", may_fail=caller.forced is None)
                if failure is None:
                    return
            elif caller.forced is not None:
                raise _Refused(503, "ejected", [], "the challenger is ejected: it failed too often")
            kind = TAKEN_OVER
        elif traffic.shadow and traffic.challenger is not None and caller.forced is None:
            self._shadow(request, found)
        try:
            await self._forward(request, found, "champion", may_fail=False, kind=kind)
        finally:
            if kind == TAKEN_OVER:
                self._settle(request, failure)

    def _settle(self, request: "_Request", failure: "_Exchange | None") -> None:
        """What the challenger refused and the champion took, the challenger has failed at; what both refuse is the
        caller's fault. failure: None where the challenger was not asked."""
        if failure is None:
            self.numbers.count("taken_over")
            return
        refused_by_both = 400 <= failure.status < 500 and not 0 < request.status < 400
        if refused_by_both:
            self._tell("challenger", None)
        else:
            self.numbers.count("taken_over")
            self._tell("challenger", False)
            if failure.failed is None and 400 <= failure.status < 500:
                failure.failed = f"it refused with status {failure.status} what the champion took"
        self._note(request, failure, "challenger")

    def _arm(self, caller: Caller, traffic: Traffic) -> Arm:
        if traffic.challenger is None:
            return "champion"
        if caller.forced in ("champion", "challenger"):
            return caller.forced  # type: ignore[return-value]
        return arm_of(caller.session, traffic)

    def _health(self, arm: str) -> Health:
        return self.health.setdefault(arm, Health())

    def _tell(self, arm: str, ok: bool | None) -> None:
        health = self._health(arm)
        before = health.ejections
        health.tell(ok, time.monotonic())
        if health.ejections > before:
            self.numbers.count("ejections", health.ejections - before)
        self.numbers.set("ejected", sum(each.ejected for each in self.health.values()))

    def _exchange(self, request: "_Request", found: "_Found", arm: Arm, kind: str) -> "_Exchange":
        upstream = found.traffic.champion if arm == "champion" else found.traffic.challenger
        assert upstream is not None  # noqa: S101, routed here only if it is there
        traffic = found.traffic
        thread = thread_of(traffic.project, traffic.rollout_id, upstream.agent, kind, found.caller.session)
        plain, goes_on = _history(request.json)
        told = self.recorder.told(thread, time.time(), plain=plain, goes_on=goes_on)
        return _Exchange(found, upstream, arm, kind, thread, told)

    def _ask(self, request: "_Request", exchange: "_Exchange"):
        """The request to the agent, a context that gives its response. Raises _Refused where the version's card cannot
        be applied to it."""
        assert self._client is not None  # noqa: S101, opened before the first request
        scope, upstream, traffic = request.scope, exchange.upstream, exchange.found.traffic
        every = [traffic.champion, *([traffic.challenger] if traffic.challenger else [])]
        path = path_for(upstream, every, request.path)
        body = request.body
        try:
            if scope["method"] in ("POST", "PUT", "PATCH"):
                changed = body_for(upstream, path, request.json)
                body = json.dumps(changed).encode() if changed is not None else body
        except CannotApply as error:
            raise _Refused(400, "cannot be applied", [], str(error)) from None
        query = scope["query_string"].decode("latin-1")
        return self._client.request(
            scope["method"],
            URL(f"{upstream.url}{path}?{query}" if query else f"{upstream.url}{path}", encoded=True),
            headers=_headers(scope["headers"], exchange),
            data=body or None,
            allow_redirects=False,
            proxy=_proxy_for(upstream.url),
        )

    async def _forward(
        self, request: "_Request", found: "_Found", arm: Arm, *, may_fail: bool, kind: str = PRODUCTION
    ) -> "_Exchange | None":
        """Passes it on. None: the caller has its answer. Else the failure, of which nothing was said to the caller."""
        exchange = self._exchange(request, found, arm, kind)
        try:
            asked = self._ask(request, exchange)
        except _Refused:
            self._tell(arm, None)
            raise
        try:
            async with asked as response:
                exchange.status = response.status
                exchange.encoding = response.headers.get("content-encoding", "")
                if may_fail and response.status >= 400:
                    async for chunk in response.content.iter_any():
                        exchange.keep(chunk)
                    return exchange.ended()
                if not await self._answer(request, response, exchange, may_fail):
                    return exchange.ended()
                self._tell(arm, response.status < 500)
        except (aiohttp.ClientError, TimeoutError) as error:
            if not may_fail or request.started:
                self._tell(arm, False)
            late = isinstance(error, TimeoutError)
            exchange.failed = "it did not answer in time" if late else f"it gave no answer: {type(error).__name__}"
            if request.started:
                exchange.failed = "its answer broke off"
                self._note(request, exchange.ended(), arm)
                raise _Gone from error  # half an answer cannot be taken back: the connection ends
            exchange.status = 504 if late else 0
            if may_fail:
                return exchange.ended()
            self._note(request, exchange.ended(), arm)
            status, why = (504, "did not answer in time") if late else (502, "cannot be reached")
            request.status = status
            await _problem(request.send, status, f"the agent {why}", exchange.ours(self.key))
            return None
        except (_Gone, asyncio.CancelledError):
            self._tell(arm, None)
            self._note(request, exchange.ended(), arm)
            raise
        self._note(request, exchange.ended(), arm)
        return None

    async def _answer(
        self, request: "_Request", response: aiohttp.ClientResponse, exchange: "_Exchange", may_fail: bool
    ) -> bool:
        """False: the answer is an error, though its status does not say so, and nothing was said to the caller."""
        headers = answered(response.raw_headers) + exchange.ours(self.key)
        content_type = response.headers.get("content-type", "")
        exchange.streamed = content_type.startswith(("text/event-stream", "application/x-ndjson"))
        length = response.content_length
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        if exchange.streamed or length is None or length > BUFFERED:
            request.begin(response.status)
            await request.send(start)
            with _watching(request):
                async for chunk in response.content.iter_any():
                    exchange.keep(chunk)
                    await request.send({"type": "http.response.body", "body": chunk, "more_body": True})
            await request.send({"type": "http.response.body", "body": b""})
            return True
        body = await response.read()
        exchange.keep(body)
        if may_fail and (b'"error"' in body or exchange.encoding):
            exchange.failed = await asyncio.to_thread(error_in, body, exchange.encoding)
            if exchange.failed is not None:
                return False
        request.begin(response.status)
        await request.send(start)
        await request.send({"type": "http.response.body", "body": body})
        return True

    def _note(self, request: "_Request", exchange: "_Exchange", arm: str) -> None:
        self.numbers.answered(arm, exchange.status, exchange.latency_s)
        if exchange.found.recorded:
            self.recorder.record(exchange.recorded(request))

    def _shadow(self, request: "_Request", found: "_Found") -> None:
        if len(self._shadows) >= self.limits.most_shadows:
            self.numbers.count_as("refused", "shadow left out")
            return
        task = asyncio.create_task(self._ask_shadow(request, found))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _ask_shadow(self, request: "_Request", found: "_Found") -> None:
        """The challenger's answer, which nobody is told."""
        exchange = self._exchange(request, found, "challenger", SHADOW)
        try:
            async with self._ask(request, exchange) as response:
                exchange.status = response.status
                exchange.encoding = response.headers.get("content-encoding", "")
                exchange.streamed = response.headers.get("content-type", "").startswith("text/event-stream")
                async for chunk in response.content.iter_any():
                    exchange.keep(chunk)
        except (aiohttp.ClientError, TimeoutError, _Refused) as error:
            exchange.status = 504 if isinstance(error, TimeoutError) else exchange.status
            exchange.failed = f"it gave no whole answer: {type(error).__name__}"
        self._note(request, exchange.ended(), "shadow")

    async def _take_feedback(self, request: "_Request") -> None:
        """One item, stored off the request path once its conversation is. 202: taken."""
        if request.scope["method"] != "POST":
            raise _Refused(405, "not posted", [(b"allow", b"POST")], "POST one item of feedback as JSON")
        try:
            item, exchange_id = self._feedback(request)
        except ValidationError as error:
            raise _Refused(422, "bad feedback", [], str(BadInput.from_validation("feedback", error))) from None
        if not item.rated:  # the gateway knows itself which conversations there were
            raise _Refused(422, "bad feedback", [], "feedback says nothing: give thumbs, rating or comment")
        taken = self.recorder.take(item, exchange_id)
        status, said = (202, b'{"taken": true}') if taken else (503, b'{"taken": false}')
        await _reply(request.send, status, said, b"application/json")

    def _feedback(self, request: "_Request") -> tuple[Feedback, str | None]:
        """The item, and the answer that it speaks of. Raises _Refused, ValidationError."""
        try:
            body = parse_json(request.body)
        except ValueError as error:
            raise _Refused(400, "bad feedback", [], f"feedback is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise _Refused(422, "bad feedback", [], "feedback: post one JSON object")
        for name in ("turns", "agent"):
            if body.get(name):
                why = f"feedback.{name} is not taken here: the gateway knows what was said, and by which version"
                raise _Refused(422, "bad feedback", [], why)
        told, exchange_id = body.get("conversation_id"), None
        trusted = same_token(bearer(request.scope["headers"]), self.feedback_token)
        if isinstance(told, str) and (read := read_receipt(self.key, told)) is not None:
            body["conversation_id"], exchange_id = read
        elif not trusted:
            why = (
                "feedback.conversation_id: send what the answer carried as x-assay-receipt; a conversation's plain id "
                "is taken with the feedback token alone (Authorization: Bearer)"
            )
            raise _Refused(401, "feedback without a credential", [(b"www-authenticate", b"Bearer")], why)
        item = Feedback.model_validate(body)
        if item.conversation_id is None:
            raise _Refused(422, "bad feedback", [], "feedback.conversation_id is missing: name the conversation")
        if item.at is not None and not SINCE <= _aware(item.at) <= datetime.now(UTC) + timedelta(days=1):
            raise _Refused(422, "bad feedback", [], "feedback.at is before 2000 or in the future")
        return item, exchange_id

    async def _about_itself(self, path: str, send: Send) -> None:
        if path == "/metrics":
            traffic = self.source.now
            for name, value in {
                "share": traffic.share,
                "traffic_number": traffic.number,
                "in_flight": self.in_flight,
                "reading": self._reading.total(),
                "traces_waiting": self.recorder.waiting,
                "recorder_running": self.recorder.running,
            }.items():
                self.numbers.set(name, float(value))
            await _reply(send, 200, self.numbers.text(), CONTENT_TYPE)
        elif path == "/readyz" and (self.draining or not self.recorder.running):
            why = b"draining\n" if self.draining else b"the recorder has stopped: nothing is stored\n"
            await _reply(send, 503, why, b"text/plain")
        else:
            await _reply(send, 200, b"ok\n", b"text/plain")


class _Gone(Exception):
    """The caller left, or was left in the middle of an answer."""


class _Refused(Exception):
    """Answered here, and not passed on."""

    def __init__(self, status: int, why: str, headers: Headers, detail: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.headers = headers
        self.detail = detail


@dataclass
class _Request:
    scope: Scope
    receive: Receive
    send: Send
    body: bytes = b""
    path: str = ""
    """As it came, still encoded."""
    json: Any = None
    """None: the body is not JSON."""
    started: bool = False
    """The caller has been told a status."""
    status: int = 0
    """Which one."""

    def begin(self, status: int) -> None:
        self.started, self.status = True, status


@dataclass(frozen=True, slots=True)
class _Found:
    caller: Caller
    traffic: Traffic
    recorded: bool


class _Exchange:
    """What is noted of one request to one arm."""

    def __init__(self, found: _Found, upstream: Upstream, arm: str, kind: str, thread: str, told: str) -> None:
        self.found = found
        self.upstream = upstream
        self.arm = arm
        self.kind = kind
        self.thread = thread
        self.told = told
        self.exchange_id = new_exchange_id()
        self.started_at = time.time()
        self.status = 0
        self.streamed = False
        self.encoding = ""
        self.failed: str | None = None
        self.first_byte_s: float | None = None
        self.latency_s = 0.0
        self._began = time.perf_counter()
        self._chunks: list[bytes] = []
        self._size = 0

    def keep(self, chunk: bytes) -> None:
        if self.first_byte_s is None:
            self.first_byte_s = time.perf_counter() - self._began
        if self.found.recorded:
            self._size += len(chunk)
            if self._size <= LONGEST:
                self._chunks.append(chunk)

    def ended(self) -> "_Exchange":
        self.latency_s = time.perf_counter() - self._began
        return self

    def ours(self, key: bytes) -> Headers:
        """Who answered, for the caller; and the cookie of a session that was made up here."""
        headers = [
            (b"x-assay-arm", self.arm.encode()),
            (b"x-assay-version", str(self.upstream.agent).encode()),
            (b"x-assay-conversation", self.told.encode()),
        ]
        if self.found.recorded:
            headers.append((b"x-assay-receipt", receipt(key, self.told, self.exchange_id).encode()))
        if self.found.caller.new_cookie:
            cookie = COOKIE + b"=" + self.found.caller.session.encode() + b"; Path=/; HttpOnly; SameSite=Lax"
            headers.append((b"set-cookie", cookie))
        return headers

    def recorded(self, request: _Request) -> Recorded:
        return Recorded(
            thread=self.thread,
            told=self.told,
            exchange_id=self.exchange_id,
            agent=self.upstream.agent,
            kind=self.kind,
            arm=self.arm,
            rollout_id=self.found.traffic.rollout_id,
            started_at=self.started_at,
            latency_s=self.latency_s,
            first_byte_s=self.first_byte_s,
            status=self.status,
            streamed=self.streamed,
            encoding=self.encoding,
            failed=self.failed,
            cut=self._size > LONGEST,
            target=f"{request.scope['method']} {request.path}",
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


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body; None: it is too large. Raises _Gone."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            return None
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _parsed(request: _Request) -> Any:
    """The body as JSON; None: it is none, which is the agent's to judge. Raises _Refused for one that nests so deeply
    that parsers fail on it."""
    if not request.body or not is_json(request.scope["headers"]):
        return None
    try:
        return from_json(request.body)
    except ValueError as error:
        if "recursion" in str(error):
            raise _Refused(400, "nested too deeply", [], "the body's JSON is nested too deeply") from None
    try:
        return parse_json(request.body)  # half emojis, a byte order mark
    except ValueError:
        return None


def _history(body: Any) -> tuple[bool, bool]:
    """Whether the request brings no history, and whether its history holds an answer."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        return True, False
    return False, any(isinstance(row, dict) and row.get("role") in ("assistant", "model", "tool") for row in messages)


def _is_told(request: _Request) -> bool:
    """Whether it says anything that a conversation could hold."""
    match request.scope["method"]:
        case "HEAD" | "OPTIONS" | "TRACE":
            return False
        case "GET":
            return bool(request.scope["query_string"])
        case _:
            return True


def _headers(headers: Headers, exchange: _Exchange) -> list[tuple[str, str]]:
    """The agent's own spans join the conversation's trace, unless the caller brings a trace of its own."""
    passed = []
    traced = False
    for name, value in passed_on(headers):
        if name == "accept-encoding" and exchange.found.recorded:
            wanted = [part for part in value.split(",") if part.partition(";")[0].strip().lower() in READABLE]
            value = ",".join(wanted) or "identity"
        traced = traced or name == "traceparent"
        passed.append((name, value))
    if not traced:
        passed.append(traceparent(exchange.told, exchange.exchange_id))
    return passed


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _reply(send: Send, status: int, body: bytes, content_type: bytes, extra: Headers | None = None) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _problem(send: Send, status: int, detail: str, extra: Headers | None = None) -> None:
    """RFC 9457."""
    title = HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    await _reply(send, status, body, b"application/problem+json", extra)
