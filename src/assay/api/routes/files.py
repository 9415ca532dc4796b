"""Files that people have, read on the server: the page and scripts get what every other part of Assay reads in them."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from assay.api.guard import GuardedRoute
from assay.api.server import Project
from assay.contracts.api import FeedbackFile, ScenarioFile

router = APIRouter(prefix="/projects/{project}/files", route_class=GuardedRoute, tags=["files"])
Name = Annotated[
    str, Query(max_length=250, description="The file's name: its ending tells the format, and errors name it.")
]
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: JSON Lines, JSON, CSV, TSV or Excel.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/scenarios", operation_id="read_scenarios", openapi_extra=BODY)
async def scenarios(request: Request, project: Project, name: Name = "file") -> ScenarioFile:
    """Reads scenarios for a dataset. Nothing is stored."""
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
        Query(description="How dates such as 03/02/2026 are read; needed where a file has them."),
    ] = None,
) -> FeedbackFile:
    """Reads users' feedback. Nothing is stored."""
    from assay.evaluation.exchange import Rows, feedback_of

    del project
    data = await request.body()

    def read() -> FeedbackFile:
        rows = Rows(data, name)
        return FeedbackFile(items=feedback_of(rows, dates=dates), notes=tuple(rows.notes))

    return await asyncio.to_thread(read)
