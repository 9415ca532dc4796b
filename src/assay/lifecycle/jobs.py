"""Jobs as whoever asks for them sees them: submitted, looked at, waited for, cancelled and tried again."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assay.contracts.agents_report import AgentsReportRequest
from assay.contracts.base import content_hash
from assay.contracts.evaluation import EvaluateRequest
from assay.contracts.job import Job, JobError, JobRequest, JobStatus, OtherJob, Progress, Worker
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.stage import Stage
from assay.errors import BadInput, NotFound, Refused
from assay.lifecycle.serialization import json_serializer
from assay.models.usage import add_usage
from assay.settings import Settings
from assay.stages import STAGES

if TYPE_CHECKING:
    import logging

    from dbos import DBOSClient, WorkflowStatus

APPLICATION = "assay"
VERSION = "1"
"""Of the workflows' shape. A redeploy with the same one goes on with what waits; a change that cannot must raise it."""
QUEUE = "assay-jobs"
PARTS = "assay-parts"
"""The queue of simulations' parts, so that a job that waits for its parts does not keep a worker from playing them."""
WORKFLOW = "assay.job"
CRASHED = "crashed"
"""The attribute that holds the workers that died while they did the job."""
GATE = "gate"
"""The topic on which a pipeline hears that a gate was decided."""

STATUS = {
    "ENQUEUED": JobStatus.CREATED,
    "DELAYED": JobStatus.CREATED,
    "PENDING": JobStatus.RUNNING,
    "SUCCESS": JobStatus.SUCCEEDED,
    "ERROR": JobStatus.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELLED,
}
ENDED = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


