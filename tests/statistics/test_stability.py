"""pass^k corrected for a judge's mistakes: planted truth, known and unknown error rates."""

import numpy as np
import pytest

from assay.statistics.calibration import Refused, corrected_pass_hat_k


def planted(rng, scenarios=80, trials=3, sensitivity=0.9, specificity=0.8, labels=60):
    p = rng.beta(1.2, 0.6, scenarios)
    truth = rng.random((scenarios, trials)) < p[:, None]
    said = np.where(truth, rng.random(truth.shape) < sensitivity, rng.random(truth.shape) >= specificity)
    human = rng.random(labels * 3) < 0.6
    judge = np.where(human, rng.random(human.size) < sensitivity, rng.random(human.size) >= specificity)
    names = np.repeat(np.arange(scenarios), trials)
    return said.ravel().astype(float), names, human.astype(float), judge.astype(float), np.repeat(np.arange(labels), 3)


def test_the_interval_holds_the_true_stability_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    a, b = 1.2, 0.6
    true = a * (a + 1) * (a + 2) / ((a + b) * (a + b + 1) * (a + b + 2))  # E[p^3] of the beta distribution
    held, found = [], []
    for seed in range(60):
        made = corrected_pass_hat_k(*planted(rng), 3, draws=300, seed=seed)
        held.append(made.low <= true <= made.high)
        found.append(made.value)
    assert abs(np.mean(found) - true) < 0.02  # the judge's own pass^3 lies 0.07 off
    assert np.mean(held) > 0.87


def test_a_judge_that_is_always_right_changes_nothing():
    said = np.array([1, 1, 1, 1, 0, 1] * 10, dtype=float)
    names = np.repeat(np.arange(30), 2)
    human = np.array([1, 0] * 20, dtype=float)
    made = corrected_pass_hat_k(said, names, human, human, np.repeat(np.arange(20), 2), 2)
    assert made.value == pytest.approx(2 / 3)


def test_a_coin_corrects_nothing():
    human = np.array([1, 1, 0, 0] * 10, dtype=float)
    judge = np.array([1, 0, 1, 0] * 10, dtype=float)
    names = np.repeat(np.arange(10), 2)
    refused = corrected_pass_hat_k(np.ones(20), names, human, judge, np.repeat(np.arange(20), 2), 2)
    assert isinstance(refused, Refused)
