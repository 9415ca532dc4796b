"""Running one stage from a command: the same few lines after every result."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.cli.console import STOPPED, InOut, answer, check_output, in_context, note, settings, warn
from assay.cli.server import asked_server, run_there
from assay.contracts.agent import AgentVersion
from assay.contracts.analytics import AnalyticsReport
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.conversation import Simulation
from assay.contracts.dataset import DatasetResult
from assay.contracts.judgment import Judging
from assay.contracts.stage import Stage, StageRequest, StageResult

if TYPE_CHECKING:
    from assay.client import Client
    from assay.stages.context import Context


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
    from assay.lifecycle.headline import headline
    from assay.lifecycle.run import BY_REQUEST

    result, job = run_there(client, request, BY_REQUEST[type(request)].stage, quiet=quiet)
    lines = [
        f"{result.stage} {result.subject_id}",
        f"  {headline(result)}",
        *made_by_rules(result),
        f"  done by {client.address}: {job.job_id}",
    ]
    return result, [*lines, *(f"  next: {step}" for step in next_commands(result))]


async def run_one(request: StageRequest, context: "Context") -> tuple[StageResult, list[str]]:
    from assay.lifecycle.headline import headline
    from assay.lifecycle.publish import report_uris
    from assay.lifecycle.run import run_stage

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
    project = "" if result.project == "default" else f" --project {result.project}"
    if result.gated and result.stage is not Stage.FEEDBACK:
        return [f"assay gate approve {result.subject_id}{project} --reason WHY"]
    match result:
        case AgentVersion():
            return [f"assay dataset build FILE --agent {result.card.ref}{project}"]
        case DatasetResult():
            return [f"assay simulate run --agent {result.agent} --dataset {result.dataset.ref}{project}"]
        case Simulation():
            return [f"assay judge run --simulation {result.subject_id}{project}"]
        case Judging():
            steps = [f"assay analytics report --judging {result.subject_id}{project}"]
            if result.ruled_by_rules:
                again = f"assay judge run --model MODEL --simulation {result.simulation_id}{project}"
                steps.insert(0, f"{again} (rules judged this)")
            return steps
        case AnalyticsReport():
            return [f"assay compare run --challenger {result.judging_id}{project}"]
        case ComparisonReport(recommendation=Recommendation.PROMOTE):
            return [f"assay deploy register --comparison {result.subject_id} --reason WHY{project}"]
        case _:
            return []
