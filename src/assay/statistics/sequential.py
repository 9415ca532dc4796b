"""Numbers that are looked at while they grow: bounds that hold at every look, however many there are.

Outcomes are bounded and come in the order in which they arrived. Of one user (or scenario) only the mean counts as one
observation: conversations of the same user are not independent of each other (`one_per_cluster`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import codes
from assay.statistics.intervals import _finite

GRID = 200
"""Candidate means between the bounds; the interval is widened by one step, so that rounding costs nothing."""
MOST_BET = 0.75
"""Of what may be staked: more bets faster and is ruined faster."""
CHUNK = 4_000_000
STRENGTH = 50.0
"""How firmly the planned shares are expected, in conversations: of the Dirichlet prior under a mismatch."""

Call = Literal["worse", "good", "undecided"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on a mean after each observation, shape (n,): all of them hold together with the stated confidence."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    confidence: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What a guardrail says. `at`: after how many observations that was first known; None: it is not yet.

    `value`, `low`, `high`: challenger minus champion now, with bounds that hold at every look; None: one of them has
    no observation.
    """

    call: Call
    at: int | None
    value: float | None
    low: float | None
    high: float | None
    champion: int
    challenger: int


def one_per_cluster(
    values: ArrayLike, clusters: ArrayLike | Sequence[object]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(means, order): the mean of each cluster, shape (clusters,), in the order in which clusters were complete, and
    the index of each one's last value."""
    y = _finite(values)
    code, count = codes(clusters)
    if code.size != y.size:
        raise ValueError(f"values and clusters must be of one length, not {y.size} and {code.size}")
    last = np.zeros(count, dtype=np.intp)
    last[code] = np.arange(y.size)
    mean = np.bincount(code, weights=y, minlength=count) / np.maximum(1, np.bincount(code, minlength=count))
    order = np.argsort(last, kind="stable")
    return mean[order], last[order]


def confidence_sequence(values: ArrayLike, *, confidence: float = 0.95, low: float = 0.0, high: float = 1.0) -> Bounds:
    """Bounds on the mean of bounded observations after each one: with the stated confidence all hold at once.

    values: shape (n,), from low to high, independent or at least of the same mean given what came before. Shapes (n,).
    A gambler bets for and against every candidate mean; a mean at which some capital has grown to 1 / (1 - confidence)
    is out for good.
    Raises ValueError for values out of range.
    Source: Waudby-Smith and Ramdas 2024 (arXiv 2010.09686), betting with approximate GRAPA bets; Ville 1939 for why it
    may be looked at any time.
    """
    x = _unit(values, low, high)
    threshold = -np.log(_alpha(confidence))
    grid = np.linspace(0.0, 1.0, GRID + 1)
    lower, upper = np.zeros(x.size), np.ones(x.size)
    gone = np.zeros(grid.size, dtype=bool)
    for start, capital in _log_capital(x, grid):
        out = np.maximum.accumulate(np.vstack([gone, capital >= threshold]), axis=0)[1:]
        gone = out[-1]
        inside = ~out
        none = ~inside.any(axis=1)
        first, last = inside.argmax(axis=1), GRID - inside[:, ::-1].argmax(axis=1)
        stop = start + capital.shape[0]
        middle = np.cumsum(x)[start:stop] / np.arange(start + 1, stop + 1)
        lower[start:stop] = np.where(none, middle, grid[np.maximum(0, first - 1)])
        upper[start:stop] = np.where(none, middle, grid[np.minimum(GRID, last + 1)])
    return Bounds(low + (high - low) * lower, low + (high - low) * upper, confidence)


def watch(
    arm: ArrayLike,
    value: ArrayLike,
    *,
    margin: float,
    confidence: float = 0.95,
    low: float = 0.0,
    high: float = 1.0,
    lower_is_better: bool = False,
) -> Watched:
    """Whether the challenger is worse than the champion by more than a margin, looked at after every observation.

    arm: shape (n,), 0 the champion, 1 the challenger, in the order of arrival. value: shape (n,), from low to high.
    margin: in the units of value, not below 0. `worse`: challenger - champion is surely below -margin (above it where
    lower_is_better); `good`: surely not. The chance to ever call an equal challenger worse, or a worse one good, is at
    most 1 - confidence each, with any number of looks and any split of traffic.
    The product of both arms' capitals must exceed 1 / (1 - confidence) for all pairs of means that the other answer
    allows. The bounds are of all differences for which it does not, now.
    Raises ValueError for other arms, values out of range, or a negative margin.
    Source: Waudby-Smith and Ramdas 2024 (arXiv 2010.09686); Turner and Gruenwald 2023 for products over two samples.
    """
    a, x = np.asarray(arm, dtype=float).reshape(-1), _unit(value, low, high)
    if a.size != x.size or not np.isin(a, (0.0, 1.0)).all():
        raise ValueError("arm: one of 0 (champion) and 1 (challenger) is needed for each value")
    if margin < 0:
        raise ValueError(f"margin must not be below 0, not {margin}")
    if lower_is_better:
        x = 1 - x
    counts = int((a == 0).sum()), int((a == 1).sum())
    if not min(counts):
        return Watched("undecided", None, None, None, None, *counts)
    scale, steps = high - low, margin / (high - low) * GRID
    grid = np.linspace(0.0, 1.0, GRID + 1)
    capitals = [np.vstack([np.zeros(grid.size), _capital(x[a == which], grid)]) for which in (0, 1)]
    seen = [np.cumsum(a == which) for which in (0, 1)]
    threshold = -np.log(_alpha(confidence))
    # Not worse: m1 >= m0 - margin. Pairs at the edge belong to both, so that a step of the grid costs nothing.
    shift = int(np.floor(steps))
    worse_at = _first(capitals, seen, threshold, -shift - 1, upwards=True)
    good_at = _first(capitals, seen, threshold, -shift, upwards=False)
    call: Call = "undecided"
    at = None
    if worse_at is not None and (good_at is None or worse_at <= good_at):
        call, at = "worse", worse_at
    elif good_at is not None:
        call, at = "good", good_at
    bottom, top = _differences([capital[-1] for capital in capitals], threshold)
    found = float(x[a == 1].mean() - x[a == 0].mean()) * scale
    bottom, top = min(bottom * scale, found), max(top * scale, found)
    if lower_is_better:
        found, bottom, top = -found, -top, -bottom
    return Watched(call, at, found, bottom, top, *counts)


def mixture_sprt(
    arm: ArrayLike, value: ArrayLike, *, margin: float = 0.0, spread: float = 0.1, burn_in: int = 50
) -> NDArray[np.float64]:
    """Always-valid p of "challenger - champion is -margin", after each observation: shape (n,), never rising.

    arm, value: as in `watch`, in any unit. spread: standard deviation of the differences that are thought possible, in
    that unit. It takes the difference of means for normal, so nothing is said (p = 1) before each arm has `burn_in`
    observations. For latency and cost, which have no bound; bounded outcomes have `watch`, which needs no such faith.
    Raises ValueError for other arms, or a spread that is not above 0.
    Source: Johari, Koomen, Pekelis and Walsh 2022 (arXiv 1512.04922), the normal mixture; Robbins 1970.
    """
    a, x = np.asarray(arm, dtype=float).reshape(-1), _finite(value)
    if a.size != x.size or not np.isin(a, (0.0, 1.0)).all():
        raise ValueError("arm: one of 0 (champion) and 1 (challenger) is needed for each value")
    if spread <= 0:
        raise ValueError(f"spread must be above 0, not {spread}")
    count, mean, variance = [], [], []
    for which in (0.0, 1.0):
        mine = a == which
        n = np.cumsum(mine)
        some = np.maximum(n, 1)
        middle = np.cumsum(x * mine) / some
        squares = np.cumsum((x**2) * mine) / some
        count.append(n)
        mean.append(middle)
        variance.append(np.maximum(squares - middle**2, 0) / some)
    known = (count[0] >= burn_in) & (count[1] >= burn_in)
    error = np.maximum(variance[0] + variance[1], 1e-300)
    off = mean[1] - mean[0] + margin
    evidence = 0.5 * np.log(error / (error + spread**2)) + spread**2 * off**2 / (2 * error * (error + spread**2))
    p = np.where(known, np.exp(-np.maximum(evidence, 0.0)), 1.0)
    return np.minimum.accumulate(p) if p.size else p


def sample_ratio_mismatch(arm: ArrayLike, shares: ArrayLike, *, strength: float = STRENGTH) -> NDArray[np.float64]:
    """Always-valid p of "arms are drawn with these shares", after each conversation: shape (n,), never rising.

    arm: shape (n,), indices into shares. shares: shape (arms,), above 0, adding up to 1; or (n, arms) where the plan
    changed on the way.
    Raises ValueError for other shares or arms.
    Source: Lindon and Malek 2022 (arXiv 2011.03567).
    """
    a = np.asarray(arm, dtype=float).reshape(-1)
    plan = np.asarray(shares, dtype=float)
    plan = np.broadcast_to(plan, (a.size, plan.shape[-1])) if plan.ndim == 1 else plan
    if plan.shape[0] != a.size or (plan <= 0).any() or not np.allclose(plan.sum(axis=1), 1):
        raise ValueError("shares must be above 0 and add up to 1")
    if not np.isin(a, np.arange(plan.shape[1])).all():
        raise ValueError(f"arm: an index from 0 to {plan.shape[1] - 1} is needed")
    if not a.size:
        return a
    chosen = np.equal.outer(a, np.arange(plan.shape[1])).astype(float)
    # What each arm had more than planned, scaled to its plan, is what the alternative learns from.
    before = np.cumsum(chosen / plan, axis=0) - chosen / plan
    pull = plan * (strength + before)
    chance = (pull / pull.sum(axis=1, keepdims=True) * chosen).sum(axis=1)
    factor = np.cumsum(np.log(chance) - np.log((plan * chosen).sum(axis=1)))
    return np.minimum.accumulate(np.exp(-np.maximum(factor, 0.0)))


def observations_until(
    loss: float,
    rate: float,
    *,
    margin: float,
    share: float = 0.5,
    confidence: float = 0.95,
    runs: int = 40,
    limit: int = 20_000,
    seed: int = 0,
) -> int | None:
    """About how many conversations in all until `watch` calls this loss worse, 9 times of 10; None: not within limit.

    loss: in pass rate, above margin. rate: the champion's. share: of traffic that the challenger gets. Found by playing
    it with a fixed seed.
    Raises ValueError for a loss that is not above the margin.
    """
    if loss <= margin:
        raise ValueError(f"loss: {loss} is within the margin of {margin}, so it is never called worse")
    rng = np.random.default_rng(seed)
    size = 500
    while size <= limit:
        found = []
        for _ in range(runs):
            arm = (rng.random(size) < share).astype(float)
            value = (rng.random(size) < np.where(arm == 1, max(0.0, rate - loss), rate)).astype(float)
            said = watch(arm, value, margin=margin, confidence=confidence)
            found.append(said.at if said.call == "worse" and said.at is not None else np.inf)
        needed = float(np.quantile(found, 0.9, method="higher"))
        if np.isfinite(needed):
            return int(needed)
        size *= 2
    return None


def _log_capital(x: NDArray[np.float64], grid: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """(start, log of the capital at each candidate mean, shape (chunk, grid)) for successive chunks.

    Each bet is what would have made the capital grow fastest on what came before (the approximate GRAPA bet).
    """
    before, spread = _before(x)
    grown = np.zeros(grid.size)
    with np.errstate(divide="ignore"):
        most, least = MOST_BET / grid, -MOST_BET / (1 - grid)
    step = max(1, CHUNK // grid.size)
    for start in range(0, x.size, step):
        off = before[start : start + step, None] - grid
        bet = np.clip(off / (spread[start : start + step, None] + off**2), least, most)
        capital = grown + np.cumsum(np.log1p(bet * (x[start : start + step, None] - grid)), axis=0)
        grown = capital[-1]
        yield start, capital


def _capital(x: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([part for _, part in _log_capital(x, grid)]) if x.size else np.zeros((0, grid.size))


def _before(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of what came before each observation, drawn towards a coin's while that is little."""
    t = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x) - x) / t
    squares = np.cumsum((x - mean) ** 2)
    return mean, (0.25 + squares - (x - mean) ** 2) / t


def _first(
    capitals: list[NDArray[np.float64]],
    seen: list[NDArray[np.intp]],
    threshold: float,
    shift: int,
    *,
    upwards: bool,
) -> int | None:
    """After how many observations every pair of means with m1 - m0 >= shift (<= where not upwards) is ruled out."""
    size = capitals[0].shape[1]
    place = np.arange(size) + shift
    # The least capital of the second arm over all means from a place on (or up to it).
    if upwards:
        least = np.minimum.accumulate(capitals[1][:, ::-1], axis=1)[:, ::-1]
        inside = place < size
        at = np.clip(place, 0, size - 1)
    else:
        least = np.minimum.accumulate(capitals[1], axis=1)
        inside = place >= 0
        at = np.clip(place, 0, size - 1)
    step = max(1, CHUNK // size)
    for start in range(0, seen[0].size, step):
        one, other = (counts[start : start + step] for counts in seen)
        joint = capitals[0][one] + least[other][:, at]
        out = np.where(inside, joint, np.inf).min(axis=1) >= threshold
        if out.any():
            return start + int(out.argmax()) + 1
    return None


def _differences(capitals: list[NDArray[np.float64]], threshold: float) -> tuple[float, float]:
    """The least and the greatest difference of means that is not ruled out, with a step of the grid to spare."""
    size = capitals[0].size
    joint = capitals[0][:, None] + capitals[1][None, :]
    first, second = np.nonzero(joint < threshold)
    if not first.size:
        return 0.0, 0.0
    gap = second - first
    return max(-1.0, (gap.min() - 1) / (size - 1)), min(1.0, (gap.max() + 1) / (size - 1))


def _unit(values: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    x = _finite(values)
    if high <= low:
        raise ValueError(f"high must be above low, not {high} and {low}")
    if ((x < low) | (x > high)).any():
        raise ValueError(f"values must be from {low} to {high}")
    return (x - low) / (high - low)


def _alpha(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    return 1 - confidence
