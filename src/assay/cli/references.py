"""What a person types for an agent, a dataset or trials, read into contracts; and what `latest` stands for."""

import asyncio
from typing import TYPE_CHECKING

from pydantic import ValidationError

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
        raise BadInput(f"agent: {text!r} is no agent version: write it as agent_id@version") from error


def dataset_ref(text: str) -> DatasetRef:
    """`name@version`"""
    name, _, version = text.partition("@")
    try:
        return DatasetRef(name=name, version=version)
    except ValidationError as error:
        raise BadInput(f"dataset: {text!r} is no dataset version: write it as name@version") from error


def trial_numbers(text: str | None) -> tuple[int, ...] | None:
    """`0,1` or `0-3`; None: all."""
    if text is None:
        return None
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise BadInput(f"trials: {text!r} is no list of trials: write 0,1 or 0-3")
        numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)


def newest(project: str, stage: Stage, agent: AgentRef | None = None) -> str:
    """The id of the newest result, here or on the server that is asked. Raises NotFound."""
    from assay.cli.console import in_context
    from assay.cli.server import asked_server, newest_there

    if client := asked_server():
        return newest_there(client, project, stage, agent)
    return in_context(lambda context: latest(context, project, stage, agent), quiet=True)


def newest_dataset(project: str) -> DatasetRef:
    """Raises NotFound."""
    from assay.cli.console import in_context
    from assay.cli.server import asked_server

    if client := asked_server():
        for item in client.datasets.list(project):
            return item.dataset
        raise NotFound(f"project {project} has no dataset on {client.address} yet: `assay dataset build` makes one")
    return in_context(lambda context: latest_dataset(context, project), quiet=True)


async def latest(context: "Context", project: str, stage: Stage, agent: AgentRef | None = None) -> str:
    """The id of the newest result of a stage. Raises NotFound with the command that makes one."""
    from assay.tracking import list_results

    found = await asyncio.to_thread(list_results, context.tracking, project, stage, agent=agent, limit=1)
    if not found:
        of = f" of agent {agent}" if agent else ""
        raise NotFound(f"project {project} has no {stage} result{of} yet: run that stage first (see `assay --help`)")
    return found[0].subject_id


async def latest_dataset(context: "Context", project: str) -> DatasetRef:
    from assay.contracts.dataset import DatasetResult
    from assay.tracking import load_result

    subject = await latest(context, project, Stage.DATASET)
    loaded = await asyncio.to_thread(load_result, context.tracking, project, Stage.DATASET, subject)
    return DatasetResult.model_validate(loaded).dataset.ref
