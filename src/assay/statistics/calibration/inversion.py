"""The judge's rate, set right by how often the judge is right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.accuracy import OperatingPoint, operating_point
from assay.statistics.calibration.samples import Clusters, _count, _samples, _too_few, _variance, _verdicts, _weights
from assay.statistics.clusters import LEAST
from assay.statistics.estimate import Estimate, Insufficient, PairedDifference
from assay.statistics.intervals import ROUNDING, _finite, _quantile
from assay.statistics.paired import _p, scenario_differences

LEAST_TOLD_APART = 0.1
"""Sensitivity + specificity - 1 that may be divided by: 0 is a coin, and nothing corrects a coin."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A correction that would be worse than none: `reason` is shown as it is."""

    reason: str


def rogan_gladen(
    apparent: ArrayLike,
    human: ArrayLike,
    judge: ArrayLike,
    *,
    clusters: Clusters | None = None,
    calibration_clusters: Clusters | None = None,
    weights: ArrayLike | None = None,
    asked: ArrayLike | None = None,
    confidence: float = 0.95,
    even_if_refused: bool = False,
) -> Estimate | Refused:
    """The rate that people would have found, from the judge's rate and how often the judge is right.

    apparent: shape (n,), the judge's verdicts, 0 or 1, on the conversations measured. human, judge: shape (labels,),
    0 or 1, on labelled ones, which stand for the same kind of conversation. clusters, calibration_clusters: the
    scenarios of each; a scenario in both samples is one scenario. weights: shape (labels,), for how many conversations
    each label stands; without them all alike. asked: shape (n,), whether the verdict is the judge's; the others are
    known and stay as they are; without it all are the judge's. (apparent + specificity - 1) / (sensitivity +
    specificity - 1), variance by the delta method from both samples, cut to 0 and 1. Normal quantile; with clusters
    CR2 and t with one degree of freedom less than the fewer scenarios.
    Refused where the interval of the divisor reaches below LEAST_TOLD_APART, or a rate in it is not known.
    even_if_refused: the number all the same, where there is one, and not cut.
    Raises ValueError for values that are not 0 or 1, lengths that differ, or clusters of one sample only.
    Source: Rogan and Gladen 1978; Lang and Reiczigel 2014 for the variance; Newcombe 1998 (method 10) for the
    divisor's interval.
    """
    measured, y, f = _verdicts(apparent, "apparent"), _verdicts(human, "human"), _verdicts(judge, "judge")
    point = operating_point(y, f, calibration_clusters, weights=weights)
    samples = _samples(measured.size, clusters, y.size, calibration_clusters)
    reason = _no_correction(point)
    few = _too_few(measured.size, y.size, samples)
    if few or not point.human_met or not point.human_not_met:
        return Refused(few or reason)
    tells = _tells_apart(y, f, weights)
    if tells.apart == 0 or (reason and not even_if_refused):
        return Refused(reason)
    judged = _asked(asked, measured.size)
    truth = tells.inverted(measured, judged)
    rate = float(truth.mean())
    measuring = (truth - rate) / measured.size
    of_met, of_not_met = -(truth * judged).mean(), ((1 - truth) * judged).mean()
    by_label = np.where(y == 1, of_met, of_not_met) * tells.influence / tells.apart
    variance, degrees = _variance([measuring, by_label], samples, unbiased=False)
    if variance <= ROUNDING**2:
        return Refused(
            f"the judge made no mistake on {y.size} labels and never changes: no variance to make an interval of"
        )
    half = _quantile(confidence, degrees) * variance**0.5
    low, high = rate - half, rate + half
    if not even_if_refused:
        rate, low, high = (min(1.0, max(0.0, bound)) for bound in (rate, low, high))
    return Estimate(rate, low, high, measured.size, _count(samples, 0), confidence, f"Rogan-Gladen, {y.size} labels")


