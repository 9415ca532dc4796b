"""What a judge's mistakes do to a rate, and a rate that labels have set right.

Verdicts are 1 (met) or 0 (not met). People's labels are the truth here; the judge's verdicts are cheap and wrong at
times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes, words
from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import ROUNDING, _finite, _quantile, _wilson_bounds, clustered_mean, wilson

Clusters = ArrayLike | Sequence[object]

LEAST_TOLD_APART = 0.1
"""Sensitivity + specificity - 1 that may be divided by: 0 is a coin, and nothing corrects a coin."""
TUNING_NEEDS = 50
"""Labels from which on the weight of the judge's verdicts is itself estimated. With fewer, that costs coverage and
narrows nothing: benchmarks/planted_calibration.py."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A correction that would be worse than none: `reason` is shown as it is."""

    reason: str


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


@dataclass(frozen=True, slots=True)
class NextLabels:
    """Which conversations people should label, shape (n,), and the chance that each had, which the labels' weights
    need later."""

    chosen: NDArray[np.bool_]
    probability: NDArray[np.float64]


def operating_point(
    human: ArrayLike, judge: ArrayLike, clusters: Clusters | None = None, *, confidence: float = 0.95
) -> OperatingPoint:
    """Sensitivity (right where people say met), specificity (right where not met) and accuracy of a judge.

    human, judge: shape (n,), 0 or 1, the same conversations. clusters: shape (n,), the scenario of each; without them
    intervals are Wilson's, with them clustered_mean's. A class that people never chose gives Insufficient.
    Raises ValueError for other values, or lengths that differ.
    Source: Wilson 1927; Bell and McCaffrey 2002 for the clustered intervals.
    """
    y, f = _verdicts(human, "human"), _verdicts(judge, "judge")
    labels = None if clusters is None else np.asarray(clusters, dtype=object).reshape(-1)
    if y.size != f.size or (labels is not None and labels.size != y.size):
        raise ValueError(f"human, judge and clusters must be of one length, not {y.size} and {f.size}")
    right = (y == f).astype(float)

    def rate(which: NDArray[np.bool_], nothing: str) -> Estimate | Insufficient:
        if not which.any():
            return Insufficient(nothing, 0, None if labels is None else 0)
        if labels is None:
            return wilson(int(right[which].sum()), int(which.sum()), confidence=confidence)
        return clustered_mean(right[which], labels[which], confidence=confidence)

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
        elif rate.value <= level:
            missing.append(f"{shown} is not above {level:.2f}: no number of labels will do for this judge")
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


def rogan_gladen(
    apparent: ArrayLike,
    human: ArrayLike,
    judge: ArrayLike,
    *,
    clusters: Clusters | None = None,
    calibration_clusters: Clusters | None = None,
    confidence: float = 0.95,
    even_if_refused: bool = False,
) -> Estimate | Refused:
    """The rate that people would have found, from the judge's rate and how often the judge is right.

    apparent: shape (n,), the judge's verdicts, 0 or 1, on the conversations measured. human, judge: shape (labels,),
    0 or 1, on labelled ones, which stand for the same kind of conversation. clusters, calibration_clusters: the
    scenarios of each; a scenario in both samples is one scenario. (apparent + specificity - 1) / (sensitivity +
    specificity - 1), variance by the delta method from both samples, cut to 0 and 1. Normal quantile; with clusters
    CR2 and t with one degree of freedom less than the fewer scenarios.
    Refused where the interval of the divisor reaches below LEAST_TOLD_APART, or a rate in it is not known.
    even_if_refused: the number all the same, where there is one, and not cut.
    Raises ValueError for values that are not 0 or 1, lengths that differ, or clusters of one sample only.
    Source: Rogan and Gladen 1978; Lang and Reiczigel 2014 for the variance; Newcombe 1998 (method 10) for the
    divisor's interval.
    """
    measured, y, f = _verdicts(apparent, "apparent"), _verdicts(human, "human"), _verdicts(judge, "judge")
    point = operating_point(y, f, calibration_clusters)
    samples = _samples(measured.size, clusters, y.size, calibration_clusters)
    met, not_met, reason = point.human_met, point.human_not_met, _no_correction(point)
    few = _too_few(measured.size, y.size, samples)
    if few or not met or not not_met:
        return Refused(few or reason)
    sensitivity = point.judge_met_human_met / met
    specificity = point.judge_not_met_human_not_met / not_met
    told_apart = sensitivity + specificity - 1
    if told_apart == 0 or (reason and not even_if_refused):
        return Refused(reason)
    rate = float((measured.mean() + specificity - 1) / told_apart)
    measuring = (measured - measured.mean()) / (measured.size * told_apart)
    by_label = np.where(y == 1, -rate * (f - sensitivity) / met, (1 - rate) * (1 - f - specificity) / not_met)
    variance, degrees = _variance([measuring, by_label / told_apart], samples, unbiased=False)
    if variance <= ROUNDING**2:
        return Refused(
            f"the judge made no mistake on {y.size} labels and never changes: no variance to make an interval of"
        )
    half = _quantile(confidence, degrees) * variance**0.5
    low, high = rate - half, rate + half
    if not even_if_refused:
        rate, low, high = (min(1.0, max(0.0, bound)) for bound in (rate, low, high))
    return Estimate(rate, low, high, measured.size, _count(samples, 0), confidence, f"Rogan-Gladen, {y.size} labels")


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
    because somebody drew lots. clusters: shape (n,), the scenario of each. The mean of `pseudo_outcomes`, with their
    clustered interval (CR2, t), cut to 0 and 1. Whatever the judge's mistakes are, this is right on average.
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
    labels, places = int((data.weight > 0).sum()), int(np.unique(data.code[data.weight > 0]).size)
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


