"""assay schedule"""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import Output, answer, in_context, say, table
from assay.contracts.schedule import Schedule, ScheduleKind, ScheduleRun, Schedules
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay schedule", help="Schedule recurring work with cron, in UTC. `assay worker` runs the schedules.")

Name = Annotated[str, Parameter(help="Name of the schedule.")]


@app.command
def add(
    name: Name,
    *,
    cron: Annotated[str, Parameter(help="Cron expression with five fields, such as '0 6 * * 1-5'.")],
    kind: Annotated[ScheduleKind, Parameter(help="What to run.")],
    request: Annotated[str, Parameter(help="The request, as JSON.")] = "{}",
    enabled: Annotated[bool, Parameter(help="Whether it runs.")] = True,
    io: Output = Output(),
) -> None:
    """Add a schedule, or change the one with this name."""
    try:
        asked = json.loads(request)
    except json.JSONDecodeError as error:
        raise BadInput(f"request: not JSON ({error.msg} at column {error.colno}): correct it") from error

    async def work(context: "Context") -> Schedules:
        from pydantic import ValidationError

        from assay.lifecycle.schedules import put_schedule

        fields = {"name": name, "cron": cron, "kind": kind, "request": asked, "enabled": enabled}
        try:
            schedule = Schedule.model_validate({**fields, "since": context.now()})
        except ValidationError as error:
            raise BadInput.from_validation("schedule", error) from error
        return await put_schedule(context, io.name, schedule)

    _show(in_context(work, quiet=True), io)


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the schedules with their last runs."""

    async def work(context: "Context") -> Schedules:
        from assay.lifecycle.schedules import read_schedules

        return await read_schedules(context, io.name)

    _show(in_context(work, quiet=True), io)


@app.command
def remove(name: Name, *, io: Output = Output()) -> None:
    """Remove a schedule."""

    async def work(context: "Context") -> Schedules:
        from assay.lifecycle.schedules import remove_schedule

        return await remove_schedule(context, io.name, name)

    _show(in_context(work, quiet=True), io)


@app.command
def run(name: Name, *, io: Output = Output()) -> int:
    """Run a schedule now."""

    async def work(context: "Context") -> ScheduleRun:
        from assay.lifecycle.schedules import run_now

        return await run_now(context, io.name, name)

    done = in_context(work)
    answer(done, io, (f"{'done' if done.ok else 'failed'}: {done.words}",))
    return 0 if done.ok else 2


@app.command
def watch(
    *,
    every_s: Annotated[float, Parameter(help="Seconds between two checks of the clock.")] = 20.0,
    io: Output = Output(),
) -> None:
    """Run the schedules of one project, if no worker does."""

    async def work(context: "Context") -> None:
        from assay.lifecycle.schedules import tick

        while True:
            for name, done in await tick(context, io.name):
                say(f"{name}: {'done' if done.ok else 'failed'}: {done.words}")
            await asyncio.sleep(every_s)

    in_context(work, quiet=True)


def _show(found: Schedules, io: Output) -> None:
    answer(found, io, ())
    if io.as_json:
        return
    rows = []
    for schedule in found.schedules:
        last = found.last.get(schedule.name)
        state = "" if last is None else "running" if last.ok is None else "done" if last.ok else "failed"
        when = f"{last.tick:%Y-%m-%d %H:%M}" if last else "never"
        name = schedule.name if schedule.enabled else f"{schedule.name} (off)"
        rows.append((name, schedule.cron, schedule.kind, when, state, last.words if last else ""))
    table(f"schedules of {found.project}", ("name", "cron", "kind", "last tick", "state", "result"), rows)
