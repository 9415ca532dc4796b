"""Whether a series falls: at an unknown moment, or little by little. What one user says belongs together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes
from assay.statistics.estimate import Insufficient
from assay.statistics.intervals import _finite

DRAWS = 2_000
MOST_CUTS = 200
CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class Decline:
    """What a test for a fall found. p: one-sided, of "nothing has fallen"."""

    p: float
    falls: bool
    changed_at: float
    """The time from which on the values are lower, where they differ most."""
    before: float
    after: float
    """Means before that time, and from then on."""
    words: str


def decline(
    values: ArrayLike,
    times: ArrayLike,
    *,
    clusters: ArrayLike | Sequence[object] | None = None,
    alpha: float = 0.05,
    draws: int = DRAWS,
    seed: int = 0,
) -> Decline | Insufficient:
    """Whether the values fall over time, by a change at an unknown time or a steady trend.

    values: shape (n,), such as ratings; times: shape (n,), any numbers, such as days. clusters: such as the user of
    each; without them all are independent. Two statistics are standardised by their permutation distribution and the
    larger is taken: the greatest drop of the mean over all cuts in time, weighed by how much data lies on either side,
    and the falling rank correlation with time. p by permuting whole users among users with as many values, the
    observed order included, so its level holds whatever the distribution. No calendar matters: a week that has just
    begun is as many values as it holds.
    Insufficient under 5 clusters, 10 values, or where all are of one time.
    Raises ValueError for lengths that differ, values that are not finite, or another alpha.
    Source: Pettitt 1979 for the unknown change point; Kendall 1938; Good 2005 for the permutation p.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is between 0 and 1, not {alpha}")
    y, when = _finite(values), _finite(times)
    if y.size != when.size:
        raise ValueError(f"values and times must be of one length, not {y.size} and {when.size}")
    names = np.arange(y.size) if clusters is None else np.asarray(clusters, dtype=object).reshape(-1)
    if names.size != y.size:
        raise ValueError(f"values and clusters must be of one length, not {y.size} and {names.size}")
    order = np.argsort(when, kind="stable")
    y, when = y[order], when[order]
    code, count = codes(names[order].astype(object))
    cuts = np.flatnonzero(np.diff(when) > 0) + 1
    if count < LEAST or y.size < 2 * LEAST or not cuts.size:
        reason = f"{y.size} values of {count} users; a trend needs {2 * LEAST} of {LEAST}, over some time"
        return Insufficient(reason, y.size, count)
    if cuts.size > MOST_CUTS:
        cuts = cuts[np.unique(np.linspace(0, cuts.size - 1, MOST_CUTS).astype(int))]
    ranks = _mean_ranks(when)
    samples = [y[None, :], *_permuted(y, code, count, draws, seed)]
    drops = np.concatenate([_drops(rows, cuts) for rows in samples])
    trends = np.concatenate([-(rows - y.mean()) @ (ranks - ranks.mean()) for rows in samples])
    both = np.maximum(_standard(drops.max(axis=1)), _standard(trends))
    p = float((both >= both[0] - 1e-9).mean())
    cut = int(cuts[drops[0].argmax()])
    before, after = float(y[:cut].mean()), float(y[cut:].mean())
    falls = p <= alpha
    said = f"fell from {before:.2f} to {after:.2f}" if falls else "shows no fall beyond chance"
    return Decline(p, falls, float(when[cut]), before, after, f"{said} (p = {p:.2g}, {y.size} values)")


def _drops(rows: NDArray[np.float64], cuts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean before less mean after each cut, times the square root of n1 n2 / n: shape (rows, cuts)."""
    n = rows.shape[1]
    sums = rows.cumsum(axis=1)
    before = sums[:, cuts - 1]
    means = before / cuts - (sums[:, -1:] - before) / (n - cuts)
    return means * np.sqrt(cuts * (n - cuts) / n)


def _permuted(
    y: NDArray[np.float64], code: NDArray[np.intp], count: int, draws: int, seed: int
) -> list[NDArray[np.float64]]:
    """The values with users changed about among users with as many values, each user's own in their order."""
    rng = np.random.default_rng(seed)
    places = [np.flatnonzero(code == cluster) for cluster in range(count)] if count < y.size else []
    by_size: dict[int, list[NDArray[np.intp]]] = defaultdict(list)
    for own in places:
        by_size[own.size].append(own)
    blocks = [np.stack(same) for same in by_size.values()]
    step = max(1, CHUNK // y.size)
    chunks = []
    for start in range(0, draws, step):
        size = min(step, draws - start)
        rows = np.tile(y, (size, 1))
        if not blocks:
            rows = rng.permuted(rows, axis=1)
        for block in blocks:
            for row in rows:
                row[block.reshape(-1)] = y[block[rng.permutation(block.shape[0])].reshape(-1)]
        chunks.append(rows)
    return chunks


def _standard(statistic: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = statistic.std()
    return (statistic - statistic.mean()) / spread if spread > 0 else np.zeros_like(statistic)


def _mean_ranks(when: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(when, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return (ends - (counts - 1) / 2)[inverse.reshape(-1)]
