"""How soon the API's lists answer with 10,000 runs and 100,000 conversations stored, and `assay up` from nothing.

    python benchmarks/api_lists.py [--runs N] [--conversations N]

A store with one real lifecycle of the example shop is grown: its runs and traces are written again and again into
MLflow's tables, under new ids, times, simulations and judgings. Then each list is asked for its first page, a page in
its middle and with filters, over HTTP, one request after the other. The floor is the same server's answer to an
address that is none. SQLite, server and client share the machine's two cores.

Where there is a Chromium, the page's list of conversations is scrolled by a screen a frame until 3,000 rows went by,
and the time between frames is told beside that of an empty page in the same browser.
"""

import argparse
import os
import re
import secrets
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
REQUESTS = 40
IN_A_SIMULATION = 500


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=10_000)
    arguments.add_argument("--conversations", type=int, default=100_000)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with up(home) as (_, began):
            print(f"`assay up` on an empty folder: the page answers after {began:.1f} s")
        live(home)
        grow(home / "mlflow.db", asked.runs, asked.conversations)
        with up(home) as (url, began):
            print(f"`assay up` on the grown store: the page answers after {began:.1f} s\n")
            measure(url)
            scroll(url)


@contextmanager
def up(home: Path) -> Iterator[tuple[str, float]]:
    """(address, seconds from the command to the page)"""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "assay.cli", "up", "--port", "0"],
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found is not None
        httpx.get(found[0], timeout=30).raise_for_status()
        httpx.get(f"{found[0]}/api/v1/projects", timeout=30).raise_for_status()
        yield found[0], time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ASSAY_HOME": str(home), "ASSAY_MODEL": "offline", "PYTHONUNBUFFERED": "1"}


def live(home: Path) -> None:
    """One real lifecycle."""
    command = [sys.executable, "-m", "assay.cli", "pipeline", "run", "--project", "shop", "--approve-all"]
    cards = ["--champion", str(SHOP / "v1.json"), "--challenger", str(SHOP / "v2.json")]
    data = ["--dataset", str(SHOP / "dataset.jsonl"), "--feedback", str(SHOP / "feedback.jsonl")]
    subprocess.run([*command, *cards, *data], env=environment(home), check=True, stdout=subprocess.DEVNULL)


def grow(database: Path, runs: int, conversations: int) -> None:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    began = time.perf_counter()
    with connection:
        grow_runs(connection, runs)
        grow_conversations(connection, conversations)
    # what MLflow's own server does now and then, and a database that grew by itself has had
    connection.execute("ANALYZE")
    count = connection.execute("SELECT (SELECT COUNT(*) FROM runs), (SELECT COUNT(*) FROM trace_info)").fetchone()
    connection.close()
    size, took = database.stat().st_size / 1e6, time.perf_counter() - began
    print(f"grown to {count[0]:,} runs and {count[1]:,} conversations in {took:.0f} s ({size:.0f} MB)")


def copies(connection: sqlite3.Connection, table: str, owner: str) -> dict[str, list[sqlite3.Row]]:
    """The table's rows by their owner."""
    connection.row_factory = sqlite3.Row
    found: dict[str, list[sqlite3.Row]] = {}
    for row in connection.execute(f"SELECT * FROM {table}"):
        found.setdefault(row[owner], []).append(row)
    return found


def insert(connection: sqlite3.Connection, table: str, rows: list[dict]) -> None:
    if rows:
        names = list(rows[0])
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
        connection.executemany(sql, rows)


def grow_runs(connection: sqlite3.Connection, wanted: int) -> None:
    runs, tags, metrics = (copies(connection, table, "run_uuid") for table in ("runs", "tags", "latest_metrics"))
    stages = [run for run, rows in tags.items() if any(row["key"] == "subject_id" for row in rows)]
    for number in range(wanted - len(runs)):
        old, new = stages[number % len(stages)], secrets.token_hex(16)
        shift = {"start_time": -60_000 * number, "end_time": -60_000 * number}
        insert(connection, "runs", [moved(runs[old][0], shift) | {"run_uuid": new, "name": f"grown {number}"}])
        own = {"subject_id": secrets.token_hex(4)}
        rows = [dict(row) | {"run_uuid": new, "value": row["value"] + own.get(row["key"], "")} for row in tags[old]]
        insert(connection, "tags", rows)
        insert(connection, "latest_metrics", [dict(row) | {"run_uuid": new} for row in metrics.get(old, [])])


