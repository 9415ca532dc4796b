"""How far raters agree beyond chance, and whether what they left out is missing at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes, words
from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import ROUNDING, _finite, _wilson_bounds, clustered_mean
from assay.statistics.paired import sign_flip_test

Level = Literal["nominal", "ordinal", "interval"]
Ratings = ArrayLike | Sequence[Sequence[object]]
Coefficient = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""From how often each item counts, shape (draws, items): the coefficient, and how often two ratings that were made
without regard to the item would differ. NaN where a draw has one category only."""

TOO_NOISY = 0.4
"""Raters who agree less than this give labels that no judge should be measured by."""
CHUNK = 2_000_000
"""Bootstrap weights held at once, so that memory stays flat in the number of draws."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class MissingPattern:
    """How often items were rated where the judge found the criterion met, and where not met.

    `p` is two-sided against "rating does not depend on the verdict"; None where that cannot be asked.
    """

    rated_when_met: Estimate | Insufficient
    rated_when_not_met: Estimate | Insufficient
    p: float | None
    words: str


def cohen_kappa(
    first: ArrayLike | Sequence[object],
    second: ArrayLike | Sequence[object],
    *,
    clusters: ArrayLike | Sequence[object] | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 0,
) -> Estimate | Insufficient:
    """Agreement of two raters beyond chance, each with a chance of its own.

    first, second: shape (items,), any labels; None or NaN where not rated. Items that one did not rate are left out.
    clusters: shape (items,), the scenario of each. The interval resamples items (whole scenarios where clusters are
    given) and takes percentiles; where no resample differs, it is Wilson's on the agreement.
    Raises ValueError where lengths differ.
    Source: Cohen 1960; Efron and Tibshirani 1993, chapter 13, for the interval.
    """
    one, other = (_objects(rater) for rater in (first, second))
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"both raters need one label an item, not {one.shape} and {other.shape}")
    code, names = _coded(np.stack([one, other]), "nominal")
    both = _twice_rated(code)
    code, labels = code[:, both], _chosen(clusters, both)
    if reason := _too_little(code, names):
        return _insufficient(reason, code, labels)
    order = _order(code, labels)
    code, labels = code[:, order], _chosen(labels, order)
    mine, theirs = (np.equal.outer(rater, np.arange(len(names))).astype(float) for rater in code)
    same = (code[0] == code[1]).astype(float)

    def kappa(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = weights.sum(axis=1)
        differ = 1 - ((weights @ mine) * (weights @ theirs)).sum(axis=1) / total**2
        return _beyond_chance(1 - weights @ same / total, differ), differ

    return _with_interval(kappa, "Cohen's kappa", code, labels, confidence, draws, seed)


def fleiss_kappa(
    ratings: Ratings,
    *,
    clusters: ArrayLike | Sequence[object] | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 0,
) -> Estimate | Insufficient:
    """Agreement of any number of raters beyond chance, the chance being that of all ratings together.

    ratings: shape (raters, items), any labels; None or NaN where not rated. Items with one rating tell how frequent
    categories are; agreement is asked of items with two. Interval and clusters as in cohen_kappa.
    Raises ValueError for another shape.
    Source: Fleiss 1971; Gwet 2014, chapter 2, for ratings that are missing.
    """
    return _from_shares(
        ratings, "Fleiss' kappa", lambda share: (share**2).sum(axis=1), clusters, confidence, draws, seed
    )


def gwet_ac1(
    ratings: Ratings,
    *,
    clusters: ArrayLike | Sequence[object] | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 0,
) -> Estimate | Insufficient:
    """Agreement beyond chance that stays high where nearly all items are of one category and raters agree.

    ratings, interval and clusters as in fleiss_kappa. The categories are those that occur.
    Raises ValueError for another shape.
    Source: Gwet 2008, Computing inter-rater reliability and its variance in the presence of high agreement.
    """

    def chance(share: NDArray[np.float64]) -> NDArray[np.float64]:
        return (share * (1 - share)).sum(axis=1) / (share.shape[1] - 1)

    return _from_shares(ratings, "Gwet's AC1", chance, clusters, confidence, draws, seed)


def krippendorff_alpha(
    ratings: Ratings,
    level: Level = "nominal",
    *,
    clusters: ArrayLike | Sequence[object] | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 0,
) -> Estimate | Insufficient:
    """Agreement of any number of raters beyond chance, whatever was left out, and however far apart ratings are.

    ratings: shape (raters, items), None or NaN where not rated. Items with fewer than two ratings do not count.
    level: `nominal` takes any labels, and they differ or not; `ordinal` and `interval` take numbers, and differences
    are of ranks or of the numbers. Interval and clusters as in cohen_kappa.
    Raises ValueError for another shape, or for labels that are no numbers where numbers are needed.
    Source: Krippendorff 2019, Content Analysis, chapter 12.
    """
    code, names = _coded(_objects(ratings), level)
    paired = _twice_rated(code)
    code, labels = code[:, paired], _chosen(clusters, paired)
    if reason := _too_little(code, names):
        return _insufficient(reason, code, labels)
    order = _order(code, labels)
    code, labels = code[:, order], _chosen(labels, order)
    rated = (code >= 0).sum(axis=0).astype(float)
    values = np.asarray(names, dtype=float) if level == "interval" else np.zeros(len(names))
    if level == "interval" and len(names) > 64:
        # Hundreds of different numbers: how often each occurs is only needed as a chance to be equal.
        coefficient = _of_numbers(code, values)
    else:
        coefficient = _of_counts(_counted(code, len(names)), rated, level, values)
    return _with_interval(coefficient, f"Krippendorff's alpha, {level}", code, labels, confidence, draws, seed)


def too_noisy(alpha: Estimate) -> bool:
    """Whether raters agree too little for their labels to be a yardstick: the coefficient is under TOO_NOISY.

    Source: Landis and Koch 1977, who call agreement up to 0.4 slight or fair.
    """
    return alpha.value < TOO_NOISY


def missing_not_at_random(values: ArrayLike, rated: ArrayLike, groups: ArrayLike | Sequence[object]) -> MissingPattern:
    """Whether the chance that an item was rated goes with the judge's verdict on it.

    values: shape (items,), the judge's verdict, 1 met, 0 not met. rated: shape (items,), whether people rated it.
    groups: shape (items,), the scenario of each. The statistic is the covariance of the two; each scenario's part of
    it could as well have had the other sign if they did not go together, which gives p (exact up to 13 scenarios).
    Raises ValueError for lengths that differ, or values that are not 0 or 1.
    Source: Rubin 1976 for the question; Fisher 1935, section 21, for the test.
    """
    verdict, present = _finite(values), _finite(np.asarray(rated, dtype=float))
    code, count = codes(groups)
    if not verdict.size == present.size == code.size:
        raise ValueError(
            f"values, rated and groups must be of one length, not {verdict.size}, {present.size} and {code.size}"
        )
    if not np.isin(np.concatenate([verdict, present]), (0.0, 1.0)).all():
        raise ValueError("a verdict is 0 or 1, and so is whether it was rated")
    met = verdict == 1
    shares = [clustered_mean(present[which], code[which]) for which in (met, ~met)]
    if reason := _nothing_to_ask(met, present, count):
        return MissingPattern(shares[0], shares[1], None, reason)
    parts = np.bincount(code, weights=(present - present.mean()) * (verdict - verdict.mean()), minlength=count)
    p = sign_flip_test(np.where(np.abs(parts) <= ROUNDING * verdict.size, 0.0, parts))
    said = (
        f"of {int(met.sum())} items that the judge found met, {present[met].mean():.0%} were rated; "
        f"of {int((~met).sum())} others, {present[~met].mean():.0%} (p = {p:.2g}, {count} scenarios)"
    )
    if p < ALPHA:
        said += ": what was left out is not missing at random, so labels must be weighted by the chance to get one"
    else:
        said += ": no sign that people chose what to rate by what the judge would say"
    return MissingPattern(shares[0], shares[1], p, said)


def _nothing_to_ask(met: NDArray[np.bool_], present: NDArray[np.float64], count: int) -> str:
    if met.size == 0:
        return "there are no items"
    if met.all() or not met.any():
        return f"the judge found {'all' if met.all() else 'none'} of {met.size} items met: nothing to compare"
    if present.all():
        return f"all {met.size} items were rated: nothing is missing"
    if not present.any():
        return f"none of {met.size} items was rated"
    return words(count) if count < LEAST else ""


def _objects(ratings: object) -> NDArray[np.object_]:
    return np.asarray(ratings, dtype=object)


def _chosen(clusters: object, which: NDArray[np.bool_] | NDArray[np.intp]) -> NDArray[np.object_] | None:
    if clusters is None:
        return None
    labels = np.asarray(clusters, dtype=object).reshape(-1)
    if labels.size != which.size:
        raise ValueError(f"clusters need one label an item: {labels.size} labels for {which.size} items")
    return labels[which]


def _coded(ratings: NDArray[np.object_], level: Level) -> tuple[NDArray[np.intp], list[object]]:
    """Labels as integers from 0 in the order of `names`, -1 where there is none."""
    if ratings.ndim != 2:
        raise ValueError(f"ratings must have the shape (raters, items), not {ratings.shape}")
    if level not in ("nominal", "ordinal", "interval"):
        raise ValueError(f"level must be nominal, ordinal or interval, not {level}")
    flat = ratings.reshape(-1).tolist()
    present = np.array([value is not None and value == value for value in flat], dtype=bool)
    code = np.full(len(flat), -1, dtype=np.intp)
    if level == "nominal":
        names = sorted({flat[i] for i in np.flatnonzero(present)}, key=lambda name: (str(name), type(name).__name__))
        number = {name: i for i, name in enumerate(names)}
        code[present] = [number[flat[i]] for i in np.flatnonzero(present)]
        return code.reshape(ratings.shape), names
    try:
        numbers = np.array([float(flat[i]) for i in np.flatnonzero(present)])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{level} ratings must be numbers") from error
    distinct, inverse = np.unique(numbers, return_inverse=True)
    code[present] = inverse.reshape(-1)
    return code.reshape(ratings.shape), distinct.tolist()


def _too_little(code: NDArray[np.intp], names: list[object]) -> str:
    """Why agreement beyond chance is not defined. Items come with two ratings at least."""
    if code.size == 0 or not (code >= 0).any():
        return "no item has two ratings; agreement needs items that two raters rated"
    seen = np.unique(code[code >= 0])
    if seen.size == 1:
        return (
            f"all {int((code >= 0).sum())} ratings are {names[seen[0]]}: with one category, "
            "agreement beyond chance is not defined"
        )
    return ""


def _insufficient(reason: str, code: NDArray[np.intp], labels: NDArray[np.object_] | None) -> Insufficient:
    return Insufficient(reason, code.shape[1], None if labels is None else codes(labels)[1])


def _order(code: NDArray[np.intp], labels: NDArray[np.object_] | None) -> NDArray[np.intp]:
    """Items in an order of their own, so that a seed draws the same resamples however they came."""
    if labels is not None:
        return np.arange(code.shape[1])
    return np.lexsort(np.sort(code, axis=0))


def _twice_rated(code: NDArray[np.intp]) -> NDArray[np.bool_]:
    return np.asarray((code >= 0).sum(axis=0) >= 2)


def _counted(code: NDArray[np.intp], categories: int) -> NDArray[np.float64]:
    """How many raters put each item into each category: shape (items, categories)."""
    items = code.shape[1]
    place = np.arange(items) * categories + code
    return np.bincount(place[code >= 0], minlength=items * categories).reshape(items, categories).astype(float)


def _beyond_chance(disagreement: NDArray[np.float64], by_chance: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(by_chance > ROUNDING, 1 - disagreement / by_chance, np.nan)


def _from_shares(
    ratings: Ratings,
    name: str,
    chance: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    clusters: ArrayLike | Sequence[object] | None,
    confidence: float,
    draws: int,
    seed: int,
) -> Estimate | Insufficient:
    """The coefficients that differ only in the agreement that the categories' shares give by chance."""
    code, names = _coded(_objects(ratings), "nominal")
    some = np.asarray((code >= 0).any(axis=0))
    code, labels = code[:, some], _chosen(clusters, some)
    paired = _twice_rated(code)
    if reason := _too_little(code if paired.any() else code[:, paired], names):
        return _insufficient(reason, code[:, paired], _chosen(labels, paired))
    order = _order(code, labels)
    code, labels = code[:, order], _chosen(labels, order)
    counts = _counted(code, len(names))
    rated = counts.sum(axis=1)
    paired = (rated >= 2).astype(float)
    agreement = (counts * (counts - 1)).sum(axis=1) / np.maximum(1, rated * (rated - 1))
    share = counts / rated[:, None]

    def coefficient(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        with np.errstate(invalid="ignore", divide="ignore"):
            disagreement = 1 - (weights @ agreement) / (weights @ paired)
        differ = 1 - chance(weights @ share / weights.sum(axis=1, keepdims=True))
        return _beyond_chance(disagreement, differ), differ

    return _with_interval(coefficient, name, code, labels, confidence, draws, seed)


def _of_counts(
    counts: NDArray[np.float64], rated: NDArray[np.float64], level: Level, values: NDArray[np.float64]
) -> Coefficient:
    squares = (counts**2).sum(axis=1)

    def alpha(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        often = weights @ counts
        total = often.sum(axis=1)
        differ = _ratio(total**2 - (often**2).sum(axis=1), total * (total - 1))
        if level == "nominal":
            return _beyond_chance(_ratio(weights @ ((rated**2 - squares) / (rated - 1)), total), differ), differ
        # The ordinal distance of two categories is that of their middle ranks in this resample.
        position = np.cumsum(often, axis=1) - often / 2 if level == "ordinal" else np.broadcast_to(values, often.shape)
        position = position - _ratio((often * position).sum(axis=1), total)[:, None]
        apart = rated * (position**2 @ counts.T) - (position @ counts.T) ** 2
        observed = 2 * _ratio((weights * apart / (rated - 1)).sum(axis=1), total)
        expected = 2 * _ratio((often * position**2).sum(axis=1), total - 1)
        return np.where(differ > ROUNDING, 1 - _ratio(observed, expected), np.nan), differ

    return alpha


def _of_numbers(code: NDArray[np.intp], values: NDArray[np.float64]) -> Coefficient:
    present = code >= 0
    numbers = np.where(present, values[code], 0.0)
    middle = numbers.sum() / present.sum()
    numbers = np.where(present, numbers - middle, 0.0)
    rated = present.sum(axis=0).astype(float)
    sums, squares = numbers.sum(axis=0), (numbers**2).sum(axis=0)
    apart = (rated * squares - sums**2) / (rated - 1)
    often = np.bincount(code[present]).astype(float)
    equal = (often * (often - 1)).sum() / (often.sum() * (often.sum() - 1))

    def alpha(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = weights @ rated
        observed = 2 * weights @ apart / total
        expected = 2 * (weights @ squares - (weights @ sums) ** 2 / total) / (total - 1)
        scale = ROUNDING * squares.sum() / rated.sum()
        defined = expected > scale
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(defined, 1 - observed / expected, np.nan), np.full(total.shape, 1 - equal)

    return alpha


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return above / below


def _with_interval(
    coefficient: Coefficient,
    name: str,
    code: NDArray[np.intp],
    labels: NDArray[np.object_] | None,
    confidence: float,
    draws: int,
    seed: int,
) -> Estimate | Insufficient:
    """The coefficient, and percentiles of it over resampled items, or scenarios."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    items = code.shape[1]
    paired = _twice_rated(code)
    n = int(paired.sum())
    group, count = (np.arange(items), items) if labels is None else codes(labels)
    known = None if labels is None else count
    usable = n if labels is None else int(np.unique(group[paired]).size)
    if usable < LEAST:
        few = f"{n} item{'' if n == 1 else 's'} with two ratings; an interval needs {LEAST}"
        return Insufficient(few if labels is None else words(usable), n, known)
    value, differ = (float(found[0]) for found in coefficient(np.ones((1, items))))
    drawn = _resampled(coefficient, group, count, draws, seed)
    if drawn.size < draws / 2:
        reason = f"in most resamples of {usable} {'items' if labels is None else 'scenarios'} all ratings are alike"
        return Insufficient(f"{reason}: no interval of agreement beyond chance", n, known)
    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in np.quantile(drawn, (tail, 1 - tail)))
    over = "items" if labels is None else "scenarios"
    how = f"{name}, bootstrap over {over}, {draws} draws"
    if high - low <= 1e-9:
        agreed = min(1.0, max(0.0, 1 - differ * (1 - value)))
        low, high = (max(-1.0, 1 - (1 - bound) / differ) for bound in _wilson_bounds(agreed, usable, confidence))
        how = f"{name}, all {over} alike: Wilson on {usable} {over}"
    # Percentiles of few items can leave out the value itself.
    return Estimate(value, min(low, value), min(1.0, max(high, value)), n, known, confidence, how)


def _resampled(
    coefficient: Coefficient, group: NDArray[np.intp], count: int, draws: int, seed: int
) -> NDArray[np.float64]:
    """The coefficient in each resample where it is defined."""
    rng = np.random.default_rng(seed)
    found = []
    step = max(1, CHUNK // max(1, group.size))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        picks = rng.integers(0, count, size=(size, count)) + np.arange(size)[:, None] * count
        weights = np.bincount(picks.reshape(-1), minlength=size * count).reshape(size, count).astype(float)
        found.append(coefficient(weights[:, group])[0])
    drawn = np.concatenate(found)
    return drawn[np.isfinite(drawn)]
