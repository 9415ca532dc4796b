"""What Assay adds to the model's own latency: wall time, CPU, memory and bytes, beside a bare floor in the same run.

    python benchmarks/throughput/run.py                # W(500, 4, 100) at 200 ms and at 0 ms
    python benchmarks/throughput/run.py --large        # and W(20000, 4, 200) at 0 ms

W(n, t, c): n conversations of t turns by user simulator and agent each and one judge call, c in flight: 2t + 1 calls a
conversation, so ideal = ceil(n / c) x (2t + 1) x latency. Each way is a process of its own, timed from its start to
its exit; the server is another one.
"""

import argparse
import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = "bench"


@dataclass(frozen=True)
class Load:
    conversations: int
    turns: int
    in_flight: int
    latency_s: float

    @property
    def calls(self) -> int:
        return self.conversations * (2 * self.turns + 1)

    @property
    def ideal_s(self) -> float:
        return math.ceil(self.conversations / self.in_flight) * (2 * self.turns + 1) * self.latency_s

    def __str__(self) -> str:
        return f"W({self.conversations:,}, {self.turns}, {self.in_flight}) at {1000 * self.latency_s:g} ms"


@dataclass(frozen=True)
class Measured:
    wall_s: float
    cpu_s: float
    peak_mb: float
    calls: int
    first_call_s: float
    stored_mb: float
    conversations: int
    judged: int


@contextmanager
def server(latency_s: float) -> Iterator[str]:
    command = [sys.executable, str(HERE / "stub_server.py"), "--latency", str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def counted(base_url: str) -> tuple[int, float]:
    with urllib.request.urlopen(f"{base_url}/count") as answer:
        found = json.load(answer)
    return found["calls"], found["first"]


def timed(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float, float, float]:
    """(started at, wall, CPU, peak MB) of a command with its threads."""
    started, began = time.time(), time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return started, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def floor(load: Load) -> Measured:
    with server(load.latency_s) as base_url:
        command = [sys.executable, str(HERE / "floor.py"), base_url]
        command += ["--conversations", str(load.conversations), "--turns", str(load.turns)]
        started, wall, cpu, peak = timed([*command, "--in-flight", str(load.in_flight)])
        calls, first = counted(base_url)
    return Measured(wall, cpu, peak, calls, first - started, 0.0, 0, 0)


def assay(load: Load) -> Measured:
    with tempfile.TemporaryDirectory() as folder, server(load.latency_s) as base_url:
        home = Path(folder)
        env = environment(folder, base_url)
        scenarios = next(size for size in (250, 100, 50, 10, 1) if load.conversations % size == 0)
        prepare(home, base_url, scenarios, load, env)
        command = [str(Path(sys.executable).with_name("assay")), "evaluate", "--project", PROJECT]
        command += ["--agent", "bench@1", "--trials", str(load.conversations // scenarios)]
        before, at_first = size_mb(home), counted(base_url)[0]
        started, wall, cpu, peak = timed([*command, "--concurrency", str(load.in_flight)], env)
        calls, first = counted(base_url)
        conversations, judged = stored(home)
        return Measured(
            wall, cpu, peak, calls - at_first, first - started, size_mb(home) - before, conversations, judged
        )


def warm(load: Load) -> Measured:
    """A second evaluation in a process that has done one, as in a worker: nothing is imported any more."""
    with tempfile.TemporaryDirectory() as folder, server(load.latency_s) as base_url:
        home = Path(folder)
        env = environment(folder, base_url)
        scenarios = next(size for size in (250, 100, 50, 10, 1) if load.conversations % size == 0)
        prepare(home, base_url, scenarios, load, env)
        command = [sys.executable, str(HERE / "warm.py"), PROJECT, "bench@1", str(load.conversations // scenarios)]
        done = subprocess.run([*command, str(load.in_flight)], env=env, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        conversations, judged = stored(home)
        calls = counted(base_url)[0] // 2
        return Measured(
            found["wall_s"], found["cpu_s"], found["peak_mb"], calls, 0.0, 0.0, conversations // 2, judged // 2
        )


def environment(home: str, base_url: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
        "ASSAY_HOME": home,
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": "stub",
        "OPENAI_MODEL": "stub",
    }


def prepare(home: Path, base_url: str, scenarios: int, load: Load, env: dict[str, str]) -> None:
    """An agent behind the same server and a dataset, registered as a user would."""
    card = {
        "agent_id": "bench",
        "version": "1",
        "description": "Answers at once.",
        "connector": {"kind": "openai", "base_url": base_url, "model": "stub"},
        "system_prompt": "You help customers of a shop with their orders. " * 30,
    }
    (home / "card.json").write_text(json.dumps(card))
    rows = [
        {
            "scenario_id": f"order-{number}",
            "topic": "orders",
            "persona": {"name": "hurried", "description": "Short of time."},
            "goal": "Find out where the parcel is.",
            "opening": f"Hello, where is my parcel? It is order {number}.",
            "facts": {"order": str(number)},
            "max_turns": load.turns,
            "expectations": [{"expectation_id": "says-where", "text": "The agent says where the parcel is."}],
        }
        for number in range(scenarios)
    ]
    (home / "scenarios.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    run = [str(Path(sys.executable).with_name("assay"))]
    ready = {"env": env, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([*run, "agent", "register", str(home / "card.json"), "--no-probe", "--project", PROJECT], **ready)
    build = [*run, "dataset", "build", str(home / "scenarios.jsonl"), "--agent", "bench@1", "--project", PROJECT]
    subprocess.run([*build, "--threshold", "0", "--no-reference-attempt"], **ready)


def stored(home: Path) -> tuple[int, int]:
    """Whole conversations and judgments in MLflow's tables."""
    connection = sqlite3.connect(home / "mlflow.db")
    conversations = connection.execute(
        "SELECT count(DISTINCT request_id) FROM trace_tags WHERE key LIKE 'sim-%' AND value = 'stored'"
    )
    judged = connection.execute("SELECT count(DISTINCT trace_id) FROM assessments WHERE name = 'passed'")
    return conversations.fetchone()[0], judged.fetchone()[0]


def size_mb(home: Path) -> float:
    return sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--large", action="store_true", help="W(20000, 4, 200) at 0 ms too: some minutes")
    parser.add_argument("--only", type=int, metavar="N", help="only the N-th load, from 0")
    asked = parser.parse_args()
    loads = [Load(500, 4, 100, 0.2), Load(500, 4, 100, 0.0)]
    if asked.large:
        loads += [Load(500, 4, 200, 0.0), Load(20_000, 4, 200, 0.0)]
    if asked.only is not None:
        loads = [loads[asked.only]]
    print("| work | way | wall, s | wall / ideal | CPU, ms a call | peak RSS, MB | first call, s | calls | stored |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    for load in loads:
        for name, way in (("floor", floor), ("assay", assay), ("assay, warm process", warm)):
            found = way(load)
            ratio = f"{found.wall_s / load.ideal_s:.2f}" if load.ideal_s else ""
            kept = ""
            first = f"{found.first_call_s:.2f}" if found.first_call_s else ""
            if way is not floor:
                kept = f"{found.conversations:,} traces, {found.judged:,} judged"
            if way is assay:
                kept += f", {found.stored_mb:.0f} MB"
            print(
                f"| {load} | {name} | {found.wall_s:.2f} | {ratio} | {1000 * found.cpu_s / load.calls:.2f} "
                f"| {found.peak_mb:.0f} | {first} | {found.calls:,} of {load.calls:,} | {kept} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
