"""Schedules of recurring work."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import ValidationError

from assay.api.access import Need
from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project, Who
from assay.api.submitting import require_readable
from assay.contracts.api import NewSchedule
from assay.contracts.base import Slug
from assay.contracts.judgment import JudgeRequest
from assay.contracts.schedule import Schedule, Schedules
from assay.errors import BadInput

router = APIRouter(prefix="/projects/{project}/schedules", route_class=GuardedRoute, tags=["jobs"])
Name = Annotated[Slug, Path(examples=["nightly"])]


@router.get("", operation_id="list_schedules")
async def list_(server: Here, project: Project) -> Schedules:
    """Lists the schedules with their last runs."""
    from assay.lifecycle.schedules import read_schedules

    return await read_schedules(server.context, project)


@router.put("/{name}", operation_id="put_schedule")
async def put(server: Here, who: Who, project: Project, name: Name, asked: NewSchedule) -> Schedules:
    """Adds a schedule, or changes the one with this name.

    Only an admin of all projects can add one that reads files on the server.
    """
    from assay.lifecycle.schedules import put_schedule

    if asked.kind == "ingest":
        who.require(Need.GOVERN, None)
    schedule = Schedule(name=name, since=server.context.now(), **dict(asked))
    if asked.kind == "judge_online":
        try:
            judging = JudgeRequest.model_validate({**asked.request, "project": project})
        except ValidationError as error:
            raise BadInput.from_validation("request", error) from error
        await require_readable(server, who, project, judging)
    return await put_schedule(server.context, project, schedule)


@router.delete("/{name}", operation_id="remove_schedule")
async def remove(server: Here, project: Project, name: Name) -> Schedules:
    """Removes a schedule."""
    from assay.lifecycle.schedules import remove_schedule

    return await remove_schedule(server.context, project, name)
