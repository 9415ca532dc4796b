"""How many scenarios, trials and labels a question takes, and what the data there is can show."""

from collections.abc import Sequence
from decimal import Decimal

from assay.contracts.plan import Plan, PlanOption, PlanRequest
from assay.evaluation.results import TrialResult, passes, successes_and_trials


def make_plan(
    request: PlanRequest,
    champion: Sequence[TrialResult] = (),
    challenger: Sequence[TrialResult] = (),
    *,
    usd_per_conversation: Decimal | None = None,
) -> Plan:
    """The options, by Miller's formula with the variances of the earlier comparison, or typical ones without it.

    usd_per_conversation: what earlier runs took; the request's own comes first.
    """
    from assay.statistics import (
        VarianceComponents,
        detectable_difference,
        labels_for_admission,
        scenarios_for_paired,
        variance_components,
    )
    from assay.statistics.power import TYPICAL_SD

    found = variance_components(*passes(champion), *passes(challenger)) if champion and challenger else None
    if isinstance(found, VarianceComponents):
        parts = found
        whence = f"an earlier comparison on {parts.scenarios} scenarios"
    else:
        # two versions at 70 %, half of the scenarios' variance shared: TYPICAL_SD at three trials
        within = 0.105
        parts = VarianceComponents(TYPICAL_SD**2 - 2 * within / 3, within, within, 0)
        why = f" ({found.reason})" if found is not None else ""
        whence = f"a typical comparison, since no earlier one tells{why}: expect a factor of two"
    alpha = 1 - request.confidence
    price = request.usd_per_conversation if request.usd_per_conversation is not None else usd_per_conversation
    if price is not None and request.usd_per_vote is not None:
        price += request.usd_per_vote * (request.votes - 1)
    options = []
    for trials in sorted(set(request.trials)):
        needed = scenarios_for_paired(
            request.difference, variance=parts.of_difference(trials), alpha=alpha, power=request.power
        )
        conversations = 2 * needed * trials
        cost = None if price is None else price * conversations
        fits = None if cost is None or request.budget_usd is None else cost <= request.budget_usd
        options.append(
            PlanOption(trials=trials, scenarios=needed, conversations=conversations, cost_usd=cost, within_budget=fits)
        )
    options.sort(key=lambda option: (option.conversations, option.scenarios))
    scenarios, trials = _there(champion, challenger)
    variance = parts.of_difference(max(1, trials))
    detectable = detectable_difference(scenarios, sd=variance**0.5, alpha=alpha, power=request.power)
    labels = labels_for_admission(request.judge_rate, level=request.level, confidence=request.confidence)
    return Plan(
        project=request.project,
        difference=request.difference,
        options=tuple(options),
        advice=_advice(request, options),
        detectable=detectable.difference if scenarios else None,
        detectable_how=detectable.how if scenarios else "nothing was judged on both sides yet",
        variance_from=whence,
        between=parts.between if parts.scenarios else None,
        within=parts.champion_within + parts.challenger_within if parts.scenarios else None,
        labels_met=labels,
        labels_not_met=labels,
    )


def _there(champion: Sequence[TrialResult], challenger: Sequence[TrialResult]) -> tuple[int, int]:
    """Scenarios that both sides have, and the fewest trials of any."""
    if not champion or not challenger:
        return 0, 0
    common = {r.judgment.scenario_id for r in champion if r.judged} & {
        r.judgment.scenario_id for r in challenger if r.judged
    }
    fewest = min(int(successes_and_trials(side)[1].min(initial=1)) for side in (champion, challenger))
    return len(common), fewest


def _advice(request: PlanRequest, options: Sequence[PlanOption]) -> str:
    points = f"{100 * request.difference:g} points"
    fitting = [option for option in options if option.within_budget is not False]
    if not fitting:
        return (
            f"No way to find {points} fits {request.budget_usd} USD: the cheapest takes {options[0].cost_usd:.2f} USD. "
            "Raise the budget, or ask for a larger difference."
        )
    best = fitting[0]
    return (
        f"Play {best.scenarios} scenarios with {best.trials} trial{'s' if best.trials > 1 else ''} a side: a "
        f"difference of {points} is then found {100 * request.power:.0f} % of the time."
    )
