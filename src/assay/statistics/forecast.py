"""What is to be expected of conversations to come, and how good such expectations were once they have come."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.statistics.calibration.samples import Clusters
from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import _finite, wilson


@dataclass(frozen=True, slots=True)
class ForecastRecord:
    """How forecasts did. coverage: how often the outcome lay within; interval_score: lower is better (width plus a
    penalty for each miss); error: root mean square of value - outcome."""

    n: int
    coverage: Estimate | Insufficient
    error: float | None
    interval_score: float | None
    words: str


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Predictions of about the same chance, and how often it came true."""

    predicted: float
    observed: Estimate | Insufficient
    n: int


def predict_rate(rate: Estimate | Insufficient, future: int, *, confidence: float = 0.95) -> Estimate | Insufficient:
    """The rate that `future` further independent conversations, drawn as the measured ones, are expected to show.

    rate: measured, with its interval. The interval holds both what is not known of the rate and the luck of the
    conversations to come: half-widths squared of each are added, on either side of the value.
    Insufficient as the rate is. Raises ValueError for future under 1.
    Source: Nelson 1982, prediction intervals for a binomial.
    """
    if future < 1:
        raise ValueError(f"future: one conversation or more is needed, not {future}")
    if isinstance(rate, Insufficient):
        return rate
    tail = (1 - confidence) / 2
    low, high = _luck(rate.value, future, tail), _luck(rate.value, future, 1 - tail)
    below = float(np.hypot(rate.value - rate.low, max(0.0, rate.value - low)))
    above = float(np.hypot(rate.high - rate.value, max(0.0, high - rate.value)))
    return Estimate(
        rate.value,
        max(0.0, rate.value - below),
        min(1.0, rate.value + above),
        rate.n,
        rate.clusters,
        confidence,
        f"prediction for {future:,} further conversations: {rate.method}, and the luck of the draw",
    )


def _luck(rate: float, n: int, chance: float) -> float:
    """The share of n draws at this rate that is fallen short of with this chance: the binomial's quantile."""
    from scipy import special

    if rate in (0.0, 1.0):
        return rate
    return float(np.clip(np.ceil(special.bdtrik(chance, n, rate)), 0, n)) / n


def score_forecasts(
    low: ArrayLike, high: ArrayLike, value: ArrayLike, outcome: ArrayLike, *, confidence: float = 0.95
) -> ForecastRecord:
    """Forecasts with intervals, held against what came. Arrays of shape (n,), in one unit.

    Raises ValueError for lengths that differ, or low above high.
    Source: Gneiting and Raftery 2007, section 6.2, for the interval score.
    """
    bottom, top, said, came = (_finite(side) for side in (low, high, value, outcome))
    if not bottom.size == top.size == said.size == came.size:
        raise ValueError("low, high, value and outcome must be of one length")
    if (bottom > top).any():
        raise ValueError("low must not be above high")
    if not came.size:
        return ForecastRecord(
            0, Insufficient("no forecast was held against an outcome yet", 0), None, None, "no record yet"
        )
    within = (bottom <= came) & (came <= top)
    alpha = 1 - confidence
    penalty = np.maximum(bottom - came, 0) + np.maximum(came - top, 0)
    score = float((top - bottom + 2 / alpha * penalty).mean())
    error = float(np.sqrt(((said - came) ** 2).mean()))
    hits = int(within.sum())
    words = f"{hits} of {came.size} forecasts held; {confidence:.0%} should"
    return ForecastRecord(int(came.size), wilson(hits, int(came.size)), error, score, words)


def brier(probability: ArrayLike, outcome: ArrayLike) -> float | None:
    """Mean squared difference of predicted chance and outcome (0 or 1), both of shape (n,); None: no outcome.

    Raises ValueError for values out of range or lengths that differ. Source: Brier 1950.
    """
    p, y = _finite(probability), _finite(outcome)
    if p.size != y.size:
        raise ValueError(f"probability and outcome must be of one length, not {p.size} and {y.size}")
    if ((p < 0) | (p > 1)).any() or not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("probability must be from 0 to 1, and an outcome 0 or 1")
    return float(((p - y) ** 2).mean()) if p.size else None


def calibration_bins(
    probability: ArrayLike, outcome: ArrayLike, bins: int = 10, clusters: Clusters | Sequence[object] | None = None
) -> tuple[CalibrationBin, ...]:
    """For a reliability diagram: predictions in bins of equal width that are not empty, with what came true.

    probability: shape (n,), from 0 to 1. outcome: shape (n,), 0 or 1. clusters: what belongs together; without them
    intervals are Wilson's. Raises ValueError as brier. Source: DeGroot and Fienberg 1983.
    """
    from assay.statistics.intervals import clustered_mean

    p, y = _finite(probability), _finite(outcome)
    brier(p, y)
    who = None if clusters is None else np.asarray(clusters, dtype=object)
    place = np.minimum((p * bins).astype(int), bins - 1)
    found = []
    for number in np.unique(place):
        inside = place == number
        n = int(inside.sum())
        observed = wilson(int(y[inside].sum()), n) if who is None else clustered_mean(y[inside], who[inside])
        found.append(CalibrationBin(float(p[inside].mean()), observed, n))
    return tuple(found)


def expected_calibration_error(probability: ArrayLike, outcome: ArrayLike, bins: int = 10) -> float | None:
    """Mean gap between predicted chance and what came true, weighed by how many; None: no outcome.

    Source: Naeini, Cooper and Hauskrecht 2015.
    """
    p, y = _finite(probability), _finite(outcome)
    if not p.size:
        return None
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [abs(p[place == b].mean() - y[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(sum(gaps))
