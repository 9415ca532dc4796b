"""assay rollout"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.console import InOut, Output, answer, asked, in_context, load_as, say, settings, table
from assay.cli.references import the_only
from assay.contracts.rollout import RolloutState
from assay.contracts.stage import Stage
from assay.contracts.traffic import RolloutEvaluation, RolloutPolicy, RolloutStart, Traffic

if TYPE_CHECKING:
    from assay.stages.context import Context

app = App(name="assay rollout", help="Control a rollout: start, watch, advance, pause, roll back (stage 7).")

Reason = Annotated[str, Parameter(help="Reason, recorded in the ledger.")]


@app.command
def start(
    rollout: Annotated[str | None, Parameter(help="Rollout ID; required if there are several.")] = None,
    *,
    reason: Reason,
    champion_url: Annotated[str | None, Parameter(help="The champion's address (default: from its card).")] = None,
    challenger_url: Annotated[str | None, Parameter(help="The challenger's address (default: from its card).")] = None,
    policy: Annotated[Path | None, Parameter(help="Guardrails and how to advance, as JSON (RolloutPolicy).")] = None,
    advance: Annotated[
        Literal["approve", "automatic"] | None,
        Parameter(help="approve: a person opens the next step. automatic: it opens by itself."),
    ] = None,
    io: InOut = InOut(),
) -> None:
    """Start the first step: from then on, gateways serve both versions."""
    chosen = load_as(RolloutPolicy, policy) if policy else RolloutPolicy()
    if advance:
        chosen = chosen.replace(advance=advance)

    async def work(context: "Context") -> Traffic:
        from assay.lifecycle.rollouts import start as begin

        named = rollout or (None if io.input else await _in_production(context, io.name))
        request = asked(
            RolloutStart,
            io,
            rollout_id=named,
            champion_url=champion_url,
            challenger_url=challenger_url,
            policy=chosen.model_dump(mode="json") if policy or advance or not io.input else None,
            by=settings().person,
            reason=reason,
        )
        return await begin(request, context)

    _tell(in_context(work, quiet=io.json), io)


async def _in_production(context: "Context", project: str) -> str:
    """The only rollout plan of a version in Production. Raises BadInput if there are several."""
    from assay.contracts.rollout import RegistryStage, Rollout
    from assay.errors import BadInput
    from assay.tracking import list_results, load_result

    t, plans = context.tracking, []
    for run in await asyncio.to_thread(list_results, t, project, Stage.DEPLOY, limit=1000):
        plan = Rollout.model_validate(await asyncio.to_thread(load_result, t, project, Stage.DEPLOY, run.subject_id))
        if plan.registry_stage is RegistryStage.PRODUCTION:
            plans.append(plan)
    if len(plans) > 1:
        listed = "\n".join(f"  {plan.subject_id}  {plan.challenger} against {plan.champion}" for plan in plans)
        raise BadInput(f"project {project} has several rollouts in Production; give the ID of one:\n{listed}")
    return plans[0].subject_id if plans else await the_only(context, project, Stage.DEPLOY)


@app.command
def status(*, io: Output = Output()) -> None:
    """Show the current traffic split."""

    async def work(context: "Context") -> Traffic:
        from assay.lifecycle.rollouts import traffic_of

        return await traffic_of(context, io.name)

    _tell(in_context(work, quiet=io.json), io)


@app.command
def look(*, io: Output = Output()) -> None:
    """Check the guardrails and act on the result: roll back, pause, advance, or say what is missing."""

    async def work(context: "Context") -> RolloutEvaluation:
        from assay.lifecycle.rollouts import look as looked

        return await looked(context, io.name)

    _show(in_context(work, quiet=io.json), io)


@app.command
def watch(*, every_s: Annotated[float, Parameter(help="Seconds between looks.")] = 60.0, io: Output = Output()) -> None:
    """Look repeatedly until the rollout is complete or rolled back."""

    async def work(context: "Context") -> None:
        from assay.lifecycle.rollouts import look as looked

        last = ""
        while True:
            found = await looked(context, io.name)
            if (said := f"{found.action}: {found.words}") != last:
                _show(found, io)
                last = said
            if found.action in ("roll_back", "done"):
                return
            await asyncio.sleep(every_s)

    in_context(work, quiet=True)


def _change(what: Literal["advance", "pause", "resume", "roll_back", "complete"], reason: str, io: Output) -> None:
    async def work(context: "Context") -> Traffic:
        from assay.lifecycle.rollouts import change

        return await change(context, io.name, what, by=settings().person, reason=reason)

    _tell(in_context(work, quiet=io.json), io)


@app.command
def advance(*, reason: Reason, io: Output = Output()) -> None:
    """Open the next step."""
    _change("advance", reason, io)


@app.command
def complete(*, reason: Reason, io: Output = Output()) -> None:
    """Complete a rollout whose challenger has all traffic. The challenger becomes the version in Production."""
    _change("complete", reason, io)


@app.command
def pause(*, reason: Reason, io: Output = Output()) -> None:
    """Pause the rollout: shares stay as they are, and guardrails are not checked."""
    _change("pause", reason, io)


@app.command
def resume(*, reason: Reason, io: Output = Output()) -> None:
    """Resume after a pause."""
    _change("resume", reason, io)


@app.command(name="rollback")
def roll_back(*, reason: Reason, io: Output = Output()) -> None:
    """Return all traffic to the champion immediately."""
    _change("roll_back", reason, io)


def _tell(traffic: Traffic, io: Output) -> None:
    state = traffic.state.value.replace("_", " ")
    challenger = traffic.challenger.agent if traffic.challenger else "no challenger"
    line = f"{traffic.rollout_id}: {state}, step {traffic.step + 1} of {len(traffic.steps)}"
    shares = f"  {100 * traffic.share:g} % of sessions to {challenger}, the rest to {traffic.champion.agent}"
    answer(traffic, io, (line, shares, *_next(traffic), *_set_aside(io.name)))


def _next(traffic: Traffic) -> tuple[str, ...]:
    match traffic.state:
        case RolloutState.RUNNING if traffic.step + 1 < len(traffic.steps):
            return ("next: `assay rollout look` checks the guardrails; `assay rollout advance` opens the next step",)
        case RolloutState.RUNNING:
            return (
                "next: `assay rollout look` completes it if every guardrail is good; or use `assay rollout complete`",
            )
        case RolloutState.PAUSED:
            return ("next: `assay rollout resume`, or `assay rollout rollback`",)
        case _:
            return ()


def _set_aside(project: str) -> tuple[str, ...]:
    """What the gateways on this machine could not store."""
    from assay.rollout.aside import count_lines
    from assay.rollout.serve import aside_file

    file = aside_file(settings().home.resolve(), project)
    if not (count := count_lines(file)):
        return ()
    return (f"  {count} requests or feedback items could not be stored and were set aside in {file}",)


def _show(found: RolloutEvaluation, io: Output) -> None:
    answer(found, io, (f"{found.action.replace('_', ' ')}: {found.words}",))
    if io.as_json:
        return
    table("", ("guardrail", "result", "explanation"), [(s.measure, s.call, s.words) for s in found.guardrails])
    say(*(f"missing: {words}" for words in found.missing))
