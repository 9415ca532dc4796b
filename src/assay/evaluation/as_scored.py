"""Results as they would be if calls that failed counted as failures: the other way to read a broken run."""

from collections.abc import Sequence

from assay.contracts.conversation import FailureCause
from assay.contracts.stage import Usage
from assay.evaluation.attribution import AGENTS_OWN
from assay.evaluation.checks import check_verdict
from assay.evaluation.panel import to_judgment
from assay.evaluation.results import TrialResult


def counts_apart(result: TrialResult) -> bool:
    """Whether infrastructure broke the conversation, so that it counts apart."""
    error = result.conversation.error
    return error is not None and error.cause not in (*AGENTS_OWN, FailureCause.BUDGET)


def as_scored(results: Sequence[TrialResult]) -> list[TrialResult]:
    """With the conversations that were set apart as their checks find them; what no check can say counts as failed."""
    return [_scored(result) if counts_apart(result) else result for result in results]


def _scored(result: TrialResult) -> TrialResult:
    whole = result.conversation.replace(error=None)
    expected = result.scenario.expectations if result.scenario else ()
    verdicts = [verdict for expectation in expected if (verdict := check_verdict(expectation, whole)) is not None]
    judgment = to_judgment(whole, tuple(verdicts), Usage())
    passed = judgment.passed is True and len(verdicts) == len(expected)
    return TrialResult(
        result.conversation,
        judgment.replace(passed=passed, score=judgment.score if judgment.score is not None else 0.0),
        result.scenario,
    )
