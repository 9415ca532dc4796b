"""Answers given away, facts that nobody has, scenarios that a reference attempt could not solve."""

from typing import Any

import pytest

from assay.contracts.dataset import DatasetRule
from assay.contracts.judgment import Ruling
from assay.evaluation.validation import Attempt
from tests.evaluation.validation.planted import NO_TOOLS, calls, found, only, report, says, scenario

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

    def test_an_agent_without_tools_may_know_a_number_but_not_an_identifier_that_nobody_mentions(self):
        planted = scenario(1, {"text": "The agent says that it takes 45 days."})
        assert only(planted, card=NO_TOOLS).severity == "note"
        order = scenario(1, {"text": "The agent confirms order J9999."})
        finding = only(order, card=NO_TOOLS)
        assert finding.severity == "warning" and 'asks for "J9999"' in finding.message
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
