"""Rates and means with intervals that know which observations belong together."""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes, words
from assay.statistics.estimate import Estimate, Insufficient

Correction = Literal["CR0", "CR1", "CR2"]
CHUNK = 2_000_000
"""Bootstrap weights held at once, so that memory stays flat in the number of draws."""
ROUNDING = 1e-12
"""A standard error this small beside the largest value is arithmetic's, not the data's."""


def clustered_mean(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    confidence: float = 0.95,
    method: Literal["t", "z", "bootstrap"] = "t",
    correction: Correction = "CR2",
    draws: int = 10_000,
    seed: int = 0,
) -> Estimate | Insufficient:
    """The mean with an interval clustered by scenario.

    values: shape (n,), finite. clusters: shape (n,), the scenario of each. `t` uses Student's t with one degree of
    freedom less than there are clusters (for CR2 the Satterthwaite degrees of freedom of Bell and McCaffrey),
    `z` the normal, `bootstrap` percentiles over resampled clusters. Insufficient under 5 clusters. Where the clusters
    do not differ (all 0, all 1, or half of each scenario's trials pass) a width of 0 would be a lie: the interval of a
    rate is Wilson's on the clusters, anything else is Insufficient. An interval of values within 0 and 1 is cut off
    there.
    Source: Cameron and Miller 2015; Bell and McCaffrey 2002; Miller 2024 (arXiv 2411.00640).
    """
    y, code, count = _clustered(values, clusters)
    if y.size == 0:
        return Insufficient("nothing was measured", 0, 0)
    if count < LEAST:
        return Insufficient(words(count), int(y.size), count)
    mean = float(y.mean())
    within_unit = bool(y.min() >= 0 and y.max() <= 1)
    if _sandwich(y, code, count, "CR0") <= ROUNDING * np.abs(y).max():
        return _no_variance(y, count, confidence)
    if method == "bootstrap":
        low, high = _bootstrap(y, code, count, confidence, draws, seed)
        how = f"cluster bootstrap, {draws} draws"
    else:
        se = _sandwich(y, code, count, correction)
        df = float("inf") if method == "z" else _degrees(code, count, correction)
        half = _quantile(confidence, df) * se
        low, high = mean - half, mean + half
        how = f"clustered by scenario ({correction}), " + ("normal" if method == "z" else f"t with {df:.3g} df")
    if within_unit:
        low, high = max(0.0, low), min(1.0, high)
    return Estimate(mean, low, high, int(y.size), count, confidence, how)


def weighted_mean(
    values: ArrayLike, weights: ArrayLike, clusters: ArrayLike, *, confidence: float = 0.95
) -> Estimate | Insufficient:
    """The mean of a sample whose members were drawn with unlike chances, with an interval clustered by scenario.

    values: shape (n,), finite. weights: shape (n,), above 0: one over each one's chance. clusters: shape (n,). The
    ratio of weighted sums, its residuals summed by scenario and scaled as CR2 does by the scenario's share of the
    weights; Student's t with one degree of freedom less than there are scenarios by Kish's count. Weights that are all
    alike give clustered_mean. Insufficient under 5 scenarios. A rate without variance gets Wilson's interval on
    Kish's count; an interval of values within 0 and 1 is cut off there.
    Raises ValueError for lengths that differ, or weights that are not above 0.
    Source: Hajek 1971; Kish 1965; Bell and McCaffrey 2002.
    """
    y, code, count = _clustered(values, clusters)
    w = _finite(weights)
    if w.size != y.size or (w <= 0).any():
        raise ValueError(f"weights: {y.size} numbers above 0 are needed, one a value")
    if y.size == 0 or count < LEAST or np.ptp(w) <= ROUNDING * w.max():
        return clustered_mean(y, clusters, confidence=confidence)
    w = w / w.sum()
    mean = float((w * y).sum())
    share = np.bincount(code, weights=w, minlength=count)
    sums = np.bincount(code, weights=w * (y - mean), minlength=count)
    alike = 1 / float((share**2).sum())
    se = float(np.sqrt((sums**2 / np.maximum(1 - share, ROUNDING)).sum()))
    if se <= ROUNDING * np.abs(y).max():
        if not np.isin(y, (0.0, 1.0)).all():
            return _no_variance(y, count, confidence)
        low, high = _wilson_bounds(round(mean), max(1, int(alike)), confidence)
        return Estimate(round(mean), low, high, int(y.size), count, confidence, f"all alike: Wilson on {alike:.3g}")
    df = max(1.0, alike - 1)
    half = _quantile(confidence, df) * se
    low, high = mean - half, mean + half
    if y.min() >= 0 and y.max() <= 1:
        low, high = max(0.0, low), min(1.0, high)
    how = f"weighted by the chance of being drawn, clustered by scenario (CR2), t with {df:.3g} df"
    return Estimate(mean, low, high, int(y.size), count, confidence, how)


def clustered_se(values: ArrayLike, clusters: ArrayLike, correction: Correction = "CR1") -> float:
    """Standard error of a mean, clustered.

    CR0: plain sandwich. CR1: times G/(G-1), the usual small-sample factor with one coefficient. CR2: each cluster's
    residuals scaled by 1/sqrt(1 - n_g/n), unbiased where clusters are alike.
    Raises ValueError for fewer than two clusters.
    """
    y, code, count = _clustered(values, clusters)
    if count < 2:
        raise ValueError(f"a clustered standard error needs two clusters, not {count}")
    return _sandwich(y, code, count, correction)


