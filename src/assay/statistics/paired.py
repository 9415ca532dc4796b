"""Two sides on the same scenarios: differences, never two separate intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes, means
from assay.statistics.estimate import Insufficient, PairedDifference
from assay.statistics.intervals import _quantile

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
    the clustered (CR1) error of the matched trials. Insufficient under 5 common scenarios. Without any variance
    the interval is that of one scenario in G turning over (Wilson's width at 0), and p is 1.
    Source: Miller 2024 (arXiv 2411.00640), section 3.
    """
    differences, pairs = scenario_differences(first, first_clusters, second, second_clusters)
    count = differences.size
    if count < LEAST:
        reason = f"{count} scenarios on both sides; a paired comparison needs {LEAST}"
        return Insufficient(reason, pairs, count)
    mean = float(differences.mean())
    sd = float(differences.std(ddof=1))
    if sd < 1e-12:
        return _no_variance(mean, pairs, count, confidence)
    se = float(sd / np.sqrt(count))
    half = _quantile(confidence, count - 1) * se
    return PairedDifference(
        value=mean,
        low=mean - half,
        high=mean + half,
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
    before = np.asarray(first, dtype=float)
    after = np.asarray(second, dtype=float)
    labels = np.concatenate([np.asarray(first_clusters, dtype=object), np.asarray(second_clusters, dtype=object)])
    code, count = codes(labels)
    one, other = code[: before.size], code[before.size :]
    sizes = np.bincount(one, minlength=count), np.bincount(other, minlength=count)
    both = (sizes[0] > 0) & (sizes[1] > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = means(after, other, count) - means(before, one, count)
    return difference[both], int(np.minimum(*sizes)[both].sum())


def sign_flip_test(differences: ArrayLike, *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of a mean difference when each scenario's sign could have fallen either way.

    differences: shape (scenarios,). All 2^G sign patterns where G <= 13, else random ones, the observed included.
    Source: Fisher 1935, section 21; Phipson and Smyth 2010 for counting the observed.
    """
    d = np.asarray(differences, dtype=float)
    d = d[d != 0]
    if d.size == 0:
        return 1.0
    seen = abs(d.sum()) - 1e-9
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
    """Two-sided exact p of discordant pairs. Source: McNemar 1947, binomial form."""
    from scipy import special

    n, k = first_only + second_only, min(first_only, second_only)
    if n == 0:
        return 1.0
    return float(min(1.0, 2 * special.bdtr(k, n, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted so that the chance of any false find among them stays below alpha. Source: Holm 1979."""
    p = np.asarray(p_values, dtype=float)
    if p.size == 0:
        return []
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((p.size - np.arange(p.size)) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted.tolist()


def _p(t: float, df: int) -> float:
    from scipy import special

    return float(2 * special.stdtr(df, -abs(t)))


def _no_variance(mean: float, pairs: int, count: int, confidence: float) -> PairedDifference:
    z = _quantile(confidence, float("inf"))
    half = z * z / (count + z * z)
    return PairedDifference(
        value=mean,
        low=max(-1.0, mean - half),
        high=min(1.0, mean + half),
        p=1.0 if abs(mean) < 1e-12 else sign_flip_test(np.full(count, mean)),
        se=0.0,
        n_pairs=pairs,
        clusters=count,
        method=f"all {count} scenarios differ alike: Wilson's width on them",
    )
