"""PROMOTE, REJECT, INCONCLUSIVE: planted differences, and the properties that a verdict must have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.comparison import ComparePolicy, Recommendation
from assay.contracts.estimate import Estimate, Insufficient
from assay.evaluation.pairing import compare_passes, compare_scores, compare_slices, find_flips, matched
from assay.evaluation.verdict import decide, next_steps
from tests.evaluation.make import trial_result

SUPERIORITY = ComparePolicy()
NON_INFERIORITY = ComparePolicy(test="non_inferiority", margin=0.05)


def difference(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, n=100, clusters=50, method="m")


@pytest.mark.parametrize(
    ("low", "high", "policy", "expected"),
    [
        (0.02, 0.2, SUPERIORITY, "PROMOTE"),
        (-0.2, -0.02, SUPERIORITY, "REJECT"),
        (-0.1, 0.1, SUPERIORITY, "INCONCLUSIVE"),
        (-0.02, 0.02, SUPERIORITY, "INCONCLUSIVE"),
        (-0.04, 0.02, NON_INFERIORITY, "PROMOTE"),
        (-0.04, -0.01, NON_INFERIORITY, "PROMOTE"),
        (-0.2, -0.06, NON_INFERIORITY, "REJECT"),
        (-0.1, 0.1, NON_INFERIORITY, "INCONCLUSIVE"),
    ],
)
def test_the_interval_decides_by_the_declared_policy(low, high, policy, expected):
    assert decide(difference(low, high), policy).recommendation == expected


def test_too_little_data_is_inconclusive_in_words():
    decision = decide(Insufficient(reason="3 scenarios; a paired comparison needs 5", n=9), SUPERIORITY)
    assert decision.recommendation is Recommendation.INCONCLUSIVE
    assert "3 scenarios" in decision.reason


bounds = st.floats(-1, 1)


@given(bounds, bounds, st.sampled_from([SUPERIORITY, NON_INFERIORITY]))
def test_swapping_the_sides_never_promotes_both(one, other, policy):
    low, high = sorted((one, other))
    straight = decide(difference(low, high), policy).recommendation
    swapped = decide(difference(-high, -low), policy).recommendation
    if policy is SUPERIORITY:
        assert not (straight is swapped is Recommendation.PROMOTE)
    assert not (straight is swapped is Recommendation.REJECT)


def side(passes: list[list[bool | None]], name: str = ""):
    return [trial_result(f"s{s:02}", t, passed, name) for s, row in enumerate(passes) for t, passed in enumerate(row)]


def test_a_planted_gain_is_found_and_a_planted_loss_too():
    worse = side([[False, False], [True, False]] * 15)
    better = side([[True, True], [True, True]] * 15, "!")
    gain = compare_passes(worse, better, confidence=0.95)
    loss = compare_passes(better, worse, confidence=0.95)
    assert decide(gain.difference, SUPERIORITY).recommendation is Recommendation.PROMOTE
    assert decide(loss.difference, SUPERIORITY).recommendation is Recommendation.REJECT
    assert gain.difference.value == -loss.difference.value
    assert (gain.challenger_only, gain.champion_only) == (45, 0)
    assert gain.p == pytest.approx(loss.p)
    assert gain.p_permutation < 0.01


def test_the_same_on_both_sides_is_no_difference():
    same = side([[True, False], [True, True]] * 10)
    result = compare_passes(same, same, confidence=0.95)
    assert result.difference.value == 0
    assert result.difference.low < 0 < result.difference.high
    assert result.mcnemar_p == 1.0
    assert find_flips(same, same) == ()


def test_errors_and_abstentions_do_not_enter_and_are_not_zeros():
    champion = side([[True, True]] * 12)
    challenger = side([[True, None]] * 12, "!")
    result = compare_passes(champion, challenger, confidence=0.95)
    assert result.difference.value == 0
    assert compare_scores(champion, challenger, confidence=0.95).difference.value == 0
    assert len(matched(champion, challenger)) == 12


def test_trials_of_other_numbers_are_matched_by_rank():
    champion = [r for r in side([[True, False, True, True]] * 6) if r.judgment.trial < 2]
    challenger = [r for r in side([[True, False, True, True]] * 6) if r.judgment.trial >= 2]
    assert len(matched(champion, challenger)) == 12
    assert {flip.direction for flip in find_flips(champion, challenger)} == {"fixed"}


def test_a_slice_that_got_worse_is_named_after_the_correction():
    champion = side([[True, True]] * 12)
    challenger = side([[False, False]] * 12, "!")
    (topic,) = compare_slices(champion, challenger, ["topic"], alpha=0.05)
    assert topic.worse
    assert topic.p_holm is not None


def test_an_open_verdict_says_how_many_scenarios_are_missing():
    champion = side([[True, False], [False, True], [True, True]] * 4)
    challenger = side([[False, True], [True, True], [False, True]] * 4, "!")
    found = compare_passes(champion, challenger, confidence=0.95)
    decision = decide(found.difference, SUPERIORITY)
    assert decision.recommendation is Recommendation.INCONCLUSIVE
    assert "scenarios" in next_steps(decision, champion, challenger, SUPERIORITY)[0]


def test_sides_that_came_out_alike_everywhere_are_not_said_to_suffice():
    """12 scenarios that nobody passes leave 24 points open: 62 more of the kind leave less than 5."""
    same = side([[False, False, False]] * 12)
    decision = decide(compare_passes(same, same, confidence=0.95).difference, SUPERIORITY)
    (step, *_) = next_steps(decision, same, same, SUPERIORITY)
    assert "came out alike" in step and "add 61" in step
    more = side([[False, False, False]] * (12 + 61))
    left = compare_passes(more, more, confidence=0.95).difference
    assert left.high <= SUPERIORITY.margin + 1e-9
