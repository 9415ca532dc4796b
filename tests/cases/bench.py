"""What a case works with: its inputs in a folder of its own, the `assay` command, stub servers, the gateway."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

STUB = Path(__file__).parent / "bug-00-stub"


@dataclass
class Stub:
    """A server on loopback that answers every POST with one file's bytes. `answer` may be changed while it runs."""

    answer: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    refuse: tuple[str, int, bytes] | None = None
    """This status and body while the request's JSON has the field."""
    refuse_when: Callable[[dict[str, Any]], tuple[int, bytes] | None] = lambda asked: None
    """The status and body for requests of which it says so."""
    failing: tuple[int, bytes] | None = None
    """This status and body to everything; set it to None to mend the server."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """The settings with which `--model openai:m` asks this server."""
        return {"OPENAI_BASE_URL": f"{self.url}/v1", "OPENAI_API_KEY": "sk-0000000000"}

    def answer_to(self, body: bytes) -> tuple[int, bytes, str]:
        try:
            asked = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            asked = {}  # what it answers does not depend on it
        self.requests.append(asked)
        if self.refuse and self.refuse[0] in asked:
            return self.refuse[1], self.refuse[2], "application/json"
        if refusal := self.refuse_when(asked):
            return *refusal, "application/json"
        if self.failing:
            return *self.failing, "application/json"
        return 200, self.answer, self.content_type


@contextlib.contextmanager
def running(stub: Stub) -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, body, kind = stub.answer_to(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            for name, value in stub.headers.items() if status == 200 else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", stub.port), Handler)
    server.daemon_threads = True
    stub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Bench:
    command: Any
    home: Path
    folder: Path
    """A copy of the case's inputs; commands run in it."""
    monkeypatch: pytest.MonkeyPatch

    def of(self, case: Path) -> "Bench":
        shutil.copytree(case, self.folder)
        self.monkeypatch.chdir(self.folder)
        return replace(self)

    def assay(self, *arguments: object, code: int = 0, env: Mapping[str, str] | None = None) -> Any:
        """Runs a command; asserts its exit code. The answer has `stdout` and `stderr`."""
        return self.command(*map(str, arguments), code=code, env=env)

    def json(self, *arguments: object, code: int = 0, env: Mapping[str, str] | None = None) -> Any:
        """What the command prints with `--json`."""
        return json.loads(self.assay(*arguments, "--json", code=code, env=env).stdout)

    def serve(self, file: str | Path, **more: Any) -> contextlib.AbstractContextManager[Stub]:
        """A stub that answers with a file of the case, or of bug-00-stub."""
        return running(Stub(answer=self.read(file), **more))

    def read(self, file: str | Path) -> bytes:
        own = self.folder / file
        return (own if own.exists() else STUB / file).read_bytes()

    def register(self, agent: Stub, *, stream: bool = False) -> None:
        """Registers support@1 at the stub."""
        card = json.loads((STUB / ("card-stream.json" if stream else "card.json")).read_text())
        card["connector"]["base_url"] = f"{agent.url}/v1"
        (self.folder / "card-at-stub.json").write_text(json.dumps(card))
        self.assay("agent", "register", "card-at-stub.json", "--no-probe")

    def build(self, scenarios: str | Path | None = None) -> None:
        """Builds a dataset for support@1: of the case's scenarios.jsonl, else of bug-00-stub's."""
        own = self.folder / "scenarios.jsonl"
        file = scenarios or (own if own.exists() else STUB / "scenarios.jsonl")
        self.assay("dataset", "build", file, "--agent", "support@1", "--no-reference-attempt")

    def played(self, agent: Stub, *, stream: bool = False) -> None:
        """Registers the agent, builds the dataset, plays one trial of each scenario."""
        self.register(agent, stream=stream)
        self.build()
        self.assay("simulate", "run", "--agent", "support@1", "--trials", "1")

    def conversations(self, project: str = "default", simulation_id: str | None = None) -> list[Any]:
        """The stored conversations of a simulation (default: the newest); `production` is what the gateway stored."""
        from assay.contracts.stage import Stage
        from assay.tracking import connect, list_results, read_conversations

        store = connect(f"sqlite:///{self.home}/mlflow.db")
        chosen = simulation_id or list_results(store, project, Stage.SIMULATE)[0].subject_id
        return read_conversations(store, project, chosen)

    @contextlib.contextmanager
    def process(self, *arguments: object, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """An `assay` command in a process of its own, ended with SIGTERM."""
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")}
        environment |= {
            "ASSAY_HOME": str(self.home),
            "ASSAY_USER": "tester",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            **(env or {}),
        }
        command = [sys.executable, "-c", "from assay.cli import main; main()", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=self.folder, env=environment, text=True)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @contextlib.contextmanager
    def gateway(self, *arguments: object, project: str = "gw") -> Iterator[str]:
        """The gateway on a free port; the address. All that it took is written when the block ends."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with self.process("gateway", *arguments, "--project", project, "--port", port) as process:
            url = f"http://127.0.0.1:{port}"
            wait_until_up(f"{url}/healthz", process)
            yield url


def wait_until_up(url: str, process: subprocess.Popen[str], timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise AssertionError(f"{url} did not answer in {timeout_s} s")
