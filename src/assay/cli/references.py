"""Parses agents, datasets and trials from the command line, and finds the default if none is given."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assay.contracts.base import JsonObject
from assay.contracts.stage import AgentRef, DatasetRef, Stage
from assay.errors import BadInput, NotFound

if TYPE_CHECKING:
    from assay.stages.context import Context


def agent_ref(text: str) -> AgentRef:
    """`agent_id@version`"""
    name, _, version = text.partition("@")
    try:
        return AgentRef(agent_id=name, version=version)
    except ValidationError as error:
        raise BadInput(f"agent: {text!r} is not an agent version: write it as agent_id@version") from error


def dataset_ref(text: str) -> DatasetRef:
    """`name@version`"""
    name, _, version = text.partition("@")
    try:
        return DatasetRef(name=name, version=version)
    except ValidationError as error:
        raise BadInput(f"dataset: {text!r} is not a dataset version: write it as name@version") from error


def named_with_options(text: str, flag: str) -> dict[str, Any]:
    """`NAME` or `NAME={"option": …}`, as kind and options."""
    name, given, options = text.partition("=")
    return {"kind": name, "options": json_options(options, flag) if given else {}}


def json_options(text: str, flag: str) -> JsonObject:
    """A JSON object. Raises BadInput."""
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f'{flag}: {text!r} is not JSON ({error.msg}): write options as {{"name": value}}') from error
    if not isinstance(options, dict):
        raise BadInput(f'{flag}: options are a JSON object such as {{"name": value}}, not {text!r}')
    return options


def trial_numbers(text: str | None) -> tuple[int, ...] | None:
    """`0,1` or `0-3`; None: all."""
    if text is None:
        return None
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise BadInput(f"trials: {text!r} is not a list of trials: write 0,1 or 0-3")
        numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)


def only(project: str, stage: Stage, agent: AgentRef | None = None) -> str:
    """The ID of the only result, here or on the server; prints it on stderr.

    Raises NotFound if there is none, BadInput with a list if there are several.
    """
    from assay.cli.console import in_context
    from assay.cli.server import asked_server, results_there

    if client := asked_server():
        rows = results_there(client, project, stage, agent)
    else:
        rows = in_context(lambda context: _rows(context, project, stage, agent), quiet=True)
    return _the_only(rows, project, stage, agent)


def only_dataset(project: str, agent: AgentRef | None = None) -> DatasetRef:
    """The only dataset version of the project. Raises NotFound if there is none, BadInput if there are several."""
    from assay.cli.console import in_context
    from assay.cli.server import asked_server

    if client := asked_server():
        found = [item.dataset for item in client.datasets.list(project)]
        return _the_only_dataset(found, project)
    return in_context(lambda context: the_only_dataset(context, project), quiet=True)


async def the_only(context: "Context", project: str, stage: Stage, agent: AgentRef | None = None) -> str:
    """As `only`, with an open store."""
    return _the_only(await _rows(context, project, stage, agent), project, stage, agent)


async def the_only_dataset(context: "Context", project: str) -> DatasetRef:
    from assay.tracking import list_datasets

    found = await asyncio.to_thread(list_datasets, context.tracking, project)
    return _the_only_dataset([row.ref for row in found], project)


@dataclass(frozen=True, slots=True)
class Row:
    """A result the user could mean."""

    subject_id: str
    agent: AgentRef | None
    dataset: str | None
    at: datetime


SHOWN = 10


async def _rows(context: "Context", project: str, stage: Stage, agent: AgentRef | None) -> list[Row]:
    from assay.tracking import list_results

    found = await asyncio.to_thread(list_results, context.tracking, project, stage, agent=agent, limit=SHOWN + 1)
    return [Row(r.subject_id, r.agent, r.tags.get("dataset") or r.dataset_version, r.started_at) for r in found]


def _the_only(rows: Sequence[Row], project: str, stage: Stage, agent: AgentRef | None) -> str:
    from assay.cli.console import note

    of = f" of agent {agent}" if agent else ""
    if not rows:
        raise NotFound(f"project {project} has no {stage} result{of} yet: run that stage first (see `assay --help`)")
    rows = list({row.subject_id: row for row in rows}.values())
    if len(rows) > 1:
        listed = "\n".join(f"  {_named(row)}" for row in rows[:SHOWN])
        more = "\n  ..." if len(rows) > SHOWN else ""
        raise BadInput(
            f"project {project} has several {stage} results{of}; give the ID of one (newest first):\n{listed}{more}"
        )
    note(f"using {stage} {_named(rows[0])}")
    return rows[0].subject_id


def _named(row: Row) -> str:
    about = " on ".join(str(part) for part in (row.agent, row.dataset) if part)
    return f"{row.subject_id}  {about}  {row.at:%Y-%m-%d %H:%M}"


def _the_only_dataset(found: Sequence[DatasetRef], project: str) -> DatasetRef:
    from assay.cli.console import note

    if not found:
        raise NotFound(f"project {project} has no dataset yet: build one with `assay dataset build`")
    if len(found) > 1:
        listed = "\n".join(f"  {ref}" for ref in found[:SHOWN])
        raise BadInput(f"dataset: project {project} has several; choose one with --dataset (newest first):\n{listed}")
    note(f"using dataset {found[0]}")
    return found[0]
