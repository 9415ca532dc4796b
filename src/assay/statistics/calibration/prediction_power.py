"""The judge's verdicts on all conversations, set right by labels on some: right on average whatever its mistakes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.samples import Clusters, _count, _samples, _too_few, _unit, _variance
from assay.statistics.clusters import LEAST, codes, words
from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import ROUNDING, _quantile, clustered_mean

TUNING_NEEDS = 50
"""Labels from which on the weight of the judge's verdicts is itself estimated. With fewer, that costs coverage and
narrows nothing: benchmarks/planted_calibration.py."""


def prediction_powered(
    judge: ArrayLike,
    human: ArrayLike,
    probability: ArrayLike,
    clusters: Clusters,
    *,
    tuned: bool = True,
    confidence: float = 0.95,
) -> Estimate | Insufficient:
    """The rate that people would have found: the judge's verdicts on all, set right by labels on some.

    judge: shape (n,), the judge's verdict or score, from 0 to 1, on every conversation. human: shape (n,), 0 to 1, NaN
    where not labelled. probability: shape (n,), the chance with which each was chosen to be labelled, above 0, known
    because somebody drew lots; 1 where the truth is known anyhow, and so no label. clusters: shape (n,), the scenario
    of each. The mean of `pseudo_outcomes`, with their clustered interval (CR2, t), cut to 0 and 1. Whatever the
    judge's mistakes are, this is right on average.
    Where no label contradicts the judge, one mistake is counted in the variance as if it had been seen: none among few
    labels is not none at all.
    Insufficient under 5 scenarios, or labels in fewer than 5.
    Raises ValueError for values out of range, or lengths that differ.
    Source: Angelopoulos et al. 2023 (Prediction-powered inference); Angelopoulos, Duchi and Zrnic 2023
    (arXiv 2311.01453); Zrnic and Candes 2024 (arXiv 2403.03208).
    """
    data = _labelled(judge, human, probability, clusters)
    n, count = data.judge.size, data.count
    if n == 0:
        return Insufficient("nothing was measured", 0, 0)
    if count < LEAST:
        return Insufficient(words(count), n, count)
    drawn = (data.weight > 0) & data.by_lot
    labels, places = int(drawn.sum()), int(np.unique(data.code[drawn]).size)
    if places < LEAST:
        said = f"{labels} label{'' if labels == 1 else 's'} in {places} scenario{'' if places == 1 else 's'}"
        return Insufficient(f"{said}; to set the judge right, labels in {LEAST} are needed", n, count)
    weight = _judge_weight(data, tuned)
    found = clustered_mean(_outcomes(data, weight), data.code, confidence=confidence)
    if isinstance(found, Insufficient):
        return found
    unseen = _quantile(confidence, count - 1) * _unseen_mistake(data)
    low = found.value - np.hypot(found.value - found.low, unseen)
    high = found.value + np.hypot(found.high - found.value, unseen)
    value, low, high = (float(min(1.0, max(0.0, bound))) for bound in (found.value, low, high))
    how = f"prediction-powered, {labels} labels, judge's weight {weight.mean():.2g}, {found.method}"
    return Estimate(value, low, high, n, count, confidence, how)


def pseudo_outcomes(
    judge: ArrayLike, human: ArrayLike, probability: ArrayLike, clusters: Clusters, tuned: bool = True
) -> NDArray[np.float64]:
    """One number a conversation whose mean is the rate that people would have found: shape (n,), not within 0 and 1.

    Arguments as in prediction_powered. weight * judge + labelled / probability * (human - weight * judge). The weight
    is 1, or from TUNING_NEEDS labels on, if `tuned`, the one from 0 to 1 that makes the clustered variance least; for
    each scenario it is found on the others, so that no label chooses its own weight. A paired comparison of two sides
    takes these in place of verdicts.
    Raises ValueError for values out of range, or lengths that differ.
    Source: Zrnic and Candes 2024 (arXiv 2403.03208); Zrnic and Candes 2024 (Cross-prediction-powered inference).
    """
    data = _labelled(judge, human, probability, clusters)
    return _outcomes(data, _judge_weight(data, tuned))


def prediction_powered_two_samples(
    apparent: ArrayLike,
    human: ArrayLike,
    judge: ArrayLike,
    *,
    clusters: Clusters | None = None,
    calibration_clusters: Clusters | None = None,
    tuned: bool = False,
    confidence: float = 0.95,
) -> Estimate | Insufficient:
    """The rate that people would have found, where labels are on other conversations than those measured.

    apparent: shape (n,), the judge's verdicts or scores, 0 to 1, on the conversations measured. human, judge: shape
    (labels,), 0 to 1, on labelled ones of the same kind. clusters, calibration_clusters: as in rogan_gladen.
    mean(weight * apparent) + mean(human - weight * judge), the weight being 1, or if `tuned` the one from 0 to 1 with
    the least variance. Normal quantile; with clusters CR2 and t with one degree of freedom less than the fewer
    scenarios. Cut to 0 and 1.
    Raises ValueError for values out of range, lengths that differ, or clusters of one sample only.
    Source: Angelopoulos et al. 2023 (Prediction-powered inference); Angelopoulos, Duchi and Zrnic 2023
    (arXiv 2311.01453).
    """
    measured, y, f = _unit(apparent, "apparent"), _unit(human, "human"), _unit(judge, "judge")
    if y.size != f.size:
        raise ValueError(f"human and judge must be of one length, not {y.size} and {f.size}")
    samples = _samples(measured.size, clusters, y.size, calibration_clusters)
    count = _count(samples, 0)
    if few := _too_few(measured.size, y.size, samples):
        return Insufficient(few, measured.size, count)

    def parts(weight: float) -> list[NDArray[np.float64]]:
        mistakes = y - weight * f
        return [
            weight * (measured - measured.mean()) / measured.size,
            (mistakes - mistakes.mean()) / y.size,
        ]

    weight = 1.0
    if tuned:
        # The variance is a parabola in the weight: three of its points give its lowest.
        below, none, one = (_variance(parts(at), samples)[0] for at in (-1.0, 0.0, 1.0))
        bend = (one + below) / 2 - none
        weight = min(1.0, max(0.0, (below - one) / (4 * bend))) if bend > ROUNDING**2 else 1.0
    variance, degrees = _variance(parts(weight), samples)
    value = float(weight * measured.mean() + (y - weight * f).mean())
    if variance <= ROUNDING**2:
        return Insufficient(
            f"the judge never changes and made the same mistakes on all {y.size} labels: no variance to make an "
            "interval of",
            measured.size,
            count,
        )
    half = _quantile(confidence, degrees) * variance**0.5
    value, low, high = (min(1.0, max(0.0, bound)) for bound in (value, value - half, value + half))
    how = f"prediction-powered, {y.size} labels on other conversations, judge's weight {weight:.2g}"
    return Estimate(value, low, high, measured.size, count, confidence, how)


def labels_needed(
    judge: ArrayLike,
    human: ArrayLike,
    probability: ArrayLike,
    clusters: Clusters,
    half_width: float,
    *,
    tuned: bool = True,
    confidence: float = 0.95,
) -> int | Insufficient:
    """About how many labels in all give the interval of prediction_powered this half-width.

    Arguments as there. half_width: above 0, in the units of the rate (0.05 is 5 points). The variance is that of the
    scenarios, which more labels do not change, plus that of the mistakes, which falls as all chances are raised alike.
    Insufficient where there is no interval yet, or where labels on all conversations would not do.
    Raises ValueError as prediction_powered, or for another half-width.
    Source: Zrnic and Candes 2024 (arXiv 2403.03208), equation for the variance.
    """
    if not half_width > 0:
        raise ValueError(f"half_width must be above 0, not {half_width}")
    found = prediction_powered(judge, human, probability, clusters, tuned=tuned, confidence=confidence)
    if isinstance(found, Insufficient):
        return found
    data = _labelled(judge, human, probability, clusters)
    n = data.judge.size
    weight = _judge_weight(data, tuned)[data.code]
    squares = data.weight * (data.human - weight * data.judge) ** 2
    if _unseen_mistake(data) > 0:
        squares = squares + 1 / n / data.probability.mean()
    quantile = _quantile(confidence, data.count - 1)
    outcomes = _outcomes(data, _judge_weight(data, tuned))
    sums = np.bincount(data.code, weights=outcomes - outcomes.mean(), minlength=data.count)
    now = float((sums**2).sum() / n**2 * data.count / (data.count - 1)) + _unseen_mistake(data) ** 2

    def of_labels(times: float) -> float:
        return float((squares * (1 / np.minimum(1.0, times * data.probability) - 1)).sum() / n**2)

    # Independent conversations vary the least: below that the first part is noise.
    value = float(np.clip(outcomes.mean(), 0, 1))
    scenarios = max(now - of_labels(1.0), value * (1 - value) / n)
    allowed = (half_width / quantile) ** 2 - scenarios
    if allowed < 0:
        best = quantile * scenarios**0.5
        return Insufficient(
            f"labels on all {n} conversations would give a half-width of {best:.2g}; {half_width:.2g} needs more "
            f"scenarios than {data.count}",
            n,
            data.count,
        )
    few, many = 0.0, 1 / float(data.probability.min())
    for _ in range(60):
        middle = (few + many) / 2
        if middle > 0 and of_labels(middle) <= allowed:
            many = middle
        else:
            few = middle
    return max(1, int(np.ceil(np.minimum(1.0, many * data.probability).sum() - 1e-6)))


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Arrays of one length. `human` is 0 where there is no label; `weight` is 1 / probability where there is one."""

    judge: NDArray[np.float64]
    human: NDArray[np.float64]
    probability: NDArray[np.float64]
    weight: NDArray[np.float64]
    code: NDArray[np.intp]
    count: int

    @property
    def by_lot(self) -> NDArray[np.bool_]:
        """Which ones are labels at all; where none is by lot, everything was labelled."""
        drawn = self.probability < 1
        return drawn if drawn.any() else np.ones(drawn.size, dtype=bool)


