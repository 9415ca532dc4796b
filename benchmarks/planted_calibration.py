"""Does a rate that labels have set right hold what it promises? A judge whose mistakes are planted, thousands of times.

Prints markdown tables. Seeds are fixed: two runs print the same.
"""

from concurrent.futures import ProcessPoolExecutor
from itertools import product
from unittest.mock import patch

import numpy as np
from planted_truth import CLUSTERS, ICC, RATE, TRIALS, difficulties, play

from assay.statistics import Estimate, PairedDifference, clustered_mean, paired_by_cluster
from assay.statistics.agreement import missing_not_at_random
from assay.statistics.calibration import (
    TUNING_NEEDS,
    admission,
    next_labels,
    operating_point,
    prediction_power,
    prediction_powered,
    pseudo_outcomes,
    rogan_gladen,
)

RUNS = 3_000
SENSITIVITY, SPECIFICITY = 0.9, 0.8
LABELLED = 0.3
ESTIMATORS = ("judge alone", "prediction-powered", "weight always 1", "weight always tuned", "Rogan-Gladen")
FEW = (
    (40, 0.3, 0.97, 0.97),
    (100, 0.1, 0.97, 0.97),
    (100, 0.1, 1.0, 0.85),
    (400, 0.03, 0.97, 0.97),
    (400, 0.03, 1.0, 0.85),
    (400, 0.03, 0.9, 0.8),
    (40, 0.3, 0.6, 0.6),
    (400, 0.1, 0.6, 0.6),
)
DOUBTS = ("calibrated", "overconfident", "says nothing")
FLOORS = (1.0, 0.5, 0.3, 0.05)


