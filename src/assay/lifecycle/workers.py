"""A worker: takes jobs and parts of simulations from the queue, says that it lives, and takes over from the dead.

Every step does only what MLflow does not hold yet, so a step that runs twice (its worker died, or was wrongly taken
for dead) does nothing twice.
"""

import asyncio
import math
import os
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from dbos import DBOS, SetWorkflowAttributes, SetWorkflowID
from dbos._dbos import _get_dbos_instance

from assay.contracts.agents_report import AgentsReportRequest
from assay.contracts.evaluation import EvaluateRequest, Limits
from assay.contracts.job import JobRequest, OtherJob, Progress
from assay.contracts.notification import Notification, NotificationKind
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.stage import Stage, Usage
from assay.errors import AssayError, GateClosed
from assay.lifecycle.evaluate import as_it_ends, evaluate, prepare, within
from assay.lifecycle.heartbeats import Heartbeats
from assay.lifecycle.jobs import (
    APPLICATION,
    CRASHED,
    GATE,
    PARTS,
    QUEUE,
    VERSION,
    WORKFLOW,
    parsed,
    prepare_database,
    quiet,
)
from assay.lifecycle.pipeline import run_pipeline
from assay.lifecycle.run import run_stage
from assay.lifecycle.schedules import tick
from assay.lifecycle.serialization import json_serializer
from assay.settings import Settings
from assay.stages.context import Context, open_context, unheard
from assay.stages.simulate import Part, play_part

log = structlog.get_logger("assay")

ROUNDS = 2
"""Rounds of conversations in a part: fewer, and a worker's end of a part leaves others idle; more, and a dead worker's
part takes longer to be done again."""
MOST_PARTS = 400
TELL_S = 0.5
"""How often a job's progress is written down."""
LOOK_AGAIN_S = 3600.0
"""How often a pipeline that waits at a gate looks by itself, should nobody tell it."""


class JobFailed(Exception):
    """What a failed job leaves in the queue: the kind of error and its words, and nothing that a pickle could hide."""


@DBOS.workflow(name=WORKFLOW)
async def run_job(request: dict[str, Any]) -> dict[str, Any]:
    asked = JobRequest.model_validate(request)
    match asked.kind:
        case OtherJob.EVALUATE:
            return await _evaluate_in_parts(asked)
        case OtherJob.PIPELINE:
            while True:
                result = await pipeline_step(request)
                if result["state"] != "waiting":
                    return result
                await DBOS.recv_async(GATE, timeout_seconds=LOOK_AGAIN_S)
        case OtherJob.AGENTS_REPORT:
            return await agents_report_step(request)
        case _:
            while True:
                result = await stage_step(request)
                if result is not None:
                    return result
                await DBOS.recv_async(GATE, timeout_seconds=LOOK_AGAIN_S)


async def _evaluate_in_parts(asked: JobRequest) -> dict[str, Any]:
    """Parts are queued for any worker; the rest, and what a part could not do, is done at the end."""
    request = asked.model_dump(mode="json")
    plan = await plan_step(request)
    job_id = DBOS.workflow_id
    handles = []
    for number in range(plan["parts"]):
        with SetWorkflowID(f"{job_id}-{number}"), SetWorkflowAttributes({"part": number}):
            handles.append(await DBOS.enqueue_workflow_async(PARTS, run_part, request, plan, number))
    for handle in handles:
        await handle.get_result(polling_interval_sec=0.2)
    return await finish_step(request)


@DBOS.workflow(name="assay.part")
async def run_part(request: dict[str, Any], plan: dict[str, Any], number: int) -> None:
    await part_step(request, plan, number)


@DBOS.step(preemptible=True)
async def plan_step(request: dict[str, Any]) -> dict[str, Any]:
    """How many parts there are, and the runs in MLflow that they all write to."""
    asked: EvaluateRequest = parsed(JobRequest.model_validate(request))
    async with _context(request, asked.project) as context:
        setup, bench = await prepare(asked, context)
        if await context.find(setup.work) is not None:
            return {"parts": 0}
        simulating, judging = await context.begin(setup.work), await context.begin(bench.work)
        parts = min(MOST_PARTS, math.ceil(setup.conversations / (ROUNDS * asked.concurrency)))
        await _note({"conversations": setup.conversations})
        return {"parts": parts, "simulation_run": simulating.run_id, "judging_run": judging.run_id}