def grow_conversations(connection: sqlite3.Connection, wanted: int) -> None:
    traces, tags = (copies(connection, table, "request_id") for table in ("trace_info", "trace_tags"))
    names = [name for name in traces if any(row["key"].startswith("judging-") for row in tags.get(name, []))]
    for number in range(wanted - len(traces)):
        old, conversation = names[number % len(names)], secrets.token_hex(16)
        part = number // IN_A_SIMULATION
        moved_row = moved(traces[old][0], {"timestamp_ms": -1000 * number})
        new = {"request_id": f"tr-{conversation}", "client_request_id": conversation}
        insert(connection, "trace_info", [moved_row | new])
        insert(
            connection,
            "trace_tags",
            [dict(row) | {"request_id": f"tr-{conversation}", "key": renamed(row["key"], part)} for row in tags[old]],
        )


def renamed(key: str, part: int) -> str:
    """Each part has a simulation and a judging of its own; those of the real one keep theirs."""
    kind, dash, name = key.partition("-")
    return f"{kind}-{part:04}{name[4:]}" if dash and kind in ("sim", "judging") else key


def moved(row: sqlite3.Row, shift: dict[str, int]) -> dict:
    """The row with some of its times shifted, in milliseconds."""
    values = dict(row)
    return values | {name: values[name] + by for name, by in shift.items() if values[name] is not None}


def measure(url: str) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        runs, talks = "/projects/shop/runs", "/projects/shop/conversations"
        judging = client.get("/projects/shop/judgments").json()["items"][0]["subject_id"]
        some = client.get(talks, params={"limit": 1}).json()["items"][0]
        lists: list[tuple[str, str, dict]] = [
            ("an address that is none (the floor)", "/nothing", {}),
            ("a project's lifecycle", "/projects/shop", {}),
            ("runs, first page", runs, {}),
            ("runs, in the middle", runs, {"cursor": middle(client, runs, 60)}),
            ("runs of a stage that are gated", runs, {"stage": "compare", "gated": "true"}),
            ("runs, searched", runs, {"q": "grown 77"}),
            ("comparisons", "/projects/shop/comparisons", {}),
            ("gates that wait", "/projects/shop/gates", {"state": "waiting"}),
            ("conversations, first page of 100", talks, {"limit": 100}),
            ("conversations, in the middle", talks, {"limit": 100, "cursor": middle(client, talks, 120)}),
            ("conversations of a simulation", talks, {"simulation": some["simulation_id"]}),
            ("conversations that failed in a judging", talks, {"judging": judging, "outcome": "failed"}),
            ("conversations of a scenario", talks, {"scenario": some["scenario_id"]}),
            ("conversations with a simulator fault", talks, {"fault": "any"}),
            ("jobs", "/jobs", {}),
        ]
        print("| list | median, ms | p95, ms | of the floor |\n|---|---:|---:|---:|")
        floor = 0.0
        for name, path, query in lists:
            took = []
            for _ in range(REQUESTS):
                began = time.perf_counter()
                answer = client.get(path, params=query)
                took.append(1000 * (time.perf_counter() - began))
                assert answer.status_code == (404 if path == "/nothing" else 200), answer.text
            median = statistics.median(took)
            floor = floor or median
            print(
                f"| {name} | {median:.1f} | {sorted(took)[int(0.95 * REQUESTS)]:.1f} | {median / floor:.0f} |",
                flush=True,
            )


FRAMES = """async ([selector, frames]) => {
  const box = selector ? document.querySelector(selector) : null;
  const took = [];
  let before = performance.now();
  for (let frame = 0; frame < frames; frame++) {
    if (box) box.scrollTop += box.clientHeight / 2;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    took.push(now - before);
    before = now;
  }
  return [took, box ? box.scrollTop : 0];
}"""
ROW_PX = 60


def scroll(url: str) -> None:
    """Time between frames while the list of conversations goes by."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        print("\nthe page was not scrolled: there is no Chromium")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.goto("about:blank")
        empty, _ = page.evaluate(FRAMES, [None, 120])
        page.goto(f"{url}/p/shop/conversations")
        page.wait_for_selector("[aria-label=Conversations] li")
        took, at = [], 0.0
        while at < 3000 * ROW_PX:
            part, at = page.evaluate(FRAMES, ["[aria-label=Conversations]", 40])
            took += part
        browser.close()
    print(f"\nscrolled by {at / ROW_PX:,.0f} rows in {len(took)} frames")
    print("| page | median frame, ms | p95, ms | longest, ms |\n|---|---:|---:|---:|")
    for name, frames in (("empty (the floor)", empty), ("conversations", took)):
        p95 = sorted(frames)[int(0.95 * len(frames))]
        print(f"| {name} | {statistics.median(frames):.1f} | {p95:.1f} | {max(frames):.0f} |")


def middle(client: httpx.Client, path: str, pages: int) -> str | None:
    """The cursor behind so many pages of 50."""
    cursor = None
    for _ in range(pages):
        query = {"limit": 50, **({"cursor": cursor} if cursor else {})}
        cursor = client.get(path, params=query).json()["next_cursor"] or cursor
    return cursor


if __name__ == "__main__":
    main()