def inclusion_probabilities(uncertainty: ArrayLike, budget: float, floor: float = 0.05) -> NDArray[np.float64]:
    """The chance with which each conversation should be labelled: high where the judge is likely to be wrong.

    uncertainty: shape (n,), the chance from 0 to 1 that the verdict is met (or equally that it is wrong); 0.5 is the
    most uncertain. budget: labels in all, above 0 and at most n; the result adds up to it. floor: the part of the
    budget, above 0 and at most 1, that is spread evenly, because a judge who is sure can be wrong. Shape (n,), each
    above 0 and at most 1, otherwise in proportion to sqrt(u (1 - u)), the expected size of a mistake.
    Raises ValueError out of these ranges.
    Source: Zrnic and Candes 2024 (arXiv 2403.03208), sections 3 and 5.
    """
    u = _unit(uncertainty, "uncertainty")
    if not 0 < budget <= u.size:
        raise ValueError(f"the budget must be above 0 and at most {u.size}, the number of conversations, not {budget}")
    if not 0 < floor <= 1:
        raise ValueError(f"floor must be above 0 and at most 1, not {floor}")
    size = np.sqrt(u * (1 - u))
    even = np.full(u.size, 1 / u.size)
    wish = even if size.sum() == 0 else (1 - floor) * size / size.sum() + floor * even
    sure = np.zeros(u.size, dtype=bool)
    while True:
        left = budget - sure.sum()
        share = np.where(sure, 1.0, wish * left / wish[~sure].sum() if not sure.all() else 1.0)
        more = (share >= 1) & ~sure
        if not more.any():
            return np.minimum(share, 1.0)
        sure |= more


