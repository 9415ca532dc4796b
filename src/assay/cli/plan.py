"""assay plan"""

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, answer, asked, in_context, table
from assay.contracts.plan import Plan, PlanRequest

if TYPE_CHECKING:
    from assay.evaluation.results import TrialResult
    from assay.stages.context import Context

app = App(name="assay plan", help="How many scenarios, trials, votes and labels a question takes.")


@app.default
def plan(
    *,
    difference: Annotated[float | None, Parameter(help="Smallest difference in pass rate that matters: 0.05.")] = None,
    power: Annotated[float | None, Parameter(help="How surely it is to be found: 0.8.")] = None,
    champion: Annotated[str | None, Parameter(help="A judging, for its variances; found if left out.")] = None,
    challenger: Annotated[str | None, Parameter(help="The other side's judging.")] = None,
    budget_usd: Annotated[Decimal | None, Parameter(help="What it may cost.")] = None,
    usd_per_conversation: Annotated[Decimal | None, Parameter(help="Played and judged.")] = None,
    votes: Annotated[int | None, Parameter(help="Of the judge, on each conversation.")] = None,
    usd_per_vote: Annotated[Decimal | None, Parameter(help="Of each further vote.")] = None,
    judge_rate: Annotated[float | None, Parameter(help="How often the judge is expected to be right: 0.9.")] = None,
    io: InOut = InOut(),
) -> None:
    """Say what it takes to find a difference, and what the data there is can show. Nobody is asked anything."""
    request = asked(
        PlanRequest,
        io,
        difference=difference,
        power=power,
        champion=champion,
        challenger=challenger,
        budget_usd=budget_usd,
        usd_per_conversation=usd_per_conversation,
        votes=votes,
        usd_per_vote=usd_per_vote,
        judge_rate=judge_rate,
    )
    made = in_context(lambda context: _plan(request, context), quiet=True)
    answer(made, io, ())
    if not io.json and str(io.output) != "-":
        _show(made)


async def _plan(request: PlanRequest, context: "Context") -> Plan:
    from assay.evaluation.planning import make_plan
    from assay.stages.material import load_results

    sides = await _sides(request, context)
    results: list[list[TrialResult]] = []
    costs: list[Decimal | None] = []
    for judging_id in sides:
        judging, rows = await load_results(context, request.project, judging_id, None)
        results.append(rows)
        costs.append(_cost(rows, judging.usage.cost_usd))
    known = [cost for cost in costs if cost is not None]
    price = sum(known, Decimal(0)) / len(known) if known else None
    return make_plan(request, *results, usd_per_conversation=price)


async def _sides(request: PlanRequest, context: "Context") -> tuple[str, ...]:
    """The judgings of the request, else the newest one and what it would be compared with; empty: there are none."""
    from assay.contracts.stage import Stage
    from assay.errors import BadInput
    from assay.lifecycle.follow import champion_of
    from assay.tracking import list_results

    if request.champion and request.challenger:
        return request.champion, request.challenger
    if request.champion or request.challenger:
        raise BadInput("champion and challenger: give both judgings, or neither")
    found = await asyncio.to_thread(list_results, context.tracking, request.project, Stage.JUDGE, limit=1)
    if not found:
        return ()
    try:
        return await champion_of(context, request.project, found[0].subject_id), found[0].subject_id
    except BadInput:
        return ()


def _cost(rows: "list[TrialResult]", judged: Decimal | None) -> Decimal | None:
    """USD of one conversation with its judgment; None: not known."""
    played = [
        sum((turn.cost_usd or Decimal(0) for turn in row.conversation.turns), Decimal(0))
        + (row.conversation.simulator_usage.cost_usd or Decimal(0))
        for row in rows
    ]
    total = sum(played, Decimal(0)) + (judged or Decimal(0))
    return total / len(rows) if total else None


def _show(made: Plan) -> None:
    from assay.cli.console import say

    say(made.advice, "")
    rows = [
        (
            option.trials,
            option.scenarios,
            option.conversations,
            "not known" if option.cost_usd is None else f"{option.cost_usd:.2f}",
            {True: "yes", False: "no", None: ""}[option.within_budget],
        )
        for option in made.options
    ]
    table(
        f"to find {100 * made.difference:g} points",
        ("trials a side", "scenarios", "conversations", "USD", "in budget"),
        rows,
    )
    labels = "no number of labels will do: the judge is not above the level"
    if made.labels_met is not None:
        labels = f"about {made.labels_met} labels on conversations that are met and {made.labels_not_met} that are not"
    say("", f"what there is: {made.detectable_how}", f"variances: {made.variance_from}", f"the judge: {labels}")
