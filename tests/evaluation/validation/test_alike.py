"""Scenarios that stand twice or nearly so, and the words that say so."""

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.dataset import DatasetRule
from assay.evaluation.validation.wording import overlap, shared_run, tokens, wording
from tests.evaluation.validation.planted import found, only, scenario


class TestDuplicates:
    def test_the_same_scenario_under_another_id_is_an_error_of_the_second(self):
        loud = scenario(1, scenario_id="again", goal="GET rid of the boots, that came on day 1")
        finding = only(scenario(1), loud)
        assert (finding.rule, finding.severity, finding.scenario_ids) == (DatasetRule.DUPLICATE, "error", ("again",))

    def test_a_changed_word_is_a_near_duplicate(self):
        long = "I ordered the blue tent for our trip to the lake in May and the zip broke on the very first evening"
        one = scenario(1, opening=long)
        other = scenario(1, scenario_id="near", opening=long.replace("lake", "sea"))
        finding = only(one, other)
        assert (finding.rule, finding.severity, finding.scenario_ids) == (
            DatasetRule.NEAR_DUPLICATE,
            "warning",
            ("near",),
        )
        assert "with s1" in finding.message

    def test_the_same_words_by_another_persona_are_only_noted(self):
        other = scenario(1, scenario_id="near", persona={"name": "other", "description": "Another."})
        assert only(scenario(1), other).severity == "note"

    def test_day_29_and_day_31_of_a_rule_are_two_scenarios(self):
        inside = scenario(1, {"text": "The agent refunds it."}, initial_state={"days": 29})
        outside = scenario(
            1, {"kind": "must_not", "text": "The agent refunds it."}, scenario_id="s31", initial_state={"days": 31}
        )
        assert not found(inside, outside)

    def test_chinese_is_compared_by_its_characters(self):
        long = "我上周买的蓝色帐篷拉链坏了想要退货请问需要提供什么信息才能尽快处理这个问题谢谢你们的帮助"
        one = scenario(1, goal=long, opening=None)
        other = scenario(1, scenario_id="near", goal=long.replace("蓝", "红"), opening=None)
        assert only(one, other).rule is DatasetRule.NEAR_DUPLICATE

    def test_minhash_finds_every_pair_that_the_exact_overlap_finds(self):
        import random

        chance = random.Random(3)
        scenarios = []
        for number in range(120):
            words = [chance.choice("abcdefghijklmnopqrstuvwxyz") * 3 for _ in range(30)]
            scenarios.append(scenario(1, scenario_id=f"a{number}", goal=" ".join(words), opening=None))
            words[chance.randrange(30)] = "new"
            scenarios.append(scenario(1, scenario_id=f"b{number}", goal=" ".join(words), opening=None))
        near = {
            other.scenario_id
            for place, other in enumerate(scenarios)
            if any(overlap(wording(one), wording(other)) >= 0.8 for one in scenarios[:place])
        }
        named = {f.scenario_ids[0] for f in found(*scenarios) if f.rule is DatasetRule.NEAR_DUPLICATE}
        assert near == named
        assert len(near) > 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_the_shared_run_is_the_longest_that_both_hold(one: list[str], other: list[str]):
    run = shared_run(one, other)
    inside = [one[a:b] for a in range(len(one)) for b in range(a + 1, len(one) + 1)]
    held = [part for part in inside if any(other[c : c + len(part)] == part for c in range(len(other)))]
    assert len(run) == max(map(len, held), default=0)
    assert run in held or run == []


def test_cannot_and_do_not_are_read_as_denials():
    assert tokens("can't cannot doesn’t") == ["ca", "not", "can", "not", "does", "not"]