def next_labels(chance: ArrayLike, budget: int, *, floor: float = 0.5, seed: int = 0) -> NextLabels:
    """Draws the conversations that people should label next, exactly `budget` of them.

    chance: shape (n,), the judge's chance from 0 to 1 that the criterion is met. floor: as in
    inclusion_probabilities, which gives the chances, but half of the budget unless told otherwise: where a judge is
    sure and wrong, less makes the interval both wider and too narrow for what it promises
    (benchmarks/planted_calibration.py). Lots are drawn systematically in a random order, so each has its chance and
    their number is fixed.
    Raises ValueError for a budget that is no whole number from 1 to n.
    Source: Zrnic and Candes 2024 (arXiv 2403.03208); Madow 1949 for the drawing.
    """
    if budget != int(budget):
        raise ValueError(f"the budget must be a whole number, not {budget}")
    probability = inclusion_probabilities(chance, budget, floor)
    rng = np.random.default_rng(seed)
    order = rng.permutation(probability.size)
    reached = np.cumsum(probability[order])
    # The last sum is the budget but for rounding, which must not cost a label.
    reached[-1] = budget
    steps = np.floor(reached - rng.random())
    chosen = np.zeros(probability.size, dtype=bool)
    chosen[order] = np.diff(steps, prepend=-1.0) > 0
    return NextLabels(chosen, probability)


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


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Arrays of one length. `human` is 0 where there is no label; `weight` is 1 / probability where there is one."""

    judge: NDArray[np.float64]
    human: NDArray[np.float64]
    probability: NDArray[np.float64]
    weight: NDArray[np.float64]
    code: NDArray[np.intp]
    count: int


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
    if not tuned or (data.weight > 0).sum() < TUNING_NEEDS or data.count < LEAST or _without_mistake(data):
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
    labels = data.weight.sum() ** 2 / (data.weight**2).sum()
    return float(np.sqrt(1 - data.probability.mean()) / labels)


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


def _labels_to_reach(rate: Estimate, level: float) -> int:
    z = _quantile(rate.confidence, float("inf"))
    alone, _ = _wilson_bounds(rate.value, rate.n, rate.confidence)
    wider = max(1.0, ((rate.value - rate.low) / (rate.value - alone)) ** 2)
    return max(1, int(np.ceil(wider * z * z * level * (1 - level) / (rate.value - level) ** 2)) - rate.n)


def _samples(
    measured: int, clusters: Clusters | None, labels: int, calibration_clusters: Clusters | None
) -> list[NDArray[np.intp]] | None:
    """The scenarios of both samples, numbered together; None where neither is clustered."""
    if clusters is None and calibration_clusters is None:
        return None
    if clusters is None or calibration_clusters is None:
        raise ValueError("clusters are needed of both samples, or of neither")
    both = [np.asarray(names, dtype=object).reshape(-1) for names in (clusters, calibration_clusters)]
    if both[0].size != measured or both[1].size != labels:
        raise ValueError(f"each sample needs one cluster a conversation, not {both[0].size} and {both[1].size}")
    code, _ = codes(np.concatenate(both))
    return [code[:measured], code[measured:]]


def _too_few(measured: int, labels: int, samples: list[NDArray[np.intp]] | None) -> str:
    if samples is None:
        return "" if min(measured, labels) >= 2 else f"{measured} conversations and {labels} labels; two are needed"
    fewest = min(np.unique(sample).size for sample in samples)
    return words(fewest) if fewest < LEAST else ""


def _count(samples: list[NDArray[np.intp]] | None, which: int) -> int | None:
    return None if samples is None else int(np.unique(samples[which]).size)


def _variance(
    parts: list[NDArray[np.float64]], samples: list[NDArray[np.intp]] | None, *, unbiased: bool = True
) -> tuple[float, float]:
    """Of a sum of two samples' deviations, each adding up to 0, and its degrees of freedom.

    Clustered: CR2's factor for each sample, then summed by scenario, so that one in both samples counts as one.
    """
    if samples is None:
        factors = [part.size / (part.size - 1) if unbiased else 1.0 for part in parts]
        return float(sum(factor * (part**2).sum() for factor, part in zip(factors, parts, strict=True))), float("inf")
    count = int(max(sample.max() for sample in samples)) + 1
    sums = np.zeros(count)
    for part, sample in zip(parts, samples, strict=True):
        share = np.bincount(sample, minlength=count) / part.size
        sums += np.bincount(sample, weights=part, minlength=count) / np.sqrt(np.maximum(1 - share, ROUNDING))
    return float((sums**2).sum()), min(np.unique(sample).size for sample in samples) - 1


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each value the share of the sorted others that are smaller, ties half."""
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * others.size)


def _unit(values: ArrayLike, name: str) -> NDArray[np.float64]:
    x = _finite(values)
    if ((x < 0) | (x > 1)).any():
        raise ValueError(f"{name} must be from 0 to 1")
    return x


def _verdicts(values: ArrayLike, name: str) -> NDArray[np.float64]:
    x = _finite(values)
    if not np.isin(x, (0.0, 1.0)).all():
        raise ValueError(f"{name} must be 0 or 1: leave out what has no verdict, and count it apart")
    return x