def inverted_difference(
    first: ArrayLike,
    first_clusters: Clusters,
    second: ArrayLike,
    second_clusters: Clusters,
    human: ArrayLike,
    judge: ArrayLike,
    calibration_clusters: Clusters,
    *,
    weights: ArrayLike | None = None,
    first_asked: ArrayLike | None = None,
    second_asked: ArrayLike | None = None,
    confidence: float = 0.95,
) -> PairedDifference | Refused:
    """The difference that people would have found between two sides which one judge ruled on, paired by scenario.

    first, second: shape (n,), the judge's verdicts on each side, 0 or 1, with their scenarios. human, judge, weights,
    calibration_clusters: labels as in rogan_gladen, and so first_asked and second_asked, shape (n,). The judge's
    difference over (sensitivity + specificity - 1), variance by the delta method from both samples, t with one degree
    of freedom less than the fewer scenarios, cut to -1 and 1. It takes the judge to be wrong equally often on both
    sides: labels on both sides and `pseudo_outcomes` need no such faith. Refused as rogan_gladen, and under 5
    scenarios on both sides.
    Raises ValueError as rogan_gladen.
    Source: Rogan and Gladen 1978; Lang and Reiczigel 2014.
    """
    y, f = _verdicts(human, "human"), _verdicts(judge, "judge")
    point = operating_point(y, f, calibration_clusters, weights=weights)
    before, after = _verdicts(first, "first"), _verdicts(second, "second")
    one, other = (np.asarray(names, dtype=object).astype(str) for names in (first_clusters, second_clusters))
    names = np.intersect1d(one, other).astype(object)
    if names.size < LEAST:
        return Refused(f"{names.size} scenarios on both sides; a paired comparison needs {LEAST}")
    if reason := _no_correction(point):
        return Refused(reason)
    samples = _samples(names.size, names, y.size, calibration_clusters)
    tells = _tells_apart(y, f, weights)
    judged = [_asked(first_asked, before.size), _asked(second_asked, after.size)]
    truth = [tells.inverted(side, whose) for side, whose in zip((before, after), judged, strict=True)]
    differences, pairs = scenario_differences(truth[0], one, truth[1], other)
    value = float(differences.mean())
    measuring = (differences - value) / differences.size

    def slope(parts: list[NDArray[np.float64]]) -> float:
        return float(scenario_differences(parts[0], one, parts[1], other)[0].mean())

    of_met = slope([-side * whose for side, whose in zip(truth, judged, strict=True)])
    of_not_met = slope([(1 - side) * whose for side, whose in zip(truth, judged, strict=True)])
    by_label = np.where(y == 1, of_met, of_not_met) * tells.influence / tells.apart
    variance, degrees = _variance([measuring, by_label], samples)
    if variance <= ROUNDING**2:
        return Refused("all scenarios differ alike and the judge made no mistake: no variance to make an interval of")
    se = variance**0.5
    half = _quantile(confidence, degrees) * se
    return PairedDifference(
        value=min(1.0, max(-1.0, value)),
        low=max(-1.0, value - half),
        high=min(1.0, value + half),
        p=_p(value / se, degrees),
        se=se,
        n_pairs=pairs,
        clusters=differences.size,
        method=f"paired by scenario, set right by {y.size} labels (Rogan-Gladen), t with {degrees:.3g} df",
    )


@dataclass(frozen=True, slots=True)
class _TellsApart:
    """A judge's two rates, and what each label, shape (labels,), adds to their sum."""

    sensitivity: float
    specificity: float
    influence: NDArray[np.float64]

    @property
    def apart(self) -> float:
        return self.sensitivity + self.specificity - 1

    def inverted(self, verdicts: NDArray[np.float64], asked: NDArray[np.float64]) -> NDArray[np.float64]:
        """One number a verdict, the mean of which is the truth's; what no judge was asked stays as it is."""
        return np.where(asked > 0, (verdicts + self.specificity - 1) / self.apart, verdicts)


def _tells_apart(y: NDArray[np.float64], f: NDArray[np.float64], weights: ArrayLike | None) -> _TellsApart:
    w = np.ones(y.size) if weights is None else _weights(weights, y.size)
    met, not_met = float(w[y == 1].sum()), float(w[y == 0].sum())
    sensitivity = float((w * f)[y == 1].sum() / met)
    specificity = float((w * (1 - f))[y == 0].sum() / not_met)
    of_met, of_not_met = w * (f - sensitivity) / met, w * (1 - f - specificity) / not_met
    return _TellsApart(sensitivity, specificity, np.where(y == 1, of_met, of_not_met))


def _asked(asked: ArrayLike | None, size: int) -> NDArray[np.float64]:
    found = np.ones(size) if asked is None else _finite(np.asarray(asked, dtype=float))
    if found.size != size:
        raise ValueError(f"asked: one of each of {size} verdicts is needed, not {found.size}")
    return found


def _no_correction(point: OperatingPoint) -> str:
    """Why a judge with these rates cannot be corrected; empty if it can."""
    one, other = point.sensitivity, point.specificity
    if isinstance(one, Insufficient):
        return f"the judge's sensitivity is not known: {one.reason}"
    if isinstance(other, Insufficient):
        return f"the judge's specificity is not known: {other.reason}"
    value = one.value + other.value - 1
    low = value - float(np.hypot(one.value - one.low, other.value - other.low))
    high = value + float(np.hypot(one.high - one.value, other.high - other.value))
    if low >= LEAST_TOLD_APART:
        return ""
    return (
        f"sensitivity {one.value:.2f} + specificity {other.value:.2f} - 1 = {value:.2f} (95 % interval {low:.2f} to "
        f"{high:.2f}, {one.n} and {other.n} labels) may be under {LEAST_TOLD_APART}: the judge hardly tells met from "
        "not met, and a correction would divide by almost nothing"
    )
