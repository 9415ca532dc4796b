"""Bounds that may be looked at any time: planted truths, order, limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.statistics.sequential import (
    confidence_sequence,
    mixture_sprt,
    observations_until,
    one_per_cluster,
    sample_ratio_mismatch,
    watch,
)

quick = settings(max_examples=40, deadline=None)
outcomes = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=80)
arms = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=80)


@quick
@given(outcomes)
def test_bounds_only_draw_together_and_stay_in_range(values):
    found = confidence_sequence(values)
    assert (np.diff(found.low) >= 0).all() and (np.diff(found.high) <= 0).all()
    assert (found.low <= found.high).all() and found.low.min() >= 0 and found.high.max() <= 1


@quick
@given(outcomes)
def test_what_comes_later_changes_no_earlier_bound(values):
    whole, half = confidence_sequence(values), confidence_sequence(values[: len(values) // 2 + 1])
    assert whole.low[: half.low.size] == pytest.approx(half.low)
    assert whole.high[: half.high.size] == pytest.approx(half.high)


@quick
@given(outcomes)
def test_swapping_good_and_bad_mirrors_the_bounds(values):
    straight, mirrored = confidence_sequence(values), confidence_sequence(1 - np.array(values))
    assert straight.low == pytest.approx(1 - mirrored.high, abs=1e-9)


@quick
@given(outcomes, st.floats(-5, 5), st.floats(0.5, 10))
def test_the_unit_does_not_matter(values, low, width):
    x = np.array(values)
    plain, scaled = confidence_sequence(x), confidence_sequence(low + width * x, low=low, high=low + width)
    assert scaled.low == pytest.approx(low + width * plain.low, abs=1e-6)


@quick
@given(arms)
def test_a_guardrail_never_calls_both_and_knows_how_many_it_saw(rows):
    arm, value = (np.array(column) for column in zip(*rows, strict=True))
    found = watch(arm, value, margin=0.1)
    assert (found.champion, found.challenger) == ((arm == 0).sum(), (arm == 1).sum())
    assert (found.at is None) == (found.call == "undecided")
    if found.low is not None:
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_one_arm_alone_or_nothing_is_undecided_without_numbers():
    for arm in ([], [0.0, 0.0], [1.0]):
        found = watch(arm, np.ones(len(arm)), margin=0.0)
        assert (found.call, found.value, found.low) == ("undecided", None, None)
    assert confidence_sequence([]).low.size == 0 and sample_ratio_mismatch([], [0.5, 0.5]).size == 0


def test_all_alike_is_no_error():
    found = watch(np.tile([0.0, 1.0], 200), np.ones(400), margin=0.1)
    assert found.call == "good" and found.value == 0
    assert confidence_sequence(np.zeros(300)).high[-1] < 0.05


def played(rng, size, share, champion, challenger):
    arm = (rng.random(size) < share).astype(float)
    return arm, (rng.random(size) < np.where(arm == 1, challenger, champion)).astype(float)


def test_a_loss_is_called_and_an_equal_challenger_is_not():
    rng = np.random.default_rng(4)
    worse = [watch(*played(rng, 1500, 0.5, 0.8, 0.6), margin=0.02).call for _ in range(40)]
    equal = [watch(*played(rng, 1500, 0.5, 0.8, 0.8), margin=0.02).call for _ in range(40)]
    assert worse.count("worse") >= 38 and worse.count("good") == 0
    assert equal.count("worse") <= 2


def test_at_is_the_first_look_that_knew():
    rng = np.random.default_rng(5)
    arm, value = played(rng, 1500, 0.5, 0.9, 0.5)
    at = watch(arm, value, margin=0.0).at
    assert at is not None
    assert watch(arm[:at], value[:at], margin=0.0).call == "worse"
    assert watch(arm[: at - 1], value[: at - 1], margin=0.0).call == "undecided"


def test_where_less_is_better_the_sign_turns():
    rng = np.random.default_rng(6)
    arm, error = played(rng, 1500, 0.5, 0.02, 0.3)
    found = watch(arm, error, margin=0.01, lower_is_better=True)
    assert found.call == "worse" and found.value > 0 and found.low > 0.01


def test_the_truth_is_inside_at_every_look():
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(150):
        found = confidence_sequence((rng.random(400) < 0.8).astype(float))
        missed += bool((found.low > 0.8).any() or (found.high < 0.8).any())
    assert missed / 150 <= 0.06


def test_always_valid_p_never_rises_and_finds_what_is_there():
    rng = np.random.default_rng(8)
    arm = (rng.random(2000) < 0.5).astype(float)
    slower = rng.lognormal(0, 0.5, 2000) * np.where(arm == 1, 1.4, 1.0)
    p = mixture_sprt(arm, slower, spread=0.2)
    assert (np.diff(p) <= 0).all() and p[-1] < 0.01 and (p[:60] == 1).all()
    assert mixture_sprt(arm, np.ones(2000))[-1] == 1


def test_an_unfair_split_is_found_and_a_fair_one_is_not():
    rng = np.random.default_rng(9)
    unfair = [sample_ratio_mismatch(rng.random(3000) < 0.15, [0.9, 0.1])[-1] < 0.05 for _ in range(30)]
    fair = [sample_ratio_mismatch(rng.random(3000) < 0.1, [0.9, 0.1])[-1] < 0.05 for _ in range(100)]
    assert all(unfair) and sum(fair) <= 8


def test_a_plan_that_changes_on_the_way_is_no_mismatch():
    rng = np.random.default_rng(10)
    plan = np.repeat([[0.95, 0.05], [0.5, 0.5]], 1500, axis=0)
    arm = rng.random(3000) < plan[:, 1]
    assert sample_ratio_mismatch(arm, plan)[-1] > 0.05
    assert sample_ratio_mismatch(arm, [0.95, 0.05])[-1] < 0.05


def test_conversations_of_one_user_are_one_observation():
    values, order = one_per_cluster([1, 0, 1, 1], ["a", "b", "a", "c"])
    assert values.tolist() == [0, 1, 1] and order.tolist() == [1, 2, 3]


def test_how_long_it_takes_grows_as_the_loss_shrinks():
    large, small = (observations_until(loss, 0.8, margin=0.02, runs=15) for loss in (0.3, 0.15))
    assert large is not None and small is not None and large < small
    assert observations_until(0.03, 0.8, margin=0.02, runs=4, limit=1000) is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: watch([2.0], [1.0], margin=0), "arm"),
        (lambda: watch([1.0], [1.5], margin=0), "from 0"),
        (lambda: watch([1.0], [1.0], margin=-1), "margin"),
        (lambda: mixture_sprt([1.0], [1.0], spread=0), "spread"),
        (lambda: sample_ratio_mismatch([0], [0.5, 0.6]), "add up to 1"),
        (lambda: sample_ratio_mismatch([3], [0.5, 0.5]), "index"),
        (lambda: confidence_sequence([1.0], confidence=1.0), "confidence"),
        (lambda: observations_until(0.01, 0.9, margin=0.02), "within the margin"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
