"""Drift that is there is found, drift that is not is not; forecasts hold as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from assay.statistics import Estimate, Insufficient, clustered_mean
from assay.statistics.drift import (
    Drift,
    drift_over,
    kolmogorov_smirnov,
    maximum_mean_discrepancy,
    population_stability,
    spend,
)
from assay.statistics.forecast import (
    brier,
    calibration_bins,
    expected_calibration_error,
    predict_rate,
    score_forecasts,
)

quick = settings(max_examples=25, deadline=None)
numbers = st.lists(st.integers(-6, 6).map(lambda number: number / 2), min_size=8, max_size=30)
TESTS = (population_stability, kolmogorov_smirnov, maximum_mean_discrepancy)


@pytest.mark.parametrize("test", TESTS)
def test_a_shift_is_found_and_its_absence_keeps_to_the_level(test):
    rng = np.random.default_rng(1)
    shifted = [test(rng.normal(0, 1, 150), rng.normal(0.7, 1, 150), draws=200).p < 0.05 for _ in range(20)]
    alike = [test(rng.normal(0, 1, 60), rng.normal(0, 1, 60), draws=200).p < 0.05 for _ in range(150)]
    assert sum(shifted) >= 19 and sum(alike) / 150 <= 0.1


@pytest.mark.parametrize("test", TESTS)
def test_users_who_come_often_raise_no_false_alarm(test):
    """Ten conversations a user: as if independent, a third of these would be called drift."""
    rng = np.random.default_rng(2)
    alarms = []
    for _ in range(80):
        sides = [np.repeat(rng.normal(0, 1, 20), 10) + rng.normal(0, 0.1, 200) for _ in range(2)]
        users = np.repeat(np.arange(20), 10)
        alarms.append(test(*sides, reference_clusters=users, current_clusters=users, draws=200).p < 0.05)
    assert sum(alarms) / 80 <= 0.12


@quick
@given(numbers, numbers, st.randoms(use_true_random=False))
def test_the_order_does_not_change_the_statistic(one, other, random):
    for test in TESTS:
        straight = test(one, other, draws=20)
        shuffled = test(random.sample(one, len(one)), other, draws=20)
        assert straight.statistic == pytest.approx(shuffled.statistic, abs=1e-6)


@quick
@given(numbers, numbers)
def test_a_rising_change_of_unit_leaves_ks(one, other):
    assert kolmogorov_smirnov(one, other, draws=10).statistic == pytest.approx(
        kolmogorov_smirnov(np.exp(np.array(one) * 2 + 1), np.exp(np.array(other) * 2 + 1), draws=10).statistic
    )


def test_ks_equals_scipy():
    from scipy import stats

    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, 70), rng.normal(0.3, 1, 90)
    found = kolmogorov_smirnov(one, other, draws=4000)
    known = stats.ks_2samp(one, other)
    assert found.statistic == pytest.approx(known.statistic)
    assert found.p == pytest.approx(known.pvalue, abs=0.03)


def test_labels_are_compared_as_they_are():
    found = population_stability(["a"] * 50 + ["b"] * 50, ["a"] * 10 + ["c"] * 90)
    assert isinstance(found, Drift) and found.statistic > 0.2 and "has changed" in found.words


def test_too_little_is_said_in_words_and_bad_input_is_named():
    for test in TESTS:
        assert isinstance(test([1.0], [2.0, 3.0]), Insufficient)
    assert isinstance(kolmogorov_smirnov([], []), Insufficient)
    with pytest.raises(ValueError, match="same features"):
        maximum_mean_discrepancy(np.ones((9, 2)), np.ones((9, 3)))
    with pytest.raises(ValueError, match="one length"):
        kolmogorov_smirnov([1.0] * 9, [2.0] * 9, reference_clusters=[1, 2])


def test_looking_at_many_features_is_corrected_and_all_windows_share_one_level():
    same = Drift(0.1, 0.04, "KS", "")
    found = drift_over({"a": same, "b": same, "c": Insufficient("few", 1)})
    assert found["a"][1] == pytest.approx(0.08) and found["c"][1] is None
    assert sum(spend(k) for k in range(1, 10_000)) == pytest.approx(0.05, abs=1e-5)
    with pytest.raises(ValueError, match="window"):
        spend(0)


def test_a_forecast_holds_as_often_as_it_says():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        scenarios = np.repeat(np.arange(60), 3)
        rates = rng.beta(2.1, 0.9, 60)
        rate = clustered_mean((rng.random(180) < rates.repeat(3)).astype(float), scenarios)
        found = predict_rate(rate, 80)
        came = (rng.random(80) < rng.beta(2.1, 0.9, 80)).mean()
        held += found.low <= came <= found.high
    assert 0.93 <= held / 400 <= 0.99


@quick
@given(st.floats(0, 1), st.integers(1, 10_000))
def test_a_forecast_is_never_narrower_than_what_is_known_of_the_rate(rate, future):
    known = Estimate(rate, max(0, rate - 0.1), min(1, rate + 0.1), 100, 50, 0.95, "t")
    found = predict_rate(known, future)
    assert 0 <= found.low <= known.low and known.high <= found.high <= 1
    assert predict_rate(known, future * 4).low >= found.low - 1 / future  # whole conversations come


def test_the_record_of_forecasts_says_how_often_they_held():
    found = score_forecasts([0.5, 0.6], [0.7, 0.8], [0.6, 0.7], [0.65, 0.9])
    assert found.words == "1 of 2 forecasts held; 95% should"
    assert found.interval_score == pytest.approx((0.2 + 0.2 + 2 / 0.05 * 0.1) / 2)
    assert score_forecasts([], [], [], []).words == "no record yet"
    assert isinstance(predict_rate(Insufficient("few", 0), 5), Insufficient)
    with pytest.raises(ValueError, match="above high"):
        score_forecasts([1], [0], [0], [0])


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=1, max_size=50))
def test_brier_equals_scikit_learn_and_bins_hold_everything(rows):
    p, y = (np.array(column) for column in zip(*rows, strict=True))
    assert brier(p, y) == pytest.approx(brier_score_loss(y, p, pos_label=1))
    bins = calibration_bins(p, y)
    assert sum(found.n for found in bins) == p.size
    error = expected_calibration_error(p, y)
    assert error is not None and 0 <= error <= 1


def test_no_outcome_has_no_score():
    assert brier([], []) is None and expected_calibration_error([], []) is None and calibration_bins([], []) == ()
