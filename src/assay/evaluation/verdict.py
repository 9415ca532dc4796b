"""PROMOTE, REJECT or INCONCLUSIVE: what a paired difference means under a policy declared before looking."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from assay.contracts.base import content_hash
from assay.contracts.calibration import JudgeStanding
from assay.contracts.comparison import (
    ComparePolicy,
    ComparisonReport,
    NextAction,
    PairedResult,
    Recommendation,
    Unpaired,
)
from assay.contracts.estimate import Estimate, Insufficient
from assay.evaluation.as_scored import counts_apart
from assay.evaluation.results import TrialResult, passes, successes_and_trials


@dataclass(frozen=True, slots=True)
class Decision:
    recommendation: Recommendation
    reason: str
    held_by_judge: bool = False
    """Inconclusive only because the judge may not gate."""


def decide(difference: Estimate | Insufficient, policy: ComparePolicy) -> Decision:
    """The verdict on challenger minus champion (in pass rate, -1 to 1).

    superiority: promotes when the whole interval lies above 0, rejects when it lies below.
    non_inferiority: promotes when the whole interval lies above -margin, rejects when it lies below.
    Anything else is inconclusive, and so is too little data.
    """
    if isinstance(difference, Insufficient):
        return Decision(Recommendation.INCONCLUSIVE, f"There is too little data to tell: {difference.reason}.")
    found = (
        f"{100 * difference.value:+.1f} points "
        f"({100 * difference.low:+.1f} to {100 * difference.high:+.1f}, {100 * difference.confidence:g} % interval)"
    )
    margin = f"{100 * policy.margin:g} points"
    match policy.test:
        case "superiority":
            if difference.low > 0:
                return Decision(Recommendation.PROMOTE, f"The challenger passes more often: {found}.")
            if difference.high < 0:
                return Decision(Recommendation.REJECT, f"The challenger passes less often: {found}.")
            if -policy.margin < difference.low and difference.high < policy.margin:
                return Decision(
                    Recommendation.INCONCLUSIVE,
                    f"The two are alike to within {margin}: {found}. Neither is shown to be better.",
                )
        case "non_inferiority":
            if difference.low > -policy.margin:
                return Decision(Recommendation.PROMOTE, f"The challenger is not worse by more than {margin}: {found}.")
            if difference.high < -policy.margin:
                return Decision(Recommendation.REJECT, f"The challenger is worse by more than {margin}: {found}.")
    return Decision(Recommendation.INCONCLUSIVE, f"The difference could be a gain or a loss that matters: {found}.")


def decide_judged(
    difference: Estimate | Insufficient,
    policy: ComparePolicy,
    standing: JudgeStanding,
    whatever_the_judge: Estimate | Insufficient | None = None,
) -> Decision:
    """As `decide`; what a judge that is not admitted has ruled cannot make a verdict.

    whatever_the_judge: the difference with bounds that hold however its rulings should have been. A verdict that these
    bounds give too stands.
    """
    found = decide(difference, policy)
    if standing.trusted or policy.judge == "any" or found.recommendation is Recommendation.INCONCLUSIVE:
        return found
    if isinstance(whatever_the_judge, Estimate):
        surely = decide(whatever_the_judge, policy)
        if surely.recommendation is found.recommendation:
            bounds = f"{100 * whatever_the_judge.low:+.1f} to {100 * whatever_the_judge.high:+.1f} points"
            return Decision(
                found.recommendation,
                f"{found.reason} This holds whatever the judge, which is not admitted, should have ruled ({bounds}).",
            )
    would = f"By the judge's own count it would be {found.recommendation}: {found.reason}"
    return Decision(Recommendation.INCONCLUSIVE, f"The judge may not gate. {standing.words} {would}", True)


def p_of_test(found: PairedResult, policy: ComparePolicy) -> float | None:
    """Two-sided p against what the policy tests: no difference, or a loss of just the margin. None: too little data."""
    difference = found.difference
    if policy.test == "superiority" or found.p is None or not isinstance(difference, Estimate):
        return found.p
    if not found.se:
        return 0.0 if difference.value > -policy.margin else found.p
    from scipy import special

    df = max(1, (difference.clusters or difference.n) - 1)
    return float(2 * special.stdtr(df, -abs(difference.value + policy.margin) / found.se))


def correct_for_others(decision: Decision, p_holm: float | None, others: int, policy: ComparePolicy) -> Decision:
    """A verdict that Holm's correction over all comparisons of the dataset version takes away is inconclusive."""
    if p_holm is None or not others or decision.recommendation is Recommendation.INCONCLUSIVE:
        return decision
    made = f"{others} other comparison{'s were' if others > 1 else ' was'} made on this dataset version"
    if p_holm <= 1 - policy.confidence:
        return replace(decision, reason=f"{decision.reason} {made.capitalize()}: corrected for all, p = {p_holm:.3g}.")
    return Decision(
        Recommendation.INCONCLUSIVE,
        f"{made.capitalize()}, and corrected for all of them (Holm) p = {p_holm:.2g} is no verdict. Alone it would be "
        f"{decision.recommendation}: {decision.reason}",
    )


