"""pass^k that people would have found, from a judge's rulings and how often the judge is right."""

from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.inversion import LEAST_TOLD_APART, Refused
from assay.statistics.calibration.samples import Clusters, _verdicts, _weights
from assay.statistics.clusters import LEAST, codes
from assay.statistics.estimate import Estimate

DRAWS = 2_000


def corrected_pass_hat_k(
    apparent: ArrayLike,
    scenarios: Clusters,
    human: ArrayLike,
    judge: ArrayLike,
    label_scenarios: Clusters,
    k: int,
    *,
    weights: ArrayLike | None = None,
    asked: ArrayLike | None = None,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate | Refused:
    """Chance that k trials of one scenario all pass by people's rulings, averaged over scenarios.

    apparent: shape (n,), the judge's verdicts, 0 or 1, with their scenarios. human, judge, weights: shape (labels,), as
    in rogan_gladen, with their scenarios. asked: shape (n,), whether the verdict is the judge's to say.
    A trial of a scenario that truly passes with chance p is ruled passed with chance q = a + b p, where a is one less
    the specificity and b is sensitivity + specificity - 1. p^k is then a polynomial in q, and C(c, j) / C(n, j) is
    unbiased for q^j where c of n trials are ruled passed. It takes the judge's mistakes on the trials of one scenario
    to be independent. Interval: percentiles over resampled scenarios of both samples; cut to 0 and 1.
    Refused under 5 scenarios in a sample, and where the judge hardly tells passes from failures.
    Raises ValueError for values that are not 0 or 1, and for k above the least number of trials.
    Source: Yao et al. 2024 for pass^k; Rogan and Gladen 1978 for the inversion; Efron and Tibshirani 1993.
    """
    measured, y, f = _verdicts(apparent, "apparent"), _verdicts(human, "human"), _verdicts(judge, "judge")
    code, count = codes(np.asarray(scenarios, dtype=object))
    trials = np.bincount(code, minlength=count)
    passed = np.bincount(code, weights=measured, minlength=count).astype(float)
    if count and k > trials.min():
        raise ValueError(f"k is {k}, and a scenario has {trials.min()} trials")
    judged = np.ones(measured.size) if asked is None else np.asarray(asked, dtype=float)
    by_judge = np.bincount(code, weights=judged, minlength=count) > 0
    labelled, label_count = codes(np.asarray(label_scenarios, dtype=object))
    if min(count, label_count) < LEAST:
        return Refused(f"{min(count, label_count)} scenarios; {LEAST} are needed")
    weight = np.ones(y.size) if weights is None else _weights(weights, y.size)
    # for each labelled scenario: weight of met, of met that the judge found, of not met, of not met that it found
    table = np.zeros((label_count, 4))
    for column, values in enumerate((y, y * f, 1 - y, (1 - y) * (1 - f))):
        table[:, column] = np.bincount(labelled, weights=weight * values, minlength=label_count)
    powers = np.stack([_power(passed, trials, j) for j in range(k + 1)])
    known = _power(passed, trials, k)

    def rate(of_scenarios: NDArray[np.float64], of_labels: NDArray[np.float64]) -> float:
        met, met_found, unmet, unmet_found = of_labels @ table
        if not met or not unmet:
            return np.nan
        a = 1 - unmet_found / unmet
        b = met_found / met - a
        if b < LEAST_TOLD_APART:
            return np.nan
        inverted = sum(comb(k, j) * (-a) ** (k - j) * powers[j] for j in range(k + 1)) / b**k
        return float(np.average(np.where(by_judge, inverted, known), weights=of_scenarios))

    found = rate(np.ones(count), np.ones(label_count))
    if np.isnan(found):
        return Refused("the judge hardly tells passes from failures, or all labels are alike")
    rng = np.random.default_rng(seed)
    drawn = [rate(_resampled(rng, count), _resampled(rng, label_count)) for _ in range(draws)]
    fine = np.array([value for value in drawn if not np.isnan(value)])
    if fine.size < 0.95 * draws:
        return Refused("there are too few labels: in some samples of them the judge tells nothing apart")
    tail = 50 * (1 - confidence)
    low, high = np.percentile(fine, (tail, 100 - tail))
    value, low, high = (float(min(1.0, max(0.0, bound))) for bound in (found, low, high))
    return Estimate(
        value, low, high, measured.size, count, confidence, f"moments of Rogan-Gladen, {y.size} labels, bootstrap"
    )


def _power(passed: NDArray[np.float64], trials: NDArray[np.int64], j: int) -> NDArray[np.float64]:
    """C(c, j) / C(n, j): unbiased for the j-th power of the chance of a pass."""
    result = np.ones(passed.size)
    for step in range(j):
        result *= np.maximum(0.0, passed - step) / (trials - step)
    return result


def _resampled(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return np.bincount(rng.integers(0, count, count), minlength=count).astype(float)