class Jobs:
    """The queue, from outside: needs no worker to be there."""

    def __init__(self, client: "DBOSClient", settings: Settings) -> None:
        import sqlalchemy

        self._client = client
        self._url = settings.jobs_store
        self._sqlite = self._url.startswith("sqlite")
        self._heartbeat_limit_s = settings.heartbeat_limit_s
        self._engine = sqlalchemy.create_engine(self._url, pool_pre_ping=True)

    def close(self) -> None:
        self._engine.dispose()

    async def submit(self, request: JobRequest) -> Job:
        """Queues it. The same `key` in the same project gives the job that is there already.

        Raises BadInput where the request does not fit its kind, Refused where the key was another request's.
        """
        project = project_of(request)
        asked = content_hash([request.kind, request.request])
        job_id = f"job-{uuid.uuid4().hex[:16]}"
        if request.key is not None:
            job_id = f"job-{content_hash([project, request.kind, request.key])[:16]}"
            found = await self._find([job_id])
            if found and (found[0].attributes or {}).get("asked", asked) != asked:
                raise Refused(f"key: {request.key} is another request's already (job {job_id}): take a new one")
        await self._client.enqueue_async(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": job_id,
                "app_version": VERSION,
                "application_name": APPLICATION,
                "attributes": {"kind": request.kind.value, "project": project, "by": request.by, "asked": asked},
            },
            request.model_dump(mode="json"),
        )
        return await self.show(job_id)

    async def show(self, job_id: str) -> Job:
        """Raises NotFound."""
        found = await self._find([job_id])
        if not found:
            raise NotFound(f"job {job_id} is not there: `assay job list` shows which are")
        return (await self._jobs(found))[0]

    async def list(self, *, project: str | None = None, limit: int = 50, offset: int = 0) -> "list[Job]":
        """The newest first."""
        rows: Sequence[WorkflowStatus]
        if project is None or not self._sqlite:
            attributes = None if project is None else {"project": project}
            rows = await self._client.list_workflows_async(
                name=WORKFLOW, attributes=attributes, limit=limit, offset=offset, sort_desc=True
            )
        else:  # SQLite cannot look into attributes
            everything = await self._client.list_workflows_async(name=WORKFLOW, sort_desc=True)
            rows = [row for row in everything if (row.attributes or {}).get("project") == project][
                offset : offset + limit
            ]
        return await self._jobs(rows)

    async def page(
        self,
        projects: Sequence[str] | None,
        *,
        open_only: bool = False,
        limit: int,
        after: tuple[int, str] | None = None,
    ) -> tuple[Sequence[Job], tuple[int, str] | None]:
        """(the newest jobs of these projects, what the next page stands behind). None: of all projects."""
        rows = await asyncio.to_thread(self._ids, projects, open_only, limit + 1, after)
        ids = [job_id for job_id, _ in rows[:limit]]
        found = {job.job_id: job for job in await self._jobs(await self._find(ids))} if ids else {}
        last = (rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return [found[job_id] for job_id in ids if job_id in found], last

    async def last_change(self, project: str) -> tuple[object, ...]:
        """Something that differs as soon as a job of the project began, went on or ended."""
        return await asyncio.to_thread(self._last_change, project)

    async def counts(self) -> dict[str, int]:
        """How many jobs of all projects are queued and under way."""
        return await asyncio.to_thread(self._counts)

    async def workers(self) -> Sequence[Worker]:
        """That take jobs now."""
        return await asyncio.to_thread(self._workers)

    async def wait(self, job_id: str, tell: Callable[[Job], None] = lambda job: None, *, poll_s: float = 0.5) -> Job:
        """Until it has ended, or waits at a gate."""
        while True:
            job = await self.show(job_id)
            tell(job)
            if job.status in ENDED or job.progress.waiting_for:
                return job
            await asyncio.sleep(poll_s)

    async def cancel(self, job_id: str) -> Job:
        """Stops it within a turn; what was finished is kept. One that has ended stays as it is."""
        job = await self.show(job_id)
        if job.status not in ENDED:
            await self._client.cancel_workflow_async(job_id, cancel_children=True)
        return await self.show(job_id)

    async def retry(self, job_id: str) -> Job:
        """Queues one that failed or was cancelled again: what was finished is not done again.

        Raises Refused for one that is still under way, or has succeeded.
        """
        job = await self.show(job_id)
        if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
            raise Refused(f"job {job_id} is {job.status}: only one that failed or was cancelled is tried again")
        for part in await self._parts([job_id]):
            await self._client.update_workflow_attributes_async(part.workflow_id, {CRASHED: []}, merge=True)
            if part.status not in ("SUCCESS", "PENDING", "ENQUEUED"):
                await self._client.rewind_workflow_async(part.workflow_id, queue_name=PARTS)
        await self._client.update_workflow_attributes_async(job_id, {CRASHED: []}, merge=True)
        await self._client.rewind_workflow_async(job_id, queue_name=QUEUE)
        return await self.show(job_id)

    async def gate_decided(self, project: str) -> None:
        """Wakes the project's jobs that wait at a gate."""
        for job in await self.list(project=project, limit=200):
            if job.progress.waiting_for and job.status is JobStatus.RUNNING:
                await self._client.send_async(job.job_id, "decided", topic=GATE)

    def _ids(
        self, projects: Sequence[str] | None, open_only: bool, limit: int, after: tuple[int, str] | None
    ) -> Sequence[tuple[str, int]]:
        """(job, when it was made): read from the table, since DBOS looks into no attributes on SQLite."""
        import sqlalchemy as sa

        where, values = ["name = :name"], {"name": WORKFLOW, "limit": limit}
        bound = []
        if projects is not None:
            where.append(f"{self._project} IN :projects")
            values["projects"] = list(projects)
            bound.append(sa.bindparam("projects", expanding=True))
        if open_only:
            where.append("status IN ('ENQUEUED', 'DELAYED', 'PENDING')")
        if after is not None:
            where.append("(created_at < :at OR (created_at = :at AND workflow_uuid > :after))")
            values |= {"at": after[0], "after": after[1]}
        sql = (
            f"SELECT workflow_uuid, created_at FROM {self._table} WHERE {' AND '.join(where)}"  # noqa: S608, constants
            " ORDER BY created_at DESC, workflow_uuid LIMIT :limit"
        )
        with self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(sa.text(sql).bindparams(*bound), values)]

    def _last_change(self, project: str) -> tuple[object, ...]:
        import sqlalchemy as sa

        sql = (
            f"SELECT COUNT(*), MAX(updated_at), MAX(completed_at) FROM {self._table}"  # noqa: S608, made of constants
            f" WHERE name = :name AND {self._project} = :project"
        )
        with self._engine.connect() as connection:
            return tuple(connection.execute(sa.text(sql), {"name": WORKFLOW, "project": project}).one())

    def _counts(self) -> dict[str, int]:
        import sqlalchemy as sa

        sql = f"SELECT status, COUNT(*) FROM {self._table} WHERE name = :name GROUP BY status"  # noqa: S608, constants
        counts = {status.value: 0 for status in JobStatus if status not in ENDED}
        with self._engine.connect() as connection:
            for status, count in connection.execute(sa.text(sql), {"name": WORKFLOW}):
                if (known := STATUS.get(status)) is not None and known.value in counts:
                    counts[known.value] += count
        return counts

    def _workers(self) -> Sequence[Worker]:
        from assay.lifecycle.heartbeats import Heartbeats

        beats = Heartbeats(self._url, "", self._heartbeat_limit_s)
        try:
            return beats.alive()
        finally:
            beats.close()

    @property
    def _table(self) -> str:
        return "workflow_status" if self._sqlite else "dbos.workflow_status"

    @property
    def _project(self) -> str:
        return "json_extract(attributes, '$.project')" if self._sqlite else "(attributes::jsonb ->> 'project')"

    async def _find(self, job_ids: Sequence[str]) -> "list[WorkflowStatus]":
        return await self._client.list_workflows_async(workflow_ids=[*job_ids], name=WORKFLOW)

    async def _parts(self, job_ids: Sequence[str]) -> "list[WorkflowStatus]":
        return await self._client.list_workflows_async(parent_workflow_id=[*job_ids], load_input=False)

    async def _jobs(self, rows: "Sequence[WorkflowStatus]") -> "list[Job]":
        parts: dict[str, list[WorkflowStatus]] = {}
        for part in await self._parts([row.workflow_id for row in rows]) if rows else ():
            parts.setdefault(part.parent_workflow_id or "", []).append(part)
        return [_job(row, parts.get(row.workflow_id, [])) for row in rows]


