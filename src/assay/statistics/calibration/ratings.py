"""Ratings that should be higher for what people preferred."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.samples import Clusters, _variance, _verdicts
from assay.statistics.clusters import LEAST, codes, words
from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import ROUNDING, _finite, _quantile, _wilson_bounds


def auc(
    scores: ArrayLike, preferred: ArrayLike, clusters: Clusters | None = None, *, confidence: float = 0.95
) -> Estimate | Insufficient:
    """The chance that an output that people preferred has the higher score than one they did not; ties count half.

    scores: shape (n,), in any unit. preferred: shape (n,), 1 or 0. clusters: shape (n,), what belongs together, such
    as the outputs for one question. Interval: DeLong's, clustered as Obuchowski's; where the scores tell all apart,
    Wilson's on the smaller class. Insufficient where a class has fewer than two.
    Raises ValueError for values out of range, or lengths that differ.
    Source: Hanley and McNeil 1982; DeLong, DeLong and Clarke-Pearson 1988; Obuchowski 1997.
    """
    x, kind = _finite(scores), _verdicts(np.asarray(preferred, dtype=float), "preferred")
    if x.size != kind.size:
        raise ValueError(f"scores and preferred must be of one length, not {x.size} and {kind.size}")
    better, worse = x[kind == 1], x[kind == 0]
    labels = None if clusters is None else np.asarray(clusters, dtype=object).reshape(-1)
    if labels is not None and labels.size != x.size:
        raise ValueError(f"scores and clusters must be of one length, not {x.size} and {labels.size}")
    count = None if labels is None else codes(labels)[1]
    if min(better.size, worse.size) < 2:
        few = f"{better.size} preferred and {worse.size} other outputs; an interval needs two of each"
        return Insufficient(few, x.size, count)
    samples = None if labels is None else [codes(labels)[0][kind == side] for side in (1, 0)]
    if samples is not None and (fewest := min(np.unique(sample).size for sample in samples)) < LEAST:
        return Insufficient(words(fewest), x.size, count)
    wins = _share_below(better, np.sort(worse))
    losses = 1 - _share_below(worse, np.sort(better))
    value = float(wins.mean())
    variance, degrees = _variance([(wins - value) / better.size, (losses - value) / worse.size], samples)
    if variance <= ROUNDING**2:
        low, high = _wilson_bounds(value, min(better.size, worse.size, count or x.size), confidence)
        return Estimate(value, low, high, x.size, count, confidence, "all alike: Wilson on the smaller class")
    half = _quantile(confidence, degrees) * variance**0.5
    how = "DeLong" if count is None else "DeLong, clustered"
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), x.size, count, confidence, how)


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each value the share of the sorted others that are smaller, ties half."""
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * others.size)
