"""Would it pay to stop playing scenarios whose outcome looks settled? Against planted truths, no (docs/adr/0006).

Prints a markdown table. Seeds are fixed.
"""

import numpy as np

from assay.statistics import Estimate, clustered_mean
from assay.statistics.calibration import inclusion_probabilities

RUNS = 3_000
RATE = 0.8
FIRST, FURTHER, SHARE = 2, 6, 1 / 3
"""Two trials each, then six more for a third of the scenarios: four a scenario on average."""
FLOOR = 0.5
"""Share of the further trials that is spread evenly."""


def main() -> None:
    print("| scenarios | ICC | bias, points | coverage | width, adaptive / even | bias of stopping early, points |")
    print("|---:|---:|---:|---:|---:|---:|")
    for scenarios in (20, 40, 100, 400):
        for icc in (0.3, 0.7):
            bias, coverage, width, naive = measure(scenarios, icc)
            shares = f"{100 * bias:+.2f} | {100 * coverage:.1f} % | {width:.2f} | {100 * naive:+.2f}"
            print(f"| {scenarios} | {icc} | {shares} |")


def measure(scenarios: int, icc: float) -> tuple[float, float, float, float]:
    """Of the valid rule: bias, coverage of its 95 % interval and width beside even trials; of the naive one: bias.

    Valid: the first trials decide only with which probability pi a scenario gets more (as the standard deviation of
    one trial, by Jeffreys), and z = first + share / pi x (further - first) has the scenario's own rate as its expected
    value (Neyman 1938, double sampling). Naive: scenarios whose first trials agree get no more, and all are averaged.
    """
    rng = np.random.default_rng([scenarios, round(100 * icc)])
    strength = 1 / icc - 1
    values, hits, widths, even, naive = [], 0, [], [], []
    labels = np.arange(scenarios)
    for _ in range(RUNS):
        p = rng.beta(RATE * strength, (1 - RATE) * strength, scenarios)
        passes, more = rng.binomial(FIRST, p), rng.binomial(FURTHER, p)
        guess = (passes + 0.5) / (FIRST + 1)
        chance = inclusion_probabilities(np.sqrt(guess * (1 - guess)), round(SHARE * scenarios), FLOOR)
        chosen = rng.random(scenarios) < chance
        share = FURTHER / (FIRST + FURTHER)
        z = passes / FIRST + np.where(chosen, share / chance * (more / FURTHER - passes / FIRST), 0.0)
        adaptive = clustered_mean(z, labels)
        evenly = clustered_mean(rng.binomial(FIRST + 2, p) / (FIRST + 2), labels)
        assert isinstance(adaptive, Estimate)
        assert isinstance(evenly, Estimate)
        values.append(adaptive.value)
        hits += adaptive.low <= RATE <= adaptive.high
        widths.append(adaptive.high - adaptive.low)
        even.append(evenly.high - evenly.low)
        settled = (passes == 0) | (passes == FIRST)
        naive.append(np.where(settled, passes / FIRST, (passes + more) / (FIRST + FURTHER)).mean())
    width = float(np.mean(widths) / np.mean(even))
    return float(np.mean(values)) - RATE, hits / RUNS, width, float(np.mean(naive)) - RATE


if __name__ == "__main__":
    main()
