"""Anonymous callers against a real gateway."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from assay.contracts.api import LOGIN_COOKIE, PAGE_COOKIE, SECURE_PREFIX
from assay.tracking import connect, read_conversations
from tests.conftest import PATIENCE_S, copy_store

SLOTS = 20
"""Requests at a time, few so that a test can use them up."""


@dataclass
class Agent:
    """Answers everything, and remembers what it was asked."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)


@contextlib.contextmanager
def agent() -> Iterator[Agent]:
    seen = Agent()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            seen.paths.append(self.path)
            seen.cookies.append(self.headers.get("cookie") or "")
            message = {"role": "assistant", "content": "Your refund is on its way."}
            body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen.url = f"http://127.0.0.1:{server.server_port}/agents/support"
    yield seen
    server.shutdown()


@dataclass
class Gateway:
    url: str
    home: Path
    agent: Agent

    def client(self, **more) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, **more)

    def ask(self, text: str) -> httpx.Response:
        with self.client() as client:
            return client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": text}]})

    def is_recorded(self, text: str) -> bool:
        """Whether a conversation with these words reaches the store."""
        store = connect(f"sqlite:///{self.home}/mlflow.db")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            said = [turn.text for row in read_conversations(store, "shop", "production") for turn in row.turns]
            if text in said:
                return True
            time.sleep(0.5)
        return False


@pytest.fixture(scope="module")
def gateway(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("gateway")
    copy_store(template, home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = ("PATH", "LANG", "HOME", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name in kept} | {"ASSAY_HOME": str(home)}
    with agent() as upstream, (home / "gateway.log").open("w") as log:
        arguments = ["gateway", "--project", "shop", "--champion-url", upstream.url, "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, "-m", "assay.cli", *arguments, "--most-in-flight", str(SLOTS)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + PATIENCE_S
        try:
            while True:
                assert process.poll() is None and time.monotonic() < until, (home / "gateway.log").read_text()[-2000:]
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{url}/healthz").status_code == 200:
                        break
                time.sleep(0.2)
            yield Gateway(url, home, upstream)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()


ODD = {
    "deep JSON as text": (b"[" * 100_000, "text/plain"),
    "deep JSON": (b"[" * 100_000, "application/json"),
    "a lone surrogate": (b'{"messages":[{"role":"user","content":"\\ud800"}]}', "application/json"),
    "NUL": (b'{"messages":[{"role":"user","content":"a\\u0000b"}]}', "application/json"),
    "no UTF-8": (b'{"messages":[{"role":"user","content":"\xff\xfe"}]}', "application/json"),
    "a number for messages": (b'{"messages": 3}', "application/json"),
    "an endless number": (b'{"messages":[{"role":"user","content":"x"}],"n":1e999}', "application/json"),
}


@pytest.mark.parametrize("what", ODD)
def test_no_message_stops_the_recording_of_others(gateway: Gateway, what: str):
    body, kind = ODD[what]
    with gateway.client() as client:
        answer = client.post("/v1/chat/completions", content=body, headers={"content-type": kind})
        assert answer.status_code < 500, answer.text
    words = f"Where is my refund after {what}?"
    assert gateway.ask(words).status_code == 200
    assert gateway.is_recorded(words)
    with gateway.client() as client:
        assert client.get("/readyz").status_code == 200


def test_a_token_of_any_bytes_is_only_a_wrong_token(gateway: Gateway):
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname, address.port or 80), timeout=60) as peer:
        body = b'{"messages":[{"role":"user","content":"Hello."}]}'
        peer.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-assay-arm: challenger\r\nx-assay-token: \xff\xe9\r\n"
            b"content-type: application/json\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        status = int(peer.recv(4096).split()[1])
    assert status < 500


def test_nobody_without_a_credential_gives_evidence(gateway: Gateway):
    turns = [{"role": "user", "text": "Hi"}, {"role": "agent", "text": "No."}]
    forged = [
        {"feedback_id": "f", "thumbs": "down", "conversation_id": "ab" * 16},
        {"feedback_id": "f", "thumbs": "down", "turns": turns, "agent": {"agent_id": "shop", "version": "champion"}},
        {"feedback_id": "f", "thumbs": "down"},
        {"feedback_id": "f", "thumbs": "down", "conversation_id": f"{'ab' * 16}-{'0' * 16}-{'0' * 32}"},
    ]
    with gateway.client() as client:
        for item in forged:
            assert client.post("/assay/feedback", json=item).status_code in (401, 422), item
        receipt = gateway.ask("Thank you.").headers["x-assay-receipt"]
        own = {"feedback_id": "own", "thumbs": "up", "conversation_id": receipt}
        assert client.post("/assay/feedback", json={**own, "at": "0001-01-01T00:00:00"}).status_code == 422
        assert client.post("/assay/feedback", json=own).status_code == 202


def test_slow_bodies_leave_room_for_others(gateway: Gateway):
    """Twice as many connections as there is room for, with one byte of a body each."""
    address = urlsplit(gateway.url)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"
    with contextlib.ExitStack() as held:
        for _ in range(2 * SLOTS):
            peer = held.enter_context(socket.create_connection((address.hostname, address.port or 80), timeout=60))
            peer.sendall(head)
        time.sleep(1)
        assert [gateway.ask("Still there?").status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("asked", "arrives"),
    [
        ("/%2e%2e/%2e%2e/secret", None),
        ("/..%2f..%2fsecret", None),
        ("/a/../../secret", None),
        ("/..%5c..%5csecret", None),
        ("/%252e%252e/secret", None),
        ("/files/a%3Fb", "/agents/support/files/a%3Fb"),
        ("/files/a%23b", "/agents/support/files/a%23b"),
        ("/files/a%2Fb?c=%2F", "/agents/support/files/a%2Fb?c=%2F"),
    ],
)
def test_a_path_stays_under_the_agents_own(gateway: Gateway, asked: str, arrives: str | None):
    address = urlsplit(gateway.url)
    gateway.agent.paths.clear()
    with socket.create_connection((address.hostname, address.port or 80), timeout=60) as peer:
        peer.sendall(f"GET {asked} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        status = int(peer.recv(65536).split()[1])
    if arrives is None:
        assert 400 <= status < 500 and gateway.agent.paths == []
    else:
        assert status == 200 and gateway.agent.paths == [arrives]


def test_no_agent_is_given_a_session_of_the_server(gateway: Gateway):
    gateway.agent.cookies.clear()
    names = [prefix + name for prefix in ("", SECURE_PREFIX) for name in (PAGE_COOKIE, LOGIN_COOKIE)]
    cookies = "; ".join([*(f"{name}=SECRET" for name in [*names, "assay_session"]), "theirs=1"])
    with gateway.client() as client:
        answer = client.get("/hello", headers={"cookie": cookies})
    assert gateway.agent.cookies == ["theirs=1"]
    assert not [name for name in names if f"{name}=" in answer.headers.get("set-cookie", "")]
