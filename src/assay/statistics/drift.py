"""Whether what comes in now is still like what was there before. What one user says belongs together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes
from assay.statistics.estimate import Insufficient
from assay.statistics.intervals import _finite
from assay.statistics.paired import holm

DRAWS = 1_000
MOST_ROWS = 1_000
"""Rows a side that the kernel test compares; of more, so many are drawn."""
SHIFTED = 0.2
"""A population stability index that is by custom called a major shift; 0.1 a slight one."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a test of drift found. p: of "nothing has changed", by shuffling whole clusters. words: for people."""

    statistic: float
    p: float
    method: str
    words: str


def population_stability(
    reference: ArrayLike | Sequence[object],
    current: ArrayLike | Sequence[object],
    *,
    reference_clusters: ArrayLike | Sequence[object] | None = None,
    current_clusters: ArrayLike | Sequence[object] | None = None,
    bins: int = 10,
    draws: int = DRAWS,
    seed: int = 0,
) -> Drift | Insufficient:
    """Population stability index: sum over bins of (p - q) log(p / q), with half a count added to each bin.

    reference, current: shape (n,) and (m,), numbers (cut at the reference's quantiles) or any labels. clusters: such as
    the user of each; without them all are independent. Insufficient under 5 clusters a side.
    Source: Siddiqi 2006 for the index; Good 2005 for the permutation p, the observed counted.
    """
    sides = [np.asarray(side, dtype=object).reshape(-1) for side in (reference, current)]
    shuffle = _Shuffle.of(sides, (reference_clusters, current_clusters), draws, seed)
    if isinstance(shuffle, Insufficient):
        return shuffle
    code, count = _binned(np.concatenate(sides), sides[0].size, bins)
    by_cluster = np.zeros((shuffle.count, count))
    np.add.at(by_cluster, (shuffle.code, code), 1.0)

    def index(first: NDArray[np.float64]) -> NDArray[np.float64]:
        one = first @ by_cluster + 0.5
        other = (1 - first) @ by_cluster + 0.5
        p, q = one / one.sum(axis=1, keepdims=True), other / other.sum(axis=1, keepdims=True)
        return ((p - q) * np.log(p / q)).sum(axis=1)

    return shuffle.answer(index, "PSI")


