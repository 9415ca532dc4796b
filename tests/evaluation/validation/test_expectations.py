"""Expectations that are vague, that rule each other out, or that nothing could decide."""

import pytest

from assay.contracts.dataset import DatasetRule
from assay.contracts.judgment import Ruling
from assay.evaluation.validation import Attempt
from tests.evaluation.validation.planted import NO_TOOLS, calls, found, leaves, only, says, scenario

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
        rules = {finding.rule: finding.severity for finding in found(scenario(1, {"text": text}))}
        assert rules.pop(DatasetRule.NOT_CHECKABLE) == UNCHECKABLE[text]
        assert set(rules) <= {DatasetRule.ABOUT_USER}

    @pytest.mark.parametrize("text", SEEN)
    def test_what_is_said_aloud_can_be_checked(self, text: str):
        assert not found(scenario(1, {"text": text}))