def _labelled(judge: ArrayLike, human: ArrayLike, probability: ArrayLike, clusters: Clusters) -> _Labelled:
    f, chance = _unit(judge, "judge"), _unit(probability, "probability")
    y = np.asarray(human, dtype=float).reshape(-1)
    code, count = codes(clusters)
    if not f.size == y.size == chance.size == code.size:
        raise ValueError(
            "judge, human, probability and clusters must be of one length, "
            f"not {f.size}, {y.size}, {chance.size} and {code.size}"
        )
    if (chance == 0).any():
        raise ValueError("probability must be above 0: what could not be labelled cannot be corrected")
    present = ~np.isnan(y)
    _unit(y[present], "human")
    return _Labelled(f, np.where(present, y, 0.0), chance, present / chance, code, count)


def _outcomes(data: _Labelled, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    believed = weight[data.code] * data.judge
    return believed + data.weight * (data.human - believed)


def _judge_weight(data: _Labelled, tuned: bool) -> NDArray[np.float64]:
    """How far the judge is believed, one number a scenario."""
    one = np.ones(data.count)
    if (
        not tuned
        or ((data.weight > 0) & data.by_lot).sum() < TUNING_NEEDS
        or data.count < LEAST
        or _without_mistake(data)
    ):
        return one
    by_people, by_judge = data.weight * data.human, data.judge * (1 - data.weight)
    people, judge = (
        np.bincount(data.code, weights=part - part.mean(), minlength=data.count) for part in (by_people, by_judge)
    )
    # Each scenario's own part is taken out of both sums: its labels do not choose their own weight.
    together, own = (people * judge).sum() - people * judge, (judge**2).sum() - judge**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(own > ROUNDING * data.judge.size, np.clip(-together / own, 0.0, 1.0), one)


def _without_mistake(data: _Labelled) -> bool:
    return bool((data.weight * np.abs(data.human - data.judge)).sum() <= ROUNDING)


def _unseen_mistake(data: _Labelled) -> float:
    """The standard error of one mistake among the labels, where none was seen."""
    if not _without_mistake(data):
        return 0.0
    weight = data.weight[data.by_lot]
    labels = weight.sum() ** 2 / (weight**2).sum()
    return float(data.by_lot.mean() * np.sqrt(1 - data.probability[data.by_lot].mean()) / labels)
