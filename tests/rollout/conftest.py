"""A real agent server and real gateways before it, each in a thread of its own."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import uvicorn
from aiohttp import web

from assay.contracts.conversation import Conversation
from assay.contracts.exchange import Exchange
from assay.contracts.feedback import Feedback
from assay.contracts.stage import AgentRef
from assay.contracts.traffic import Traffic, Upstream
from assay.rollout.aside import SetAside
from assay.rollout.conversations import assemble
from assay.rollout.gateway import Gateway, GatewayLimits
from assay.rollout.recorder import Recorder, Store
from assay.rollout.sources import TrafficSource
from tests.conftest import PATIENCE_S


class Agent:
    """An agent that says which version it is; it can be told to fail, to be slow, or to stream."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.status = 200
        self.delay_s = 0.0
        self.seen: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answer_json: dict | None = None
        """Answered in place of a completion."""
        self.echo = False
        """The completion's words are the path and the body, as JSON."""
        self.cancelled = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.headers.append(dict(request.headers))
        self.paths.append(request.raw_path)
        asked = json.loads(body) if body and request.content_type == "application/json" else {}
        self.seen.append(asked)
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.status != 200:
            return web.json_response({"error": "it broke"}, status=self.status)
        if asked.get("stream"):
            return await self._stream(request)
        if self.answer_json is not None:
            return web.json_response(self.answer_json)
        words = json.dumps({"path": request.raw_path, "body": asked}) if self.echo else f"I am {self.version}."
        message = {"role": "assistant", "content": words}
        usage = {"prompt_tokens": 7, "completion_tokens": 4}
        return web.json_response({"choices": [{"index": 0, "message": message}], "usage": usage})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            for word in ("I ", "am ", f"{self.version}."):
                chunk = {"choices": [{"delta": {"content": word}}]}
                await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
                await asyncio.sleep(0.05)
            await response.write(b"data: [DONE]\n\n")
        except (ConnectionResetError, asyncio.CancelledError):
            self.cancelled += 1
            raise
        return response


@contextlib.contextmanager
def in_thread(serve: Callable[[asyncio.Event], object]) -> Iterator[None]:
    """Runs a server until the block ends."""
    ready, stop = threading.Event(), None
    loop = asyncio.new_event_loop()

    async def main() -> None:
        nonlocal stop
        stop = asyncio.Event()
        await serve(stop, ready)  # type: ignore[call-arg]

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


@contextlib.contextmanager
def agent_server(version: str) -> Iterator[Agent]:
    agent = Agent(version)

    async def serve(stop: asyncio.Event, ready: threading.Event) -> None:
        app = web.Application(client_max_size=10**8, handler_args={"handler_cancellation": True})
        app.router.add_route("*", "/{path:.*}", agent.answer)
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        agent.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    with in_thread(serve):
        yield agent


@contextlib.contextmanager
def served(gateway: Gateway) -> Iterator[str]:
    """The gateway's address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    config = uvicorn.Config(
        gateway, host="127.0.0.1", port=port, log_level="error", lifespan="on", http="httptools", ws="none"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ends = time.monotonic() + PATIENCE_S
    while not server.started and time.monotonic() < ends:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def traffic_to(champion: str, challenger: str | None, share: float = 0.5, **changes) -> Traffic:
    def upstream(version: str, url: str) -> Upstream:
        return Upstream(agent=AgentRef(agent_id="desk", version=version), url=url)

    return Traffic(
        rollout_id=changes.pop("rollout_id", "rollout-1"),
        champion=upstream("1", champion),
        challenger=upstream("2", challenger) if challenger else None,
        share=share,
        **changes,
    )


class Memory:
    """A store in memory, shared by as many gateways as there are; it can be told to fail."""

    def __init__(self) -> None:
        self.exchanges: dict[str, list[Exchange]] = {}
        self.kinds: dict[str, str] = {}
        self.tags: dict[str, Mapping[str, str]] = {}
        self.feedback: list[Feedback] = []
        self.refuses: Callable[[object], bool] = lambda _: False
        """Whether an exchange or an item of feedback cannot be stored."""
        self.down = False

    @property
    def store(self) -> Store:
        return Store(self.read, self.append, self.write_feedback, self.check)

    def check(self) -> None:
        if self.down:
            raise ConnectionError("the store is down")

    def read(self, names: Sequence[str]) -> dict[str, list[Exchange]]:
        self.check()
        return {name: list(self.exchanges[name]) for name in names if name in self.exchanges}

    def append(self, new, kind, tags) -> None:
        self.check()
        for rows in new.values():
            if any(self.refuses(row) for row in rows):
                raise ValueError("it cannot be stored")
        for name, rows in new.items():
            have = self.exchanges.setdefault(name, [])
            known = {row.exchange_id for row in have}
            have += [row for row in rows if row.exchange_id not in known]
            self.kinds[name], self.tags[name] = kind, tags.get(name, {})

    def write_feedback(self, items: Sequence[Feedback]) -> None:
        self.check()
        if any(self.refuses(item) for item in items):
            raise ValueError("it cannot be stored")
        self.feedback += items

    def conversations(self, kind: str = "production") -> list[Conversation]:
        found = [assemble(name, rows) for name, rows in [*self.exchanges.items()] if self.kinds[name] == kind]
        return sorted(found, key=lambda conversation: conversation.started_at)


def gateway_to(traffic: Traffic, store: Store | None = None, **changes) -> Gateway:
    idle_s, read, file = (changes.pop(name, other) for name, other in (("idle_s", 0.1), ("read", None), ("file", None)))
    return Gateway(
        source=TrafficSource(traffic, read, every_s=0.1, file=file),
        recorder=Recorder(
            store or Memory().store,
            aside=SetAside(changes.pop("aside", None)),
            idle_s=idle_s,
            flush_s=0.1,
            most_waiting=changes.pop("most_waiting", 10_000),
        ),
        limits=GatewayLimits(**changes.pop("limits", {})),
        **changes,
    )


@pytest.fixture
def agents() -> Iterator[tuple[Agent, Agent]]:
    with agent_server("one") as one, agent_server("two") as two:
        yield one, two


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
