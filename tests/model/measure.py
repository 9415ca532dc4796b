"""Has a real small model play the platform's six agents, and measures what can be measured of that.

`make model-test`. Half an hour on two quiet cores. Nothing is asserted: a model of 1.5 billion parameters is no good
judge of anything, and the figures say how far the form holds in which it is asked (docs/models.md).
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.agents.dataset_builder import dataset_builder
from assay.agents.judge import judge
from assay.agents.user_simulator import find_faults, user_simulator
from assay.contracts.agent import AgentCard
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.judgment import Ruling
from assay.errors import CallError
from assay.evaluation.validation.subjects import speaks_of_user
from assay.models import ChatModel, Patience, open_model
from tests.model.fetch import ROOT, cache, fetch
from tests.model.serve import MODEL

HERE = Path(__file__).parent
EXAMPLES = ROOT / "examples"
PATIENCE = Patience(timeout_s=1800, long_timeout_s=3600, away_s=600)


def scenarios() -> dict[str, Scenario]:
    """Those of the two examples, by id."""
    files = (EXAMPLES / name / "dataset.jsonl" for name in ("shop", "eliza"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {scenario.scenario_id: scenario for scenario in map(Scenario.model_validate_json, lines)}


def fixture(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def labelled() -> Iterator[tuple[Scenario, Conversation | None, dict[str, Any]]]:
    """(scenario, None, row) of each labelled conversation; `row` has turns, stop_reason, faulty and marked_before."""
    by_id = scenarios()
    for row in fixture("conversations.json"):
        yield by_id[row["scenario_id"]], None, row


def faults_found() -> dict[str, Any]:
    """How well the rules find what a reader called a fault. No model is asked."""
    rows = [
        (bool(find_faults(scenario, [Turn(**turn) for turn in row["turns"]], StopReason(row["stop_reason"]))), row)
        for scenario, _, row in labelled()
    ]
    faulty = [marked for marked, row in rows if row["faulty"]]
    marked = [row["faulty"] for found, row in rows if found]
    return {
        "conversations": len(rows),
        "faulty": len(faulty),
        "found": sum(faulty),
        "recall": sum(faulty) / len(faulty),
        "precision": sum(marked) / len(marked),
        "found before": sum(row["marked_before"] for _, row in rows if row["faulty"]),
    }


async def moves(model: ChatModel) -> dict[str, Any]:
    """One draw in each of the contexts, held against what a good move must and must not hold."""
    by_id, user, rows = scenarios(), user_simulator(model), fixture("moves.json")
    good = calls = 0
    for place, row in enumerate(rows):
        turns = [Turn(**turn) for turn in row["turns"]]
        try:
            move = await user.next_move(by_id[row["scenario_id"]], turns, seed=77 + place)
        except CallError as error:
            print(f"  {row['scenario_id']}: {error}", flush=True)
            continue
        calls += move.usage.calls
        right = is_good(row, move.text or "", move.stop.value if move.stop else "continue")
        good += right
        print(f"  {'good' if right else 'bad '} {row['scenario_id']}: {move.text!r} {move.stop or ''}", flush=True)
    return {"moves": len(rows), "good": good, "calls": calls}


def is_good(row: dict[str, Any], text: str, status: str) -> bool:
    """`needs` and `never` are regular expressions, written before anything was drawn with the prompt in force."""
    needed = re.search(row["needs"], text, re.IGNORECASE) is not None
    banned = re.search(row["never"], text, re.IGNORECASE) is not None
    return needed and not banned and status in row["status"]


async def rulings(model: ChatModel, conversations: int) -> dict[str, Any]:
    """How many rulings are lost to the form of the answer."""
    seat, asked, lost, abstained, calls = judge(model), 0, 0, 0, 0
    rows = [(scenario, row) for scenario, _, row in labelled() if len(row["turns"]) > 2][:conversations]
    for place, (scenario, row) in enumerate(rows):
        talk = Conversation.model_validate(
            {
                "conversation_id": f"{place:032x}",
                "scenario_id": scenario.scenario_id,
                "trial": 0,
                "seed": 0,
                "agent": {"agent_id": "a", "version": "1"},
                "turns": row["turns"],
                "stop_reason": row["stop_reason"],
                "started_at": "2026-01-01T00:00:00Z",
            }
        )
        try:
            ruled = await seat.rule(talk, scenario.expectations, scenario=scenario, rubric="", votes=1, seed=0)
        except CallError as error:
            print(f"  {scenario.scenario_id}: {error}", flush=True)
            lost += len(scenario.expectations)
        else:
            calls += ruled.usage.calls
            lost += sum("no ruling" in verdict.rationale for verdict in ruled.verdicts)
            abstained += sum(verdict.ruling is Ruling.ABSTAINED for verdict in ruled.verdicts)
        asked += len(scenario.expectations)
        print(f"  {scenario.scenario_id}: {asked} rulings, {lost} lost", flush=True)
    return {"rulings": asked, "lost to form": lost, "abstained": abstained, "calls": calls}


async def drafts(model: ChatModel, size: int) -> dict[str, Any]:
    """How many drafted expectations speak of the agent."""
    card = AgentCard.model_validate_json((EXAMPLES / "eliza" / "card.json").read_text(encoding="utf-8"))
    try:
        drafted = await dataset_builder(model).draft(card, "", size=size, seed=1)
    except CallError as error:
        return {"failed": str(error)}
    texts = [expectation.text for scenario in drafted.scenarios for expectation in scenario.expectations]
    for text in texts:
        print(f"  {text}", flush=True)
    of_agent = [text for text in texts if re.search(r"\bagent\b", text, re.IGNORECASE) and not speaks_of_user(text)]
    return {"scenarios": len(drafted.scenarios), "expectations": len(texts), "of the agent": len(of_agent)}


def whole_way(url: str) -> dict[str, Any]:
    """The six agents on three scenarios of the example, by the commands that a user types, to the end."""
    home = cache() / "run"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    few = home / "few.jsonl"
    lines = (EXAMPLES / "shop" / "dataset.jsonl").read_text(encoding="utf-8").splitlines()
    few.write_text("\n".join(lines[place] for place in (0, 22, 34)) + "\n", encoding="utf-8")
    complaints = home / "feedback.jsonl"
    said = (EXAMPLES / "shop" / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    complaints.write_text("\n".join(said) + "\n", encoding="utf-8")
    environment = {
        **os.environ,
        "ASSAY_HOME": str(home),
        "ASSAY_USER": "model-test",
        "ASSAY_MODEL": f"openai:{MODEL}",
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "none",
        "ASSAY_MODEL_TIMEOUT_S": "1800",
        "ASSAY_MODEL_LONG_TIMEOUT_S": "3600",
    }
    small = ("--size", "2", "--threshold", "0", "--no-reference-attempt")
    expect = ("--expect", "The agent asks for the order number.")
    steps: list[tuple[str, tuple[str, ...]]] = [
        ("register, v1", ("agent", "register", str(EXAMPLES / "shop" / "v1.json"))),
        ("register, v2", ("agent", "register", str(EXAMPLES / "shop" / "v2.json"))),
        ("dataset", ("dataset", "build", str(few), "--agent", "shop-support@v1", "--no-reference-attempt")),
        ("user simulator", ("simulate", "run", "--agent", "shop-support@v1", "--trials", "1", "--max-turns", "4")),
        ("judge", ("judge", "run", "--agent", "shop-support@v1", *expect)),
        ("analyst", ("analytics", "report")),
        ("analyst, chat", ("analytics", "chat", "Which scenario failed most?")),
        ("user simulator, v2", ("simulate", "run", "--agent", "shop-support@v2", "--trials", "1", "--max-turns", "4")),
        ("judge, v2", ("judge", "run", "--agent", "shop-support@v2", *expect)),
        ("comparator", ("compare", "run", "--champion", "shop-support@v1", "--challenger", "shop-support@v2")),
        ("feedback analyst", ("feedback", "ingest", str(complaints), "--agent", "shop-support@v2")),
        # last, so that the stages above have one dataset to take
        (
            "dataset builder",
            ("dataset", "build", "--brief", "returns", "--agent", "shop-support@v1", "--name", "drafted", *small),
        ),
    ]
    ended: dict[str, Any] = {}
    for name, arguments in steps:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "assay.cli", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        ended[name] = f"exit {done.returncode}, {time.monotonic() - began:.0f} s"
        print(f"  {name}: {ended[name]}", flush=True)
        if done.returncode:
            print("    " + "\n    ".join((done.stderr or done.stdout).strip().splitlines()[-6:]), flush=True)
    return ended


@contextmanager
def served(file: Path) -> Iterator[str]:
    """The model's server, ended at the end; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (cache() / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.model.serve", str(file), str(port)], cwd=ROOT, stderr=log
        )
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                    break
                except OSError:
                    if process.poll() is not None:
                        raise SystemExit(f"the server ended: see {log.name}") from None
                    time.sleep(1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(60)


async def ask(url: str, chosen: set[str]) -> dict[str, Any]:
    model = open_model(f"openai:{MODEL}", base_url=url, api_key="none", patience=PATIENCE)
    figures: dict[str, Any] = {}
    parts = {"moves": moves(model), "rulings": rulings(model, 12), "drafts": drafts(model, 4)}
    for name, part in parts.items():
        if name in chosen:
            print(f"{name}:", flush=True)
            figures[name] = await part
        else:
            part.close()
    await model.aclose()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    everything = ("faults", "moves", "rulings", "drafts", "agents")
    parser.add_argument("--only", nargs="*", choices=everything, default=everything)
    parser.add_argument("--url", help="Of a server that runs already.")
    arguments = parser.parse_args()
    chosen = set(arguments.only)
    figures: dict[str, Any] = {"faults": faults_found()} if "faults" in chosen else {}

    def with_model(url: str) -> None:
        figures.update(asyncio.run(ask(url, chosen)))
        if "agents" in chosen:
            print("agents:", flush=True)
            figures["agents"] = whole_way(url)

    if arguments.url:
        with_model(arguments.url)
    elif chosen - {"faults"}:
        with served(fetch()) as url:
            with_model(url)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
