"""assay job"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Parameter

from assay.cli.console import InOut, Output, answer, answer_table, read_json, settings, took
from assay.contracts.job import Job, JobKind, JobRequest, JobStatus
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.cli.server import JobsThere
    from assay.lifecycle.jobs import Jobs

T = TypeVar("T")
app = App(name="assay job", help="Run work in the background with `assay worker`: submit, watch, cancel, retry.")

JobId = Annotated[str, Parameter(help="Job ID.")]
Wait = Annotated[bool, Parameter(negative="", help="Wait until the job ends or waits at a gate.")]


@app.command
def submit(
    kind: Annotated[JobKind, Parameter(help="A stage, `evaluate` or `pipeline`.")],
    *,
    key: Annotated[str | None, Parameter(help="Idempotency key: the same key returns the existing job.")] = None,
    wait: Wait = False,
    io: InOut = InOut(),
) -> int:
    """Queue a job; --input is its request as JSON."""
    if io.input is None:
        raise BadInput("--input is required: give the request as a JSON file, or - for stdin")
    request = {**read_json(io.input), **({"project": io.project} if io.project else {})}
    job = JobRequest(kind=kind, request=request, key=key, by=settings().person)
    return _shown(lambda jobs: jobs.submit(job), io, wait=wait)


@app.command
def show(job_id: JobId, *, io: Output = Output()) -> int:
    """Show the state of a job."""
    return _shown(lambda jobs: jobs.show(job_id), io, wait=False)


@app.command
def wait(job_id: JobId, *, io: Output = Output()) -> int:
    """Wait until a job ends or waits at a gate."""
    return _shown(lambda jobs: jobs.show(job_id), io, wait=True)


@app.command
def cancel(job_id: JobId, *, io: Output = Output()) -> int:
    """Stop a job within one turn. Finished work is kept."""
    return _shown(lambda jobs: jobs.cancel(job_id), io, wait=False)


@app.command
def retry(job_id: JobId, *, wait: Wait = False, io: Output = Output()) -> int:
    """Retry what failed or was cancelled in a job."""
    return _shown(lambda jobs: jobs.retry(job_id), io, wait=wait)


@app.command(name="list")
def list_(*, limit: Annotated[int, Parameter(help="Maximum number of jobs.")] = 20, io: Output = Output()) -> None:
    """List jobs, newest first."""
    found = _with_jobs(lambda jobs: jobs.list(project=io.project, limit=limit))
    rows = [
        (j.job_id, j.kind, j.project, j.status, _progress(j), j.by, j.created_at.isoformat(timespec="seconds"))
        for j in found
    ]
    answer_table(found, io, "Jobs", ("id", "kind", "project", "status", "progress", "by", "created"), rows)


def _with_jobs(work: "Callable[[Jobs | JobsThere], Awaitable[T]]") -> T:
    import asyncio

    async def run() -> T:
        from assay.cli.server import JobsThere, asked_server

        if client := asked_server():
            return await work(JobsThere(client))
        from assay.lifecycle.jobs import open_jobs

        async with open_jobs(settings()) as jobs:
            return await work(jobs)

    return asyncio.run(run())


def _shown(work: "Callable[[Jobs | JobsThere], Awaitable[Job]]", io: Output, *, wait: bool) -> int:
    async def asked(jobs: "Jobs | JobsThere") -> Job:
        job = await work(jobs)
        return await jobs.wait(job.job_id) if wait else job

    job = _with_jobs(asked)
    answer(job, io, lines(job))
    return 4 if job.status in (JobStatus.FAILED, JobStatus.CANCELLED) else 3 if job.progress.waiting_for else 0


def lines(job: Job) -> list[str]:
    shown = [f"{job.job_id}  {job.kind} of {job.project}: {job.status}", f"  {_progress(job)}"]
    if job.progress.spent.calls:
        shown.append(f"  took {took(job.progress.spent)}")
    if job.error is not None:
        shown += [f"  {job.error.cause}: {job.error.message}", f"  next: assay job retry {job.job_id}"]
    if job.status is JobStatus.CREATED:
        shown.append("  next: assay worker, here or on another machine, unless one is running")
    return shown


def _progress(job: Job) -> str:
    progress = job.progress
    if progress.waiting_for:
        return f"waiting for {progress.waiting_for}"
    if not progress.total:
        return progress.stage or "not started"
    return f"{progress.stage} {progress.done} of {progress.total}"
