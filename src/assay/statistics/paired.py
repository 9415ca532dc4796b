"""Two sides on the same scenarios: differences, never two separate intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes, means
from assay.statistics.estimate import Insufficient, PairedDifference
from assay.statistics.intervals import ROUNDING, _finite, _quantile

CHUNK = 4_000_000


def paired_by_cluster(
    first: ArrayLike,
    first_clusters: ArrayLike,
    second: ArrayLike,
    second_clusters: ArrayLike,
    *,
    confidence: float = 0.95,
) -> PairedDifference | Insufficient:
    """Second minus first: trials are averaged within each scenario, and scenarios that both sides have are paired.

    Arrays of shape (n,). The scenarios' differences are independent, so their mean has the standard error
    sd / sqrt(G) and Student's t with G - 1 degrees of freedom; where both sides have equally many trials this is
    the clustered (CR1) error of the matched trials. Insufficient under 5 common scenarios. Where all scenarios differ
    alike, values within 0 and 1 get the interval of one scenario in G turning over (Wilson's width at 0) and the p
    that goes with it; others are Insufficient. An interval of passes (0 or 1) is cut off at -1 and 1.
    Raises ValueError for values that are not finite, or of another length than their clusters.
    Source: Miller 2024 (arXiv 2411.00640), section 3.
    """
    differences, pairs = scenario_differences(first, first_clusters, second, second_clusters)
    count = differences.size
    if count < LEAST:
        reason = f"{count} scenarios on both sides; a paired comparison needs {LEAST}"
        return Insufficient(reason, pairs, count)
    values = np.concatenate([_finite(first), _finite(second)])
    mean = float(differences.mean())
    se = float(differences.std(ddof=1) / np.sqrt(count))
    if se <= ROUNDING * np.abs(values).max():
        return _no_variance(mean, pairs, count, confidence, bool(values.min() >= 0 and values.max() <= 1))
    half = _quantile(confidence, count - 1) * se
    bound = 1.0 if np.isin(values, (0.0, 1.0)).all() else np.inf
    return PairedDifference(
        value=mean,
        low=max(-bound, mean - half),
        high=min(bound, mean + half),
        p=_p(mean / se, count - 1),
        se=se,
        n_pairs=pairs,
        clusters=count,
        method=f"paired by scenario, t with {count - 1} df",
    )


def scenario_differences(
    first: ArrayLike, first_clusters: ArrayLike, second: ArrayLike, second_clusters: ArrayLike
) -> tuple[NDArray[np.float64], int]:
    """One difference of means a common scenario, in the order of the scenarios' names, and how many trials pair up."""
    before, after = _finite(first), _finite(second)
    labels = np.concatenate([np.asarray(first_clusters, dtype=object), np.asarray(second_clusters, dtype=object)])
    code, count = codes(labels)
    if np.size(first_clusters) != before.size or np.size(second_clusters) != after.size:
        raise ValueError("on each side, values and clusters must be of one length")
    one, other = code[: before.size], code[before.size :]
    sizes = np.bincount(one, minlength=count), np.bincount(other, minlength=count)
    both = (sizes[0] > 0) & (sizes[1] > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = means(after, other, count) - means(before, one, count)
    return difference[both], int(np.minimum(*sizes)[both].sum())


def sign_flip_test(differences: ArrayLike, *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of a mean difference when each scenario's sign could have fallen either way.

    differences: shape (scenarios,), in any order. All 2^G sign patterns where G <= 13, else random ones, the observed
    included.
    Source: Fisher 1935, section 21; Phipson and Smyth 2010 for counting the observed.
    """
    differences = _finite(differences)
    # Sorted sizes: the same random signs whatever the order, and whichever side comes first.
    d = np.sort(np.abs(differences[differences != 0]))
    if d.size == 0:
        return 1.0
    # Patterns that tie with the observed one count, though they were summed in another order.
    seen = abs(differences.sum()) - 1e-9 * d.sum()
    if d.size <= 13:
        signs = 1 - 2 * ((np.arange(2**d.size)[:, None] >> np.arange(d.size)) & 1)
        return float((np.abs(signs @ d) >= seen).mean())
    rng = np.random.default_rng(seed)
    hits = 0
    step = max(1, CHUNK // d.size)
    for start in range(0, draws, step):
        signs = rng.integers(0, 2, size=(min(step, draws - start), d.size), dtype=np.int8)
        hits += int((np.abs((1.0 - 2.0 * signs) @ d) >= seen).sum())
    return (hits + 1) / (draws + 1)


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Two-sided exact p of discordant pairs, which are counts. Source: McNemar 1947, binomial form."""
    if min(first_only, second_only) < 0:
        raise ValueError(f"discordant pairs are counted from 0, not {first_only} and {second_only}")
    from scipy import special

    n, k = first_only + second_only, min(first_only, second_only)
    if n == 0:
        return 1.0
    return float(min(1.0, 2 * special.bdtr(k, n, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted so that the chance of any false find among them stays below alpha. Source: Holm 1979."""
    p = _finite(p_values)
    if p.size == 0:
        return []
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"each p must be from 0 to 1, not {p.min():g} to {p.max():g}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((p.size - np.arange(p.size)) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted.tolist()


def _p(t: float, df: float) -> float:
    from scipy import special

    return float(2 * special.stdtr(df, -abs(t)))


def _no_variance(
    mean: float, pairs: int, count: int, confidence: float, within_unit: bool
) -> PairedDifference | Insufficient:
    from scipy import special

    if not within_unit:
        alike = "have the same mean on both sides" if mean == 0 else f"differ by {mean:g}"
        return Insufficient(f"all {count} scenarios {alike}: no variance to make an interval of", pairs, count)
    z = _quantile(confidence, float("inf"))
    half = z * z / (count + z * z)
    size = min(1.0, abs(mean))
    # p at which the interval would touch 0, but never less than exact sign flips give: 2 of 2^G patterns.
    touching = 2 * special.ndtr(-np.sqrt(count * size / (1 - size))) if size < 1 else 0.0
    return PairedDifference(
        value=mean,
        low=max(-1.0, mean - half),
        high=min(1.0, mean + half),
        p=float(max(touching, 2.0 ** (1 - count))),
        se=0.0,
        n_pairs=pairs,
        clusters=count,
        method=f"all {count} scenarios differ alike: Wilson's width on them",
    )
