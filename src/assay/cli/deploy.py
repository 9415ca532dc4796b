"""assay deploy"""

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, Output, asked, in_context, settings, table, write_json
from assay.cli.references import agent_ref, only
from assay.cli.stage import list_stage, run_and_answer
from assay.contracts.rollout import DeployRequest, RegistryStage
from assay.contracts.stage import Stage
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay deploy", help="Move a version from None to Staging to Production (stage 7).")

Comparison = Annotated[str | None, Parameter(help="Comparison ID; required if there are several.")]
Reason = Annotated[str | None, Parameter(help="Reason, recorded in the ledger.")]


@app.command
def register(
    *,
    comparison: Comparison = None,
    steps: Annotated[str | None, Parameter(help="Traffic shares in percent, such as 5,25,50,100.")] = None,
    reason: Reason = None,
    despite: Annotated[
        bool | None, Parameter(negative="", help="Deploy even though the verdict is not PROMOTE.")
    ] = None,
    io: InOut = InOut(),
) -> None:
    """Move the comparison's challenger to Staging, with a rollout plan."""
    _deploy(comparison, RegistryStage.STAGING, steps, reason, despite, io)


@app.command
def promote(
    *,
    comparison: Comparison = None,
    steps: Annotated[str | None, Parameter(help="Traffic shares in percent, such as 5,25,50,100.")] = None,
    reason: Reason = None,
    despite: Annotated[
        bool | None, Parameter(negative="", help="Deploy even though the verdict is not PROMOTE.")
    ] = None,
    io: InOut = InOut(),
) -> None:
    """Move the challenger from Staging to Production, once the Staging rollout is approved."""
    _deploy(comparison, RegistryStage.PRODUCTION, steps, reason, despite, io)


def _deploy(
    comparison: str | None,
    to_stage: RegistryStage,
    steps: str | None,
    reason: str | None,
    despite: bool | None,
    io: InOut,
) -> None:
    if io.input is None and comparison is None:
        comparison = only(io.name, Stage.COMPARE)
    request = asked(
        DeployRequest,
        io,
        comparison_id=comparison,
        to_stage=to_stage,
        steps=_steps(steps),
        reason=reason,
        despite=despite,
        by=settings().person,
        gated=True,
    )
    run_and_answer(request, io)


def _steps(text: str | None) -> list[dict[str, float]] | None:
    if text is None:
        return None
    try:
        return [{"share": float(part) / 100} for part in text.split(",")]
    except ValueError:
        raise BadInput(f"steps: {text!r} is not a list of shares: write percentages, such as 5,25,50,100") from None


@app.command
def status(agent: Annotated[str, Parameter(help="agent_id@version")], *, io: Output = Output()) -> None:
    """Show the registry stage of a version and its history."""
    from assay.tracking import stage_of, transitions

    async def work(context: "Context"):
        version = await context.agent_version(io.name, agent_ref(agent))
        name, number = version.registered_model, version.registry_version
        moves = await asyncio.to_thread(transitions, context.tracking, name, number)
        return await asyncio.to_thread(stage_of, context.tracking, name, number), moves

    stage, moves = in_context(work)
    rows = [(m.at.isoformat(timespec="seconds"), m.from_stage, m.to_stage, m.by, m.reason) for m in moves]
    write_json({"agent": agent, "stage": stage, "transitions": moves}, io)
    if not io.as_json:
        table(f"{agent} is in {stage}", ("when", "from", "to", "who", "why"), rows)


@app.command(name="list")
def list_(*, io: Output = Output()) -> None:
    """List the rollouts of a project, newest first."""
    list_stage(Stage.DEPLOY, io)
