"""Complaints of production, from a user's words to a version that passes their scenario (stages 8 and 2)."""

from typing import Annotated

from fastapi import APIRouter, Query

from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project
from assay.contracts.complaint import Complaints

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["feedback"])


@router.get("/complaints", operation_id="list_complaints")
async def list_(
    server: Here,
    project: Project,
    k: Annotated[int, Query(ge=1, le=100, description="Trials that must all pass before a complaint is closed.")] = 3,
) -> Complaints:
    """What became of each complaint that a production report proposed a scenario for."""
    from assay.api.routes.projects import item_of
    from assay.lifecycle.complaints import complaints

    await item_of(server, project)
    return await complaints(server.context, project, k=k)
