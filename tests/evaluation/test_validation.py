"""Validation: every rule finds the fault planted for it, and says nothing of sound datasets."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, DatasetFinding, DatasetReport, DatasetRule, Difficulty, Scenario
from assay.contracts.judgment import Ruling
from assay.contracts.stage import AgentRef
from assay.evaluation.exchange import from_jsonl
from assay.evaluation.validation import Attempt, validate
from assay.evaluation.validation.wording import overlap, shared_run, tokens, wording
from assay.integrations.importers import tau_bench
from assay.statistics import detectable_difference
from tests.conftest import DATA, ROOT, SHOP

NOUNS = ["tent", "boots", "lamp", "stove", "rope", "map", "jacket", "mug", "bottle", "axe", "scarf", "hat", "tarp"]
CARD = AgentCard.model_validate_json((SHOP / "v2.json").read_text())
NO_TOOLS = CARD.replace(tools=())
PLAIN = {"expectation_id": "plain", "text": "The agent asks for the order number before it speaks of the order."}


def scenario(number: int = 1, *expectations: dict[str, Any], **changes: Any) -> Scenario:
    """A sound one, unlike those of other numbers."""
    thing = NOUNS[number % len(NOUNS)]
    fields = {
        "scenario_id": f"s{number}",
        "topic": "returns",
        "difficulty": list(Difficulty)[number % 3],
        "persona": {"name": f"p{number % 2}", "description": "A customer."},
        "goal": f"Get rid of the {thing} that came on day {number}.",
        "opening": f"Hi, {thing} {number} is nothing for me, {NOUNS[(number * 7) % len(NOUNS)]} is.",
        "expectations": [{"expectation_id": f"e{place}", **expected} for place, expected in enumerate(expectations, 1)]
        or [PLAIN],
    }
    return Scenario.model_validate(fields | changes)


def report(*scenarios: Scenario, card: AgentCard | None = CARD, **more: Any) -> DatasetReport:
    """Filled up to forty sound scenarios, so that nothing but the planted is at fault."""
    sound = [scenario(number, topic=CARD.topics[number % len(CARD.topics)]) for number in range(100, 140)]
    return validate(
        Dataset(name="d", scenarios=(*scenarios, *sound)),
        card,
        threshold=0.8,
        **{"detectable_difference": 0.2, "detectable_how": "", **more},
    )


def found(*scenarios: Scenario, card: AgentCard | None = CARD, **more: Any) -> Sequence[DatasetFinding]:
    return report(*scenarios, card=card, **more).findings


def only(*scenarios: Scenario, card: AgentCard | None = CARD, **more: Any) -> DatasetFinding:
    (finding,) = found(*scenarios, card=card, **more)
    return finding


def test_a_sound_dataset_has_no_finding_and_the_full_score():
    sound = report()
    assert sound.findings == ()
    assert (sound.score, sound.passed, sound.scenarios, sound.expectations) == (1.0, True, 40, 40)
    assert sound.checked_by_code == 0.0


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

    @pytest.mark.parametrize(
        ("dimension", "value"),
        [("persona", {"name": "one", "description": "The only one."}), ("difficulty", "hard")],
    )
    def test_one_value_for_all_is_a_gap(self, dimension: str, value: Any):
        alike = [scenario(number, **{dimension: value}) for number in range(12)]
        findings = validate(Dataset(name="d", scenarios=tuple(alike)), None, threshold=0, detectable_difference=0.2)
        assert [(f.rule, dimension in f.message) for f in findings.findings] == [(DatasetRule.COVERAGE, True)]


VAGUE = [
    "The agent responds appropriately.",
    "The agent gives a good answer.",
    "The agent handles the refund of the damaged rain jacket properly.",
    "The agent is helpful and professional.",
    "The agent uses tools as needed.",
    "The agent helps the user.",
    "The agent gives the correct delivery date.",
    "The response is accurate and of high quality.",
    "The agent provides relevant information.",
]
PLAIN_ENOUGH = [
    "The agent says good morning.",
    "The agent refunds the mug as well.",
    "The agent sends the goods back.",
    "The agent helps the user by naming the nearest store.",
    "The agent politely declines the refund after the window.",
    "The agent offers to correct the address.",
    "The agent refuses.",
    "Der Agent nennt die Frist.",
    "The agent answers in at most two sentences.",
    "The agent stays polite, though the user is rude.",
]


class TestVague:
    @pytest.mark.parametrize("text", VAGUE)
    def test_what_means_something_else_to_everyone_is_a_warning(self, text: str):
        finding = only(scenario(1, {"text": text}))
        assert (finding.rule, finding.severity, finding.scenario_ids) == (DatasetRule.VAGUE, "warning", ("s1",))
        assert finding.message.startswith("e1: ")

    @pytest.mark.parametrize("text", PLAIN_ENOUGH)
    def test_what_can_be_seen_is_not_vague(self, text: str):
        assert not found(scenario(1, {"text": text}))

    def test_a_check_decides_what_words_leave_open(self):
        assert not found(scenario(1, {"text": VAGUE[0], "check": {"kind": "says", "pattern": "sorry"}}))


def says(pattern: str) -> dict[str, Any]:
    return {"kind": "says", "pattern": pattern}


def calls(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"kind": "calls", "tool": tool, "arguments": arguments}


def leaves(path: str, equals: Any) -> dict[str, Any]:
    return {"kind": "outcome", "path": path, "equals": equals}


CONTRADICTIONS = {
    "same words": ({"text": "The agent refunds the boots."}, {"kind": "must_not", "text": "Refund the boots!"}),
    "denied words": ({"text": "The agent refunds the boots."}, {"text": "The agent never refunds the boots."}),
    "denied twice": (
        {"kind": "must_not", "text": "The agent refunds the boots."},
        {"kind": "must_not", "text": "The agent doesn't refund the boots."},
    ),
    "same pattern": (
        {"text": "says the window", "check": says("30 days")},
        {"kind": "must_not", "text": "talks of time", "check": says("30 DAYS")},
    ),
    "pattern within": (
        {"text": "says the window", "check": says("30 days")},
        {"kind": "must_not", "text": "talks of time", "check": says("day|week")},
    ),
    "same tool": (
        {"text": "cancels", "check": calls("cancel_order", order_number="J4101")},
        {"kind": "must_not", "text": "touches any order", "check": calls("cancel_order")},
    ),
    "two outcomes": (
        {"text": "cancels it", "check": leaves("orders.J1.status", "cancelled")},
        {"text": "sends it", "check": leaves("orders.J1.status", "shipped")},
    ),
    "same outcome": (
        {"text": "cancels it", "check": leaves("orders.J1.status", "cancelled")},
        {"kind": "must_not", "text": "ends it", "check": leaves("orders.J1.status", "Cancelled ")},
    ),
}
CONSISTENT = {
    "amount": (
        {"text": "The agent refunds 149 EUR."},
        {"kind": "must_not", "text": "The agent refunds more than 149 EUR."},
    ),
    "other number": (
        {"text": "The agent refunds 30 EUR."},
        {"kind": "must_not", "text": "The agent refunds 40 EUR."},
    ),
    "order of things": (
        {"text": "The agent refunds the boots after it asked who writes."},
        {"kind": "must_not", "text": "The agent refunds the boots before it asked who writes."},
    ),
    "said twice": (
        {"text": "The agent does not refund the boots."},
        {"kind": "must_not", "text": "The agent refunds the boots."},
    ),
    "word boundary": (
        {"text": "says it", "check": says("day")},
        {"kind": "must_not", "text": "not that", "check": says(r"\bday\b")},
    ),
    "other arguments": (
        {"text": "cancels one", "check": calls("cancel_order", order_number="J4101")},
        {"kind": "must_not", "text": "cancels other", "check": calls("cancel_order", order_number="J4102")},
    ),
    "same outcome as number": (
        {"text": "refunds", "check": leaves("orders.J1.refunded", 149)},
        {"text": "pays back", "check": leaves("orders.J1.refunded", 149.0)},
    ),
    "two bans": (
        {"kind": "must_not", "text": "a", "check": leaves("orders.J1.status", "shipped")},
        {"kind": "must_not", "text": "b", "check": leaves("orders.J1.status", "lost")},
    ),
}
KNOWN = {"order numbers": "J4101, J4102"}


class TestContradictory:
    @pytest.mark.parametrize("name", CONTRADICTIONS)
    def test_what_cannot_both_be_met_is_an_error(self, name: str):
        finding = only(scenario(1, *CONTRADICTIONS[name], facts=KNOWN))
        assert (finding.rule, finding.severity) == (DatasetRule.CONTRADICTORY, "error")
        assert finding.message.startswith("e1 and e2 cannot both be met")

    @pytest.mark.parametrize("name", CONSISTENT)
    def test_what_can_both_be_met_is_none(self, name: str):
        assert not found(scenario(1, *CONSISTENT[name], facts=KNOWN))


UNCHECKABLE = {
    "The agent understands that the customer is upset.": "warning",
    "The agent fully believes the customer.": "warning",
    "The customer leaves satisfied.": "warning",
    "The user feels heard at the end.": "warning",
}
SEEN = [
    "The agent says that it understands that the customer is upset.",
    "The agent refunds what the user wants back.",
    "The agent asks what the customer thinks of the offer.",
    "The agent names the shop that the customer knows.",
]


class TestNotCheckable:
    def test_a_tool_that_the_agent_does_not_have_is_an_error_that_names_those_it_has(self):
        finding = only(scenario(1, {"text": "flies", "check": calls("book_flight")}))
        assert (finding.rule, finding.severity) == (DatasetRule.NOT_CHECKABLE, "error")
        assert "cancel_order" in finding.fix

    def test_an_argument_that_the_tool_does_not_take_is_an_error(self):
        finding = only(scenario(1, {"text": "cancels", "check": calls("cancel_order", order_id="J1")}))
        assert "no argument 'order_id'" in finding.message
        assert finding.severity == "error"

    def test_a_value_that_the_tool_does_not_take_is_an_error(self):
        finding = only(scenario(1, {"text": "hands over", "check": calls("open_ticket", reason="boredom")}))
        assert 'no reason "boredom"' in finding.message

    def test_a_tool_on_a_card_without_tools_is_a_warning(self):
        finding = only(scenario(1, {"text": "cancels", "check": calls("cancel_order")}), card=NO_TOOLS)
        assert finding.severity == "warning"

    def test_without_a_card_nothing_is_said_of_tools(self):
        assert not found(scenario(1, {"text": "flies", "check": calls("book_flight")}), card=None)

    def test_an_outcome_that_the_agent_does_not_show_is_an_error(self):
        planted = scenario(1, {"text": "refunds", "check": leaves("orders.J1.refunded", 1)})
        blind = Attempt(rulings={"e1": Ruling.ABSTAINED}, shows_state=False, failed=False)
        assert only(planted, attempts={"s1": blind}).severity == "error"
        sighted = Attempt(rulings={"e1": Ruling.MET}, shows_state=True, failed=False)
        assert not found(planted, attempts={"s1": sighted})
        assert not found(planted)

    def test_a_pattern_that_matches_everything_decides_nothing(self):
        assert only(scenario(1, {"text": "speaks", "check": says("x*")})).severity == "warning"
        assert only(scenario(1, {"kind": "must_not", "text": "x", "check": says("|a")})).severity == "error"

    @pytest.mark.parametrize("text", UNCHECKABLE)
    def test_what_no_transcript_shows_is_a_warning(self, text: str):
        finding = only(scenario(1, {"text": text}))
        assert (finding.rule, finding.severity) == (DatasetRule.NOT_CHECKABLE, UNCHECKABLE[text])

    @pytest.mark.parametrize("text", SEEN)
    def test_what_is_said_aloud_can_be_checked(self, text: str):
        assert not found(scenario(1, {"text": text}))


WINDOW = "The agent says that returns are accepted within 30 days of delivery."
LEAKS = {
    "in the goal": ({"goal": "Learn that returns are accepted within 30 days of delivery."}, "error"),
    "in the opening": ({"opening": "So returns are accepted within 30 days of delivery, right?"}, "error"),
    "in a fact": ({"facts": {"rule": "Returns are accepted within 30 days of delivery."}}, "error"),
    "in other words": ({"opening": "I know you accept a return within 30 days of the delivery."}, "warning"),
}


class TestLeaks:
    @pytest.mark.parametrize("name", LEAKS)
    def test_an_answer_in_the_users_words_is_found(self, name: str):
        changes, severity = LEAKS[name]
        finding = only(scenario(1, {"text": WINDOW}, **changes))
        assert (finding.rule, finding.severity) == (DatasetRule.LEAKS_ANSWER, severity)

    def test_an_expectation_that_speaks_to_the_user_as_to_a_tester_is_an_error(self):
        planted = scenario(
            1,
            {"text": "The agent must look the order up before refunding the boots."},
            goal="Check that the agent must look the order up before refunding the boots.",
        )
        assert only(planted).severity == "error"

    def test_a_phrase_that_the_check_looks_for_is_a_warning_in_the_opening_and_a_note_in_the_facts(self):
        window = {"text": "The agent names the time to send it back.", "check": says(r"\b30 days")}
        assert only(scenario(1, window, opening="Is it 30 days?")).severity == "warning"
        assert only(scenario(1, window, facts={"heard": "a friend says 30 days"})).severity == "note"

    @pytest.mark.parametrize(
        ("expected", "changes"),
        [
            ({"text": WINDOW}, {"opening": "Can I return it? It came 60 days ago."}),
            ({"text": WINDOW, "kind": "must_not"}, {"opening": "Say that returns are accepted within 30 days."}),
            ({"text": "The agent cancels order J4101."}, {"opening": "Please cancel order J4101."}),
            (
                {"text": "The agent says when the parcel with the two lamps arrives."},
                {"opening": "When does the parcel with the two lamps arrive?"},
            ),
            (
                {"text": "The agent says that order J4101 is cancelled."},
                {"opening": "I want my order J4101 cancelled."},
            ),
            (
                {"text": "The agent says that it is sorry.", "check": says(r"\bsorry\b")},
                {"opening": "Sorry to bother you."},
            ),
            (
                {"text": "The agent repeats the number.", "check": says("J4101")},
                {"opening": "My order is J4101."},
            ),
            (
                {"text": "The agent confirms the new address.", "check": says("Skovvej 19")},
                {"facts": {"new address": "Skovvej 19, Aarhus"}},
            ),
        ],
    )
    def test_what_a_user_may_well_say_is_no_leak(self, expected: dict[str, Any], changes: dict[str, Any]):
        assert not found(scenario(1, expected, **changes))

    def test_naming_the_same_thing_at_length_is_worth_a_note_at_most(self):
        thing = "the boots that arrived two sizes too small"
        finding = only(scenario(1, {"text": f"The agent refunds {thing}."}, goal=f"Get the money for {thing}."))
        assert finding.severity == "note"


class TestHiddenState:
    def test_an_order_that_nobody_in_the_conversation_could_know_is_a_warning(self):
        planted = scenario(
            1, {"text": "cancels", "check": calls("cancel_order", order_number="J9999")}, initial_state={"orders": {}}
        )
        finding = only(planted)
        assert (finding.rule, finding.severity) == (DatasetRule.HIDDEN_STATE, "warning")
        assert "J9999" in finding.message

    @pytest.mark.parametrize(
        "changes",
        [
            {"facts": {"order number": "J9999"}, "initial_state": {}},
            {"opening": "It is about j9999.", "initial_state": {}},
            {"initial_state": {"orders": {"J9999": {}}}},
            {},
        ],
        ids=["a fact", "the opening", "the state", "a tool over a world that is not given"],
    )
    def test_what_the_user_the_world_or_a_tool_knows_is_not_hidden(self, changes: dict[str, Any]):
        check = calls("cancel_order", order_number="J9999")
        assert not found(scenario(1, {"text": "The agent cancels J9999.", "check": check}, **changes))

    def test_an_agent_without_tools_cannot_know_a_number_that_its_prompt_does_not_hold(self):
        planted = scenario(1, {"text": "The agent says that it takes 45 days."})
        assert only(planted, card=NO_TOOLS).severity == "warning"
        assert only(planted, card=NO_TOOLS.replace(system_prompt=None)).severity == "note"
        assert not found(planted, card=NO_TOOLS.replace(system_prompt="It takes 45 days."))

    def test_without_a_card_it_is_a_note(self):
        assert only(scenario(1, {"text": "The agent names ticket T-4711."}), card=None).severity == "note"


class TestUnsolvable:
    def test_an_attempt_that_met_nothing_is_noted_and_costs_no_score(self):
        planted = scenario(1, {"text": "says it", "check": says("zebra")})
        attempt = Attempt(rulings={"e1": Ruling.NOT_MET}, shows_state=True, failed=False)
        seen = report(planted, attempts={"s1": attempt})
        assert [(f.rule, f.severity) for f in seen.findings] == [(DatasetRule.UNSOLVABLE, "note")]
        assert seen.score == 1.0

    @pytest.mark.parametrize("ruling", [Ruling.MET, Ruling.ABSTAINED])
    def test_an_attempt_that_met_something_or_could_not_tell_is_no_finding(self, ruling: Ruling):
        planted = scenario(1, {"text": "a", "check": says("zebra")}, {"text": "b", "check": says("yak")})
        attempt = Attempt(rulings={"e1": Ruling.NOT_MET, "e2": ruling}, shows_state=True, failed=False)
        assert not found(planted, attempts={"s1": attempt})

    def test_many_are_one_finding_that_names_them_all(self):
        planted = [scenario(number, {"text": "says it", "check": says("zebra")}) for number in (1, 2, 3)]
        attempt = Attempt(rulings={"e1": Ruling.NOT_MET}, shows_state=True, failed=False)
        assert only(*planted, attempts=dict.fromkeys(("s1", "s3"), attempt)).scenario_ids == ("s1", "s3")

    def test_an_attempt_that_failed_says_so(self):
        attempt = Attempt(rulings={}, shows_state=False, failed=True)
        assert "ended in an error" in only(scenario(1), attempts={"s1": attempt}).message


class TestTooSmall:
    def test_too_few_to_say_is_an_error_of_the_whole(self):
        finding = only(detectable_difference=None, detectable_how="4 scenarios; a comparison needs at least 5")
        assert (finding.rule, finding.severity, finding.scenario_ids) == (DatasetRule.TOO_SMALL, "error", ())
        assert "needs at least 5" in finding.message

    def test_a_coarse_dataset_is_a_warning(self):
        assert only(detectable_difference=0.36).severity == "warning"


def test_the_score_counts_sound_scenarios_and_takes_a_tenth_for_each_error_of_the_whole():
    flawed = [scenario(number, {"text": VAGUE[0]}) for number in range(1, 11)]
    scored = report(*flawed, detectable_difference=None)
    assert scored.score == pytest.approx(40 / 50 - 0.1)
    assert not scored.passed
    assert report(*flawed).score == 0.8
    assert report(*flawed).passed
    assert [f.severity for f in scored.findings] == ["error", *["warning"] * 10]


def test_no_score_falls_below_zero():
    lone = Dataset(name="d", scenarios=(scenario(1, {"text": VAGUE[0]}),))
    assert validate(lone, None, threshold=0.8).score == 0.0


@pytest.mark.parametrize(("dataset", "card"), [("shop", "v1"), ("shop", "v2"), ("eliza", "card")])
def test_the_examples_pass_with_nothing_but_fair_remarks(dataset: str, card: str):
    folder = ROOT / "examples" / dataset
    given_ = from_jsonl((folder / "dataset.jsonl").read_text(), name=dataset, where="dataset.jsonl")
    size = detectable_difference(len(given_.scenarios)).difference
    agent = AgentCard.model_validate_json((folder / f"{card}.json").read_text())
    seen = validate(given_, agent, threshold=1.0, detectable_difference=size)
    assert seen.passed
    assert len(seen.findings) <= 1


@pytest.mark.skipif(not (DATA / "tau-bench-airline").is_dir(), reason="../shared/data/tau-bench-airline is not there")
class TestTauBench:
    def test_the_imported_tasks_have_one_persona_and_no_other_fault(self):
        agent = AgentRef(agent_id="airline", version="1")
        dataset, _, _ = tau_bench.read(DATA / "tau-bench-airline", agent)
        seen = validate(dataset, None, threshold=1.0, detectable_difference=0.2)
        assert seen.score == 1.0
        assert [(f.rule, f.severity) for f in seen.findings] == [(DatasetRule.COVERAGE, "warning")]

    def test_tasks_with_their_gold_calls_as_expectations_raise_nothing(self):
        folder = DATA / "tau-bench-airline"
        rows = [json.loads(line) for line in (folder / "scenarios.jsonl").read_text().splitlines()]
        tools = {action["name"] for row in rows for action in row["expected_actions"]} | {"get_user_details"}
        card = CARD.replace(
            tools=tuple({"name": name} for name in sorted(tools)),
            topics=(),
            system_prompt=(folder / "policy.md").read_text(),
        )
        scenarios = tuple(_gold(number, row) for number, row in enumerate(rows))
        seen = validate(Dataset(name="gold", scenarios=scenarios), card, threshold=1, detectable_difference=0.2)
        assert seen.findings == ()


def _gold(number: int, row: dict[str, Any]) -> Scenario:
    actions = [
        {
            "text": f"The agent calls {action['name']} with {json.dumps(action['kwargs'])}.",
            "check": calls(action["name"], **action["kwargs"]),
        }
        for action in row["expected_actions"]
    ]
    said = [{"text": f"The agent says {output}.", "check": says(output)} for output in row["expected_outputs"]]
    nothing = {"kind": "must_not", "text": "The agent changes any reservation."}
    return scenario(number, *(actions + said or [nothing]), goal=row["user_instruction"], opening=None)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_the_shared_run_is_the_longest_that_both_hold(one: list[str], other: list[str]):
    run = shared_run(one, other)
    inside = [one[a:b] for a in range(len(one)) for b in range(a + 1, len(one) + 1)]
    held = [part for part in inside if any(other[c : c + len(part)] == part for c in range(len(other)))]
    assert len(run) == max(map(len, held), default=0)
    assert run in held or run == []


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


def test_cannot_and_do_not_are_read_as_denials():
    assert tokens("can't cannot doesn’t") == ["ca", "not", "can", "not", "does", "not"]
