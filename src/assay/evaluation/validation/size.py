"""Whether a dataset is large enough to show what a comparison looks for."""

from collections.abc import Iterator

from assay.contracts.dataset import DatasetFinding, DatasetRule
from assay.evaluation.validation.findings import of_dataset

COARSE = 0.3
"""Difference in pass rate that no comparison should be blind to."""


def too_small(scenarios: int, detectable_difference: float | None, how: str) -> Iterator[DatasetFinding]:
    """detectable_difference: what the planner says this many scenarios can show; None: too few to say."""
    if detectable_difference is None:
        yield of_dataset(
            DatasetRule.TOO_SMALL,
            "error",
            f"too few for any interval or comparison: {how or f'{scenarios} scenarios'}",
            "Add scenarios: five are the least, forty show a difference of about twenty points",
        )
    elif detectable_difference > COARSE:
        yield of_dataset(
            DatasetRule.TOO_SMALL,
            "warning",
            f"only differences of {100 * detectable_difference:.0f} points or more would be seen",
            "Add scenarios: four times as many show half the difference",
        )
