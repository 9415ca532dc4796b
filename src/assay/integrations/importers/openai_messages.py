"""Transcripts, a conversation a row: {"scenario_id", "trial", "messages": [chat messages], ...}."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field

from assay.contracts.base import Contract, JsonObject, Metadata, Name
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Dataset
from assay.contracts.feedback import conversation_name, in_utc
from assay.contracts.stage import AgentRef
from assay.errors import BadInput
from assay.evaluation.exchange import Rows, read_file, scenarios_of
from assay.evaluation.exchange.rows import Row, checked, parsed_json
from assay.evaluation.slugs import slug
from assay.integrations.importers.runs import RunIds, trials_of
from assay.protocols import UnknownRole, turns_of

UNKNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a transcript does not say when it was."""


class Transcript(Contract):
    """One row. Fields that it does not have are kept as metadata."""

    scenario_id: Name
    trial: int | None = Field(default=None, ge=0)
    """None: numbered in the order of the rows."""
    messages: list[dict[str, Any]] = Field(min_length=1)
    outcome: JsonObject | None = None
    started_at: Annotated[AwareDatetime, BeforeValidator(in_utc)] | None = None
    """A time without a zone is UTC."""
    conversation_id: Annotated[Name | None, Field(exclude_if=lambda value: value is None)] = None
    metadata: Metadata = Field(default_factory=dict)


def read(
    file: Path, agent: AgentRef, dataset: Path | Dataset
) -> tuple[Dataset, tuple[Conversation, ...], tuple[str, ...]]:
    """(scenarios, conversations, what to tell the person about the files).

    Raises BadInput for all rows that do not fit, that name no known scenario, or that give a trial twice.
    """
    if isinstance(dataset, Dataset):
        scenarios, named, notes = dataset, str(dataset.ref), ()
    else:
        (scenarios, notes), named = scenarios_in(dataset), str(dataset)
    rows = read_file(file)
    conversations = conversations_of(rows, agent, scenarios, named)
    return scenarios, conversations, (*notes, *rows.notes)


def scenarios_in(file: Path) -> tuple[Dataset, tuple[str, ...]]:
    """(the scenarios of the file, what to tell the person about it)"""
    rows = read_file(file)
    return scenarios_of(rows, name=slug(file.stem, "dataset")), tuple(rows.notes)


def conversations_of(rows: Rows, agent: AgentRef, dataset: Dataset, named: str) -> tuple[Conversation, ...]:
    """The conversations of the rows. `named`: what errors call the dataset."""
    known = {scenario.scenario_id for scenario in dataset.scenarios}

    def read_row(row: Row) -> tuple[Transcript, tuple[Turn, ...], str]:
        transcript = checked(Transcript, _fields(rows, row), row.at)
        if transcript.scenario_id not in known:
            raise BadInput(f"{row.at}: scenario_id: {transcript.scenario_id} is not in {named}: add it there")
        try:
            return transcript, tuple(turns_of(transcript.messages, strict=True)), row.at
        except UnknownRole as error:
            raise BadInput(f"{row.at}: {error}") from error

    read_rows = rows.each(read_row)
    if not read_rows:
        raise BadInput(f"{rows.where}: holds no conversation")
    trials = trials_of([(transcript.scenario_id, transcript.trial, at) for transcript, _, at in read_rows])
    ids = RunIds()
    return tuple(
        Conversation(
            conversation_id=ids.next(["openai", str(agent), _identity(transcript)]),
            scenario_id=transcript.scenario_id,
            trial=trial,
            seed=trial,
            agent=agent,
            turns=turns,
            stop_reason=StopReason.IMPORTED,
            outcome=transcript.outcome,
            started_at=transcript.started_at or UNKNOWN_TIME,
            source_id=conversation_name(transcript.conversation_id) if transcript.conversation_id else None,
            metadata=transcript.metadata,
        )
        for (transcript, turns, _), trial in zip(read_rows, trials, strict=True)
    )


def _fields(rows: Rows, row: Row) -> dict[str, Any]:
    """The row's fields; a trial that is a name rather than a number becomes metadata, and is numbered."""
    fields = rows.with_metadata(row, set(Transcript.model_fields) - {"metadata"})
    for name in ("messages", "outcome"):
        if row.table and name in fields:
            fields[name] = parsed_json(fields[name], f"{row.at}: {name}")
    trial = fields.get("trial")
    if isinstance(trial, str) and not trial.strip().isdecimal():
        del fields["trial"]
        if trial.strip():
            fields["metadata"] = {**fields.get("metadata", {}), "trial": trial}
    return fields


def _identity(transcript: Transcript) -> JsonObject:
    return {**transcript.model_dump(mode="json"), "trial": transcript.trial or 0}
