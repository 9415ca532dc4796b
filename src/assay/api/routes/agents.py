"""Agent versions (stage 1)."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from assay.api.guard import GuardedRoute
from assay.api.routes.projects import agent_items
from assay.api.server import Cursor, Here, Limit, Project, Who, Words
from assay.api.submitting import ACCEPTED, Key, submit
from assay.contracts.agent import DevelopRequest
from assay.contracts.agents_report import AgentsReportRequest
from assay.contracts.api import AgentDetail, AgentPage
from assay.contracts.base import Slug
from assay.contracts.job import Job, OtherJob
from assay.contracts.report import Report
from assay.contracts.stage import AgentRef, ModelName, Stage
from assay.errors import NotFound

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["agents"])


@router.get("/agents", operation_id="list_agents")
async def list_(server: Here, project: Project, limit: Limit = 50, cursor: Cursor = None, q: Words = None) -> AgentPage:
    """Lists registered agent versions, newest first."""
    from assay.api.routes.projects import item_of
    from assay.tracking import decode_cursor, encode_cursor

    await item_of(server, project)
    rows = [row for row in await agent_items(server, project) if (q or "").lower() in str(row.agent)]
    keys = [(row.registered_at.timestamp(), str(row.agent)) for row in rows]
    if cursor is not None:
        at, name = decode_cursor(cursor, float, str)
        rows = [row for row, key in zip(rows, keys, strict=True) if key[0] < at or (key[0] == at and key[1] > name)]
    shown = rows[:limit]
    more = len(rows) > limit
    return AgentPage(
        items=tuple(shown),
        next_cursor=encode_cursor(shown[-1].registered_at.timestamp(), str(shown[-1].agent)) if more else None,
    )


@router.post("/agents", operation_id="register_agent", status_code=202, responses=ACCEPTED)
async def register(
    server: Here, who: Who, response: Response, project: Project, asked: DevelopRequest, key: Key = None
) -> Job:
    """Queues a job that probes and registers a version.

    A card that runs code on the server, or sends its secrets, needs an admin.
    """
    return await submit(server, who, response, Stage.DEVELOP, project, asked, key)


@router.get("/agents/{agent}@{version}", operation_id="show_agent")
async def show(
    server: Here,
    project: Project,
    agent: Annotated[Slug, Path(examples=["shop-support"])],
    version: Annotated[Slug, Path(examples=["v2"])],
) -> AgentDetail:
    """Returns one version: its card, its probe and its registry transitions."""
    from assay.tracking import transitions

    ref = AgentRef(agent_id=agent, version=version)
    found = next((row for row in await agent_items(server, project) if row.agent == ref), None)
    if found is None:
        raise NotFound(f"agent {ref} is not registered in project {project}")
    registered = await server.context.agent_version(project, ref)
    moves = await server.read(transitions, registered.registered_model, registered.registry_version)
    return AgentDetail(agent=found, version=registered, transitions=tuple(moves))


@router.get("/agents-report", operation_id="show_agents_report")
async def show_report(server: Here, project: Project) -> Report:
    """Returns the latest report on the six built-in agents."""
    from assay.api.routes.projects import item_of
    from assay.tracking import project_run, read_json

    await item_of(server, project)
    run_id = await server.read(project_run, project, "agents-report")
    return Report.model_validate(await server.read(read_json, run_id, "reports/agents.json"))


@router.post("/agents-report", operation_id="make_agents_report", status_code=202, responses=ACCEPTED)
async def make_report(
    server: Here,
    who: Who,
    response: Response,
    project: Project,
    model: Annotated[ModelName | None, Body(embed=True)] = None,
    key: Key = None,
) -> Job:
    """Queues a job that makes a new report on the built-in agents."""
    asked = AgentsReportRequest(project=project, model=model)
    return await submit(server, who, response, OtherJob.AGENTS_REPORT, project, asked, key)
