"""What a computation answers with: a number with its interval, or words where there is too little data."""

from dataclasses import dataclass

LEAST = 5
"""Clusters that an interval needs: with fewer, the variance between them is itself not known."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`value` with its interval. `n` observations in `clusters` scenarios (None: not clustered)."""

    value: float
    low: float
    high: float
    n: int
    clusters: int | None
    confidence: float
    method: str


@dataclass(frozen=True, slots=True)
class Insufficient:
    """Too little data is an answer: `reason` is shown as it is."""

    reason: str
    n: int
    clusters: int | None = None


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Second side minus first, paired by cluster. `p` is two-sided against no difference."""

    value: float
    low: float
    high: float
    p: float
    se: float
    n_pairs: int
    clusters: int
    method: str
