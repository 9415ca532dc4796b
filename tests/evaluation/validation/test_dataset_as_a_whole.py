"""Coverage, size and the score."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.dataset import Dataset, DatasetRule
from assay.evaluation.validation import validate
from tests.evaluation.validation.planted import CARD, found, only, report, scenario


def test_a_sound_dataset_has_no_finding_and_the_full_score():
    sound = report()
    assert sound.findings == ()
    assert (sound.score, sound.passed, sound.scenarios, sound.expectations) == (1.0, True, 40, 40)
    assert sound.checked_by_code == 0.0


class TestCoverage:
    def test_the_matrix_counts_topic_persona_and_difficulty(self):
        cells = report().coverage
        assert sum(cell.scenarios for cell in cells) == 40
        assert {cell.topic for cell in cells} == set(CARD.topics)

    def test_a_topic_of_the_card_without_a_scenario_is_a_gap(self):
        finding = only(card=CARD.replace(topics=(*CARD.topics, "gift cards")))
        assert (finding.rule, finding.severity, finding.scenario_ids) == (DatasetRule.COVERAGE, "warning", ())
        assert "'gift cards'" in finding.message

    def test_a_topic_that_a_scenario_is_about_under_another_name_is_no_gap(self):
        about = scenario(1, opening="Can I pay with a gift card?")
        assert not found(about, card=CARD.replace(topics=(*CARD.topics, "Gift_Cards")))

    def test_most_topics_without_a_scenario_are_an_error_of_the_dataset(self):
        topics = (
            "returns",
            *(f"topic {name}" for name in ("ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "st")),
        )
        finding = only(card=CARD.replace(topics=topics))
        assert (finding.severity, finding.scenario_ids) == ("error", ())
        assert "10 of the card's 11 topics" in finding.message

    def test_a_dataset_about_none_of_the_cards_topics_does_not_pass_whatever_it_scores(self):
        seen = report(card=CARD.replace(topics=("tax returns", "visas")))
        assert seen.score >= seen.threshold and not seen.passed
        assert report().passed

    def test_the_verdict_says_what_else_than_the_score_is_against_it(self):
        passing = report()
        assert passing.verdict == "passes: score 1.00, at least 0.80 needed"
        off = passing.replace(score=0.8, passed=False)
        why = "no scenario is about any of the card's topics"
        assert off.verdict == f"FAILS: {why} (score 0.80, at least 0.80 needed)"
        assert passing.replace(score=0.7999, passed=False).verdict == "FAILS: score 0.79, at least 0.80 needed"

    @pytest.mark.parametrize(
        ("dimension", "value"),
        [("persona", {"name": "one", "description": "The only one."}), ("difficulty", "hard")],
    )
    def test_one_value_for_all_is_a_gap(self, dimension: str, value: Any):
        alike = [scenario(number, **{dimension: value}) for number in range(12)]
        findings = validate(Dataset(name="d", scenarios=tuple(alike)), None, threshold=0, detectable_difference=0.2)
        assert [(f.rule, dimension in f.message) for f in findings.findings] == [(DatasetRule.COVERAGE, True)]


class TestTooSmall:
    def test_too_few_to_say_is_an_error_of_the_whole(self):
        finding = only(detectable_difference=None, detectable_how="4 scenarios; a comparison needs at least 5")
        assert (finding.rule, finding.severity, finding.scenario_ids) == (DatasetRule.TOO_SMALL, "error", ())
        assert "needs at least 5" in finding.message

    def test_a_coarse_dataset_is_a_warning(self):
        assert only(detectable_difference=0.36).severity == "warning"


VAGUE_ONE = "The agent responds appropriately."


def test_the_score_counts_sound_scenarios_and_takes_a_tenth_for_each_error_of_the_whole():
    flawed = [scenario(number, {"text": VAGUE_ONE}) for number in range(1, 11)]
    scored = report(*flawed, detectable_difference=None)
    assert scored.score == pytest.approx(40 / 50 - 0.1)
    assert not scored.passed
    assert report(*flawed).score == 0.8
    assert report(*flawed).passed
    assert [f.severity for f in scored.findings] == ["error", *["warning"] * 10]


def test_no_score_falls_below_zero():
    lone = Dataset(name="d", scenarios=(scenario(1, {"text": VAGUE_ONE}),))
    assert validate(lone, None, threshold=0.8).score == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(min_size=1, max_size=30)), min_size=1, max_size=4))
def test_any_words_at_all_are_validated_the_same_each_time(said: list[tuple[str, str]]):
    scenarios = tuple(
        scenario(number, {"text": f"x{expected}"}, scenario_id=f"s{number}", opening=opening)
        for number, (opening, expected) in enumerate(said)
    )
    dataset = Dataset(name="d", scenarios=scenarios)
    first = validate(dataset, CARD, threshold=0.8)
    assert first == validate(dataset, CARD, threshold=0.8)
    assert 0 <= first.score <= 1
    named = {name for finding in first.findings for name in finding.scenario_ids}
    assert named <= {one.scenario_id for one in scenarios}
