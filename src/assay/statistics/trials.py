"""What k trials of one scenario do: all pass, or one passes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.estimate import Estimate, Insufficient
from assay.statistics.intervals import clustered_mean


def pass_hat_k(successes: ArrayLike, trials: ArrayLike, k: int) -> Estimate | Insufficient:
    """Chance that k independent trials of one scenario all succeed, averaged over scenarios.

    successes, trials: shape (scenarios,), counts. Raises ValueError if k > trials.min().
    Unbiased: C(c, k) / C(n, k) per scenario. Interval: t over scenarios.
    Source: Yao et al. 2024, tau-bench, section 3.
    """
    c, n = _counts(successes, trials, k)
    return _over_scenarios(_all_of(c, n, k))


def pass_at_k(successes: ArrayLike, trials: ArrayLike, k: int) -> Estimate | Insufficient:
    """Chance that at least one of k independent trials of one scenario succeeds, averaged over scenarios.

    Shapes and errors as in pass_hat_k. Unbiased: 1 - C(n - c, k) / C(n, k) per scenario.
    Source: Chen et al. 2021, Codex, section 2.1.
    """
    c, n = _counts(successes, trials, k)
    return _over_scenarios(1 - _all_of(n - c, n, k))


def _counts(successes: ArrayLike, trials: ArrayLike, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    c, n = np.asarray(successes, dtype=int), np.asarray(trials, dtype=int)
    if c.shape != n.shape:
        raise ValueError(f"successes and trials must be of one shape, not {c.shape} and {n.shape}")
    if n.size and not 1 <= k <= n.min():
        raise ValueError(f"k must be from 1 to {n.min()}, the fewest trials of any scenario, not {k}")
    if ((c < 0) | (c > n)).any():
        raise ValueError("successes must be from 0 to trials")
    return c, n


def _all_of(c: NDArray[Any], n: NDArray[Any], k: int) -> NDArray[np.float64]:
    """C(c, k) / C(n, k), factor by factor: the coefficients themselves overflow from about a thousand trials."""
    result = np.ones(n.shape)
    for step in range(k):
        result = result * np.maximum(c - step, 0) / (n - step)
    return result


def _over_scenarios(shares: NDArray[np.float64]) -> Estimate | Insufficient:
    return clustered_mean(shares, np.arange(shares.size))
