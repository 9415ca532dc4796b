"""Reads uploaded files with the same reader as the rest of Assay."""

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError

from assay.api.access import Need
from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project, Who
from assay.contracts.api import ConversationFile, FeedbackFile, ImportedConversations, ScenarioFile
from assay.contracts.base import JsonObject, Slug
from assay.contracts.plugins import BUILT_IN, PluginGroup
from assay.contracts.stage import AgentRef, DatasetRef
from assay.errors import BadInput
from assay.plugins import PluginFailed

router = APIRouter(prefix="/projects/{project}/files", route_class=GuardedRoute, tags=["files"])
Name = Annotated[
    str, Query(max_length=250, description="The file's name. Its extension sets the format, and errors contain it.")
]
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: JSON Lines, JSON, CSV, TSV or Excel.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/scenarios", operation_id="read_scenarios", openapi_extra=BODY)
async def scenarios(request: Request, project: Project, name: Name = "file") -> ScenarioFile:
    """Reads scenarios for a dataset from a file. Stores nothing."""
    from assay.evaluation.exchange import Rows, scenarios_of

    del project
    data = await request.body()

    def read() -> ScenarioFile:
        rows = Rows(data, name)
        return ScenarioFile(scenarios=scenarios_of(rows, name="file").scenarios, notes=tuple(rows.notes))

    return await asyncio.to_thread(read)


@router.post("/feedback", operation_id="read_feedback", openapi_extra=BODY)
async def feedback(
    request: Request,
    project: Project,
    name: Name = "file",
    dates: Annotated[
        Literal["day-first", "month-first"] | None,
        Query(description="How to read dates such as 03/02/2026; required if the file has any."),
    ] = None,
) -> FeedbackFile:
    """Reads users' feedback from a file. Stores nothing."""
    from assay.evaluation.exchange import Rows, feedback_of

    del project
    data = await request.body()

    def read() -> FeedbackFile:
        rows = Rows(data, name)
        return FeedbackFile(items=feedback_of(rows, dates=dates), notes=tuple(rows.notes))

    return await asyncio.to_thread(read)


@router.post("/conversations", operation_id="read_conversations", openapi_extra=BODY)
async def conversations(
    request: Request,
    server: Here,
    who: Who,
    project: Project,
    agent: Annotated[
        str,
        Query(max_length=130, description="agent_id@version of the agent; only agent_id if the table has versions."),
    ],
    name: Name = "file",
    format: Annotated[
        Slug,
        Query(description="openai, tau-bench, table, or an importer from an installed package, which needs an admin."),
    ] = "openai",
    dataset: Annotated[
        str | None, Query(max_length=130, description="name@version of stored scenarios, if the format has none.")
    ] = None,
    options: Annotated[
        str | None, Query(max_length=10_000, description="Options of the importer, a JSON object.")
    ] = None,
) -> ConversationFile:
    """Reads conversations that Assay did not simulate, with their scenarios, from a file. Stores nothing."""
    from assay.tracking import load_dataset

    if format not in BUILT_IN[PluginGroup.IMPORTERS]:
        who.require(Need.GOVERN, project)
    given = _options(options)
    agent_id, _, version = agent.partition("@")
    try:
        spoke = None if format == "table" else AgentRef(agent_id=agent_id, version=version)
        stem, _, hashed = (dataset or "").partition("@")
        stored = None if dataset is None else DatasetRef(name=stem, version=hashed)
    except ValidationError as error:
        raise BadInput.from_validation("agent or dataset, as name@version", error) from error
    scenarios = None if stored is None else await server.read(load_dataset, project, stored)
    data = await request.body()

    def read() -> ConversationFile:
        from assay.integrations.importers import read_conversations_file, read_results_table

        with tempfile.TemporaryDirectory(prefix="assay-import-") as folder:
            # importers read files, and the ending tells the format
            file = Path(folder) / (UNSAFE.sub("_", name)[-100:].lstrip(".") or "file")
            file.write_bytes(data)
            try:
                if spoke is None:
                    imported = read_results_table(file, agent_id, version or None)
                else:
                    imported = (
                        read_conversations_file(file, layout=format, agent=spoke, dataset=scenarios, options=given),
                    )
            except (BadInput, PluginFailed) as error:
                raise type(error)(error.public.replace(f"{folder}/", "")) from error
        return ConversationFile(
            items=tuple(
                ImportedConversations(agent=one.agent, dataset=one.dataset, conversations=one.conversations)
                for one in imported
            ),
            notes=tuple(note.replace(f"{folder}/", "") for one in imported for note in one.notes),
        )

    return await asyncio.to_thread(read)


def _options(text: str | None) -> JsonObject | None:
    if text is None:
        return None
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"options: not JSON ({error.msg}): give a JSON object") from error
    if not isinstance(options, dict):
        raise BadInput("options: give a JSON object")
    return options
