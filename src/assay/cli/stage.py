"""assay stage: any stage on its request; and the lines that every command prints after a stage's result."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import (
    STOPPED,
    InOut,
    Output,
    answer,
    answer_table,
    asked,
    check_output,
    in_context,
    note,
    settings,
    warn,
)
from assay.cli.server import asked_server, run_there
from assay.contracts.stage import Stage, StageRequest, StageResult

if TYPE_CHECKING:
    from assay.client import Client
    from assay.stages.context import Context

app = App(name="assay stage", help="Run any stage with a request as JSON; list its results.")

StageName = Annotated[Stage, Parameter(help="Stage, such as `judge`.")]


@app.command(name="run")
def run_any(stage: StageName, *, io: InOut = InOut()) -> None:
    """Run a stage with the request in --input."""
    from assay.stages import STAGES

    run_and_answer(asked(STAGES[stage].request, io), io)


@app.command(name="list")
def list_any(stage: StageName, *, io: Output = Output()) -> None:
    """List the results of a stage, newest first."""
    list_stage(stage, io)


Fresh = Annotated[
    bool, Parameter(negative="", help="Play it again, though the same was played before: for agents that changed.")
]
Occasion = Annotated[
    str | None, Parameter(help="A name for this run: the same name goes on with it, another one plays again.")
]


def occasion_of(fresh: bool, occasion: str | None) -> str | None:
    """What sets the run apart from an equal one; --fresh takes the time."""
    if not fresh or occasion is not None:
        return occasion
    made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    note(f"a fresh run: --occasion {made} goes on with it, should it be stopped")
    return made


def run_and_answer(request: StageRequest, io: InOut) -> StageResult:
    """Runs the stage, then prints its headline, where it is stored and what comes next.

    Raises SystemExit with code 4 where failed calls left too little measured.
    """
    check_output(io.output)
    result, lines = run(request, quiet=io.json)
    answer(result, io, lines)
    end_if_too_little(result)
    return result


def run(request: StageRequest, *, quiet: bool) -> tuple[StageResult, list[str]]:
    """Runs the stage here or on the server that is asked; the result and the lines that a person reads."""

    async def work(context: "Context") -> tuple[StageResult, list[str]]:
        return await run_one(request, context)

    if client := asked_server():
        return _run_there(client, request, quiet=quiet)
    return in_context(work, quiet=quiet)


def end_if_too_little(*results: StageResult) -> None:
    """Prints what failed, red and on stderr; raises SystemExit with code 4 where too little was measured."""
    from assay.evaluation.failures import failure_lines, too_little

    least = settings().least_measured
    for result in results:
        for line in failure_lines(result):
            warn(line)
    short = [why for result in results if (why := too_little(result, least)) is not None]
    if short:
        warn(f"Too little was measured: {short[-1]}")
        raise SystemExit(STOPPED)


def _run_there(client: "Client", request: StageRequest, *, quiet: bool) -> tuple[StageResult, list[str]]:
    from assay.stages import headline

    result, job = run_there(client, request, quiet=quiet)
    lines = [
        f"{result.stage} {result.subject_id}",
        f"  {headline(result)}",
        *made_by_rules(result),
        f"  done by {client.address}: {job.job_id}",
    ]
    return result, [*lines, *(f"  next: {step}" for step in next_commands(result))]


async def run_one(request: StageRequest, context: "Context") -> tuple[StageResult, list[str]]:
    from assay.lifecycle.publish import report_uris
    from assay.lifecycle.run import run_stage
    from assay.stages import headline

    result = await run_stage(request, context)
    reports = await report_uris(result, context)
    lines = [f"{result.stage} {result.subject_id}{stored(result, context)}", f"  {headline(result)}"]
    lines += made_by_rules(result)
    lines += [f"  report: {uri}" for uri in reports.values()]
    lines += [f"  next: {step}" for step in next_commands(result)]
    return result, lines


def made_by_rules(result: StageResult) -> list[str]:
    """A line where no language model had a part in it."""
    return ["  made offline by rules, not by a language model; ASSAY_MODEL names one"] if result.offline else []


def stored(result: StageResult, context: "Context") -> str:
    """Whether the result was read back, in words; empty: the work was done now."""
    at = context.read_back.get(result.subject_id)
    return "" if at is None else f" (stored result from {at:%Y-%m-%d %H:%M} UTC)"


def next_commands(result: StageResult) -> Sequence[str]:
    """What a person types next, with the ids of what was just made."""
    from assay.stages import STAGES

    project = "" if result.project == "default" else f" --project {result.project}"
    spec = STAGES[result.stage]
    if result.gated and spec.then is not None:
        return [f"assay gate approve {result.subject_id}{project} --reason WHY"]
    return [f"{command}{project} {remark}".rstrip() for command, remark in spec.next_commands(result)]


def list_stage(stage: Stage, io: Output) -> None:
    """Prints a table of a stage's results."""
    from assay.tracking import list_results

    async def work(context: "Context"):
        return await asyncio.to_thread(list_results, context.tracking, io.name, stage)

    results = in_context(work, quiet=True)
    rows = [
        (
            result.subject_id,
            result.agent,
            result.dataset_version,
            result.started_at.isoformat(timespec="seconds"),
            "gated" if result.gated else "ungated",
        )
        for result in results
    ]
    title = f"Results of stage {stage} in project {io.name}"
    answer_table(results, io, title, ("id", "agent", "dataset", "started", ""), rows)
