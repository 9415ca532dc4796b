"""PROMOTE, REJECT or INCONCLUSIVE: what a paired difference means under a policy declared before looking."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.contracts.base import content_hash
from assay.contracts.comparison import ComparePolicy, ComparisonReport, Recommendation
from assay.contracts.estimate import Estimate, Insufficient
from assay.evaluation.results import TrialResult


@dataclass(frozen=True, slots=True)
class Decision:
    recommendation: Recommendation
    reason: str


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


def verdict_hash(report: ComparisonReport) -> str:
    """The same for the same verdict on the same numbers, whoever computed it and in which run."""
    return content_hash(
        [
            report.recommendation,
            report.pass_rate.model_dump(mode="json"),
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
) -> tuple[str, ...]:
    """What to do about the verdict, with how much more data it would take where it is open."""
    steps = []
    match decision.recommendation:
        case Recommendation.PROMOTE:
            steps.append("Approve the comparison's gate, then deploy the challenger to Staging.")
        case Recommendation.REJECT:
            steps.append("Keep the champion. Read the broken trials, mend the challenger and register a new version.")
        case Recommendation.INCONCLUSIVE:
            steps.append(_more_data(champion, challenger, policy))
    unjudged = sum(not result.judged for result in (*champion, *challenger))
    if unjudged:
        steps.append(f"Look at the {unjudged} conversations without a verdict: they did not enter the test.")
    return tuple(steps)


def _more_data(champion: Sequence[TrialResult], challenger: Sequence[TrialResult], policy: ComparePolicy) -> str:
    from assay.evaluation.pairing import scenario_differences
    from assay.statistics import scenarios_for_paired

    differences = scenario_differences(champion, challenger)
    if differences.size < 2 or policy.margin == 0:
        return "Add scenarios: there are too few on both sides to plan with."
    needed = scenarios_for_paired(
        policy.margin, variance=float(differences.var(ddof=1)), alpha=1 - policy.confidence, power=0.8
    )
    if needed <= differences.size:
        return (
            "The scenarios suffice for the declared margin: the two versions differ by less than matters. "
            "Choose by cost and speed, or test non-inferiority."
        )
    return (
        f"Add {needed - differences.size} scenarios to the {differences.size} there are: that shows a difference of "
        f"{100 * policy.margin:g} points four times out of five."
    )
