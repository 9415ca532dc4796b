"""Schedules: what is due is claimed, run once however many ticks were missed, and told of when it fails."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronsim import CronSim, CronSimError
from pydantic import ValidationError

from assay.contracts.analytics import AnalyzeRequest
from assay.contracts.base import JsonObject
from assay.contracts.evaluation import EvaluateRequest
from assay.contracts.feedback import FeedbackRequest
from assay.contracts.judgment import JudgeRequest
from assay.contracts.notification import NotificationKind
from assay.contracts.schedule import Schedule, ScheduleRun, Schedules
from assay.contracts.stage import AgentRef, Stage
from assay.errors import AssayError, BadInput, NotFound, Refused, Stopped
from assay.evaluation.failures import failure_lines, too_little
from assay.stages.context import Context

NAME = "schedules/schedules"


async def read_schedules(context: Context, project: str) -> Schedules:
    _, found = await _read(context, project)
    return found


async def put_schedule(context: Context, project: str, schedule: Schedule) -> Schedules:
    """Adds it, or changes the one of this name. Raises BadInput for a cron or a request that does not fit."""
    last_tick(schedule.cron, schedule.since)
    _check(project, schedule)

    def changed(found: Schedules) -> Schedules:
        others = [known for known in found.schedules if known.name != schedule.name]
        return found.replace(schedules=(*others, schedule))

    return await _change(context, project, changed)


async def remove_schedule(context: Context, project: str, name: str) -> Schedules:
    """Raises NotFound."""
    found = await read_schedules(context, project)
    if name not in {schedule.name for schedule in found.schedules}:
        raise NotFound(f"name: project {project} has no schedule {name}: there is {_names(found)}")
    return await _change(
        context,
        project,
        lambda now: now.replace(
            schedules=tuple(known for known in now.schedules if known.name != name),
            last={known: run for known, run in now.last.items() if known != name},
        ),
    )


async def tick(context: Context, project: str) -> list[tuple[str, ScheduleRun]]:
    """Runs what is due, once each; what another worker has claimed is left to it."""
    done = []
    for schedule in (await read_schedules(context, project)).schedules:
        run = await _claimed(context, project, schedule)
        if run is not None:
            done.append((schedule.name, await _run(context, project, schedule, run)))
    return done


async def run_now(context: Context, project: str, name: str) -> ScheduleRun:
    """Runs it at once, whatever the clock says. Raises NotFound."""
    found = await read_schedules(context, project)
    schedule = next((known for known in found.schedules if known.name == name), None)
    if schedule is None:
        raise NotFound(f"name: project {project} has no schedule {name}: there is {_names(found)}")
    now = context.now()
    return await _run(context, project, schedule, ScheduleRun(tick=now, began_at=now))


def last_tick(cron: str, now: datetime) -> datetime:
    """The last tick at or before now. Raises BadInput for an expression that is none."""
    try:
        return next(CronSim(cron, now.astimezone(UTC) + timedelta(seconds=1), reverse=True)).astimezone(UTC)
    except (CronSimError, StopIteration) as error:
        raise BadInput(f"cron: {cron!r} is no cron expression ({error}): five fields, as in `0 6 * * 1-5`") from error


def missed(cron: str, after: datetime, until: datetime, most: int = 1000) -> int:
    """Ticks after one and before the other; no more than `most` are counted."""
    count = 0
    for found in CronSim(cron, after.astimezone(UTC)):
        if found >= until or count >= most:
            return count
        count += 1
    return count


async def _claimed(context: Context, project: str, schedule: Schedule) -> ScheduleRun | None:
    """The run that makes up what is due, claimed for this worker; None: nothing is due, or another has it."""
    if not schedule.enabled:
        return None
    now = context.now()
    due = last_tick(schedule.cron, now)
    text, found = await _read(context, project)
    before = found.last.get(schedule.name)
    since = before.tick if before else schedule.since
    if due <= since:
        return None
    run = ScheduleRun(tick=due, missed=missed(schedule.cron, since, due), began_at=now)
    try:
        await _write(context, project, found.replace(last={**found.last, schedule.name: run}), text)
    except Refused:
        return None
    return run


async def _run(context: Context, project: str, schedule: Schedule, run: ScheduleRun) -> ScheduleRun:
    request = {**schedule.request, "project": project}  # whatever it names: a schedule acts in its own project alone
    try:
        words, ok = await DOES[schedule.kind](context, project, request, run.tick), True
    except AssayError as error:
        words, ok = f"{error.title}: {error.public}", False
    except Exception as error:  # one schedule's trouble must not be the others'
        words, ok = f"{type(error).__name__}: {error}", False
    ended = run.replace(ended_at=context.now(), ok=ok, words=words)
    if not ok:
        title = f"the schedule {schedule.name} failed"
        context.notify(NotificationKind.SCHEDULE_FAILED, project, title, words, f"{schedule.name}@{run.tick}")
    await _change(context, project, lambda now: now.replace(last={**now.last, schedule.name: ended}))
    return ended


async def _ingest(context: Context, project: str, request: JsonObject, tick: datetime) -> str:
    del project, tick
    from assay.evaluation.exchange import feedback_of, read_file
    from assay.lifecycle.run import run_stage

    rows = await asyncio.to_thread(read_file, Path(str(request["file"])))
    items = await asyncio.to_thread(feedback_of, rows)
    fields = {name: value for name, value in request.items() if name != "file"}
    report = await run_stage(FeedbackRequest.model_validate({**fields, "items": items}), context)
    return "; ".join([f"{len(items)} items: {report.subject_id}", *rows.notes])


async def _judge_online(context: Context, project: str, request: JsonObject, tick: datetime) -> str:
    del project, tick
    from assay.lifecycle.run import run_stage

    return (await run_stage(JudgeRequest.model_validate(request), context)).subject_id


async def _evaluate(context: Context, project: str, request: JsonObject, tick: datetime) -> str:
    """Plays and judges at every tick: what is watched is an agent that may change behind the same version."""
    from assay.lifecycle.evaluate import evaluate
    from assay.stages import headline

    del project
    fields = {"occasion": tick.isoformat(), **request}
    done = await evaluate(EvaluateRequest.model_validate(fields), context)
    words = f"{done.judging.subject_id}: {headline(done.judging)}"
    if short := too_little(done.judging, context.settings.least_measured):
        raise Stopped(f"{words}; {'; '.join(failure_lines(done.simulation) + failure_lines(done.judging))}; {short}")
    return words


async def _analyze(context: Context, project: str, request: JsonObject, tick: datetime) -> str:
    """The request's judging, or the newest of its `agent`, which may be left out while only one agent is judged."""
    from assay.lifecycle.run import run_stage
    from assay.stages import headline
    from assay.tracking import list_results

    del tick
    fields = {name: value for name, value in request.items() if name != "agent"}
    if "judging_id" not in fields:
        agent = AgentRef.model_validate(request["agent"]) if "agent" in request else None
        found = await asyncio.to_thread(list_results, context.tracking, project, Stage.JUDGE, agent=agent, limit=1000)
        if not found:
            raise NotFound(f"judging_id: project {project} has no judging yet: schedule an evaluation first")
        agents = sorted({str(run.agent) for run in found})
        if len(agents) > 1:
            raise BadInput(f"agent: several were judged in {project} ({', '.join(agents)}): name one in the request")
        fields["judging_id"] = found[0].subject_id
    report = await run_stage(AnalyzeRequest.model_validate(fields), context)
    return f"{report.subject_id} of {fields['judging_id']}: {headline(report)}"


