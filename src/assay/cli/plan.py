"""assay plan"""

from decimal import Decimal
from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.console import InOut, answer, asked, in_context, table
from assay.contracts.plan import Plan, PlanRequest

app = App(name="assay plan", help="Compute how many scenarios, trials, votes and labels you need.")


@app.default
def plan(
    *,
    difference: Annotated[
        float | None, Parameter(help="Smallest difference in pass rate to detect (default: 0.05).")
    ] = None,
    power: Annotated[float | None, Parameter(help="Statistical power (default: 0.8).")] = None,
    champion: Annotated[
        str | None, Parameter(help="Judging to take the variances from (default: from an earlier comparison).")
    ] = None,
    challenger: Annotated[str | None, Parameter(help="Judging of the other side.")] = None,
    budget_usd: Annotated[Decimal | None, Parameter(help="Budget in US dollars.")] = None,
    usd_per_conversation: Annotated[
        Decimal | None, Parameter(help="Cost of one conversation, played and judged.")
    ] = None,
    votes: Annotated[int | None, Parameter(help="Judge votes per conversation.")] = None,
    usd_per_vote: Annotated[Decimal | None, Parameter(help="Cost of each additional vote.")] = None,
    judge_rate: Annotated[float | None, Parameter(help="Expected accuracy of the judge (default: 0.9).")] = None,
    io: InOut = InOut(),
) -> None:
    """Compute what you need to detect a difference, and what the existing data can detect. Makes no calls."""
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
        f"to detect {100 * made.difference:g} points",
        ("trials per side", "scenarios", "conversations", "USD", "in budget"),
        rows,
    )
    labels = "no number of labels is enough: the judge is not above the level"
    if made.labels_met is not None:
        labels = f"about {made.labels_met} labels that are met and {made.labels_not_met} that are not"
    say("", f"existing data: {made.detectable_how}", f"variances: {made.variance_from}", f"judge: {labels}")
