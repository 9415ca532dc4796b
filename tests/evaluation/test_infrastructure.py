"""Error messages are told from people who talk of errors; what infrastructure broke counts apart, both ways shown."""

from datetime import timedelta

import pytest

from assay.contracts.conversation import FailureCause, ToolCall, Turn
from assay.contracts.dataset import Expectation, OutcomeCheck
from assay.contracts.stage import AgentRef, Usage
from assay.evaluation.allowance import says_spent
from assay.evaluation.as_scored import as_scored
from assay.evaluation.infrastructure import find_fault, mark_fault, mark_faults, runs_of_faults
from assay.evaluation.panel import to_judgment
from assay.evaluation.results import TrialResult
from assay.evaluation.run_signs import run_signs
from assay.integrations.importers import tau_bench
from tests.conftest import DATA
from tests.evaluation.make import WHEN, conversation, scenario

TAU = DATA / "tau-bench-airline"

MESSAGES = [
    ("openai.RateLimitError: Error code: 429 - You exceeded your current quota", "rate"),
    ("Request timed out.", "timeout"),
    ("502 Bad Gateway", "server"),
    ("Connection refused", "refused"),
    ("Incorrect API key provided: sk-...", "unauthorized"),
]


def with_tools(*calls: ToolCall, last: str = "Here you are."):
    turns = (Turn(role="user", text="Look it up."), Turn(role="agent", text=last, tool_calls=calls))
    return conversation("x").replace(turns=turns)


def test_a_tool_that_recovered_is_the_agents_to_handle_and_one_that_did_not_is_not():
    down, fine = ToolCall(name="find", result="503 Service Unavailable"), ToolCall(name="find", result="order 17")
    assert find_fault(with_tools(down, fine)) is None
    who, failed = find_fault(with_tools(fine, down)) or ("", None)
    assert who == "tool" and failed is not None and failed.cause is FailureCause.SERVER_ERROR
    assert "the tool find ended in an error" in failed.detail


def test_silence_is_the_agents_own():
    for silent in (conversation("Hello?"), conversation("Hello?", "", "Are you there?", "")):
        assert mark_fault(silent) == silent
    [sign] = run_signs([conversation("Hello?", "")], {})
    assert (sign.kind, sign.conversations) == ("silence", 1)


def test_blank_tool_results_are_an_outage_and_results_that_nobody_recorded_are_not():
    blank = ToolCall(name="find", result=""), ToolCall(name="track", result=" ")
    assert find_fault(with_tools(*blank)) is not None
    assert find_fault(with_tools(blank[0])) is None  # a tool may have nothing to say once
    assert find_fault(with_tools(ToolCall(name="find"), ToolCall(name="track"))) is None
    assert find_fault(with_tools(ToolCall(name="find", result=[]), ToolCall(name="track", result={}))) is None
    [sign] = run_signs([with_tools(ToolCall(name="find"), ToolCall(name="track"))], {})
    assert sign.kind == "no_tool_results"


SPENT = [
    "You have used up your plan's allowance · it renews at 9am (Europe/Paris)",
    "5-hour limit reached ∙ resets 2am",
    "Credit balance is too low",
    "Usage limit reached for this model. Try again after 3 PM.",
    "Your weekly limit is spent. It resets on Monday.",
    "No credits left: top up to go on.",
    "Monthly token budget exhausted; upgrade your plan.",
    "You’ve hit your limit",
]
TALK = [
    "You're out of paid time off for this year; unpaid leave is possible. Shall I file it?",
    "Your daily transfer limit is reached. Try again tomorrow.",
    "Your card has reached its limit, so the payment failed.",
    "The refund limit is 50 euros.",
    "I have used up all options.",
    "Have you reached your limit?",
]


@pytest.mark.parametrize("text", SPENT)
def test_words_that_say_only_that_an_allowance_is_spent(text):
    assert says_spent(text)
    assert not says_spent(text, matter="What is my credit balance, usage, quota, limit, credits, allowance, budget?")