def main() -> None:
    cells = list(product(CLUSTERS, ICC))
    with ProcessPoolExecutor(2) as pool:
        # The largest first, so that neither process waits for the other at the end.
        backwards = pool.map(coverage, *zip(*cells[::-1], strict=True))
        promoted = pool.map(false_promotes, *zip(*cells[::-1], strict=True))
        few = pool.map(with_few_mistakes, *zip(*FEW, strict=True))
        chosen = list(product((40, 100), DOUBTS, FLOORS))
        active = pool.map(with_chosen_labels, *zip(*chosen, strict=True))
        alarms = pool.map(false_alarms, CLUSTERS)
        admitted = pool.map(admitted_on_the_edge, (40, 100, 400))
        held = dict(zip(cells[::-1], backwards, strict=True))
        unfair = dict(zip(cells[::-1], promoted, strict=True))
        few, active, alarms, admitted = list(few), list(active), list(alarms), list(admitted)
    print(
        f"True pass rate {RATE}, {TRIALS} trials a scenario, judge's sensitivity {SENSITIVITY}, specificity "
        f"{SPECIFICITY}, each conversation labelled with a chance of {LABELLED}. {RUNS:,} experiments a cell.\n\n"
        "Coverage of the 95 % interval, ICC 0.3 / 0.5 / 0.7:\n"
    )
    print("| scenarios | " + " | ".join(ESTIMATORS) + " |")
    print("|---:|" + "---|" * len(ESTIMATORS))
    for clusters in CLUSTERS:
        shown = [" / ".join(f"{held[clusters, icc][name][0]:.1%}" for icc in ICC) for name in ESTIMATORS]
        print(f"| {clusters} | " + " | ".join(shown) + " |")
    print("\nICC 0.5: half the mean width, no answer, and A/A with pseudo-outcomes:\n")
    print("| scenarios | " + " | ".join(f"width: {name}" for name in ESTIMATORS) + " | ", end="")
    print("no answer, prediction-powered | refused, Rogan-Gladen | false PROMOTE, A/A, ICC 0.3 / 0.5 / 0.7 |")
    print("|---:|" + "---:|" * len(ESTIMATORS) + "---:|---:|---|")
    for clusters in CLUSTERS:
        found = held[clusters, 0.5]
        widths = " | ".join(f"{found[name][1]:.3f}" for name in ESTIMATORS)
        silent = f"{found['prediction-powered'][2]:.1%} | {found['Rogan-Gladen'][2]:.1%}"
        print(f"| {clusters} | {widths} | {silent} | {' / '.join(f'{unfair[clusters, icc]:.1%}' for icc in ICC)} |")
    print("\nFew labels, few or many mistakes, ICC 0.5:\n")
    print(
        "| scenarios | labelled | sensitivity | specificity | judge alone | prediction-powered | weight always 1 |",
        end="",
    )
    print(" half width | half width, weight 1 |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for (clusters, share, sensitivity, specificity), found in zip(FEW, few, strict=True):
        alone, powered, plain = (found[name] for name in ESTIMATORS[:3])
        print(f"| {clusters} | {share:.0%} | {sensitivity} | {specificity} | {alone[0]:.1%} | ", end="")
        print(f"{powered[0]:.1%} | {plain[0]:.1%} | {powered[1]:.3f} | {plain[1]:.3f} |")
    print(
        f"\nLabels on {LABELLED:.0%} of conversations, chosen where the judge doubts, ICC 0.3: coverage (half width)\n"
    )
    print("| scenarios | judge's doubt | spread evenly | half evenly | 0.3 evenly | 0.05 evenly |")
    print("|---:|---|---|---|---|---|")
    for clusters, doubt in product((40, 100), DOUBTS):
        row = [active[chosen.index((clusters, doubt, floor))] for floor in FLOORS]
        print(f"| {clusters} | {doubt} | " + " | ".join(f"{hits:.1%} ({half:.3f})" for hits, half in row) + " |")
    print("\n| scenarios | labels said not to be missing at random, though they are |\n|---:|---:|")
    for clusters, share in zip(CLUSTERS, alarms, strict=True):
        print(f"| {clusters} | {share:.1%} |")
    print("\n| labels | judges admitted whose sensitivity is 0.80 and no more |\n|---:|---:|")
    for labels, share in zip((40, 100, 400), admitted, strict=True):
        print(f"| {labels} | {share:.1%} |")
    print(f"\nWeights are tuned from {TUNING_NEEDS} labels on.")


def coverage(clusters: int, icc: float) -> dict[str, tuple[float, float, float]]:
    """For each estimator: how often its interval holds the planted rate, half its width, how often there is none."""
    return compared(np.random.default_rng([11, clusters, round(100 * icc)]), clusters, icc)


def with_few_mistakes(
    clusters: int, share: float, sensitivity: float, specificity: float
) -> dict[str, tuple[float, float, float]]:
    rng = np.random.default_rng([12, clusters, round(100 * share), round(100 * sensitivity)])
    return compared(rng, clusters, 0.5, share, sensitivity, specificity, names=ESTIMATORS[:3])


def compared(
    rng: np.random.Generator,
    clusters: int,
    icc: float,
    share: float = LABELLED,
    sensitivity: float = SENSITIVITY,
    specificity: float = SPECIFICITY,
    names: tuple[str, ...] = ESTIMATORS,
) -> dict[str, tuple[float, float, float]]:
    scenarios = np.repeat(np.arange(clusters), TRIALS)
    found: dict[str, list[tuple[bool, float]]] = {name: [] for name in names}
    for met in play(rng, difficulties(rng, clusters, icc, RATE, RUNS)):
        judge = judged(rng, met, sensitivity, specificity)
        drawn = rng.random(met.size) < share
        data = judge, np.where(drawn, met, np.nan), np.full(met.size, share), scenarios
        for name in names:
            match name:
                case "judge alone":
                    answer = clustered_mean(judge, scenarios)
                case "prediction-powered":
                    answer = prediction_powered(*data)
                case "weight always 1":
                    answer = prediction_powered(*data, tuned=False)
                case "weight always tuned":
                    with patch.object(prediction_power, "TUNING_NEEDS", 0):
                        answer = prediction_powered(*data)
                case _:
                    answer = rogan_gladen(
                        judge, met[drawn], judge[drawn], clusters=scenarios, calibration_clusters=scenarios[drawn]
                    )
            if isinstance(answer, Estimate):
                found[name].append((answer.low <= RATE <= answer.high, (answer.high - answer.low) / 2))
    return {
        name: (*np.mean(answers or [(0, 0)], axis=0).tolist(), 1 - len(answers) / RUNS)
        for name, answers in found.items()
    }


def false_promotes(clusters: int, icc: float) -> float:
    """How often an agent is promoted over itself by pseudo-outcomes."""
    rng = np.random.default_rng([13, clusters, round(100 * icc)])
    scenarios = np.repeat(np.arange(clusters), TRIALS)
    hits = 0
    chance = difficulties(rng, clusters, icc, RATE, RUNS)
    for sides in zip(play(rng, chance), play(rng, chance), strict=True):
        first, second = (
            pseudo_outcomes(
                judged(rng, met, SENSITIVITY, SPECIFICITY),
                np.where(rng.random(met.size) < LABELLED, met, np.nan),
                np.full(met.size, LABELLED),
                scenarios,
            )
            for met in sides
        )
        found = paired_by_cluster(first, scenarios, second, scenarios)
        hits += isinstance(found, PairedDifference) and found.low > 0
    return hits / RUNS


def with_chosen_labels(clusters: int, doubt: str, floor: float) -> tuple[float, float]:
    """Labels where the judge doubts: coverage and half the width. A floor of 1 spreads them evenly."""
    rng = np.random.default_rng([14, clusters, DOUBTS.index(doubt)])
    scenarios = np.repeat(np.arange(clusters), TRIALS)
    budget = round(LABELLED * scenarios.size)
    found = []
    passes = difficulties(rng, clusters, 0.3, RATE, RUNS)
    for run, (met, chance) in enumerate(zip(play(rng, passes), passes, strict=True)):
        if doubt == "says nothing":
            judge, believed = judged(rng, met, SENSITIVITY, SPECIFICITY), rng.random(met.size)
        else:
            sharper = 1 if doubt == "calibrated" else 3
            odds = (np.clip(chance, 0.01, 0.99) / np.clip(1 - chance, 0.01, 0.99)) ** sharper
            believed = np.repeat(odds / (1 + odds), TRIALS)
            judge = (believed > 0.5).astype(float)
        labels = next_labels(believed, budget, floor=floor, seed=run)
        answer = prediction_powered(judge, np.where(labels.chosen, met, np.nan), labels.probability, scenarios)
        if isinstance(answer, Estimate):
            found.append((answer.low <= RATE <= answer.high, (answer.high - answer.low) / 2))
    hits, half = np.mean(found, axis=0)
    return float(hits), float(half)


def false_alarms(clusters: int) -> float:
    """Verdicts and labels that have nothing to do with each other, though both are alike within a scenario."""
    rng = np.random.default_rng([15, clusters])
    scenarios = np.repeat(np.arange(clusters), TRIALS)
    verdicts = play(rng, difficulties(rng, clusters, 0.5, RATE, RUNS))
    rated = play(rng, difficulties(rng, clusters, 0.5, LABELLED, RUNS))
    asked = (missing_not_at_random(*both, scenarios) for both in zip(verdicts, rated, strict=True))
    return sum(found.p is not None and found.p < 0.05 for found in asked) / RUNS


def admitted_on_the_edge(labels: int) -> float:
    """As many labels of each class, specificity 1: only sensitivity can keep the judge out."""
    rng = np.random.default_rng([16, labels])
    human = np.repeat([1.0, 0.0], labels)
    judges = (np.where(human == 1, rng.random(human.size) < 0.8, False).astype(float) for _ in range(RUNS))
    return sum(admission(operating_point(human, judge)).admitted for judge in judges) / RUNS


def judged(rng: np.random.Generator, met: np.ndarray, sensitivity: float, specificity: float) -> np.ndarray:
    return np.where(rng.random(met.size) < np.where(met == 1, sensitivity, specificity), met, 1 - met)


if __name__ == "__main__":
    main()
