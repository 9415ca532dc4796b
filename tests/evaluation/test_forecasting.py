"""Forecasts, their scores and their record; and whether real users are like the simulated ones."""

import numpy as np
import pytest

from assay.contracts.conversation import Turn
from assay.contracts.estimate import Estimate, Insufficient
from assay.errors import BadInput
from assay.evaluation.forecasting import expected, score_rate
from assay.evaluation.user_distance import user_distance

KNOWN = Estimate(value=0.8, low=0.72, high=0.88, n=120, clusters=40, method="t")


def seen(share: float, count: int = 100) -> Estimate:
    return Estimate(value=share, low=share - 0.05, high=min(1, share + 0.05), n=count, clusters=count, method="t")


def test_a_forecast_is_wider_than_what_is_known_and_the_fewer_come_the_wider():
    few, many = expected(KNOWN, 20), expected(KNOWN, 20_000)
    assert isinstance(few, Estimate) and isinstance(many, Estimate)
    assert few.low < many.low < KNOWN.low + 1e-3 and few.high > many.high
    assert isinstance(expected(Insufficient(reason="few", n=1), 20), Insufficient)


@pytest.mark.parametrize(("came", "covered"), [(0.82, True), (0.6, False)])
def test_a_forecast_holds_or_misses(came, covered):
    scored = score_rate(KNOWN, seen(came), raw=True)
    assert scored is not None and scored.covered is covered
    assert scored.brier == pytest.approx(came * 0.04 + (1 - came) * 0.64)
    assert score_rate(KNOWN, seen(came), raw=False).brier is None


def test_too_little_is_neither():
    scored = score_rate(KNOWN, Insufficient(reason="few", n=2), raw=True)
    assert scored is not None and scored.covered is None and scored.brier is None
    assert score_rate(Insufficient(reason="few", n=2), seen(0.5), raw=True) is None


@pytest.mark.parametrize(("before", "after"), [(60, 60), (40, 200), (200, 40)])
def test_a_forecast_of_the_same_rate_holds_at_the_stated_confidence(before, after):
    """Both rates are estimates of one truth; the interval takes in the uncertainty of both."""
    from assay.evaluation.results import quantity
    from assay.statistics import clustered_mean

    rng, held, runs = np.random.default_rng(7), 0, 400
    for _ in range(runs):
        rates = []
        for count in (before, after):
            chance = rng.beta(6, 2.5, count)
            values = rng.random((count, 3)) < chance[:, None]
            rates.append(quantity(clustered_mean(values.reshape(-1).astype(float), np.repeat(np.arange(count), 3))))
        held += bool(score_rate(rates[0], rates[1], raw=True).covered)
    assert 0.92 <= held / runs <= 0.98


def talks(rng, count: int, words: int, questions: float):
    said = []
    for _ in range(count):
        texts = [
            " ".join(["word"] * max(1, int(rng.normal(words, 2)))) + ("?" if rng.random() < questions else ".")
            for _ in range(int(rng.integers(2, 5)))
        ]
        said.append([Turn(role="user", text=text) for text in texts])
    return said


def test_users_who_write_otherwise_are_told_from_those_who_do_not():
    rng = np.random.default_rng(1)
    simulated = talks(rng, 80, 12, 0.5)
    alike, other = user_distance(simulated, talks(rng, 60, 12, 0.5)), user_distance(simulated, talks(rng, 60, 5, 0.5))
    assert alike.p is not None and alike.p > 0.05 and "like the simulated ones" in alike.words
    assert other.p is not None and other.p < 0.01 and "words a turn" in other.words
    assert other.features["words a turn"].startswith("differs (")
    assert other.features["turns a conversation"].startswith("no difference")


def test_too_few_users_are_said_in_words_and_bad_groups_are_named():
    few = user_distance(talks(np.random.default_rng(2), 2, 5, 0.1), [])
    assert few.p is None and "not known" in few.words and few.real == 0
    with pytest.raises(BadInput, match="users: one for each of 3"):
        user_distance([], talks(np.random.default_rng(2), 3, 5, 0.1), users=["a"])
