"""PROMOTE, REJECT or INCONCLUSIVE: what a paired difference means under a policy declared before looking."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from assay.contracts.base import content_hash
from assay.contracts.calibration import JudgeStanding
from assay.contracts.comparison import ComparePolicy, ComparisonReport, Recommendation
from assay.contracts.estimate import Estimate, Insufficient
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


def next_steps(
    decision: Decision,
    champion: Sequence[TrialResult],
    challenger: Sequence[TrialResult],
    policy: ComparePolicy,
    *,
    standing: JudgeStanding | None = None,
    judging_ids: Sequence[str] = (),
) -> tuple[str, ...]:
    """What to do about the verdict, with how much more data it would take where it is open.

    standing: what the judge's rulings are worth; None: that is not asked. judging_ids: where labels are drawn from.
    """
    steps = []
    match decision.recommendation:
        case Recommendation.PROMOTE:
            steps.append("Approve the comparison's gate, then deploy the challenger to Staging.")
        case Recommendation.REJECT:
            steps.append("Keep the champion. Read the broken trials, mend the challenger and register a new version.")
        case Recommendation.INCONCLUSIVE if decision.held_by_judge:
            pass
        case Recommendation.INCONCLUSIVE:
            steps.append(_more_data(champion, challenger, policy))
    if standing is not None and not standing.trusted:
        steps.append(_labels(standing, judging_ids))
    unjudged = sum(not result.judged for result in (*champion, *challenger))
    if unjudged:
        steps.append(f"Look at the {unjudged} conversations without a verdict: they did not enter the test.")
    return tuple(steps)


LIKELY = 0.9
"""How often a judge worth asking is right, where nobody has measured it yet."""


def _labels(standing: JudgeStanding, judging_ids: Sequence[str]) -> str:
    """How the judge gets to be admitted."""
    from assay.statistics import labels_for_admission

    draw = " and ".join(f"`assay label draw --judging {name}`" for name in judging_ids) or "`assay label draw`"
    if standing.state == "not_admitted":
        return f"{standing.words} Draw them with {draw}, then certify again, or mend the judge's rubric."
    needed = labels_for_admission(LIKELY)
    return (
        f"Label about {needed} rulings that are met and {needed} that are not ({draw}), then `assay judge certify`: "
        f"so many admit a judge that is right {LIKELY:.0%} of the time."
    )


def _more_data(champion: Sequence[TrialResult], challenger: Sequence[TrialResult], policy: ComparePolicy) -> str:
    from assay.statistics import scenario_differences, scenarios_for_paired

    differences, _ = scenario_differences(*passes(champion), *passes(challenger))
    if differences.size < 2 or policy.margin == 0:
        return "Add scenarios: there are too few on both sides to plan with."
    variance = float(differences.var(ddof=1))
    if variance == 0:
        return _all_alike(int(differences.size), policy)
    needed = scenarios_for_paired(policy.margin, variance=variance, alpha=1 - policy.confidence, power=0.8)
    if needed <= differences.size:
        return (
            "The scenarios suffice for the declared margin: the two versions differ by less than matters. "
            "Choose by cost and speed, or test non-inferiority."
        )
    trials = _more_trials(champion, challenger, policy, int(differences.size))
    either = f", or run {trials} more trial{'s' if trials > 1 else ''} on each scenario that is there" if trials else ""
    return (
        f"Add {needed - differences.size} scenarios to the {differences.size} there are{either}: that shows a "
        f"difference of {100 * policy.margin:g} points four times out of five."
    )


def _all_alike(scenarios: int, policy: ComparePolicy) -> str:
    """Without spread there is nothing to plan with but Wilson's width, z^2 / (n + z^2), which the interval has then."""
    z2 = NormalDist().inv_cdf(0.5 + policy.confidence / 2) ** 2
    needed = math.ceil(z2 * (1 / policy.margin - 1))
    alike = f"The {scenarios} scenarios came out alike on both sides, so there is no spread to plan with"
    if needed <= scenarios:
        return f"{alike}; the two versions differ by less than matters. Choose by cost and speed."
    return f"{alike}: add {needed - scenarios}, and if these come out alike too, less than the margin is left open."


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
