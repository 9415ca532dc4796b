"""A slice is weak only where chance and the number of slices looked at do not explain it."""

import numpy as np

from assay.contracts.analytics import SliceRate
from assay.contracts.estimate import Insufficient
from assay.evaluation.results import quantity
from assay.evaluation.weak_slices import weak_slices
from assay.statistics import clustered_mean


def rate(value: str, passes: np.ndarray) -> SliceRate:
    return SliceRate(
        dimension="topic", value=value, pass_rate=quantity(clustered_mean(passes, np.arange(passes.size).astype(str)))
    )


def test_a_planted_weakness_is_found_and_the_lowest_leads():
    rng = np.random.default_rng(1)
    slices = [rate(f"t{n}", (rng.random(40) < 0.8).astype(float)) for n in range(8)]
    slices += [
        rate("weak", (rng.random(100) < 0.3).astype(float)),
        rate("weaker", (rng.random(40) < 0.1).astype(float)),
    ]
    whole = rate("all", (rng.random(400) < 0.7).astype(float)).pass_rate
    assert [found.value for found in weak_slices(slices, whole)] == ["weaker", "weak"]


def test_where_nothing_is_weak_hardly_anything_is_called_weak():
    """200 reports of twenty alike slices each; without the correction a third of them would name one."""
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        slices = [rate(f"t{n}", (rng.random(30) < 0.6).astype(float)) for n in range(20)]
        whole = rate("all", (rng.random(2000) < 0.6).astype(float)).pass_rate
        wrong += bool(weak_slices(slices, whole))
    assert wrong / 200 < 0.07


def test_too_little_data_is_never_a_weakness():
    few = Insufficient(reason="2 scenarios", n=2)
    assert weak_slices([SliceRate(dimension="topic", value="a", pass_rate=few)], few) == []
    assert weak_slices([], rate("all", np.array([0.0, 1.0] * 20)).pass_rate) == []