def hang_on_set_apart(
    decision: Decision, without: PairedResult, counted: PairedResult | None, policy: ComparePolicy, broken: int
) -> Decision:
    """Inconclusive where counting the conversations that were set apart as they were scored gives another verdict.

    without, counted: the paired results without them and with them; counted is None where none was set apart.
    """
    if counted is None:
        return decision
    one, other = decide(without.difference, policy), decide(counted.difference, policy)
    if one.recommendation is other.recommendation:
        return decision
    return Decision(
        Recommendation.INCONCLUSIVE,
        f"The verdict hangs on the {broken} conversation{'s' if broken > 1 else ''} that were set apart as broken: "
        f"without them it is {one.recommendation}, counted as they were scored {other.recommendation}. "
        f"Without them: {one.reason} With them: {other.reason}",
        held_by_judge=decision.held_by_judge,
    )


def hangs_on_set_apart(report: ComparisonReport) -> bool:
    """Whether counting what was set apart as it was scored gives another verdict."""
    if report.as_scored is None:
        return False
    one, other = (decide(found.difference, report.policy) for found in (report.pass_rate, report.as_scored))
    return one.recommendation is not other.recommendation


def taken_by_others(report: ComparisonReport) -> bool:
    """Whether there is no verdict only because of the other comparisons on the dataset version."""
    if report.p_holm is None or report.recommendation is not Recommendation.INCONCLUSIVE or report.held_by_judge:
        return False
    alone = decide(report.decided_on.difference, report.policy).recommendation
    return alone is not Recommendation.INCONCLUSIVE and report.p_holm > 1 - report.policy.confidence


MUCH = 0.1
"""Share of a side's judged conversations without a partner from which that is said before the verdict."""


def say_unpaired(decision: Decision, unpaired: Unpaired | None) -> Decision:
    """What has no partner stands before the verdict where it is much, since the difference says nothing of it."""
    if unpaired is None:
        return decision
    much = unpaired.slices or any(
        count >= MUCH * whole
        for count, whole in (
            (unpaired.champion, unpaired.champion_of),
            (unpaired.challenger, unpaired.challenger_of),
        )
    )
    sides = [
        f"{count} of {whole} judged conversations of the {side}"
        for side, count, whole in (
            ("champion", unpaired.champion, unpaired.champion_of),
            ("challenger", unpaired.challenger, unpaired.challenger_of),
        )
        if count
    ]
    words = f"{' and '.join(sides)} are of scenarios on which the other side has no verdict and do not enter the test."
    for found in unpaired.slices:
        words += (
            f" In {found.dimension} {found.value} the sides share no scenario: the champion passes "
            f"{found.champion_passed} of {found.champion}, the challenger {found.challenger_passed} of "
            f"{found.challenger} (unpaired: a hint, no test)."
        )
    words = f"{words[0].upper()}{words[1:]}"
    return replace(decision, reason=f"{words} {decision.reason}" if much else f"{decision.reason} {words}")


def verdict_hash(report: ComparisonReport) -> str:
    """The same for the same verdict on the same numbers, whoever computed it and in which run."""
    return content_hash(
        [
            report.recommendation,
            report.pass_rate.model_dump(mode="json"),
            report.corrected.model_dump(mode="json") if report.corrected else None,
            report.champion_rate.model_dump(mode="json"),
            report.challenger_rate.model_dump(mode="json"),
            [[flip.scenario_id, flip.trial, flip.direction] for flip in report.flips],
        ]
    )


