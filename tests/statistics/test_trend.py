"""A fall that is there is found, wherever it lies and however slow; one that is not is not."""

import numpy as np
import pytest

from assay.statistics import Insufficient
from assay.statistics.trend import Decline, decline


def test_a_fall_in_the_last_whole_week_is_found_though_the_next_has_just_begun():
    good, bad = [1] * 8 + [0], [1] + [0] * 8
    values = [*good, *good, *bad, 1]
    days = [*range(27), 27.5]
    found = decline(values, days)
    assert isinstance(found, Decline) and found.falls and found.p < 0.01
    assert 17 <= found.changed_at <= 20 and found.before > 0.8 and found.after < 0.35


@pytest.mark.parametrize("shape", ["step", "slope", "late"])
def test_planted_falls_are_found(shape):
    rng = np.random.default_rng(1)
    days = np.arange(240) / 4
    means = {"step": np.where(days < 30, 4.2, 3.5), "slope": 4.4 - days / 60, "late": np.where(days < 50, 4.2, 3.2)}
    hits = 0
    for seed in range(20):
        ratings = np.clip(np.round(rng.normal(means[shape], 1.0)), 1, 5)
        found = decline(ratings, days, draws=300, seed=seed)
        hits += found.falls and found.p <= 0.05
    assert hits >= 18


def test_nothing_is_found_where_nothing_falls_though_users_come_often():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(200):
        users = np.repeat(np.arange(40), 3)
        mood = rng.normal(0, 1, 40)[users]
        days = np.sort(rng.random(120)) * 60
        order = rng.permutation(120)
        hits += decline(mood + rng.normal(0, 0.5, 120), days[order], clusters=users, draws=200, seed=seed).falls
    assert hits / 200 < 0.09


def test_a_rise_is_no_fall_and_too_little_is_said():
    assert not decline(np.arange(40), np.arange(40)).falls
    assert isinstance(decline([1, 2, 3], [1, 2, 3]), Insufficient)
    assert isinstance(decline(np.ones(40), np.ones(40)), Insufficient)
    with pytest.raises(ValueError, match="of one length"):
        decline([1, 2], [1])
