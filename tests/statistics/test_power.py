"""What earlier runs tell of the next one's size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.statistics import (
    Insufficient,
    VarianceComponents,
    labels_for_admission,
    scenarios_for_paired,
    variance_components,
    wilson,
)


def test_planted_components_are_found():
    rng = np.random.default_rng(3)
    scenarios, trials = 4_000, 4
    champion = rng.beta(2, 2, scenarios)
    challenger = np.clip(champion + rng.normal(0, 0.1, scenarios), 0, 1)
    names = np.repeat(np.arange(scenarios), trials)
    sides = [(rng.random((scenarios, trials)) < p[:, None]).astype(float).reshape(-1) for p in (champion, challenger)]
    found = variance_components(sides[0], names, sides[1], names)
    assert isinstance(found, VarianceComponents)
    assert found.champion_within == pytest.approx((champion * (1 - champion)).mean(), abs=0.005)
    assert found.challenger_within == pytest.approx((challenger * (1 - challenger)).mean(), abs=0.005)
    assert found.between == pytest.approx((challenger - champion).var(), abs=0.006)


@given(st.permutations(range(24)))
def test_the_order_of_trials_does_not_matter(order):
    rng = np.random.default_rng(1)
    values, names = rng.integers(0, 2, 24).astype(float), np.repeat(np.arange(8), 3)
    other = rng.integers(0, 2, 24).astype(float)
    place = np.array(order)
    one = variance_components(values, names, other, names)
    assert variance_components(values[place], names[place], other[place], names[place]) == one


def test_more_trials_need_no_more_scenarios_and_never_fewer_than_what_scenarios_differ_by():
    parts = VarianceComponents(0.02, 0.15, 0.15, 40)
    needed = [scenarios_for_paired(0.05, variance=parts.of_difference(trials)) for trials in (1, 2, 4, 8, 1000)]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] >= scenarios_for_paired(0.05, variance=0.02)


def test_too_little_is_said_in_words():
    few = variance_components([1.0, 0.0], ["a", "b"], [1.0, 1.0], ["a", "b"])
    assert isinstance(few, Insufficient)
    assert "2 scenarios" in few.reason
    once = variance_components(np.ones(6), range(6), np.ones(6), range(6))
    assert isinstance(once, Insufficient)
    assert "played twice" in once.reason


@given(st.floats(0.82, 0.99))
def test_the_labels_planned_do_admit(rate):
    n = labels_for_admission(rate)
    assert n is not None
    assert wilson(round(rate * n * 100), n * 100).low >= 0.8
    found = wilson(int(np.ceil(rate * n)), n)
    assert found.low >= 0.79


def test_a_judge_at_the_level_is_never_admitted():
    assert labels_for_admission(0.8) is None
