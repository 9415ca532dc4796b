"""What must hold for any data, and what is said at the limits."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assay.statistics import (
    Estimate,
    Insufficient,
    PairedDifference,
    clustered_mean,
    clustered_se,
    design_effect,
    detectable_difference,
    holm,
    mcnemar_exact,
    naive_mean,
    paired_by_cluster,
    pass_at_k,
    pass_hat_k,
    scenarios_for_paired,
    sign_flip_test,
    wilson,
)

quick = settings(max_examples=60, deadline=None)

binary = st.sampled_from([0.0, 1.0])
score = st.floats(0, 1, width=32)
cost = st.floats(-1000, 1000, width=32)
METHODS = [
    {"method": "t"},
    {"method": "t", "correction": "CR1"},
    {"method": "z"},
    {"method": "bootstrap", "draws": 200},
]


def side(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[float, int]]]:
    """Trials of up to 20 scenarios, in any order, some scenarios with more trials than others."""
    return st.lists(st.tuples(values, st.integers(0, 19)), max_size=80)


def split(trials: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([v for v, _ in trials], dtype=float), np.array([c for _, c in trials], dtype=int)


any_side = st.one_of(side(binary), side(score), side(cost))


@quick
@given(any_side, st.sampled_from(METHODS))
def test_a_mean_is_a_number_inside_its_interval_or_words(trials, options):
    found = clustered_mean(*split(trials), **options)
    if isinstance(found, Insufficient):
        assert found.reason
        return
    assert all(map(math.isfinite, (found.value, found.low, found.high)))
    assert found.low <= found.value <= found.high
    assert found.low < found.high


@quick
@given(side(binary), st.sampled_from(METHODS))
def test_a_rate_of_five_scenarios_always_has_an_interval_with_a_width(trials, options):
    values, clusters = split(trials)
    assume(len(set(clusters)) >= 5)
    found = clustered_mean(values, clusters, **options)
    assert isinstance(found, Estimate)
    assert 0 <= found.low < found.high <= 1


@quick
@given(any_side, st.randoms(use_true_random=False))
def test_the_order_of_trials_changes_nothing(trials, random):
    shuffled = random.sample(trials, len(trials))
    for options in METHODS:
        assert_alike(clustered_mean(*split(trials), **options), clustered_mean(*split(shuffled), **options))


@quick
@given(side(score), side(score), st.randoms(use_true_random=False))
def test_the_order_of_trials_changes_no_comparison(first, second, random):
    found = paired_by_cluster(*split(first), *split(second))
    again = paired_by_cluster(*split(random.sample(first, len(first))), *split(random.sample(second, len(second))))
    assert_alike(found, again)


@quick
@given(side(binary))
def test_playing_every_trial_twice_is_no_new_evidence(trials):
    once, twice = clustered_mean(*split(trials)), clustered_mean(*split(trials + trials))
    if isinstance(once, Insufficient):
        assert isinstance(twice, Insufficient)
        return
    assert isinstance(twice, Estimate)
    assert (twice.value, twice.low, twice.high) == pytest.approx((once.value, once.low, once.high))


@quick
@given(side(binary), side(binary))
def test_playing_every_trial_twice_leaves_the_difference(first, second):
    once = paired_by_cluster(*split(first), *split(second))
    twice = paired_by_cluster(*split(first + first), *split(second + second))
    if isinstance(once, Insufficient):
        assert isinstance(twice, Insufficient)
        return
    assert isinstance(twice, PairedDifference)
    expected = (once.value, once.low, once.high, once.p)
    assert (twice.value, twice.low, twice.high, twice.p) == pytest.approx(expected)


@quick
@given(*[st.one_of(side(binary), side(cost))] * 2)
def test_swapping_the_sides_negates_the_difference_and_keeps_p(first, second):
    found = paired_by_cluster(*split(first), *split(second))
    swapped = paired_by_cluster(*split(second), *split(first))
    if isinstance(found, Insufficient):
        assert isinstance(swapped, Insufficient)
        return
    assert isinstance(swapped, PairedDifference)
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-found.value, -found.high, -found.low))
    assert swapped.p == pytest.approx(found.p)
    assert swapped.se == pytest.approx(found.se)


@quick
@given(*[st.one_of(side(binary), side(score), side(cost))] * 2)
def test_a_difference_is_a_number_inside_its_interval_or_words(first, second):
    found = paired_by_cluster(*split(first), *split(second))
    if isinstance(found, Insufficient):
        assert found.reason
        return
    assert all(map(math.isfinite, (found.value, found.low, found.high, found.se)))
    assert found.low <= found.value <= found.high
    assert found.low < found.high
    assert 0 <= found.p <= 1


@quick
@given(side(binary), side(binary))
def test_p_and_interval_of_passes_agree(first, second):
    found = paired_by_cluster(*split(first), *split(second))
    # Five scenarios that all turn over: no p from five signs is below 0.06, whatever the interval.
    if isinstance(found, PairedDifference) and found.clusters > 5:
        assert (found.low > 0 or found.high < 0) == (found.p < 0.05)
        assert -1 <= found.low <= found.high <= 1


@quick
@given(st.lists(cost, max_size=30), st.randoms(use_true_random=False))
def test_sign_flips_do_not_hang_on_order_side_or_unit(differences, random):
    p = sign_flip_test(differences, draws=500)
    assert 0 < p <= 1
    assert sign_flip_test(random.sample(differences, len(differences)), draws=500) == pytest.approx(p)
    assert sign_flip_test([-d for d in differences], draws=500) == p
    assert sign_flip_test([d * 2.0**-40 for d in differences], draws=500) == p


@quick
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_only_raises(p_values):
    adjusted = holm(p_values)
    assert len(adjusted) == len(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    in_order = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert in_order == sorted(in_order)


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.data())
def test_holm_never_falls_when_a_p_rises(p_values, data):
    which = data.draw(st.integers(0, len(p_values) - 1))
    raised = [*p_values]
    raised[which] = data.draw(st.floats(p_values[which], 1))
    assert all(after >= before for before, after in zip(holm(p_values), holm(raised), strict=True))


@quick
@given(st.integers(0, 500), st.integers(0, 500))
def test_mcnemar_is_symmetric(first_only, second_only):
    p = mcnemar_exact(first_only, second_only)
    assert 0 <= p <= 1
    assert p == mcnemar_exact(second_only, first_only)
    assert mcnemar_exact(first_only, first_only) == 1


@quick
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4)), min_size=5, max_size=30))
def test_more_trials_are_harder_to_all_pass_and_easier_to_pass_once(scenarios):
    successes = np.array([c for c, _ in scenarios])
    trials = successes + np.array([f for _, f in scenarios])
    assume(trials.min() >= 2)
    k = range(1, int(trials.min()) + 1)
    all_pass, one_passes = (
        [found.value for each in k if isinstance(found := of(successes, trials, each), Estimate)]
        for of in (pass_hat_k, pass_at_k)
    )
    assert all_pass == sorted(all_pass, reverse=True)
    assert one_passes == sorted(one_passes)


@quick
@given(st.floats(0.02, 0.5), st.floats(0.01, 0.5))
def test_the_planner_and_the_detectable_difference_agree(difference, sd):
    scenarios = scenarios_for_paired(difference, variance=sd**2)
    detectable = detectable_difference(scenarios, sd=sd).difference
    assert detectable is not None
    assert detectable <= difference * (1 + 1e-9)


# The limits.


@pytest.mark.parametrize("options", METHODS)
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_all_alike_is_not_certain(rate, options):
    found = clustered_mean(np.full(30, rate), np.repeat(np.arange(10), 3), **options)
    assert isinstance(found, Estimate)
    assert found.value == rate
    assert found.high - found.low == pytest.approx(1.959964**2 / (10 + 1.959964**2))  # Wilson's width for 10, not 30


@pytest.mark.parametrize("options", METHODS)
def test_half_of_every_scenario_is_not_certain_either(options):
    found = clustered_mean(np.tile([0.0, 1.0], 10), np.repeat(np.arange(10), 2), **options)
    expected = wilson(5, 10)
    assert isinstance(found, Estimate) and isinstance(expected, Estimate)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, expected.low, expected.high))


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_all_alike_without_clusters_is_not_certain(rate):
    found = naive_mean(np.full(12, rate))
    assert isinstance(found, Estimate)
    assert found.low < found.high


@pytest.mark.parametrize("constant", [0.5, 0.1 + 0.2, 7.0, -3.0])
def test_a_constant_has_no_interval(constant):
    values, clusters = np.full(20, constant), np.repeat(np.arange(10), 2)
    values[::4] = np.nextafter(constant, 10)  # a rounding error is no variance
    for options in METHODS:
        found = clustered_mean(values, clusters, **options)
        assert isinstance(found, Insufficient)
        assert found.reason == f"all 10 scenarios have a mean of {constant:g}: no variance to make an interval of"
    assert isinstance(naive_mean(values), Insufficient)
    with pytest.raises(ValueError, match="no variance"):
        design_effect(values, clusters)


@pytest.mark.parametrize(
    ("clusters", "reason"),
    [
        ([], "nothing was measured"),
        (["a"] * 9, "1 scenario; a clustered interval needs 5"),
        (["a", "b", "c", "d"] * 3, "4 scenarios; a clustered interval needs 5"),
    ],
)
def test_too_little_is_said_in_words(clusters, reason):
    values = np.arange(len(clusters)) % 2
    for options in METHODS:
        assert clustered_mean(values, clusters, **options) == Insufficient(reason, len(clusters), len(set(clusters)))
    assert isinstance(paired_by_cluster(values, clusters, values, clusters), Insufficient)


def test_too_little_elsewhere():
    assert wilson(0, 0) == Insufficient("nothing was counted", 0)
    assert naive_mean([1.0]) == Insufficient("1 observation; an interval needs 2", 1)
    assert isinstance(pass_hat_k([], [], 1), Insufficient)
    assert isinstance(pass_at_k([3, 2], [3, 3], 2), Insufficient)
    assert detectable_difference(4).difference is None
    assert (holm([]), sign_flip_test([]), sign_flip_test([0.0] * 9), mcnemar_exact(0, 0)) == ([], 1.0, 1.0, 1.0)
    for one in ([], ["a", "a"]):
        with pytest.raises(ValueError, match="two clusters"):
            clustered_se([0.0, 1.0][: len(one)], one)


def test_sides_with_nothing_in_common():
    found = paired_by_cluster([1, 0] * 5, range(10), [1, 0] * 5, range(10, 20))
    assert found == Insufficient("0 scenarios on both sides; a paired comparison needs 5", 0, 0)


def test_every_scenario_turned_over():
    found = paired_by_cluster(np.zeros(10), range(10), np.ones(10), range(10))
    assert isinstance(found, PairedDifference)
    assert (found.value, found.high) == (1, 1)
    assert 0 < found.low < 1
    assert found.p == 2 / 2**10


def test_nothing_changed_is_not_a_proof_that_nothing_changes():
    passed = np.array([1.0, 0.0] * 10)
    found = paired_by_cluster(passed, range(20), passed, range(20))
    assert isinstance(found, PairedDifference)
    assert (found.value, found.p) == (0, 1)
    assert found.low == -found.high < -0.1


def test_constant_costs_are_words_and_not_a_rates_interval():
    tokens = np.arange(100, 110)
    assert paired_by_cluster(tokens, range(10), tokens + 5, range(10)) == Insufficient(
        "all 10 scenarios differ by 5: no variance to make an interval of", 10, 10
    )
    same = paired_by_cluster(tokens, range(10), tokens, range(10))
    assert isinstance(same, Insufficient)
    assert "the same mean on both sides" in same.reason


def test_thousands_of_trials_do_not_overflow():
    found = pass_hat_k([4000, 3999, 3999, 3998, 4000], [4000] * 5, 2000)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx((1 + 0.5 + 0.5 + 0.5 * 1999 / 3999 + 1) / 5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: clustered_mean([0.0, math.nan], ["a", "b"]),
        lambda: clustered_mean([0.0, 1.0], ["a"]),
        lambda: clustered_se([0.0, 1.0], ["a"]),
        lambda: clustered_mean(range(9), range(9), confidence=1.0),
        lambda: naive_mean([math.inf, 1.0]),
        lambda: paired_by_cluster([math.nan] * 6, range(6), [1.0] * 6, range(6)),
        lambda: paired_by_cluster([1.0] * 6, range(5), [1.0] * 6, range(7)),
        lambda: sign_flip_test([math.nan]),
        lambda: wilson(3, 2),
        lambda: mcnemar_exact(-1, 2),
        lambda: holm([0.5, 1.5]),
        lambda: holm([math.nan]),
        lambda: pass_hat_k([1, 1], [3, 2], 3),
        lambda: pass_hat_k([4], [3], 1),
        lambda: pass_at_k([1], [3, 3], 1),
        lambda: scenarios_for_paired(0, variance=0.2),
        lambda: scenarios_for_paired(0.1, variance=-1),
    ],
)
def test_nonsense_is_refused(ask):
    with pytest.raises(ValueError, match=r".+"):
        ask()


def assert_alike(found: object, again: object) -> None:
    assert type(found) is type(again)
    if isinstance(found, Estimate | PairedDifference):
        assert isinstance(again, Estimate | PairedDifference)
        assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high), abs=1e-9)