@DBOS.step(preemptible=True)
async def part_step(request: dict[str, Any], plan: dict[str, Any], number: int) -> None:
    asked: EvaluateRequest = parsed(JobRequest.model_validate(request))
    async with _context(request, asked.project, share(asked.limits, plan["parts"])) as context:
        setup, bench = await prepare(asked, context)
        afterwards = as_it_ends(bench, context, plan["judging_run"])
        await play_part(setup, context, plan["simulation_run"], Part(number, plan["parts"]), afterwards)


@DBOS.step(preemptible=True)
async def finish_step(request: dict[str, Any]) -> dict[str, Any]:
    asked: EvaluateRequest = parsed(JobRequest.model_validate(request))
    async with _context(request, asked.project) as context:
        done = await evaluate(asked.replace(limits=Limits()), context)  # its parts kept to the limits
        return done.model_dump(mode="json")


@DBOS.step(preemptible=True)
async def stage_step(request: dict[str, Any]) -> dict[str, Any] | None:
    """None: the gate before it is closed."""
    asked = parsed(JobRequest.model_validate(request))
    try:
        async with _context(request, asked.project) as context:
            return (await run_stage(asked, context)).model_dump(mode="json")
    except JobFailed as failed:
        if not str(failed).startswith(GateClosed.__name__):
            raise
        await _note({"progress": Progress(waiting_for=str(failed).partition(": ")[2]).model_dump(mode="json")})
        return None


@DBOS.step(preemptible=True)
async def pipeline_step(request: dict[str, Any]) -> dict[str, Any]:
    asked: PipelineRequest = parsed(JobRequest.model_validate(request))
    async with _context(request, asked.project) as context:
        result = await run_pipeline(asked, context)
        spent = context.budget.spent if context.budget else Usage()
    waiting = result.waiting_for.subject_id if result.state == "waiting" and result.waiting_for else None
    stage = result.stages[-1].stage if result.stages else ""
    progress = Progress(stage=stage, waiting_for=waiting, spent=spent)
    await _tell(progress)
    return result.model_dump(mode="json")


@DBOS.step(preemptible=True)
async def agents_report_step(request: dict[str, Any]) -> dict[str, Any]:
    from assay.lifecycle.agents_report import publish_agents_report

    asked: AgentsReportRequest = parsed(JobRequest.model_validate(request))
    async with _context(request, asked.project) as context:
        report, _ = await publish_agents_report(asked.project, context, asked.model)
        return report.model_dump(mode="json")


def share(limits: Limits, parts: int) -> Limits:
    """A part's own limits: parts do not know of each other, and together they must not take more than the job may."""
    return Limits(
        cost_usd=None if limits.cost_usd is None else limits.cost_usd / parts,
        tokens=None if limits.tokens is None else max(1, limits.tokens // parts),
        calls=None if limits.calls is None else max(1, limits.calls // parts),
        time_s=limits.time_s,
    )


@asynccontextmanager
async def _context(request: dict[str, Any], project: str, limits: Limits = Limits()) -> AsyncIterator[Context]:
    """The worker's context with the job's progress written down as it comes; errors leave as words."""
    job_id = DBOS.workflow_id or ""
    latest: list[Progress] = []

    def tell(stage: Stage, done: int, total: int, spent: Usage | None = None) -> None:
        latest[:] = [Progress(stage=stage, done=done, total=total, spent=spent or Usage())]

    try:
        async with (
            open_context(_settings(), tell, _announce[0]) as opened,
            within(limits, replace(opened, job_id=job_id, by=JobRequest.model_validate(request).by)) as context,
        ):
            watching = asyncio.create_task(_write_down(latest))
            try:
                yield context
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
                if latest:
                    spent = context.budget.spent if context.budget else Usage()
                    await _tell(latest[0].replace(spent=spent))
    except AssayError as error:
        if not isinstance(error, GateClosed):
            at, title = datetime.now(UTC), f"a job failed: {error.title}"
            kind = NotificationKind.JOB_FAILED
            told = Notification(kind=kind, project=project, title=title, body=error.public, subject_id=job_id, at=at)
            _announce[0](told)
            log.error("a job failed", job=job_id, cause=type(error).__name__, why=str(error))
        raise JobFailed(f"{type(error).__name__}: {error.public}") from None
    except JobFailed:
        raise
    except Exception as error:
        log.error("a job failed, which is a fault of Assay: please report it", job=job_id, exc_info=error)
        raise


async def _write_down(latest: list[Progress]) -> None:
    told: Progress | None = None
    while True:
        await asyncio.sleep(TELL_S)
        if latest and latest[0] != told:
            told = latest[0]
            await _tell(told)


async def _tell(progress: Progress) -> None:
    await _note({"progress": progress.model_dump(mode="json")})


async def _note(attributes: dict[str, Any]) -> None:
    """Progress is for people: a write that fails is left out, and the next one holds more."""
    with suppress(Exception):
        await DBOS.update_workflow_attributes_async(DBOS.workflow_id or "", attributes, merge=True)


MOST_CRASHES = 3
"""Workers that may die while they do a job; with the last of them the job fails."""
CLOCK_S = 20.0
"""How often a worker looks at what is scheduled."""
_current: list[Settings] = []
_announce: list[Callable[[Notification], None]] = [unheard]
"""Who is told of what goes wrong."""


def _settings() -> Settings:
    return _current[0]


async def work(
    settings: Settings,
    *,
    at_once: int = 1,
    until: asyncio.Event | None = None,
    announce: Callable[[Notification], None] = unheard,
) -> None:
    """Takes jobs until it is told to stop (SIGTERM, SIGINT or `until`); what it has then goes to another worker.

    `at_once`: parts that this worker plays at the same time.
    """
    stop = until or asyncio.Event()
    loop = asyncio.get_running_loop()
    if until is None:
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, stop.set)
    settings.home.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(prepare_database, settings.jobs_store)
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    beats = await asyncio.to_thread(Heartbeats, settings.jobs_store, worker_id, settings.heartbeat_limit_s)
    await asyncio.to_thread(beats.beat)
    _current[:] = [settings]
    _announce[:] = [announce]
    quiet()
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": settings.jobs_store,
            "application_version": VERSION,
            "executor_id": worker_id,
            "log_level": "ERROR",
            "serializer": json_serializer(),
            "run_migrations": False,
            "notification_listener_polling_interval_sec": 0.2,
        }
    )
    DBOS.listen_queues([QUEUE, PARTS])
    await asyncio.to_thread(DBOS.launch)
    await DBOS.register_queue_async(QUEUE, worker_concurrency=32, polling_interval_sec=0.2)
    await DBOS.register_queue_async(PARTS, worker_concurrency=at_once, polling_interval_sec=0.1)
    log.info("worker started", worker=worker_id)
    timekeeper = asyncio.create_task(_keep_time(settings, announce))
    try:
        await _live(beats, stop)
    finally:
        timekeeper.cancel()
        await asyncio.gather(timekeeper, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy)
        beats.leave()  # here and not in a thread: DBOS took the loop's threads with it
        beats.close()
        log.info("worker stopped", worker=worker_id)


