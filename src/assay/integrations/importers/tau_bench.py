"""tau-bench trajectories: a folder with scenarios.jsonl, traces.jsonl and policy.md, the outcome known as a reward."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, StopReason
from assay.contracts.dataset import Dataset, Difficulty, Expectation, Origin, OutcomeCheck, Persona, Scenario
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.integrations.importers.messages import turns_of

UNKNOWN_TIME = datetime(2024, 1, 1, tzinfo=UTC)
"""The trajectories do not say when they were played."""


def read(folder: Path, agent: AgentRef) -> tuple[Dataset, tuple[Conversation, ...], str | None]:
    """(scenarios, conversations, the agent's policy). The reward becomes each conversation's outcome."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: is no folder: tau-bench is a folder with scenarios.jsonl and traces.jsonl")
    name = folder.name.lower()
    scenarios = tuple(_scenario(name, row) for row in _rows(folder / "scenarios.jsonl"))
    conversations = tuple(
        _conversation(name, agent, row, f"traces.jsonl:{n}") for n, row in _numbered(folder / "traces.jsonl")
    )
    policy = folder / "policy.md"
    described = "Recorded customer-service tasks of tau-bench, with the reward as outcome."
    return (
        Dataset(name=name, description=described, scenarios=scenarios),
        conversations,
        policy.read_text(encoding="utf-8") if policy.is_file() else None,
    )


def _scenario(name: str, row: dict[str, Any]) -> Scenario:
    actions = row["expected_actions"]
    return Scenario(
        scenario_id=_scenario_id(name, row["task_id"]),
        topic=_topic(actions),
        difficulty=_difficulty(len(actions)),
        persona=Persona(name="tau-user", description="A customer as tau-bench's user simulator plays one."),
        goal=row["user_instruction"],
        expectations=(
            Expectation(
                expectation_id="outcome",
                text="The database ends as the reference actions leave it, and the required outputs are said.",
                check=OutcomeCheck(path="reward", equals=1.0),
            ),
        ),
        origin=Origin.IMPORTED,
        origin_ref=f"tau-bench task {row['task_id']}",
    )


def _conversation(name: str, agent: AgentRef, row: dict[str, Any], where: str) -> Conversation:
    return Conversation(
        conversation_id=content_hash(["tau-bench", str(agent), row["trace_id"]])[:32],
        scenario_id=_scenario_id(name, row["task_id"]),
        trial=row["trial"],
        seed=row["trial"],
        agent=agent,
        turns=turns_of(row["messages"], where),
        stop_reason=StopReason.IMPORTED,
        outcome={"reward": row["reward"], "r_actions": row.get("r_actions"), "r_outputs": row.get("r_outputs")},
        started_at=UNKNOWN_TIME,
    )


def _scenario_id(name: str, task_id: int) -> str:
    return f"{name}-{task_id:03d}"


def _topic(actions: list[dict[str, Any]]) -> str:
    """What the first reference action that changes something does; `information` where none does."""
    for action in actions:
        if action["name"].startswith(("book", "cancel", "update", "send")):
            return action["name"].replace("_", "-")
    return "information"


def _difficulty(actions: int) -> Difficulty:
    """By the number of reference actions."""
    if actions <= 1:
        return Difficulty.EASY
    return Difficulty.MEDIUM if actions <= 3 else Difficulty.HARD


def _numbered(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file: tau-bench needs it") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                rows.append((number, json.loads(line)))
            except json.JSONDecodeError as error:
                raise BadInput(f"{path}:{number}: not JSON ({error.msg})") from error
    return rows


def _rows(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in _numbered(path)]