async def _look(context: Context, project: str, request: JsonObject, tick: datetime) -> str:
    from assay.lifecycle.rollouts import look, under_way

    del request, tick
    if not await under_way(context, project):
        return "no rollout is under way"
    found = await look(context, project)
    return f"{found.action}: {found.words}"


async def _retention(context: Context, project: str, request: JsonObject, tick: datetime) -> str:
    del tick
    from assay.tracking import delete_conversations

    before = context.now() - timedelta(days=float(str(request["days"])))
    count = await asyncio.to_thread(delete_conversations, context.tracking, project, before=before)
    return f"{count} production conversations from before {before:%Y-%m-%d} are deleted"


DOES: dict[str, Callable] = {
    "ingest": _ingest,
    "judge_online": _judge_online,
    "evaluate": _evaluate,
    "analyze": _analyze,
    "look": _look,
    "retention": _retention,
}
NEEDED = {"ingest": ("file", "agent"), "retention": ("days",)}


def _check(project: str, schedule: Schedule) -> None:
    if (named := schedule.request.get("project", project)) != project:
        raise BadInput(f"request.project: {named} is not the schedule's project {project}: remove the field")
    absent = [name for name in NEEDED.get(schedule.kind, ()) if name not in schedule.request]
    if absent:
        raise BadInput(f"request.{absent[0]}: is missing: a schedule of kind {schedule.kind} needs it")
    contract = {"evaluate": EvaluateRequest, "judge_online": JudgeRequest}.get(schedule.kind)
    if contract is not None:
        try:
            contract.model_validate(schedule.request)
        except ValidationError as error:
            raise BadInput.from_validation("request", error) from error


def _names(found: Schedules) -> str:
    return ", ".join(schedule.name for schedule in found.schedules) or "none yet"


async def _change(context: Context, project: str, changed: Callable[[Schedules], Schedules]) -> Schedules:
    """Read, changed and written; again where somebody else wrote meanwhile."""
    for _ in range(20):
        text, found = await _read(context, project)
        after = changed(found)
        try:
            await _write(context, project, after, text)
        except Refused:
            await asyncio.sleep(0.05)
            continue
        return after
    raise Refused(f"the schedules of {project} are being changed by others all the time: try again")


async def _read(context: Context, project: str) -> tuple[str | None, Schedules]:
    from assay.tracking import read_kept

    text = await asyncio.to_thread(read_kept, context.tracking, project, NAME)
    return text, Schedules.model_validate_json(text) if text else Schedules(project=project)


async def _write(context: Context, project: str, schedules: Schedules, before: str | None) -> None:
    from assay.tracking import write_kept

    text = schedules.model_dump_json()
    await asyncio.to_thread(write_kept, context.tracking, project, NAME, text, before=before)
