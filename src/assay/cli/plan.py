"""assay plan"""

from decimal import Decimal
from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, answer, asked, in_context, table
from assay.contracts.plan import Plan, PlanRequest

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
    from assay.lifecycle.plans import plan_from_store

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
    made = in_context(lambda context: plan_from_store(request, context), quiet=True)
    answer(made, io, ())
    if not io.as_json:
        _show(made)


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
