"""Labels that were drawn with unlike chances, and differences that labels have set right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.statistics import Estimate, Insufficient, PairedDifference, clustered_mean, paired_by_cluster, weighted_mean
from assay.statistics.calibration import (
    Refused,
    inverted_difference,
    next_labels,
    operating_point,
    rogan_gladen,
)

quick = settings(max_examples=60, deadline=None)
row = st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([1.0, 2.0, 5.0]), st.integers(0, 9))
rows = st.lists(row, min_size=1, max_size=60)


@quick
@given(rows)
def test_weights_that_are_alike_change_nothing(data):
    values, _, clusters = (np.array(column) for column in zip(*data, strict=True))
    assert weighted_mean(values, np.full(values.size, 3.0), clusters) == clustered_mean(values, clusters)


@quick
@given(rows, st.floats(0.1, 10))
def test_only_the_ratio_of_weights_counts_and_the_interval_holds_the_mean(data, factor):
    values, weights, clusters = (np.array(column) for column in zip(*data, strict=True))
    found, scaled = weighted_mean(values, weights, clusters), weighted_mean(values, weights * factor, clusters)
    assert type(found) is type(scaled)
    if isinstance(found, Estimate) and isinstance(scaled, Estimate):
        assert found.low == pytest.approx(scaled.low) and found.high == pytest.approx(scaled.high)
        assert 0 <= found.low <= found.value <= found.high <= 1


@quick
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_labels_does_not_matter(data, random):
    shuffled = random.sample(data, len(data))
    one, other = (weighted_mean(*(np.array(column) for column in zip(*rows, strict=True))) for rows in (data, shuffled))
    assert type(one) is type(other)
    if isinstance(one, Estimate) and isinstance(other, Estimate):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_few_scenarios_and_bad_weights_are_answered_in_words():
    assert isinstance(weighted_mean([1, 0, 1], [1, 2, 3], [0, 1, 2]), Insufficient)
    with pytest.raises(ValueError, match="above 0"):
        weighted_mean([1.0, 0.0], [1.0, 0.0], [0, 1])
    with pytest.raises(ValueError, match="above 0"):
        operating_point([1, 0], [1, 0], weights=[1.0, -1.0])


def test_sensitivity_is_right_though_labels_were_drawn_where_the_judge_doubts():
    """Unweighted, the labels make the judge look worse than it is, because they are where it errs."""
    rng = np.random.default_rng(3)
    weighted, plain, held = [], [], 0
    for run in range(150):
        scenarios = np.repeat(np.arange(60), 5)
        human = (rng.random(300) < 0.7).astype(float)
        sure = rng.random(300) < 0.7
        right = rng.random(300) < np.where(sure, 0.98, 0.6)
        judge = np.where(right, human, 1 - human)
        believed = np.where(sure, 0.02, 0.4)
        drawn = next_labels(np.where(judge == 1, 1 - believed, believed), 90, floor=0.3, seed=run)
        truth = right[human == 1].mean()
        chosen = drawn.chosen
        point = operating_point(human[chosen], judge[chosen], scenarios[chosen], weights=1 / drawn.probability[chosen])
        assert isinstance(point.sensitivity, Estimate)
        weighted.append(point.sensitivity.value - truth)
        plain.append(judge[chosen & (human == 1)].mean() - truth)
        held += point.sensitivity.low <= 0.866 <= point.sensitivity.high
    assert abs(np.mean(weighted)) < 0.02 < abs(np.mean(plain))
    assert held / 150 > 0.9


def planted(rng, loss):
    """Two sides of 60 scenarios and 200 labels; the judge's sensitivity is 0.85 and its specificity 0.8."""
    scenarios = np.repeat([f"s{i}" for i in range(60)], 3)
    chance = rng.beta(2, 1, 60).repeat(3)
    sides = [(rng.random(180) < np.clip(chance - cut, 0, 1)).astype(float) for cut in (0.0, loss)]
    labels = (rng.random(200) < 0.6).astype(float)
    say = [np.where(rng.random(x.size) < np.where(x == 1, 0.85, 0.8), x, 1 - x) for x in (*sides, labels)]
    names = np.repeat([f"other{i}" for i in range(100)], 2)
    return scenarios, say, labels, names, chance


def test_a_difference_that_the_judge_dilutes_is_set_right():
    rng = np.random.default_rng(5)
    held, corrected, judged = 0, [], []
    for _ in range(150):
        scenarios, (first, second, said), labels, names, chance = planted(rng, 0.2)
        found = inverted_difference(first, scenarios, second, scenarios, labels, said, names)
        plain = paired_by_cluster(first, scenarios, second, scenarios)
        assert isinstance(found, PairedDifference) and isinstance(plain, PairedDifference)
        truth = (np.clip(chance - 0.2, 0, 1) - chance).mean()
        held += found.low <= truth <= found.high
        corrected.append(found.value - truth)
        judged.append(plain.value - truth)
    assert held / 150 > 0.9
    assert abs(np.mean(corrected)) < 0.015 < np.mean(judged)


def test_swapping_sides_turns_the_sign_and_nothing_else():
    rng = np.random.default_rng(6)
    scenarios, (first, second, said), labels, names, _ = planted(rng, 0.1)
    one = inverted_difference(first, scenarios, second, scenarios, labels, said, names)
    other = inverted_difference(second, scenarios, first, scenarios, labels, said, names)
    assert isinstance(one, PairedDifference) and isinstance(other, PairedDifference)
    assert (one.value, one.low, one.p) == pytest.approx((-other.value, -other.high, other.p))


def test_a_coin_is_refused_in_words_on_one_side_and_between_two():
    rng = np.random.default_rng(7)
    coin = rng.integers(0, 2, 200).astype(float)
    labels = rng.integers(0, 2, 200).astype(float)
    names = np.repeat(np.arange(50), 4)
    between = inverted_difference(coin, names, coin[::-1], names, labels, coin, names)
    assert isinstance(between, Refused) and "divide by almost nothing" in between.reason
    alone = rogan_gladen(coin, labels, coin, clusters=names, calibration_clusters=names, weights=np.ones(200))
    assert isinstance(alone, Refused) and "divide by almost nothing" in alone.reason
