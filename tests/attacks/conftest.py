"""A real `assay up` with authentication on: two projects, and a token for each of those who attack it.

One server for the whole folder: a process of its own, with MLflow's pages and a worker.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from assay.api.accounts import Accounts
from assay.contracts.api import EVERYWHERE, NewToken, Role
from assay.lifecycle.jobs import prepare_database
from assay.settings import Settings
from assay.tracking import Tracking, connect
from tests.conftest import PATIENCE_S, copy_store

INTERNAL = "the-keys-of-the-internal-service"
NOTIFY = '[{"url": "slack://T1JJhidden/TIiahidden/xyz", "kinds": ["rollback"]}]'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One server for the folder: the tests run in one of pytest's workers."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("attacks"))


@dataclass
class Attacked:
    """The server, and what is needed to knock at it."""

    url: str
    home: Path
    process: "subprocess.Popen[str]"
    accounts: Accounts
    store: Tracking
    internal: "Service"
    """Of the server's own network, which no agent may be."""
    outside: "Service"
    """An attacker's, which ASSAY_AGENT_HOSTS lists; it sends everybody on to the internal one."""
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, role: Role, project: str = EVERYWHERE, name: str = "") -> str:
        key = f"{role} of {project} {name}"
        if key not in self.tokens:
            asked = NewToken(name=name or key, roles={project: (role,)})
            self.tokens[key] = self.accounts.create_token(asked, "admin")[0]
        return self.tokens[key]

    def client(self, token: str | None = None, **more: Any) -> httpx.Client:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S, **more)

    def evaluator(self, project: str) -> httpx.Client:
        return self.client(self.token(Role.EVALUATOR, project))

    def admin(self) -> httpx.Client:
        return self.client(self.token(Role.ADMIN))

    def viewer(self) -> httpx.Client:
        """Of all projects."""
        return self.client(self.token(Role.VIEWER))


@dataclass
class Service:
    """Answers every request, and remembers their paths."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def service(sends_to: str | None = None) -> Iterator[Service]:
    """sends_to: where it redirects; None: it answers with a secret."""
    seen = Service("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            seen.asked.append(self.path)
            body = json.dumps({"reply": INTERNAL, "choices": [{"message": {"content": INTERNAL}}]}).encode()
            self.send_response(200 if sends_to is None else 302)
            if sends_to is not None:
                self.send_header("location", f"{sends_to}/latest/meta-data")
                body = b""
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None: ...

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    seen.url = f"http://127.0.0.1:{running.server_port}"
    yield seen
    running.shutdown()


@contextlib.contextmanager
def server(home: Path, internal: Service, outside: Service, **more: str) -> Iterator[Attacked]:
    """`assay up` on a free port; ended with SIGTERM, and it must end by itself."""
    settings = Settings(home=home)
    prepare_database(settings.jobs_store)
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME", "PYTHONPATH")},
        "ASSAY_HOME": str(home),
        "ASSAY_AUTH": "on",
        "ASSAY_MODEL": "offline",
        "ASSAY_NOTIFY": NOTIFY,
        "PYTHONUNBUFFERED": "1",
        **more,
    }
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "assay.cli", "up", "--port", "0"],
            env=environment,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        accounts = Accounts(settings.jobs_store)
        try:
            assert process.stdout is not None
            while "Assay is at" not in (line := process.stdout.readline()):
                assert line, (home / "server.log").read_text()[-3000:]
            url = next(word for word in line.split() if word.startswith("http://"))
            yield Attacked(url, home, process, accounts, connect(settings.store), internal, outside)
        finally:
            accounts.close()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()


@pytest.fixture(scope="session")
def attacked(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    home = tmp_path_factory.mktemp("attacked")
    copy_store(template, home)
    with (
        service() as internal,
        service(internal.url) as outside,
        server(
            home,
            internal,
            outside,
            ASSAY_HEARTBEAT_LIMIT_S="3",
            ASSAY_AGENT_HOSTS=outside.url.removeprefix("http://"),
        ) as started,
    ):
        with started.admin() as admin:
            for project in ("shop", "bank"):
                admin.post("/api/v1/projects", json={"project": project}).raise_for_status()
        yield started


def conversation(text: str = "Your refund is on its way.", name: str | None = None) -> dict[str, Any]:
    """As a client sends one."""
    return {
        "conversation_id": name or uuid.uuid4().hex,
        "scenario_id": "refund",
        "trial": 0,
        "seed": 0,
        "agent": {"agent_id": "support", "version": "1"},
        "turns": [{"role": "user", "text": "Where is my refund?"}, {"role": "agent", "text": text}],
        "stop_reason": "imported",
        "started_at": "2026-03-01T12:00:00Z",
    }


def judging(*conversations: dict[str, Any], pattern: str = "refund") -> dict[str, Any]:
    check = {"kind": "says", "pattern": pattern}
    expectation = {"expectation_id": "says-refund", "text": "Says what happens to the refund.", "check": check}
    return {"conversations": list(conversations), "expectations": [expectation]}


def ended(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The job, once it has ended."""
    assert answer.status_code == 202, answer.text
    until = time.monotonic() + PATIENCE_S
    job: dict[str, Any] = {}
    while time.monotonic() < until:
        job = client.get(f"/api/v1/jobs/{answer.json()['job_id']}").raise_for_status().json()
        if job["status"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return job
        time.sleep(0.3)
    raise AssertionError(json.dumps(job))