async def _count_crash(worker_id: str) -> None:
    """Notes a worker's death on what it was doing; what too many workers died of fails and is not taken up again.

    A job that waits at a gate was not at work. Noted by the worker's name, so that two that notice count it once.
    """
    for found in await DBOS.list_workflows_async(executor_id=worker_id, status="PENDING", load_input=False):
        attributes = found.attributes or {}
        if (attributes.get("progress") or {}).get("waiting_for"):
            continue
        crashed = sorted({*attributes.get(CRASHED, ()), worker_id})
        await DBOS.update_workflow_attributes_async(found.workflow_id, {CRASHED: crashed}, merge=True)
        if len(crashed) >= MOST_CRASHES:
            log.error("a job is given up: its workers die", job=found.workflow_id, workers=len(crashed))
            store = _get_dbos_instance()._sys_db
            await asyncio.to_thread(store.dead_letter_workflows, [found.workflow_id], min_recovery_attempts=0)


async def _keep_time(settings: Settings, announce: Callable[[Notification], None]) -> None:
    """Runs what is scheduled in any project; of several workers each tick is one's."""
    from assay.tracking import list_projects

    while True:
        await asyncio.sleep(CLOCK_S)
        try:
            async with open_context(settings, announce=announce) as context:
                for known in await asyncio.to_thread(list_projects, context.tracking):
                    await tick(context, known.project)
        except Exception as error:
            log.error("schedules could not be looked at", error=type(error).__name__)


async def _live(beats: Heartbeats, stop: asyncio.Event) -> None:
    """Beats, and takes over from the dead, several times within the limit."""
    while not stop.is_set():
        began = time.monotonic()
        try:
            await asyncio.to_thread(beats.beat)
            for worker_id, left in (await asyncio.to_thread(beats.dead)).items():
                if not left:
                    await _count_crash(worker_id)
                taken = await asyncio.to_thread(DBOS._recover_pending_workflows, [worker_id])
                if taken:
                    log.warning("took over from a dead worker", worker=worker_id, workflows=len(taken))
                await asyncio.to_thread(beats.forget, worker_id)
        except Exception as error:
            log.error("the database of jobs does not answer", error=type(error).__name__)
        left = beats.limit_s / 4 - (time.monotonic() - began)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.05, left))