def naive_mean(values: ArrayLike, *, confidence: float = 0.95) -> Estimate | Insufficient:
    """The mean as if all observations were independent: for comparison, never for a report's verdict.

    Standard error with n - 1, normal quantile. All 0 or all 1: Wilson's interval; all alike otherwise: Insufficient.
    """
    y = _finite(values)
    if y.size < 2:
        return Insufficient(f"{y.size} observation{'' if y.size == 1 else 's'}; an interval needs 2", int(y.size))
    mean = float(y.mean())
    se = float(y.std(ddof=1) / np.sqrt(y.size))
    if se <= ROUNDING * np.abs(y).max():
        if mean in (0.0, 1.0):
            return wilson(int(y.sum()), int(y.size), confidence=confidence)
        return Insufficient(f"all {y.size} values are {mean:g}: no variance to make an interval of", int(y.size))
    half = _quantile(confidence, float("inf")) * se
    return Estimate(mean, mean - half, mean + half, int(y.size), None, confidence, "normal, not clustered")


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Estimate | Insufficient:
    """A rate of independent trials. Source: Wilson 1927."""
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be from 0 to {n}, not {successes}")
    if n == 0:
        return Insufficient("nothing was counted", 0)
    low, high = _wilson_bounds(successes / n, n, confidence)
    return Estimate(successes / n, low, high, n, None, confidence, "Wilson")


def design_effect(values: ArrayLike, clusters: ArrayLike) -> float:
    """How many times larger clustering makes the variance of the mean (CR0, against n in the denominator).

    Raises ValueError where there is no variance or there are fewer than two clusters.
    """
    y = _finite(values)
    naive = float(y.std() / np.sqrt(y.size)) if y.size else 0.0
    if naive <= ROUNDING * np.abs(y).max(initial=0):
        raise ValueError("there is no variance: a design effect is not defined")
    return (clustered_se(y, clusters, "CR0") / naive) ** 2


def _sandwich(y: NDArray[np.float64], code: NDArray[np.intp], count: int, correction: Correction) -> float:
    sizes = np.bincount(code, minlength=count)
    sums = np.bincount(code, weights=y - y.mean(), minlength=count)
    match correction:
        case "CR0":
            factor = np.ones(count)
        case "CR1":
            factor = np.full(count, count / (count - 1))
        case "CR2":
            factor = 1 / (1 - sizes / y.size)
    return float(np.sqrt((factor * sums**2).sum()) / y.size)


def _no_variance(y: NDArray[np.float64], count: int, confidence: float) -> Estimate | Insufficient:
    """Clusters that are all alike. Wilson on them is wide enough for any rate: nothing from 0 to 1 varies more."""
    mean, n = float(y.mean()), int(y.size)
    if not np.isin(y, (0.0, 1.0)).all():
        return Insufficient(
            f"all {count} scenarios have a mean of {mean:g}: no variance to make an interval of", n, count
        )
    low, high = _wilson_bounds(mean, count, confidence)
    return Estimate(mean, low, high, n, count, confidence, f"all alike: Wilson on {count} scenarios")


def _wilson_bounds(rate: float, n: int, confidence: float) -> tuple[float, float]:
    z = _quantile(confidence, float("inf"))
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the arithmetic leaves a rounding error where the bound is exact.
    return 0.0 if rate == 0 else float(centre - half), 1.0 if rate == 1 else float(centre + half)


def _bootstrap(
    y: NDArray[np.float64], code: NDArray[np.intp], count: int, confidence: float, draws: int, seed: int
) -> tuple[float, float]:
    """Percentile bounds of the mean over resampled clusters: weights on cluster sums, a chunk of draws at a time."""
    rng = np.random.default_rng(seed)
    sums = np.bincount(code, weights=y, minlength=count)
    sizes = np.bincount(code, minlength=count).astype(float)
    drawn = []
    step = max(1, CHUNK // count)
    for start in range(0, draws, step):
        picks = rng.integers(0, count, size=(min(step, draws - start), count))
        drawn.append(sums[picks].sum(axis=1) / sizes[picks].sum(axis=1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(drawn), (tail, 1 - tail))
    return float(low), float(high)


def _degrees(code: NDArray[np.intp], count: int, correction: Correction) -> float:
    """Degrees of freedom of the clustered variance of a mean.

    CR2: Satterthwaite's, (sum of the eigenvalues)^2 / sum of their squares, under independence as working model.
    """
    if correction != "CR2":
        return count - 1
    sizes = np.bincount(code, minlength=count).astype(float)
    share = sizes / sizes.sum()
    scaled = share / np.sqrt(1 - share)
    # The variance is a quadratic form with the matrix diag(own) - scaled scaled' / n: its trace, and of its square.
    own, n = scaled**2 / sizes, sizes.sum()
    trace = own.sum() - (scaled**2).sum() / n
    of_square = (own**2).sum() - 2 * (own * scaled**2).sum() / n + (scaled**2).sum() ** 2 / n**2
    return float(max(1.0, trace**2 / of_square))


@lru_cache(maxsize=256)
def _quantile(confidence: float, df: float) -> float:
    """The two-sided quantile of t, or of the normal for infinitely many degrees of freedom."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    from scipy import special

    tail = 1 - (1 - confidence) / 2
    return float(special.ndtri(tail) if df == float("inf") else special.stdtrit(df, tail))


def _clustered(values: ArrayLike, clusters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    y = _finite(values)
    code, count = codes(clusters)
    if code.size != y.size:
        raise ValueError(f"values and clusters must be of one length, not {y.size} and {code.size}")
    return y, code, count


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    y = np.asarray(values, dtype=float).reshape(-1)
    if not np.isfinite(y).all():
        raise ValueError("values must be finite: leave out what was not measured, and count it apart")
    return y
