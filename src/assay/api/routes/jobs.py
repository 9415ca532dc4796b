"""Jobs: start, follow, cancel and retry them. Also the events that tell a client what changed in a project."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from assay.api.access import KINDS, Need
from assay.api.guard import GuardedRoute
from assay.api.server import Cursor, Here, Limit, Project, Server, Who
from assay.api.streams import Event, EventStream
from assay.api.submitting import ACCEPTED, Key, submit
from assay.contracts.api import Changed, JobPage, NewJob
from assay.contracts.base import Slug, content_hash
from assay.contracts.job import Job, JobRequest, OtherJob
from assay.contracts.pipeline import PipelineRequest
from assay.lifecycle.jobs import ENDED, parsed
from assay.rollout import TRAFFIC

router = APIRouter(route_class=GuardedRoute, tags=["jobs"])
LOOK_S = 0.3
LOOK_FOR_CHANGES_S = 1.0
JobId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$", examples=["job-0123456789abcdef"])]
LastEvent = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=200, description="The ID of the last event received."),
]
STREAM: dict[int | str, dict] = {
    200: {
        "description": "Server-sent events: `id`, `event` and `data` as JSON.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/jobs", operation_id="list_jobs")
async def list_(
    server: Here,
    who: Who,
    limit: Limit = 50,
    cursor: Cursor = None,
    project: Slug | None = None,
    open_only: Annotated[bool, Query(description="Only unfinished jobs.")] = False,
) -> JobPage:
    """Lists jobs of the projects that you can see, newest first."""
    from assay.tracking import decode_cursor, encode_cursor, list_projects

    if project is not None:
        who.require(Need.SEE, project)
        projects: list[str] | None = [project]
    elif who.may(Need.SEE, None):
        projects = None
    else:
        projects = who.seen(row.project for row in await server.read(list_projects))
    after = decode_cursor(cursor, int, str) if cursor is not None else None
    found, last = await server.jobs.page(
        projects, open_only=open_only, limit=limit, after=(after[0], after[1]) if after else None
    )
    return JobPage(items=tuple(found), next_cursor=encode_cursor(*last) if last else None)


@router.post("/jobs", operation_id="start_job", status_code=202, responses=ACCEPTED)
async def start(server: Here, who: Who, response: Response, asked: NewJob, key: Key = None) -> Job:
    """Queues a job of any kind, in the project that its request names."""
    request = parsed(JobRequest(kind=asked.kind, request=asked.request))
    who.require(KINDS[asked.kind], request.project)
    return await submit(server, who, response, asked.kind, request.project, request, key)


@router.post("/projects/{project}/pipelines", operation_id="start_pipeline", status_code=202, responses=ACCEPTED)
async def start_pipeline(
    server: Here, who: Who, response: Response, project: Project, asked: PipelineRequest, key: Key = None
) -> Job:
    """Queues a job that runs the whole lifecycle and waits at each gate for a decision."""
    return await submit(server, who, response, OtherJob.PIPELINE, project, asked, key)


@router.get("/jobs/{job_id}", operation_id="show_job")
async def show(server: Here, job_id: JobId) -> Job:
    """Returns the progress, cost and result of a job."""
    return await server.jobs.show(job_id)


@router.post("/jobs/{job_id}/cancel", operation_id="cancel_job")
async def cancel(server: Here, job_id: JobId) -> Job:
    """Stops a job within one turn. Finished work is kept. A job that has ended does not change."""
    return await server.jobs.cancel(job_id)


@router.post("/jobs/{job_id}/retry", operation_id="retry_job", status_code=202, responses=ACCEPTED)
async def retry(server: Here, who: Who, response: Response, job_id: JobId) -> Job:
    """Queues a failed or cancelled job again. Finished work is not repeated."""
    job = await server.jobs.show(job_id)
    who.require(KINDS[job.kind], job.project)
    response.headers["Location"] = f"/api/v1/jobs/{job_id}"
    return await server.jobs.retry(job_id)


@router.get("/jobs/{job_id}/events", operation_id="follow_job", response_class=EventStream, responses=STREAM)
async def follow(server: Here, job_id: JobId, last_event: LastEvent = None) -> Response:
    """Streams the whole job as a `job` event at every change, until it ends."""
    await server.jobs.show(job_id)
    return EventStream(_follow(server, job_id, last_event), server.stopping)


@router.get("/events", operation_id="follow_project", response_class=EventStream, responses=STREAM)
async def changes(
    server: Here, who: Who, project: Annotated[Slug, Query(examples=["shop"])], last_event: LastEvent = None
) -> Response:
    """Streams a `changed` event when something in the project changes, so that a client can reload its lists."""
    from assay.tracking import last_change

    who.require(Need.SEE, project)
    await server.read(last_change, project)
    return EventStream(_changes(server, project, last_event), server.stopping)


async def _follow(server: Server, job_id: str, last_event: str | None) -> AsyncIterator[Event]:
    told = last_event
    while True:
        job = await server.jobs.show(job_id)
        event_id = content_hash(job.model_dump(mode="json", exclude={"updated_at"}))[:16]
        ended = job.status in ENDED
        if event_id != told or ended:
            told = event_id
            yield Event(event_id, "job", job)
        if ended:
            return
        await asyncio.sleep(LOOK_S)


async def _changes(server: Server, project: str, last_event: str | None) -> AsyncIterator[Event]:
    """The event ID contains the state of each part, so that a client that reconnects learns what it missed."""
    told = (last_event or "").split(".")
    before: dict[str, str]
    before = dict(zip(_PARTS, told, strict=True)) if len(told) == len(_PARTS) else await _state(server, project)
    while True:
        now = await _state(server, project)
        for part in _PARTS:
            if now[part] != before[part]:
                before = {**before, part: now[part]}
                changed = Changed.model_validate({"what": part, "project": project})
                yield Event(".".join(before[name] for name in _PARTS), "changed", changed)
        await asyncio.sleep(LOOK_FOR_CHANGES_S)


_PARTS = ("runs", "jobs", "gates", "traffic")


async def _state(server: Server, project: str) -> dict[str, str]:
    from assay.tracking import last_change, read_kept, read_project_tags

    runs = await server.read(last_change, project)
    jobs = await server.jobs.last_change(project)
    tags = await server.read(read_project_tags, project)
    gates = sorted((name, value) for name, value in tags.items() if name.startswith("gate."))
    traffic = await server.read(read_kept, project, TRAFFIC)
    return {
        part: content_hash([str(value)])[:10] for part, value in zip(_PARTS, (runs, jobs, gates, traffic), strict=True)
    }
