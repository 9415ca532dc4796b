"""Running one stage from a command: the same few lines after every result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.cli.console import InOut, answer, in_context
from assay.cli.server import asked_server, run_there
from assay.contracts.judgment import Judging
from assay.contracts.stage import Stage, StageRequest, StageResult

if TYPE_CHECKING:
    from assay.client import Client
    from assay.stages.context import Context


def run_and_answer(request: StageRequest, io: InOut) -> StageResult:
    """Runs the stage, then prints its headline, where it is stored and what comes next."""
    result, lines = run(request, quiet=io.json)
    answer(result, io, lines)
    return result


def run(request: StageRequest, *, quiet: bool) -> tuple[StageResult, list[str]]:
    """Runs the stage here or on the server that is asked; the result and the lines that a person reads."""

    async def work(context: "Context") -> tuple[StageResult, list[str]]:
        return await run_one(request, context)

    if client := asked_server():
        return _run_there(client, request, quiet=quiet)
    return in_context(work, quiet=quiet)


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
    lines = [f"{result.stage} {result.subject_id}", f"  {headline(result)}", *made_by_rules(result)]
    lines += [f"  report: {uri}" for uri in reports.values()]
    lines += [f"  next: {step}" for step in next_commands(result)]
    return result, lines


def made_by_rules(result: StageResult) -> list[str]:
    """A line where no language model had a part in it."""
    return ["  made offline by rules, not by a language model; ASSAY_MODEL names one"] if result.offline else []


def next_commands(result: StageResult) -> Sequence[str]:
    """What a person types next."""
    project = "" if result.project == "default" else f" --project {result.project}"
    if result.gated:
        return [f"assay gate approve {result.subject_id}{project} --reason WHY"]
    following = {
        Stage.DEVELOP: "assay dataset build",
        Stage.DATASET: "assay simulate run",
        Stage.SIMULATE: "assay judge run",
        Stage.JUDGE: "assay analytics report",
        Stage.ANALYZE: "assay compare run",
    }
    steps = [following[result.stage] + project] if result.stage in following else []
    if isinstance(result, Judging) and result.ruled_by_rules:
        steps.insert(
            0, f"assay judge run --model MODEL --simulation {result.simulation_id}{project} (rules judged this)"
        )
    return steps
