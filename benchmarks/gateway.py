"""What the gateway adds: the same load on an agent that answers at once, with the gateway before it and without.

The gateway has one core to itself, agent and load share the other. Prints a markdown table.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

import uvloop

PLAIN = json.dumps(
    {
        "id": "c-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "It is on its way."}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 6},
    }
).encode()
PIECES = [f'data: {{"choices":[{{"delta":{{"content":"word{n} "}}}}]}}\n\n'.encode() for n in range(5)]
PIECES.append(b"data: [DONE]\n\n")
GATEWAY_CORE, OTHER_CORE = 0, 1
CONNECTIONS = 32
SECONDS = 6.0
PACE = 400
"""Requests a second of the moderate load."""


class Agent(asyncio.Protocol):
    """Answers at once. A body with `"stream": true` gets server-sent events."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lowered = head.lower()
            at = lowered.find(b"content-length:")
            length = int(lowered[at + 15 :].split(b"\r\n")[0]) if at >= 0 else 0
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            if b'"stream": true' in body:
                chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in PIECES) + b"0\r\n\r\n"
                head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                self.transport.write(head + chunks)
            else:
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(PLAIN)
                self.transport.write(head + PLAIN)


class Caller(asyncio.Protocol):
    """One connection on which one request at a time goes out."""

    def __init__(self) -> None:
        self.waiting: asyncio.Future[None] | None = None
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            done = rest.endswith(b"0\r\n\r\n")
        else:
            at = lowered.find(b"content-length:")
            done = len(rest) >= int(lowered[at + 15 :].split(b"\r\n")[0])
        if done:
            assert b" 200 " in head.split(b"\r\n")[0], head
            self.buffer = b""
            if self.waiting is not None and not self.waiting.done():
                self.waiting.set_result(None)

    async def ask(self, request: bytes) -> None:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.waiting


def request_of(session: int, *, stream: bool) -> bytes:
    body = json.dumps(
        {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Where is my parcel?"}]}
    ).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: agent\r\ncontent-type: application/json\r\n"
        b"x-session-id: s-%d\r\ncontent-length: %d\r\n\r\n%s" % (session, len(body), body)
    )


async def as_fast_as_it_goes(port: int, *, stream: bool) -> float:
    """Requests a second."""
    loop = asyncio.get_running_loop()
    callers = [(await loop.create_connection(Caller, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    count, ends = 0, time.perf_counter() + SECONDS

    async def go(number: int, caller: Caller) -> None:
        nonlocal count
        session = number
        while time.perf_counter() < ends:
            await caller.ask(request_of(session, stream=stream))
            session += CONNECTIONS
            count += 1

    began = time.perf_counter()
    await asyncio.gather(*(go(number, caller) for number, caller in enumerate(callers)))
    took = time.perf_counter() - began
    for caller in callers:
        caller.transport.close()
    return count / took


async def at_a_pace(port: int, *, stream: bool) -> list[float]:
    """Seconds of each request at PACE a second."""
    loop = asyncio.get_running_loop()
    callers = [(await loop.create_connection(Caller, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    idle = asyncio.Queue()
    for caller in callers:
        idle.put_nowait(caller)
    took: list[float] = []

    async def one(session: int) -> None:
        caller = await idle.get()
        began = time.perf_counter()
        await caller.ask(request_of(session, stream=stream))
        took.append(time.perf_counter() - began)
        idle.put_nowait(caller)

    tasks, began = [], time.perf_counter()
    for number in range(int(PACE * SECONDS)):
        await asyncio.sleep(max(0.0, began + number / PACE - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    for caller in callers:
        caller.transport.close()
    return took


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until_open(port: int) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def agent(port: int) -> None:
    os.sched_setaffinity(0, {OTHER_CORE})

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Agent, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    uvloop.run(serve())


def gateway(port: int, upstream: int, home: str) -> None:
    os.sched_setaffinity(0, {GATEWAY_CORE})
    from assay.contracts.stage import AgentRef
    from assay.contracts.traffic import Traffic, Upstream
    from assay.rollout.serve import GatewaySettings, run

    url = f"http://127.0.0.1:{upstream}"
    traffic = Traffic(
        rollout_id="rollout-bench",
        champion=Upstream(agent=AgentRef(agent_id="a", version="1"), url=url),
        challenger=Upstream(agent=AgentRef(agent_id="a", version="2"), url=url),
        share=0.5,
        sample_share=0.1,
    )
    store = f"sqlite:///{home}/mlflow.db"
    run(
        GatewaySettings(project="bench", store=store, home=Path(home), traffic=traffic, idle_s=1.0),
        host="127.0.0.1",
        port=port,
    )


def main() -> None:
    os.sched_setaffinity(0, {OTHER_CORE})
    upstream, before = free_port(), free_port()
    with tempfile.TemporaryDirectory() as home:
        me = [sys.executable, __file__]
        processes = [
            subprocess.Popen([*me, "agent", str(upstream)]),
            subprocess.Popen([*me, "gateway", str(before), str(upstream), home]),
        ]
        try:
            until_open(upstream)
            until_open(before)
            rows = []
            for stream in (False, True):
                uvloop.run(as_fast_as_it_goes(before, stream=stream))  # warm
                fast = [uvloop.run(as_fast_as_it_goes(port, stream=stream)) for port in (upstream, before)]
                paced = [uvloop.run(at_a_pace(port, stream=stream)) for port in (upstream, before)]
                rows.append((stream, fast, paced))
            print("| | direct | through the gateway | added, or ratio |\n|---|---:|---:|---:|")
            for stream, fast, paced in rows:
                name = "streamed" if stream else "plain"
                print(f"| {name}: requests a second, one core | {fast[0]:,.0f} | {fast[1]:,.0f} | ", end="")
                print(f"{fast[1] / fast[0]:.2f} |")
                for label, q in (("median", 0.5), ("99th percentile", 0.99)):
                    direct, through = (1000 * sorted(took)[int(q * len(took))] for took in paced)
                    print(f"| {name}: {label} at {PACE}/s, ms | {direct:.2f} | {through:.2f} | ", end="")
                    print(f"+{through - direct:.2f} |")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["agent", port]:
            agent(int(port))
        case ["gateway", port, upstream, home]:
            gateway(int(port), int(upstream), home)
        case _:
            main()
