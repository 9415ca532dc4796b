"""How often a judge is right, by what people say, and whether that is enough to be asked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.samples import Clusters, _verdicts, _weights
from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import _quantile, _wilson_bounds, clustered_mean, weighted_mean, wilson


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How often the judge is right, by what people say, and the four counts that this comes from."""

    sensitivity: Estimate | Insufficient
    specificity: Estimate | Insufficient
    accuracy: Estimate | Insufficient
    judge_met_human_met: int
    judge_not_met_human_met: int
    judge_met_human_not_met: int
    judge_not_met_human_not_met: int

    @property
    def human_met(self) -> int:
        return self.judge_met_human_met + self.judge_not_met_human_met

    @property
    def human_not_met(self) -> int:
        return self.judge_met_human_not_met + self.judge_not_met_human_not_met


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a judge is good enough to be asked, and why, with the labels that are still missing."""

    admitted: bool
    reason: str


def operating_point(
    human: ArrayLike,
    judge: ArrayLike,
    clusters: Clusters | None = None,
    *,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> OperatingPoint:
    """Sensitivity (right where people say met), specificity (right where not met) and accuracy of a judge.

    human, judge: shape (n,), 0 or 1, the same conversations. clusters: shape (n,), the scenario of each; without them
    intervals are Wilson's, with them clustered_mean's. weights: shape (n,), above 0, for how many conversations each
    label stands: one over the chance that it was drawn with; then intervals are weighted_mean's. The four counts are
    of labels, not weighted. A class that people never chose gives Insufficient.
    Raises ValueError for other values, or lengths that differ.
    Source: Wilson 1927; Bell and McCaffrey 2002 for the clustered intervals; Hajek 1971 for the weights.
    """
    y, f = _verdicts(human, "human"), _verdicts(judge, "judge")
    labels = None if clusters is None else np.asarray(clusters, dtype=object).reshape(-1)
    if y.size != f.size or (labels is not None and labels.size != y.size):
        raise ValueError(f"human, judge and clusters must be of one length, not {y.size} and {f.size}")
    weight = None if weights is None else _weights(weights, y.size)
    if weight is not None and labels is None:
        labels = np.arange(y.size).astype(object)
    right = (y == f).astype(float)

    def rate(which: NDArray[np.bool_], nothing: str) -> Estimate | Insufficient:
        if not which.any():
            return Insufficient(nothing, 0, None if labels is None else 0)
        if labels is None:
            return wilson(int(right[which].sum()), int(which.sum()), confidence=confidence)
        if weight is None:
            return clustered_mean(right[which], labels[which], confidence=confidence)
        return weighted_mean(right[which], weight[which], labels[which], confidence=confidence)

    met = y == 1
    return OperatingPoint(
        sensitivity=rate(met, "people found no conversation met"),
        specificity=rate(~met, "people found no conversation not met"),
        accuracy=rate(np.ones(y.size, dtype=bool), "no conversation has both a label and a verdict"),
        judge_met_human_met=int(f[met].sum()),
        judge_not_met_human_met=int((1 - f[met]).sum()),
        judge_met_human_not_met=int(f[~met].sum()),
        judge_not_met_human_not_met=int((1 - f[~met]).sum()),
    )


def admission(point: OperatingPoint, level: float = 0.80) -> Admission:
    """Whether both rates of a judge are surely at `level` or above: the lower bounds of their intervals reach it.

    level: between 0 and 1. If not, the reason says about how many more labels would do if the rates stay as they are:
    Wilson's lower bound at rate p reaches L from z^2 L (1 - L) / (p - L)^2 labels on, times how much wider the
    clustered interval is than Wilson's, squared.
    Raises ValueError for another level.
    Source: Wilson 1927; Kish 1965 for the design effect.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    sides = (
        ("sensitivity", point.sensitivity, "met"),
        ("specificity", point.specificity, "not met"),
    )
    said, missing = [], []
    for name, rate, kind in sides:
        if isinstance(rate, Insufficient):
            missing.append(f"{name} is not known: {rate.reason}")
            continue
        shown = f"{name} {rate.value:.2f} ({rate.low:.2f} to {rate.high:.2f}, {rate.n} labels)"
        if rate.low >= level:
            said.append(shown)
        elif rate.high <= level:
            missing.append(f"{shown} is not above {level:.2f}: no number of labels will do for this judge")
        elif rate.value <= level:
            needed = int(
                np.ceil(_quantile(rate.confidence, float("inf")) ** 2 * level * (1 - level) / (rate.high - level) ** 2)
            )
            more = max(1, needed - rate.n)
            missing.append(
                f"{shown} is not above {level:.2f} so far, but may be: about {more:,} more labels on "
                f"conversations that people find {kind} would do if it is as good as the interval allows"
            )
        else:
            more = _labels_to_reach(rate, level)
            labels = f"about {more:,} more label{'' if more == 1 else 's'}"
            missing.append(
                f"{shown} may be under {level:.2f}: {labels} on conversations that people find {kind} would do, "
                "if the rate stays as it is"
            )
    if missing:
        return Admission(False, "; ".join(missing))
    return Admission(True, f"{' and '.join(said)}: both are surely {level:.2f} or more")


def _labels_to_reach(rate: Estimate, level: float) -> int:
    z = _quantile(rate.confidence, float("inf"))
    alone, _ = _wilson_bounds(rate.value, rate.n, rate.confidence)
    wider = max(1.0, ((rate.value - rate.low) / (rate.value - alone)) ** 2)
    return max(1, int(np.ceil(wider * z * z * level * (1 - level) / (rate.value - level) ** 2)) - rate.n)