@asynccontextmanager
async def open_jobs(settings: Settings) -> AsyncIterator[Jobs]:
    """The queue of the settings. Raises BadInput where its database cannot be reached."""
    client = await asyncio.to_thread(_client, settings)
    jobs = Jobs(client, settings)
    try:
        yield jobs
    finally:
        jobs.close()
        await asyncio.to_thread(client.destroy)


def prepare_database(url: str) -> None:
    """Makes the tables where they are not there. A SQLite file is put in WAL mode, so that readers do not wait."""
    import sqlalchemy
    from dbos import DBOS
    from sqlalchemy.exc import SQLAlchemyError

    from assay.tracking.connection import exclusive

    quiet()
    try:
        if url.startswith("sqlite"):
            engine = sqlalchemy.create_engine(url)
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))
            engine.dispose()
        with exclusive(url, "jobs"):
            DBOS.migrate(url)
    except SQLAlchemyError as error:
        first_line = str(error).partition("\n")[0][:200]
        raise BadInput(f"ASSAY_JOBS_URL: the database of jobs cannot be opened: {first_line}") from error


def quiet() -> None:
    """DBOS tells every step at INFO, and each failed job as a traceback, which the worker says in words."""
    import logging

    logger = logging.getLogger("dbos")
    logger.setLevel(logging.ERROR)
    logger.addFilter(_no_failed_job)


def _no_failed_job(record: "logging.LogRecord") -> bool:
    return record.exc_info is None or type(record.exc_info[1]).__name__ != "JobFailed"


def _client(settings: Settings) -> "DBOSClient":
    from dbos import DBOSClient

    if settings.jobs_url is None:
        settings.home.mkdir(parents=True, exist_ok=True)
    prepare_database(settings.jobs_store)
    return DBOSClient(
        system_database_url=settings.jobs_store, application_name=APPLICATION, serializer=json_serializer()
    )


def parsed(request: JobRequest) -> Any:
    """What the job's work is asked with. Raises BadInput with the field that is wrong."""
    model: Any
    match request.kind:
        case OtherJob.EVALUATE:
            model = EvaluateRequest
        case OtherJob.PIPELINE:
            model = PipelineRequest
        case OtherJob.AGENTS_REPORT:
            model = AgentsReportRequest
        case Stage() as stage:
            model = STAGES[stage].request
    try:
        return model.model_validate(request.request)
    except ValidationError as error:
        raise BadInput.from_validation(f"job {request.kind}: request", error) from error


def project_of(request: JobRequest) -> str:
    return parsed(request).project


def _job(row: "WorkflowStatus", parts: "Sequence[WorkflowStatus]") -> Job:
    told = row.attributes or {}
    status = STATUS[row.status]
    progress = _progress(told, parts)
    if status in ENDED:
        progress = progress.replace(waiting_for=None)
    return Job(
        job_id=row.workflow_id,
        kind=told.get("kind", OtherJob.EVALUATE),
        project=told.get("project", "default"),
        status=status,
        progress=progress,
        error=_error(row) if status is JobStatus.FAILED else None,
        result=row.output if status is JobStatus.SUCCEEDED and isinstance(row.output, dict) else None,
        by=told.get("by", "unknown"),
        created_at=_when(row.created_at),
        updated_at=_when(row.updated_at),
        worker=row.executor_id,
    )


def _progress(told: dict[str, Any], parts: "Sequence[WorkflowStatus]") -> Progress:
    """The job's own, and in its place the sum of its parts while they are played."""
    own = Progress.model_validate(told.get("progress") or {})
    each = [Progress.model_validate((part.attributes or {}).get("progress") or {}) for part in parts]
    if not each or own.stage not in ("", Stage.SIMULATE):
        spent = add_usage(own.spent, *(part.spent for part in each))
        return own.replace(spent=spent)
    total = told.get("conversations") or sum(part.total for part in each)
    done = min(total, sum(part.done for part in each))
    return Progress(
        stage=Stage.SIMULATE, done=done, total=total, spent=add_usage(own.spent, *(part.spent for part in each))
    )


def _error(row: "WorkflowStatus") -> JobError:
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        died = len((row.attributes or {}).get(CRASHED, ()))
        message = f"{died or 'all'} workers died while they did it: see their logs for the cause, then retry it"
        return JobError(cause="Crashed", message=message)
    # what workers leave is `Kind: message`; anything else is a fault of ours, shown as it is
    cause, _, message = str(row.error).partition(": ")
    if cause.isidentifier() and message:
        return JobError(cause=cause, message=message)
    return JobError(cause=getattr(row.error, "name", type(row.error).__name__), message=str(row.error))


def _when(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, tz=UTC)
