"""Runs commands on a server (`assay --server URL`) instead of here."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from assay.contracts.gate import GateDecision
from assay.contracts.job import Job, JobRequest, JobStatus
from assay.contracts.pipeline import PipelineRequest, PipelineResult
from assay.contracts.stage import AgentRef, Stage, StageRequest, StageResult
from assay.errors import AssayError, BadInput

if TYPE_CHECKING:
    from assay.cli.references import Row
    from assay.client import Client


@functools.cache
def asked_server() -> "Client | None":
    """The server in --server or ASSAY_SERVER. None: the work is done here."""
    from assay.cli.console import settings

    chosen = settings()
    if chosen.server is None:
        return None
    from assay.client import Client

    return Client(chosen.server, chosen.token.get_secret_value() if chosen.token else None)


def only_here(server: "Client") -> BadInput:
    """The error of a command that needs the store itself."""
    return BadInput(
        f"--server: this command needs the store itself and cannot run on {server.address}: omit --server on the "
        "machine that has the store, use the web UI, or give the ID that it would look up (see --help)"
    )


class FailedThere(AssayError):
    """A job of the server failed."""

    title = "The job failed"


def run_there(client: "Client", request: StageRequest, *, quiet: bool) -> tuple[StageResult, Job]:
    """Runs a stage on the server and shows its progress."""
    from assay.stages import spec_of

    spec = spec_of(request)
    job = watched(client, client.jobs.start(spec.stage, request.model_dump(mode="json")), quiet=quiet)
    return spec.result.model_validate(_result(job)), job


def pipeline_there(client: "Client", request: PipelineRequest, *, quiet: bool) -> PipelineResult:
    """Runs the whole lifecycle on the server, up to the first waiting gate. The job resumes after the decision."""
    from assay.lifecycle.gates import stage_of_subject

    job = watched(client, client.pipelines.start(request.project, request), quiet=quiet)
    waits = job.progress.waiting_for
    if waits is None:
        return PipelineResult.model_validate(_result(job))
    from assay.contracts.gate import GateState

    gate = GateState(stage=stage_of_subject(waits), subject_id=waits, state="waiting")
    reason = f"{waits} waits for a decision; {job.job_id} continues automatically after the approval"
    return PipelineResult(project=job.project, state="waiting", reason=reason, stages=(), waiting_for=gate)


def watched(client: "Client", job: Job, *, quiet: bool) -> Job:
    """Waits until the job ends or waits at a gate, and shows its progress."""
    from assay.cli.console import progress_bars

    with progress_bars(quiet) as tell:
        for now in client.jobs.follow(job.job_id):
            job = now
            progress = job.progress
            if progress.stage and progress.total:
                tell(Stage(progress.stage), progress.done, progress.total, progress.spent)
            if progress.waiting_for:
                break
    return job


def _result(job: Job) -> dict:
    if job.status is not JobStatus.SUCCEEDED or job.result is None:
        why = f"{job.error.cause}: {job.error.message}" if job.error else f"its status is {job.status}"
        raise FailedThere(f"{job.job_id}: {why}; `assay job retry {job.job_id}` does what is missing")
    return job.result


def results_there(client: "Client", project: str, stage: Stage, agent: AgentRef | None) -> "list[Row]":
    """The newest results of a stage, one more than are shown."""
    from itertools import islice

    from assay.cli.references import SHOWN, Row
    from assay.stages import STAGES

    runs = islice(client.results(STAGES[stage]).list(project, agent=agent), SHOWN + 1)
    return [Row(run.subject_id, run.agent, str(run.dataset) if run.dataset else None, run.started_at) for run in runs]


def decide_there(
    client: "Client", project: str, subject: str, decision: Literal["approve", "reject"], reason: str, *, overrule: bool
) -> GateDecision:
    """overrule: replace any existing decision."""
    from assay.lifecycle.gates import stage_of_subject

    in_force = None
    if overrule:
        decisions = client.gates.ledger(project).decisions
        in_force = next((written.hash for written in decisions if written.subject_id == subject), None)
    return client.gates.decide(project, stage_of_subject(subject), subject, decision, reason, overrules=in_force)


class JobsThere:
    """The server's job queue, with the interface of the local one."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    async def submit(self, request: JobRequest) -> Job:
        return self._client.jobs.start(request.kind, request.request, key=request.key)

    async def show(self, job_id: str) -> Job:
        return self._client.jobs.show(job_id)

    async def cancel(self, job_id: str) -> Job:
        return self._client.jobs.cancel(job_id)

    async def retry(self, job_id: str) -> Job:
        return self._client.jobs.retry(job_id)

    async def wait(self, job_id: str) -> Job:
        return watched(self._client, self._client.jobs.show(job_id), quiet=False)

    async def list(self, *, project: str | None = None, limit: int = 20) -> Sequence[Job]:
        from itertools import islice

        return list(islice(self._client.jobs.list(project), limit))
