"""Runs of all stages, with what MLflow stores for each."""

import mimetypes
from pathlib import PurePosixPath
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from assay.api.access import Identity, Need
from assay.api.guard import GuardedRoute
from assay.api.server import Cursor, Here, Limit, Project, Server, Who, Words
from assay.contracts.api import RunDetail, RunPage
from assay.contracts.base import Slug
from assay.contracts.stage import AgentRef, Stage
from assay.errors import BadInput, NotFound

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["runs"])
RunId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["0123456789abcdef0123456789abcdef"])]
SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'self' 'unsafe-inline' data:"}


@router.get("/runs", operation_id="list_runs")
async def list_(
    server: Here,
    project: Project,
    limit: Limit = 50,
    cursor: Cursor = None,
    q: Words = None,
    stage: Stage | None = None,
    agent: Annotated[str | None, Query(description="agent_id@version", max_length=130)] = None,
    dataset: Annotated[Slug | None, Query(description="Version of the dataset.")] = None,
    gated: bool | None = None,
    status: Literal["RUNNING", "FINISHED", "FAILED", "KILLED"] | None = None,
) -> RunPage:
    """Lists runs of all stages, newest first."""
    return await page_of_runs(
        server,
        project,
        limit=limit,
        cursor=cursor,
        stage=stage,
        agent=agent,
        dataset=dataset,
        gated=gated,
        status=status,
        words=q,
    )


@router.get("/runs/{run_id}", operation_id="show_run")
async def show(server: Here, who: Who, project: Project, run_id: RunId) -> RunDetail:
    """Returns the params, metrics, tags and files of a run."""
    from assay.tracking import whole_run
    from assay.tracking.mlflow_page import run_page

    found = await server.read(whole_run, project, run_id)
    link = run_page(server.tracking, found.experiment_id, run_id) if has_pages(server, who) else None
    return RunDetail(run=found.run, params=found.params, tags=found.tags, files=found.files, mlflow_url=link)


@router.get(
    "/runs/{run_id}/artifacts/{path:path}",
    operation_id="show_artifact",
    response_class=Response,
    responses={
        200: {
            "description": "The unchanged file.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def artifact(
    server: Here,
    project: Project,
    run_id: RunId,
    path: Annotated[str, Path(max_length=500, pattern=r"^[^\x00]+$", examples=["reports/analytics.html"])],
) -> Response:
    """Returns a file of a run. HTML is sandboxed, without access to this server."""
    from assay.tracking import is_of_project, read_bytes

    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/") or "\\" in path:
        raise BadInput(f"path: {path} leads out of the run: name one of its files")
    if not await server.read(is_of_project, project, run_id):
        raise NotFound(f"run {run_id} is not in project {project}")
    content = await server.read(read_bytes, run_id, path)
    media = mimetypes.guess_type(path)[0] or "application/octet-stream"
    if path.endswith((".jsonl", ".md", ".log", ".txt")):
        media = "text/plain"
    return Response(content, media_type=media, headers={**SANDBOX, "X-Content-Type-Options": "nosniff"})


def has_pages(server: Server, who: Identity) -> bool:
    """Whether the caller can open MLflow's UI: on this server it shows all projects."""
    return (server.mlflow_page and who.may(Need.SEE, None)) or server.tracking.uri.startswith("http")


def agent_of(text: str | None) -> AgentRef | None:
    """Raises BadInput if it is not `agent_id@version`."""
    if text is None:
        return None
    agent_id, _, version = text.partition("@")
    try:
        return AgentRef(agent_id=agent_id, version=version)
    except ValueError:
        raise BadInput("agent: is no agent version: write it as agent_id@version") from None


async def page_of_runs(
    server: Server,
    project: str,
    *,
    limit: int,
    cursor: str | None,
    stage: Stage | None = None,
    agent: str | None = None,
    dataset: str | None = None,
    gated: bool | None = None,
    status: str | None = None,
    words: str | None = None,
    results: bool = False,
) -> RunPage:
    from assay.tracking import RunFilter, page_runs

    wanted = RunFilter(
        stage=stage,
        agent=agent_of(agent),
        dataset_version=dataset,
        gated=gated,
        status=status,
        words=words,
        with_result=results,
    )
    found = await server.read(page_runs, project, wanted, limit=limit, cursor=cursor)
    return RunPage(items=tuple(found.rows), next_cursor=found.next_cursor)
