"""The judge's rate, set right by how often the judge is right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.accuracy import OperatingPoint, operating_point
from assay.statistics.calibration.samples import Clusters, _count, _samples, _too_few, _variance, _verdicts, _weights
from assay.statistics.clusters import LEAST
from assay.statistics.estimate import Estimate, Insufficient, PairedDifference
from assay.statistics.intervals import ROUNDING, _quantile
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
    confidence: float = 0.95,
    even_if_refused: bool = False,
) -> Estimate | Refused:
    """The rate that people would have found, from the judge's rate and how often the judge is right.

    apparent: shape (n,), the judge's verdicts, 0 or 1, on the conversations measured. human, judge: shape (labels,),
    0 or 1, on labelled ones, which stand for the same kind of conversation. clusters, calibration_clusters: the
    scenarios of each; a scenario in both samples is one scenario. weights: shape (labels,), for how many conversations
    each label stands; without them all alike. (apparent + specificity - 1) / (sensitivity +
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
    rate = float((measured.mean() + tells.specificity - 1) / tells.apart)
    measuring = (measured - measured.mean()) / (measured.size * tells.apart)
    by_label = np.where(y == 1, -rate * tells.influence, (1 - rate) * tells.influence)
    variance, degrees = _variance([measuring, by_label / tells.apart], samples, unbiased=False)
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
    confidence: float = 0.95,
) -> PairedDifference | Refused:
    """The difference that people would have found between two sides which one judge ruled on, paired by scenario.

    first, second: shape (n,), the judge's verdicts on each side, 0 or 1, with their scenarios. human, judge, weights,
    calibration_clusters: labels as in rogan_gladen. The judge's difference over (sensitivity + specificity - 1),
    variance by the delta method from both samples, t with one degree of freedom less than the fewer scenarios, cut to
    -1 and 1. It takes the judge to be wrong equally often on both sides: labels on both sides and `pseudo_outcomes`
    need no such faith. Refused as rogan_gladen, and under 5 scenarios on both sides.
    Raises ValueError as rogan_gladen.
    Source: Rogan and Gladen 1978; Lang and Reiczigel 2014.
    """
    y, f = _verdicts(human, "human"), _verdicts(judge, "judge")
    point = operating_point(y, f, calibration_clusters, weights=weights)
    names, differences, pairs = _by_scenario(first, first_clusters, second, second_clusters)
    if differences.size < LEAST:
        return Refused(f"{differences.size} scenarios on both sides; a paired comparison needs {LEAST}")
    if reason := _no_correction(point):
        return Refused(reason)
    samples = _samples(differences.size, names, y.size, calibration_clusters)
    tells = _tells_apart(y, f, weights)
    value = float(differences.mean() / tells.apart)
    measuring = (differences - differences.mean()) / (differences.size * tells.apart)
    variance, degrees = _variance([measuring, -value * tells.influence / tells.apart], samples)
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


def _tells_apart(y: NDArray[np.float64], f: NDArray[np.float64], weights: ArrayLike | None) -> _TellsApart:
    w = np.ones(y.size) if weights is None else _weights(weights, y.size)
    met, not_met = float(w[y == 1].sum()), float(w[y == 0].sum())
    sensitivity = float((w * f)[y == 1].sum() / met)
    specificity = float((w * (1 - f))[y == 0].sum() / not_met)
    of_met, of_not_met = w * (f - sensitivity) / met, w * (1 - f - specificity) / not_met
    return _TellsApart(sensitivity, specificity, np.where(y == 1, of_met, of_not_met))


def _by_scenario(
    first: ArrayLike, first_clusters: Clusters, second: ArrayLike, second_clusters: Clusters
) -> tuple[NDArray[np.object_], NDArray[np.float64], int]:
    """The scenarios that both sides have in the order of scenario_differences, its differences, and the pairs."""
    differences, pairs = scenario_differences(first, first_clusters, second, second_clusters)
    one, other = (np.asarray(names, dtype=object).astype(str) for names in (first_clusters, second_clusters))
    return np.intersect1d(one, other).astype(object), differences, pairs


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
