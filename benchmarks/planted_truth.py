"""Do the intervals and verdicts hold what they promise? Agents whose true pass rate is planted, thousands of times.

Prints a markdown table. Seeds are fixed: two runs print the same, but for the times.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product, repeat

import numpy as np

from assay.statistics import (
    Estimate,
    PairedDifference,
    clustered_mean,
    paired_by_cluster,
    scenario_differences,
    scenarios_for_paired,
    sign_flip_test,
)

RATE = 0.7
TRIALS = 3
CLUSTERS = (10, 20, 40, 100, 400)
ICC = (0.3, 0.5, 0.7)
RUNS = 8_000
POWER_RUNS = 40_000
"""More, since the planner aims at 80 % exactly: 8,000 leave half a point of noise."""
LOSS = 0.1


def main() -> None:
    with ProcessPoolExecutor(2) as pool:
        cells = list(product(CLUSTERS, ICC))
        covered = dict(zip(cells, pool.map(coverage, *zip(*cells, strict=True)), strict=True))
        promoted = dict(zip(cells, pool.map(false_promotes, *zip(*cells, strict=True)), strict=True))
        power = list(pool.map(power_at_planned_size, ICC))
        extreme = [
            ("coverage", list(pool.map(coverage, CLUSTERS, repeat(0.5), repeat(0.9)))),
            ("false PROMOTE, A/A", list(pool.map(false_promotes, CLUSTERS, repeat(0.5), repeat(0.9)))),
        ]
    print(
        f"True pass rate {RATE}, {TRIALS} trials a scenario. {RUNS:,} experiments a cell, {POWER_RUNS:,} for power.\n"
    )
    print(
        "| scenarios | coverage of the 95 % interval, ICC 0.3 / 0.5 / 0.7 | false PROMOTE, A/A, ICC 0.3 / 0.5 / 0.7 |"
    )
    print("|---:|---|---|")
    for clusters in CLUSTERS:
        shown = [" / ".join(f"{100 * found[clusters, icc]:.1f} %" for icc in ICC) for found in (covered, promoted)]
        print(f"| {clusters} | {shown[0]} | {shown[1]} |")
    print("\n| ICC | variance of a scenario's difference | scenarios planned for 10 points, 80 % | loss found |")
    print("|---:|---:|---:|---:|")
    for icc, (variance, scenarios, found) in zip(ICC, power, strict=True):
        print(f"| {icc} | {variance:.3f} | {scenarios} | {100 * found:.1f} % |")
    print("\n| true pass rate 0.9, ICC 0.5 | " + " | ".join(f"{clusters} scenarios" for clusters in CLUSTERS) + " |")
    print("|---|" + "---:|" * len(CLUSTERS))
    for what, shares in extreme:
        print(f"| {what} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
    print("\n| 10,000 conversations a side, 3,334 scenarios, 10,000 draws | seconds |")
    print("|---|---:|")
    for what, seconds in speed():
        print(f"| {what} | {seconds:.2f} |")


def coverage(clusters: int, icc: float, rate: float = RATE) -> float:
    """How often the interval of clustered_mean holds the planted rate."""
    rng = np.random.default_rng([1, clusters, round(100 * icc), round(100 * rate)])
    labels = np.repeat(np.arange(clusters), TRIALS)
    hits = 0
    for passed in play(rng, difficulties(rng, clusters, icc, rate, RUNS)):
        found = clustered_mean(passed, labels)
        assert isinstance(found, Estimate)
        hits += found.low <= rate <= found.high
    return hits / RUNS


def false_promotes(clusters: int, icc: float, rate: float = RATE) -> float:
    """How often an agent is promoted over itself: the whole interval of the difference lies above 0."""
    rng = np.random.default_rng([2, clusters, round(100 * icc)])
    return decided(rng, clusters, icc, rate, rate, sign=1, runs=RUNS)


def power_at_planned_size(icc: float) -> tuple[float, int, float]:
    """The variance planted, the size that the planner makes of it, and how often a loss of 10 points is found there.

    The challenger meets the same scenarios, each passed with a chance of (1 - loss / rate) times the champion's.
    """
    after = RATE - LOSS
    ratio = after / RATE
    spread = icc * RATE * (1 - RATE)
    own = RATE - (RATE**2 + spread)
    its = ratio * RATE - ratio**2 * (RATE**2 + spread)
    variance = spread * (1 - ratio) ** 2 + (own + its) / TRIALS
    scenarios = scenarios_for_paired(LOSS, variance=variance)
    rng = np.random.default_rng([3, round(100 * icc)])
    return variance, scenarios, decided(rng, scenarios, icc, RATE, after, sign=-1, runs=POWER_RUNS)


def decided(
    rng: np.random.Generator, clusters: int, icc: float, before: float, after: float, *, sign: int, runs: int
) -> float:
    """How often the whole interval of the paired difference lies on the side of `sign`."""
    labels = np.repeat(np.arange(clusters), TRIALS)
    hits = 0
    chance = difficulties(rng, clusters, icc, before, runs)
    for first, second in zip(play(rng, chance), play(rng, chance * after / before), strict=True):
        found = paired_by_cluster(first, labels, second, labels)
        assert isinstance(found, PairedDifference)
        hits += min(sign * found.low, sign * found.high) > 0
    return hits / runs


def difficulties(rng: np.random.Generator, clusters: int, icc: float, rate: float, runs: int) -> np.ndarray:
    """The chance to pass each scenario: beta around `rate`, as spread as the intra-cluster correlation says."""
    strength = 1 / icc - 1
    return rng.beta(rate * strength, (1 - rate) * strength, size=(runs, clusters))


def play(rng: np.random.Generator, chance: np.ndarray) -> np.ndarray:
    """All trials of each experiment in a row, 1 where it passed."""
    passed = rng.random((*chance.shape, TRIALS)) < chance[..., None]
    return passed.astype(float).reshape(len(chance), -1)


def speed() -> Iterator[tuple[str, float]]:
    """A comparison as large as they get."""
    rng = np.random.default_rng(4)
    chance = rng.beta(0.7, 0.3, size=(1, 3_334))
    labels = np.repeat([f"scenario-{number}" for number in range(chance.size)], TRIALS)[:10_000]
    first, second = (play(rng, chance)[0, :10_000] for _ in range(2))
    differences, _ = scenario_differences(first, labels, second, labels)
    for what, work in (
        ("paired difference, interval and p", lambda: paired_by_cluster(first, labels, second, labels)),
        ("cluster bootstrap of a side's rate", lambda: clustered_mean(first, labels, method="bootstrap")),
        ("cluster bootstrap of the difference", lambda: clustered_mean(differences, range(3_334), method="bootstrap")),
        ("sign-flip permutation", lambda: sign_flip_test(differences)),
    ):
        start = time.perf_counter()
        work()
        yield what, time.perf_counter() - start


if __name__ == "__main__":
    main()
