"""Which conversations people should label next, drawn by lot with chances that are kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.calibration.samples import _unit


@dataclass(frozen=True, slots=True)
class NextLabels:
    """Which conversations people should label, shape (n,), and the chance that each had, which the labels' weights
    need later."""

    chosen: NDArray[np.bool_]
    probability: NDArray[np.float64]


def inclusion_probabilities(uncertainty: ArrayLike, budget: float, floor: float = 0.05) -> NDArray[np.float64]:
    """The chance with which each conversation should be labelled: high where the judge is likely to be wrong.

    uncertainty: shape (n,), the chance from 0 to 1 that the verdict is met (or equally that it is wrong); 0.5 is the
    most uncertain. budget: labels in all, above 0 and at most n; the result adds up to it. floor: the part of the
    budget, above 0 and at most 1, that is spread evenly, because a judge who is sure can be wrong. Shape (n,), each
    above 0 and at most 1, otherwise in proportion to sqrt(u (1 - u)), the expected size of a mistake.
    Raises ValueError out of these ranges.
    Source: Zrnic and Candes 2024 (arXiv 2403.03208), sections 3 and 5.
    """
    u = _unit(uncertainty, "uncertainty")
    if not 0 < budget <= u.size:
        raise ValueError(f"the budget must be above 0 and at most {u.size}, the number of conversations, not {budget}")
    if not 0 < floor <= 1:
        raise ValueError(f"floor must be above 0 and at most 1, not {floor}")
    size = np.sqrt(u * (1 - u))
    even = np.full(u.size, 1 / u.size)
    wish = even if size.sum() == 0 else (1 - floor) * size / size.sum() + floor * even
    sure = np.zeros(u.size, dtype=bool)
    while True:
        left = budget - sure.sum()
        share = np.where(sure, 1.0, wish * left / wish[~sure].sum() if not sure.all() else 1.0)
        more = (share >= 1) & ~sure
        if not more.any():
            return np.minimum(share, 1.0)
        sure |= more


def next_labels(chance: ArrayLike, budget: int, *, floor: float = 0.5, seed: int = 0) -> NextLabels:
    """Draws the conversations that people should label next, exactly `budget` of them.

    chance: shape (n,), the judge's chance from 0 to 1 that the criterion is met. floor: as in
    inclusion_probabilities, which gives the chances, but half of the budget unless told otherwise: where a judge is
    sure and wrong, less makes the interval both wider and too narrow for what it promises
    (benchmarks/planted_calibration.py). Lots are drawn systematically in a random order, so each has its chance and
    their number is fixed.
    Raises ValueError for a budget that is no whole number from 1 to n.
    Source: Zrnic and Candes 2024 (arXiv 2403.03208); Madow 1949 for the drawing.
    """
    if budget != int(budget):
        raise ValueError(f"the budget must be a whole number, not {budget}")
    probability = inclusion_probabilities(chance, budget, floor)
    rng = np.random.default_rng(seed)
    order = rng.permutation(probability.size)
    reached = np.cumsum(probability[order])
    # The last sum is the budget but for rounding, which must not cost a label.
    reached[-1] = budget
    steps = np.floor(reached - rng.random())
    chosen = np.zeros(probability.size, dtype=bool)
    chosen[order] = np.diff(steps, prepend=-1.0) > 0
    return NextLabels(chosen, probability)
