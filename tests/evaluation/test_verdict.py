"""PROMOTE, REJECT, INCONCLUSIVE: planted differences, and the properties that a verdict must have."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.comparison import ComparePolicy, PairedResult, Recommendation
from assay.contracts.estimate import Estimate, Insufficient
from assay.evaluation.infrastructure import mark_fault
from assay.evaluation.pairing import compare_passes, compare_scores, compare_slices, find_flips, matched
from assay.evaluation.verdict import correct_for_others, decide, hang_on_set_apart, next_actions, p_of_test
from tests.evaluation.make import conversation, scenario, trial_result

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
    champion = in_topics(side([[True, True]] * 24))
    challenger = in_topics(side([[False, False], [True, True]] * 12, "!"))
    worse, same = compare_slices(champion, challenger, ["topic"], alpha=0.05)
    assert worse.worse and not same.worse
    assert worse.p_holm is not None


def in_topics(results, topics=("even", "odd")):
    """The scenarios in turn in these topics."""
    return [
        replace(
            r, scenario=scenario(r.judgment.scenario_id, topic=topics[int(r.judgment.scenario_id[1:]) % len(topics)])
        )
        for r in results
    ]


def test_a_slice_that_holds_everything_and_slices_that_are_one_are_no_tests_of_their_own():
    champion = side([[True, True]] * 24)
    challenger = side([[False, False], [True, True]] * 12, "!")
    assert compare_slices(champion, challenger, ["topic", "persona", "difficulty"], alpha=0.05) == ()
    sides = [in_topics(champion), in_topics(challenger)]
    once = compare_slices(*sides, ["topic"], alpha=0.05)
    twice = compare_slices(*sides, ["topic", "topic"], alpha=0.05)
    assert [s.p_holm for s in twice] == [s.p_holm for s in once] * 2


def test_holm_over_the_comparisons_of_a_dataset_version_can_take_a_verdict_away():
    promoted = decide(difference(0.02, 0.2), SUPERIORITY)
    taken = correct_for_others(promoted, 0.072, 2, SUPERIORITY)
    assert taken.recommendation is Recommendation.INCONCLUSIVE
    assert taken.reason.startswith("2 other comparisons were made on this dataset version")
    assert correct_for_others(promoted, 0.04, 2, SUPERIORITY).recommendation is Recommendation.PROMOTE
    assert correct_for_others(promoted, None, 0, SUPERIORITY) == promoted


@pytest.mark.parametrize(("low", "high"), [(-0.049, 0.03), (-0.051, 0.03), (-0.2, -0.0501), (0.1, 0.3)])
def test_p_of_non_inferiority_agrees_with_the_interval(low, high):
    from scipy import special

    se = (high - low) / 2 / float(special.stdtrit(49, 0.975))
    found = PairedResult(difference=difference(low, high), p=0.5, se=se)
    outside = low > -0.05 or high < -0.05
    assert (p_of_test(found, NON_INFERIORITY) < 0.05) == outside


def test_a_verdict_that_hangs_on_what_was_set_apart_is_inconclusive_and_says_so_first():
    without = PairedResult(difference=difference(0.1, 0.8), p=0.01)
    counted = PairedResult(difference=difference(-0.3, 0.3), p=1.0)
    promoted = decide(without.difference, SUPERIORITY)
    hung = hang_on_set_apart(promoted, without, counted, SUPERIORITY, 10)
    assert hung.recommendation is Recommendation.INCONCLUSIVE
    assert hung.reason.startswith("The verdict hangs on the 10 conversations that were set apart")
    assert hang_on_set_apart(promoted, without, without, SUPERIORITY, 10) == promoted


def test_broken_runs_are_run_again_before_anything_else():
    broken = conversation("Hi.", "502 Bad Gateway", scenario_id="s00", trial=9)
    apart = trial_result("s00", 9, None)
    apart = replace(apart, conversation=mark_fault(broken), judgment=apart.judgment.replace(verdicts=(), score=None))
    champion, challenger = [*side([[True], [False]] * 4), apart], side([[False], [True]] * 4, "!")
    found = compare_passes(champion, challenger, confidence=0.95)
    actions = next_actions(decide(found.difference, SUPERIORITY), champion, challenger, SUPERIORITY)
    assert [action.kind for action in actions] == ["rerun_broken", "add_data"]
    assert "the one conversation" in actions[0].text


def test_an_open_verdict_says_how_many_scenarios_are_missing():
    champion = side([[True, False], [False, True], [True, True]] * 4)
    challenger = side([[False, True], [True, True], [False, True]] * 4, "!")
    found = compare_passes(champion, challenger, confidence=0.95)
    decision = decide(found.difference, SUPERIORITY)
    assert decision.recommendation is Recommendation.INCONCLUSIVE
    assert "scenarios" in next_actions(decision, champion, challenger, SUPERIORITY)[0].text


def test_sides_that_came_out_alike_everywhere_are_not_said_to_suffice():
    """12 scenarios that nobody passes leave 24 points open: 62 more of the kind leave less than 5."""
    same = side([[False, False, False]] * 12)
    decision = decide(compare_passes(same, same, confidence=0.95).difference, SUPERIORITY)
    step = next_actions(decision, same, same, SUPERIORITY)[0].text
    assert "came out alike" in step and "add 61" in step
    more = side([[False, False, False]] * (12 + 61))
    left = compare_passes(more, more, confidence=0.95).difference
    assert left.high <= SUPERIORITY.margin + 1e-9


def test_two_sides_of_one_judging_are_named_once():
    from assay.contracts.calibration import JudgeStanding
    from assay.evaluation.verdict import _labels

    standing = JudgeStanding(state="uncalibrated", words="Nobody labelled.")
    assert _labels(standing, ("judging-1", "judging-1")).count("--judging judging-1") == 1
    assert _labels(standing, ("judging-1", "judging-2")).count("--judging") == 2
