"""Deterministic checks: what happened, where, and what cannot be told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import ToolCall, Turn
from assay.contracts.dataset import Expectation, OutcomeCheck, SaysCheck, ToolCheck
from assay.contracts.judgment import Ruling
from assay.evaluation.checks import check_verdict
from tests.evaluation.make import conversation


def expects(check, kind="must"):
    return Expectation(expectation_id="e", kind=kind, text="Something.", check=check)


def calling(*calls: ToolCall):
    return conversation("Hi.").replace(turns=(Turn(role="agent", text="Let me see.", tool_calls=calls),))


def test_what_the_agent_says_counts_and_what_the_user_says_does_not():
    check = SaysCheck(pattern=r"\b5 days")
    said = check_verdict(expects(check), conversation("When?", "You have it in 5 DAYS."))
    assert said.ruling is Ruling.MET
    assert (said.evidence[0].turn, said.evidence[0].quote) == (1, "5 DAYS")
    assert check_verdict(expects(check), conversation("In 5 days?", "Soon.")).ruling is Ruling.NOT_MET


@pytest.mark.parametrize(
    ("given", "ruling"),
    [
        ({"order": "J1", "amount": 5.0}, Ruling.MET),
        ({"order": "j1", "amount": 5}, Ruling.MET),
        ({"order": "J2", "amount": 5.0}, Ruling.NOT_MET),
        ({"order": "J1"}, Ruling.NOT_MET),
    ],
)
def test_a_tool_call_needs_at_least_the_arguments_that_are_named(given, ruling):
    check = ToolCheck(tool="refund", arguments={"order": "J1", "amount": 5})
    found = check_verdict(expects(check), calling(ToolCall(name="refund", arguments={**given, "note": "x"})))
    assert found.ruling is ruling


def test_a_tool_call_that_failed_did_not_happen():
    failed = ToolCall(name="refund", arguments={}, error="no such order")
    found = check_verdict(expects(ToolCheck(tool="refund")), calling(failed))
    assert found.ruling is Ruling.NOT_MET
    assert "no such order" in found.rationale


def test_an_outcome_is_looked_up_and_one_that_is_not_shown_abstains():
    check = OutcomeCheck(path="orders.J1.refunded > `0`", equals=True)
    done = conversation("Hi.", "Done.", outcome={"orders": {"J1": {"refunded": 9.5}}})
    assert check_verdict(expects(check), done).ruling is Ruling.MET
    assert check_verdict(expects(check, "must_not"), done).ruling is Ruling.NOT_MET
    assert check_verdict(expects(check), conversation("Hi.", "Done.")).ruling is Ruling.ABSTAINED


def test_true_is_not_one():
    check = OutcomeCheck(path="n", equals=True)
    assert check_verdict(expects(check), conversation("Hi.", outcome={"n": 1})).ruling is Ruling.NOT_MET


@given(st.text(max_size=40), st.sampled_from(["sorry", "5 days", "a.c"]))
def test_must_and_must_not_are_each_others_opposite(text, pattern):
    talk = conversation("Hi.", text)
    rulings = {check_verdict(expects(SaysCheck(pattern=pattern), kind), talk).ruling for kind in ("must", "must_not")}
    assert rulings == {Ruling.MET, Ruling.NOT_MET}


def test_without_a_check_a_judge_rules():
    assert check_verdict(Expectation(expectation_id="e", text="Is kind."), conversation("Hi.", "Hello.")) is None


@pytest.mark.parametrize("kind", ["must", "must_not"])
@pytest.mark.parametrize("written", ["re\u200bfund", "re\u00adfund", "ｒｅｆｕｎｄ", "x" * 30_000 + " refund"])
def test_no_typography_and_no_length_hides_a_word(written, kind):
    found = check_verdict(expects(SaysCheck(pattern="refund"), kind), conversation("Hi.", f"I booked a {written}."))
    assert found.ruling is (Ruling.MET if kind == "must" else Ruling.NOT_MET)


@pytest.mark.parametrize(
    ("check", "kind", "words"),
    [
        (OutcomeCheck(path="ok", equals=True), "must", "Expected ok to be true, found false."),
        (OutcomeCheck(path="no.such", equals="x"), "must", "Expected no.such to be x, found nothing."),
        (ToolCheck(tool="refund"), "must", "Expected the agent to call refund, found no call of refund."),
        (SaysCheck(pattern="done"), "must_not", "Expected the agent not to say “done”, found “Done”."),
    ],
)
def test_a_check_says_what_was_expected_and_what_was_found(check, kind, words):
    found = check_verdict(expects(check, kind), conversation("Hi.", "Done.", outcome={"ok": False}))
    assert found.rationale == words


def test_a_path_that_does_not_fit_the_outcome_abstains():
    check = OutcomeCheck(path="length(n)", equals=1)
    assert check_verdict(expects(check), conversation("Hi.", outcome={"n": 1})).ruling is Ruling.ABSTAINED