@pytest.mark.parametrize("text", TALK)
def test_an_answer_about_somebodys_matter_is_none(text):
    assert not says_spent(text)


def test_one_conversation_alone_is_no_spent_allowance():
    talks = [conversation("Hi.", text, scenario_id=f"s{place}") for place, text in enumerate(SPENT[:3])]
    assert [c.error is not None for c in mark_faults(talks)] == [True] * 3
    assert [c.error for c in mark_faults(talks[:2])] == [None] * 2
    assert all(c.error and c.error.cause is FailureCause.RATE_LIMIT for c in mark_faults(talks))


def at(place: int, *said: str, tools: bool = False):
    talk = conversation(*said, scenario_id=f"s{place}", started_at=WHEN + timedelta(minutes=place))
    calls = (ToolCall(name="find", result="x"),) if tools else ()
    return talk.replace(turns=(*talk.turns[:-1], talk.turns[-1].replace(tool_calls=calls)))


def test_the_same_last_words_in_failed_conversations_of_several_scenarios_are_a_sign_whatever_they_say():
    talks = [at(place, "Hi.", "Zut alors 12." if place < 3 else f"Answer {place} to you.") for place in range(8)]
    passed = {c.conversation_id: place >= 3 for place, c in enumerate(talks)}
    [sign] = run_signs(talks, passed)
    assert sign.kind == "same_ending" and sign.conversations == 3 and "all in a row" in sign.words
    assert run_signs(talks, {c.conversation_id: True for c in talks}) == ()


def test_tool_use_that_suddenly_stops_is_a_sign():
    talks = [at(place, "Hi.", f"{'abcdefghijklmnopqrstuvwxyz'[place]} done.", tools=place < 12) for place in range(20)]
    signs = run_signs(talks, {c.conversation_id: place < 12 for place, c in enumerate(talks)})
    assert [(sign.kind, sign.conversations) for sign in signs] == [("tools_stop", 8)]
    seldom = [
        talk if place % 4 else at(place, "Hi.", f"{place} ok, that is it.") for place, talk in enumerate(talks[:12])
    ]
    assert run_signs(seldom, {}) == ()


def test_three_in_a_row_are_an_outage():
    good, bad = conversation("a", "b"), mark_fault(conversation("a", "502 Bad Gateway"))
    assert runs_of_faults([good, bad, bad, bad, good, bad]) == ((1, 3),)
    assert runs_of_faults([]) == ()


def test_both_ways_of_counting():
    wanted = scenario(
        expectations=(Expectation(expectation_id="ok", text="Ok.", check=OutcomeCheck(path="r", equals=1)),)
    )
    rows = []
    for trial, (text, reward) in enumerate((("Done.", 1), ("Request timed out.", 0), ("Request timed out.", 1))):
        talk = mark_fault(conversation("Hi.", text, trial=trial, outcome={"r": reward}))
        judgment = to_judgment(talk, (), Usage(), talk.error)
        rows.append(TrialResult(talk, judgment, wanted))
    rows[0] = TrialResult(rows[0].conversation, rows[0].judgment.replace(passed=True, score=1.0), wanted)
    assert [row.judgment.passed for row in rows] == [True, None, None]
    assert [row.judgment.passed for row in as_scored(rows)] == [True, False, True]  # the reward that was given stays


@pytest.mark.skipif(not TAU.is_dir(), reason="../shared/data/tau-bench-airline is not there")
def test_no_real_conversation_is_taken_for_broken_and_every_planted_fault_is_found():
    _, conversations, _ = tau_bench.read(TAU, AgentRef(agent_id="a", version="1"))
    assert len(conversations) == 200
    assert [c.conversation_id for c in conversations if find_fault(c) is not None] == []
    for place, real in enumerate(conversations):
        text, cause = MESSAGES[place % len(MESSAGES)]
        cut = 1 + 2 * (place % max(1, len(real.turns) // 2))
        broken = real.replace(turns=(*real.turns[:cut], Turn(role="agent", text=text)))
        found = find_fault(broken)
        assert found is not None and found[1].cause.value.startswith(cause)