def kolmogorov_smirnov(
    reference: ArrayLike,
    current: ArrayLike,
    *,
    reference_clusters: ArrayLike | Sequence[object] | None = None,
    current_clusters: ArrayLike | Sequence[object] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Drift | Insufficient:
    """The greatest gap between both distributions, shape (n,) and (m,); any strictly rising change of unit leaves it.

    p by shuffling clusters, which keeps to its level where observations belong together and the textbook's does not.
    Source: Smirnov 1939; Good 2005.
    """
    sides = [_finite(side) for side in (reference, current)]
    shuffle = _Shuffle.of(sides, (reference_clusters, current_clusters), draws, seed)
    if isinstance(shuffle, Insufficient):
        return shuffle
    both = np.concatenate(sides)
    values, place = np.unique(both, return_inverse=True)
    by_cluster = np.zeros((shuffle.count, values.size))
    np.add.at(by_cluster, (shuffle.code, place.reshape(-1)), 1.0)
    steps = by_cluster.cumsum(axis=1)

    def gap(first: NDArray[np.float64]) -> NDArray[np.float64]:
        one, other = first @ steps, (1 - first) @ steps
        return np.abs(one / one[:, -1:] - other / other[:, -1:]).max(axis=1)

    return shuffle.answer(gap, "KS")


def maximum_mean_discrepancy(
    reference: ArrayLike,
    current: ArrayLike,
    *,
    reference_clusters: ArrayLike | Sequence[object] | None = None,
    current_clusters: ArrayLike | Sequence[object] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Drift | Insufficient:
    """How far two clouds of points lie apart, in whatever way: shape (n, features) and (m, features).

    Gaussian kernel, its width the median distance; features should be of like scale. Of more than MOST_ROWS a side so
    many are drawn by the seed. p by shuffling clusters.
    Raises ValueError for clouds of other dimensions.
    Source: Gretton, Borgwardt, Rasch, Schoelkopf and Smola 2012, the biased estimate.
    """
    rng = np.random.default_rng(seed)
    clouds, names = [], []
    for side, clusters in ((reference, reference_clusters), (current, current_clusters)):
        cloud = np.asarray(side, dtype=float)
        cloud = cloud.reshape(cloud.shape[0], -1) if cloud.size else cloud.reshape(0, cloud.shape[-1])
        if not np.isfinite(cloud).all():
            raise ValueError("features must be finite: leave out what was not measured, and count it apart")
        who = np.arange(cloud.shape[0]).astype(object) if clusters is None else np.asarray(clusters, dtype=object)
        if cloud.shape[0] > MOST_ROWS:
            kept = np.sort(rng.choice(cloud.shape[0], MOST_ROWS, replace=False))
            cloud, who = cloud[kept], who[kept]
        clouds.append(cloud)
        names.append(who)
    if clouds[0].shape[1] != clouds[1].shape[1]:
        raise ValueError(f"both sides need the same features, not {clouds[0].shape[1]} and {clouds[1].shape[1]}")
    shuffle = _Shuffle.of([np.arange(cloud.shape[0]) for cloud in clouds], (names[0], names[1]), draws, seed)
    if isinstance(shuffle, Insufficient):
        return shuffle
    both = np.concatenate(clouds)
    squares = np.maximum((both**2).sum(1)[:, None] + (both**2).sum(1)[None, :] - 2 * both @ both.T, 0)
    middle = float(np.median(squares[squares > 0])) if (squares > 0).any() else 1.0
    kernel = np.exp(-squares / middle)
    member = np.zeros((shuffle.count, both.shape[0]))
    member[shuffle.code, np.arange(both.shape[0])] = 1.0
    kernel = member @ kernel @ member.T
    sizes = member.sum(axis=1)

    def discrepancy(first: NDArray[np.float64]) -> NDArray[np.float64]:
        n = first @ sizes
        weight = first / n[:, None] - (1 - first) / (sizes.sum() - n)[:, None]
        return np.sqrt(np.maximum(((weight @ kernel) * weight).sum(axis=1), 0))

    return shuffle.answer(discrepancy, "MMD")


def drift_over(found: Mapping[str, Drift | Insufficient]) -> dict[str, tuple[Drift | Insufficient, float | None]]:
    """Several features' tests with p adjusted by Holm, so that looking at many finds nothing by chance."""
    tested = [name for name, drift in found.items() if isinstance(drift, Drift)]
    adjusted = dict(zip(tested, holm([found[name].p for name in tested]), strict=True))  # pyright: ignore[reportAttributeAccessIssue]
    return {name: (drift, adjusted.get(name)) for name, drift in found.items()}


def spend(window: int, alpha: float = 0.05) -> float:
    """The level for the test of this window (from 1), so that all windows together ever have alpha: 6 / (pi k)^2.

    Raises ValueError for another window or level.
    Source: Foster and Stine 2008, alpha spending; the sum of 1 / k^2 is pi^2 / 6.
    """
    if window < 1 or not 0 < alpha < 1:
        raise ValueError(f"window counts from 1 and alpha is between 0 and 1, not {window} and {alpha}")
    return alpha * 6 / (np.pi * window) ** 2


@dataclass(frozen=True, slots=True)
class _Shuffle:
    """Which cluster each observation is of, and how many clusters were the reference's."""

    code: NDArray[np.intp]
    count: int
    first: NDArray[np.float64]
    n: int
    draws: int
    seed: int

    @classmethod
    def of(
        cls, sides: Sequence[NDArray], clusters: tuple[object, object], draws: int, seed: int
    ) -> "_Shuffle | Insufficient":
        names = []
        for which, (side, given) in enumerate(zip(sides, clusters, strict=True)):
            labels = np.arange(side.size) if given is None else np.asarray(given, dtype=object).reshape(-1)
            if labels.size != side.size:
                raise ValueError(f"values and clusters must be of one length, not {side.size} and {labels.size}")
            # A user who is there before and after counts once on either side.
            names += [f"{which}/{label}" for label in labels]
        code, count = codes(np.array(names, dtype=object)) if names else (np.zeros(0, dtype=np.intp), 0)
        first = np.zeros(count)
        first[code[: sides[0].size]] = 1.0
        fewest = int(min(first.sum(), count - first.sum()))
        if fewest < LEAST:
            reason = f"{fewest} independent observations on one side; a test of drift needs {LEAST}"
            return Insufficient(reason, code.size, count)
        return cls(code, count, first, code.size, draws, seed)

    def answer(self, statistic, method: str) -> Drift:
        seen = float(statistic(self.first[None, :])[0])
        rng = np.random.default_rng(self.seed)
        hits, step = 0, max(1, 2_000_000 // max(1, self.count))
        for start in range(0, self.draws, step):
            mixed = rng.permuted(np.tile(self.first, (min(step, self.draws - start), 1)), axis=1)
            hits += int((statistic(mixed) >= seen - 1e-12).sum())
        p = (hits + 1) / (self.draws + 1)
        said = "has changed" if p < 0.05 else "shows no change beyond chance"
        return Drift(seen, p, method, f"{said} ({method} {seen:.3f}, p = {p:.2g})")


def _binned(values: NDArray[np.object_], first: int, bins: int) -> tuple[NDArray[np.intp], int]:
    """Numbers by the reference's quantiles, anything else by itself."""
    numbers = all(
        isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) for value in values
    )
    if not numbers or len(set(values.tolist())) <= bins:
        return codes(values)
    x = _finite(values.astype(float))
    edges = np.unique(np.quantile(x[:first], np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, x, side="right").astype(np.intp), edges.size + 1
