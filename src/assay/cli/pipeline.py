"""assay pipeline"""

import asyncio
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from assay.cli.console import (
    STOPPED,
    WAITING,
    InOut,
    Model,
    Output,
    Seed,
    answer,
    asked,
    in_context,
    load_as,
    rows_of,
    say,
    settings,
)
from assay.cli.dataset import load_dataset_file
from assay.cli.server import asked_server, only_here, pipeline_there
from assay.contracts.agent import AgentCard
from assay.contracts.pipeline import PipelineRequest, PipelineResult, StageSummary
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.contracts.gate import GateState
    from assay.contracts.stage import StageResult
    from assay.lifecycle.pipeline import Answer
    from assay.stages.context import Context

app = App(name="assay pipeline", help="Run the whole lifecycle with one command that stops at each gate.")

CODES = {"finished": 0, "waiting": WAITING, "stopped": STOPPED}


@app.command
def run(
    *,
    champion: Annotated[Path | None, Parameter(help="The champion's agent card.")] = None,
    challenger: Annotated[Path | None, Parameter(help="The challenger's agent card.")] = None,
    dataset: Annotated[Path | None, Parameter(help="Scenarios as JSONL, JSON, CSV or Excel.")] = None,
    brief: Annotated[str | None, Parameter(help="What to cover, to draft a dataset.")] = None,
    feedback: Annotated[Path | None, Parameter(help="Production feedback as JSONL, JSON, CSV or Excel.")] = None,
    trials: Annotated[int | None, Parameter(help="Trials of each scenario (default: 3).")] = None,
    seed: Seed = None,
    model: Model = None,
    until: Annotated[Stage | None, Parameter(help="Last stage to run, such as compare.")] = None,
    ungated: Annotated[
        bool, Parameter(negative="", help="Skip all gates; needs --until compare or an earlier stage.")
    ] = False,
    approve_all: Annotated[bool, Parameter(negative="", help="Approve every gate; recorded as not reviewed.")] = False,
    agents_report: Annotated[
        bool | None, Parameter(negative="", help="Also report on the built-in agents, which repeat some work for it.")
    ] = None,
    record: Annotated[
        Path | None, Parameter(help="Record every answer of the models and the agent in this file.")
    ] = None,
    replay: Annotated[Path | None, Parameter(help="Take every answer from this recording; make no calls.")] = None,
    io: InOut = InOut(),
) -> int:
    """Register, build, simulate, judge, analyze, compare, deploy, learn. Run it again to continue after a stop."""
    fields: dict[str, Any] = {"champion": champion, "challenger": challenger}
    fields = {name: load_as(AgentCard, path) for name, path in fields.items() if path is not None}
    if challenger is not None:
        fields["card_dir"] = str(challenger.parent)
    if dataset is not None:
        fields["dataset"] = load_dataset_file(dataset, None)
    if feedback is not None:
        fields["feedback"] = _feedback(feedback)
    if ungated:
        if approve_all:
            raise BadInput("--ungated and --approve-all cannot be combined: give one of them")
        fields["gated"] = False
    request = asked(
        PipelineRequest,
        io,
        project=io.project or (None if io.input else "default"),
        brief=brief,
        trials=trials,
        seed=seed,
        until=until,
        model=model,
        agents_report=agents_report,
        by=settings().person,
        **fields,
    )
    if client := asked_server():
        if approve_all or record or replay:
            raise only_here(client)
        result = pipeline_there(client, request, quiet=io.json)
        answer(result, io, [f"{result.state}: {result.reason}"])
        return CODES[result.state]
    result = in_context(
        lambda context: run_request(request, context, everyone=approve_all, quiet=io.json),
        quiet=io.json,
        changes={"record": record, "replay": replay},
    )
    answer(result, io, _outcome(result))
    return CODES[result.state]


async def run_request(request: PipelineRequest, context: "Context", *, everyone: bool, quiet: bool) -> PipelineResult:
    """Runs the pipeline. Gates are decided by `--approve-all`, by a person at the terminal, or not at all."""
    from assay.lifecycle.pipeline import approve_all, nobody, run_pipeline

    if everyone:
        ask = approve_all(request.by)
    elif sys.stdin.isatty() and not quiet:
        ask = functools.partial(_ask_person, context)
    else:
        ask = nobody
    return await run_pipeline(request, context, ask, (lambda summary: None) if quiet else _tell)


def _tell(summary: StageSummary) -> None:
    took = "already done" if summary.reused else f"{summary.duration_s:.1f} s"
    say(f"{summary.stage:<9} {summary.headline}  [{took}]")


async def _ask_person(context: "Context", gate: "GateState", result: "StageResult") -> "Answer | None":
    """Shows the result and its report and asks for a decision; `later` leaves the pipeline waiting."""
    from assay.lifecycle.pipeline import Answer
    from assay.lifecycle.publish import report_uris

    reports = (await report_uris(result, context)).values()
    say("", f"Gate: {gate.stage} {gate.subject_id}", f"  {gate.summary}", *(f"  report: {uri}" for uri in reports))
    while True:
        said = (await asyncio.to_thread(input, "  approve, reject or later? ")).strip().lower()
        if said in ("later", "l", ""):
            return None
        if said in ("approve", "a", "reject", "r"):
            reason = (await asyncio.to_thread(input, "  why? ")).strip()
            if reason:
                return Answer(approve=said.startswith("a"), by=settings().person, reason=reason)
            say("  A reason is required; it is recorded in the ledger.")


def _feedback(path: Path):
    from assay.evaluation.exchange import feedback_of

    with rows_of(path) as rows:
        return feedback_of(rows)


def _outcome(result: PipelineResult) -> list[str]:
    lines = ["", f"{result.state}: {result.reason}"]
    if result.recommendation is not None:
        lines.append(f"verdict: {result.recommendation}")
    if result.reports:
        lines += ["", "reports:", *(f"  {name:<34} {uri}" for name, uri in result.reports.items())]
    lines += ["", f"everything is in MLflow: {ui_command()}"]
    return lines


def ui_command() -> str:
    """The command or address that opens the store."""
    store = settings().store
    return f"mlflow ui --backend-store-uri {store}" if store.startswith("sqlite") else store


@app.command
def agents(*, model: Model = None, io: Output = Output()) -> None:
    """Make the Agents Report: latency, cost, errors, determinism and adherence of the six built-in agents."""
    from assay.evaluation.facts import show_quantity
    from assay.lifecycle.agents_report import publish_agents_report

    report, uri = in_context(lambda context: publish_agents_report(io.name, context, model))
    answer(report, io, ())
    if not io.json:
        for agent in report.agents:
            latency = "" if agent.latency_p50_s is None else f", median {1000 * agent.latency_p50_s:.2f} ms"
            cost = "cost not known" if agent.cost_usd is None else f"{agent.cost_usd} USD"
            say(
                f"{agent.agent.replace('_', ' ')} ({agent.model}): {agent.calls} calls{latency}, {cost}",
                f"  errors                  {show_quantity(agent.error_rate, 'share')}",
                f"  follows its rubric      {show_quantity(agent.adherence, 'share')}: {agent.adherence_rule}",
                f"  same with another seed  {show_quantity(agent.determinism, 'share')}",
            )
        say(f"report: {uri}")
