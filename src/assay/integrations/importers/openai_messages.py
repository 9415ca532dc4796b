"""Transcripts as JSONL, a conversation a line: {"scenario_id", "trial", "messages": [OpenAI chat messages], ...}."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError

from assay.contracts.base import Contract, JsonObject, Slug, content_hash
from assay.contracts.conversation import Conversation, StopReason
from assay.contracts.dataset import Dataset
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange import from_csv, from_jsonl
from assay.integrations.importers.messages import turns_of

UNKNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a transcript does not say when it was."""


class Transcript(Contract):
    """One line."""

    scenario_id: Slug
    trial: int = Field(default=0, ge=0)
    messages: list[dict[str, Any]] = Field(min_length=1)
    outcome: JsonObject | None = None
    started_at: AwareDatetime | None = None


def read(file: Path, agent: AgentRef, dataset: Path) -> tuple[Dataset, tuple[Conversation, ...]]:
    """(scenarios, conversations). Raises BadInput for a line that does not fit, or names no known scenario."""
    scenarios = _dataset(dataset)
    known = {scenario.scenario_id for scenario in scenarios.scenarios}
    conversations = []
    for number, line in enumerate(_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        transcript = _transcript(line, where)
        if transcript.scenario_id not in known:
            raise BadInput(f"{where}: scenario_id: {transcript.scenario_id} is not in {dataset}: add it there")
        conversations.append(
            Conversation(
                conversation_id=content_hash(["openai", str(agent), transcript.model_dump(mode="json")])[:32],
                scenario_id=transcript.scenario_id,
                trial=transcript.trial,
                seed=transcript.trial,
                agent=agent,
                turns=turns_of(transcript.messages, where),
                stop_reason=StopReason.IMPORTED,
                outcome=transcript.outcome,
                started_at=transcript.started_at or UNKNOWN_TIME,
            )
        )
    if not conversations:
        raise BadInput(f"{file}: holds no conversation")
    return scenarios, tuple(conversations)


def _transcript(line: str, where: str) -> Transcript:
    try:
        return Transcript.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise BadInput(f"{where}: not JSON ({error.msg})") from error
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error


def _dataset(path: Path) -> Dataset:
    read_as = from_csv if path.suffix.lower() == ".csv" else from_jsonl
    return read_as(_text(path), name=path.stem.lower(), where=str(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