def next_actions(
    decision: Decision,
    champion: Sequence[TrialResult],
    challenger: Sequence[TrialResult],
    policy: ComparePolicy,
    *,
    standing: JudgeStanding | None = None,
    judging_ids: Sequence[str] = (),
) -> tuple[NextAction, ...]:
    """What to do about the verdict, the first thing first, with how much more data it would take where it is open.

    standing: what the judge's rulings are worth; None: that is not asked. judging_ids: where labels are drawn from.
    """
    actions = []

    def add(kind: str, text: str) -> None:
        actions.append(NextAction.model_validate({"kind": kind, "text": text}))

    broken = sum(map(counts_apart, (*champion, *challenger)))
    unjudged = sum(not result.judged for result in (*champion, *challenger)) - broken
    if broken:
        add("rerun_broken", f"Run {_these(broken)} that infrastructure broke again, then compare again.")
    match decision.recommendation:
        case Recommendation.PROMOTE:
            add("deploy", "Approve the comparison's gate, then deploy the challenger to Staging.")
        case Recommendation.REJECT:
            add(
                "keep_champion",
                "Keep the champion. Read the broken trials, fix the challenger and register a new version.",
            )
        case Recommendation.INCONCLUSIVE if decision.held_by_judge:
            pass
        case Recommendation.INCONCLUSIVE:
            add(*_more_data(champion, challenger, policy))
    if standing is not None and not standing.trusted:
        add("label", _labels(standing, judging_ids))
    if unjudged:
        add("look_at_unjudged", f"Look at {_these(unjudged)} without a verdict: they did not enter the test.")
    return tuple(actions)


def _these(count: int) -> str:
    return "the one conversation" if count == 1 else f"the {count} conversations"


LIKELY = 0.9
"""How often a judge worth asking is right, where nobody has measured it yet."""


def _labels(standing: JudgeStanding, judging_ids: Sequence[str]) -> str:
    """How the judge gets to be admitted."""
    from assay.statistics import labels_for_admission

    draw = (
        " and ".join(f"`assay label draw --judging {name}`" for name in dict.fromkeys(judging_ids))
        or "`assay label draw`"
    )
    if standing.state == "not_admitted":
        return f"{standing.words} Draw them with {draw}, then certify again, or mend the judge's rubric."
    needed = labels_for_admission(LIKELY)
    return (
        f"Label about {needed} rulings that are met and {needed} that are not ({draw}), then `assay judge certify`: "
        f"so many admit a judge that is right {LIKELY:.0%} of the time."
    )


def _more_data(
    champion: Sequence[TrialResult], challenger: Sequence[TrialResult], policy: ComparePolicy
) -> tuple[str, str]:
    from assay.statistics import scenario_differences, scenarios_for_paired

    differences, _ = scenario_differences(*passes(champion), *passes(challenger))
    if differences.size < 2 or policy.margin == 0:
        return "add_data", "Add scenarios: there are too few on both sides to plan with."
    variance = float(differences.var(ddof=1))
    if variance == 0:
        return _all_alike(int(differences.size), policy)
    needed = scenarios_for_paired(policy.margin, variance=variance, alpha=1 - policy.confidence, power=0.8)
    if needed <= differences.size:
        return (
            "choose_by_cost",
            "The scenarios suffice for the declared margin: the two versions differ by less than matters. "
            "Choose by cost and speed, or test non-inferiority.",
        )
    trials = _more_trials(champion, challenger, policy, int(differences.size))
    either = f", or run {trials} more trial{'s' if trials > 1 else ''} on each scenario that is there" if trials else ""
    return (
        "add_data",
        f"Add {needed - differences.size} scenarios to the {differences.size} there are{either}: that shows a "
        f"difference of {100 * policy.margin:g} points four times out of five.",
    )


def _all_alike(scenarios: int, policy: ComparePolicy) -> tuple[str, str]:
    """Without spread there is nothing to plan with but Wilson's width, z^2 / (n + z^2), which the interval has then."""
    z2 = NormalDist().inv_cdf(0.5 + policy.confidence / 2) ** 2
    needed = math.ceil(z2 * (1 / policy.margin - 1))
    alike = f"The {scenarios} scenarios came out alike on both sides, so there is no spread to plan with"
    if needed <= scenarios:
        return "choose_by_cost", f"{alike}; the two versions differ by less than matters. Choose by cost and speed."
    return (
        "add_data",
        f"{alike}: add {needed - scenarios}, and if these come out alike too, less than the margin is left open.",
    )


MOST_TRIALS = 30


def _more_trials(
    champion: Sequence[TrialResult], challenger: Sequence[TrialResult], policy: ComparePolicy, scenarios: int
) -> int:
    """Further trials a scenario and side that do as well as more scenarios; 0: no number that anybody would run."""
    from assay.statistics import VarianceComponents, scenarios_for_paired, variance_components

    parts = variance_components(*passes(champion), *passes(challenger))
    if not isinstance(parts, VarianceComponents):
        return 0
    there = int(min(successes_and_trials(side)[1].min(initial=1) for side in (champion, challenger)))
    for trials in range(there + 1, MOST_TRIALS + 1):
        variance = parts.of_difference(trials)
        if scenarios_for_paired(policy.margin, variance=variance, alpha=1 - policy.confidence) <= scenarios:
            return trials - there
    return 0
