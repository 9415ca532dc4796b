"""Do bounds that are looked at all the time hold what they promise? Arms, drift and forecasts with planted truths.

Prints markdown tables. Seeds are fixed: two runs print the same.
"""

from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np
from planted_truth import CLUSTERS, ICC, RATE, TRIALS, difficulties, play

from assay.statistics import Estimate, clustered_mean
from assay.statistics.drift import Drift, kolmogorov_smirnov, spend
from assay.statistics.forecast import predict_rate
from assay.statistics.sequential import confidence_sequence, sample_ratio_mismatch, watch

RUNS = 1_000
LOOKS = 2_000
RATES, SHARES = (0.5, 0.7, 0.9), (0.05, 0.5)
LOSSES = (0.1, 0.2)
MARGIN = 0.02
WINDOWS = 20
FUTURE = 200


def main() -> None:
    cells = list(product(RATES, SHARES))
    with ProcessPoolExecutor(2) as pool:
        alarms = list(pool.map(false_alarms, *zip(*cells, strict=True)))
        losses = list(product(LOSSES, SHARES))
        soon = list(pool.map(how_soon, *zip(*losses, strict=True)))
        split = pool.submit(split_alarms)
        drift = pool.submit(drift_alarms)
        widths = pool.submit(how_wide)
        forecasts = list(pool.map(forecast_coverage, *zip(*product(CLUSTERS, ICC), strict=True)))
    print(
        f"Two arms, a look after every conversation, up to {LOOKS:,} conversations, margin {MARGIN:.0%}, {RUNS:,} "
        "experiments a cell:\n\n| pass rate of both | challenger's share | called worse though equal | called good "
        "though it is worse by the margin | called worse though at the margin |\n|---:|---:|---:|---:|---:|"
    )
    for (rate, share), (equal, good, edge) in zip(cells, alarms, strict=True):
        print(f"| {rate} | {share:.0%} | {equal:.1%} | {good:.1%} | {edge:.1%} |")
    print(
        "\nHow many conversations in all until a loss is called, champion at 0.8:\n\n"
        "| loss | challenger's share | half of the time | 9 times of 10 |\n|---:|---:|---:|---:|"
    )
    for (loss, share), (median, most) in zip(losses, soon, strict=True):
        print(f"| {100 * loss:.0f} points | {share:.0%} | {median} | {most} |")
    print(f"\nSample-ratio mismatch said though the split is fair, {LOOKS:,} looks: {split.result():.1%}")
    print(f"Drift said in any of {WINDOWS} windows of 100 though nothing changed: {drift.result():.1%}")
    print("\n| conversations | half width, any time | half width, looked at once |\n|---:|---:|---:|")
    for n, (any_time, once) in widths.result().items():
        print(f"| {n:,} | {any_time:.3f} | {once:.3f} |")
    print(f"\nForecasts of the rate of {FUTURE} conversations to come hold, ICC 0.3 / 0.5 / 0.7:\n")
    print("| scenarios | held |\n|---:|---|")
    for place, clusters in enumerate(CLUSTERS):
        held = forecasts[place * len(ICC) : (place + 1) * len(ICC)]
        print(f"| {clusters} | {' / '.join(f'{share:.1%}' for share in held)} |")


def arms(rng: np.random.Generator, size: int, share: float, champion: float, challenger: float):
    arm = (rng.random(size) < share).astype(float)
    return arm, (rng.random(size) < np.where(arm == 1, challenger, champion)).astype(float)


def false_alarms(rate: float, share: float) -> tuple[float, float, float]:
    rng = np.random.default_rng([21, round(100 * rate), round(100 * share)])
    equal = edge = good = 0
    for _ in range(RUNS):
        equal += watch(*arms(rng, LOOKS, share, rate, rate), margin=MARGIN).call == "worse"
        said = watch(*arms(rng, LOOKS, share, rate, rate - MARGIN), margin=MARGIN).call
        edge, good = edge + (said == "worse"), good + (said == "good")
    return equal / RUNS, good / RUNS, edge / RUNS


def how_soon(loss: float, share: float) -> tuple[str, str]:
    rng = np.random.default_rng([22, round(100 * loss), round(100 * share)])
    limit = 20_000
    found = []
    for _ in range(100):
        said = watch(*arms(rng, limit, share, 0.8, 0.8 - loss), margin=MARGIN)
        found.append(said.at if said.call == "worse" and said.at else np.inf)
    shown = [float(np.quantile(found, q, method="higher")) for q in (0.5, 0.9)]
    return tuple(f"{n:,.0f}" if np.isfinite(n) else f"over {limit:,}" for n in shown)  # type: ignore[return-value]


def split_alarms() -> float:
    rng = np.random.default_rng(23)
    shares = ((0.95, 0.05), (0.75, 0.25), (0.5, 0.5))
    said = [sample_ratio_mismatch(rng.random(LOOKS) < plan[1], plan)[-1] < 0.05 for plan in shares for _ in range(RUNS)]
    return float(np.mean(said))


def drift_alarms() -> float:
    rng = np.random.default_rng(24)
    alarms = 0
    runs = 200
    for _ in range(runs):
        reference = rng.normal(0, 1, 200)
        for window in range(1, WINDOWS + 1):
            level = spend(window)
            draws = int(min(4_000, 5 / level))
            found = kolmogorov_smirnov(reference, rng.normal(0, 1, 100), draws=draws, seed=window)
            if isinstance(found, Drift) and found.p < level:
                alarms += 1
                break
    return alarms / runs


def how_wide() -> dict[int, tuple[float, float]]:
    rng = np.random.default_rng(25)
    found = {}
    for n in (100, 500, 2_000, 10_000):
        any_time, once = [], []
        for _ in range(30):
            x = (rng.random(n) < RATE).astype(float)
            bounds = confidence_sequence(x)
            single = clustered_mean(x, np.arange(n))
            assert isinstance(single, Estimate)
            any_time.append((bounds.high[-1] - bounds.low[-1]) / 2)
            once.append((single.high - single.low) / 2)
        found[n] = float(np.mean(any_time)), float(np.mean(once))
    return found


def forecast_coverage(clusters: int, icc: float) -> float:
    rng = np.random.default_rng([26, clusters, round(100 * icc)])
    scenarios = np.repeat(np.arange(clusters), TRIALS)
    held = answered = 0
    for met in play(rng, difficulties(rng, clusters, icc, RATE, RUNS)):
        found = predict_rate(clustered_mean(met, scenarios), FUTURE)
        if isinstance(found, Estimate):
            came = (rng.random(FUTURE) < difficulties(rng, FUTURE, icc, RATE, 1)[0]).mean()
            held += found.low <= came <= found.high
            answered += 1
    return held / answered


if __name__ == "__main__":
    main()
