"""Error messages are told from people who talk of errors; what infrastructure broke counts apart, both ways shown."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.conversation import FailureCause, StopReason, ToolCall, Turn
from assay.contracts.dataset import Expectation, OutcomeCheck
from assay.contracts.stage import AgentRef, Usage
from assay.evaluation.as_scored import as_scored
from assay.evaluation.infrastructure import error_in, find_fault, runs_of_faults, set_apart
from assay.evaluation.panel import to_judgment
from assay.evaluation.results import TrialResult
from assay.integrations.importers import tau_bench
from tests.conftest import DATA
from tests.evaluation.make import conversation, scenario

TAU = DATA / "tau-bench-airline"

MESSAGES = [
    (
        "Error code: 429 - {'error': {'message': 'You exceeded your current quota', 'type': 'insufficient_quota'}}",
        "rate",
    ),
    ("openai.RateLimitError: Rate limit reached for gpt-4o in organization org-1 on tokens per min", "rate"),
    ('{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}', "rate"),
    ("429 Too Many Requests", "rate"),
    ("An error occurred (ThrottlingException) when calling the InvokeModel operation: Too many tokens", "rate"),
    ("google.api_core.exceptions.ResourceExhausted: 429 Quota exceeded for quota metric", "rate"),
    ("Error: quota exceeded", "rate"),
    ('{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}', "server"),
    ("The server had an error while processing your request. Sorry about that!", "server"),
    ("HTTP 503: Service Unavailable", "server"),
    ("502 Bad Gateway", "server"),
    ("<html><head><title>504 Gateway Time-out</title></head></html>", "server"),
    ("Service temporarily unavailable.", "server"),
    ("Internal Server Error", "server"),
    ("upstream connect error or disconnect/reset before headers", "server"),
    ("Request timed out.", "timeout"),
    ("openai.APITimeoutError: Request timed out.", "timeout"),
    ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", "timeout"),
    ("Error calling model: the request timed out after 600 s", "timeout"),
    ("TimeoutError", "timeout"),
    ("Connection refused", "refused"),
    ("requests.exceptions.ConnectionError: ('Connection aborted.', ConnectionResetError(104))", "refused"),
    ("Error code: 401 - Incorrect API key provided: sk-...", "unauthorized"),
]
TALK = [
    "Your flight 429 to Boston leaves at 5:03 pm, gate 502.",
    "The total is $500, and the 503 dollars of last week are refunded.",
    "I am sorry, there was an error in your order: the wrong size was sent.",
    "The restaurant's server was rude, she had an error in the bill and we waited until our patience timed out.",
    "My payment failed twice and the page said something about a time-out, can you help?",
    "I exceeded my baggage quota on the last flight. Is there a rate limit on refunds?",
    "Service unavailable on Sundays is what your website says, but you told me otherwise yesterday.",
    "Error bars are not shown in this plot.",
    "The connection from Denver was refused boarding because it was overbooked.",
    "Unauthorized purchases were made with my card! I want my money back.",
    "The gateway to the city is closed, so the bus timed out of its slot.",
    "I tried your API yesterday and it worked; is 429 the code for too many tickets?",
    "Failed delivery: nobody was at home, the parcel is at the depot until the 5.03.",
    "",
    "   ",
]


@pytest.mark.parametrize(("text", "cause"), MESSAGES)
def test_an_error_message_is_one(text, cause):
    found = error_in(text)
    assert found is not None and found[0].value.startswith(cause)
    broken = set_apart(conversation("Where is my parcel?", text))
    assert broken.error is not None and "turn 1 (agent)" in broken.error.detail


@pytest.mark.parametrize("text", TALK)
def test_who_talks_of_errors_has_none(text):
    assert error_in(text) is None
    assert find_fault(conversation(text or "Hi.", f"I see. {text}", "Thanks.", "You are welcome.")) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_without_an_exception(text):
    error_in(text)
    error_in(json.dumps({"error": text}))


def with_tools(*calls: ToolCall, last: str = "Here you are."):
    turns = (Turn(role="user", text="Look it up."), Turn(role="agent", text=last, tool_calls=calls))
    return conversation("x").replace(turns=turns)


def test_a_tool_that_recovered_is_the_agents_to_handle_and_one_that_did_not_is_not():
    down, fine = ToolCall(name="find", result="503 Service Unavailable"), ToolCall(name="find", result="order 17")
    assert find_fault(with_tools(down, fine)) is None
    who, failed = find_fault(with_tools(fine, down)) or ("", None)
    assert who == "tool" and failed is not None and failed.cause is FailureCause.SERVER_ERROR
    assert "the tool find ended in an error" in failed.detail


def test_silence_and_empty_tools_are_an_outage():
    silent = set_apart(conversation("Hello?")).error
    assert silent is not None and "never answered" in silent.detail
    assert set_apart(conversation("Hello?", "", "Are you there?", "")).error is not None
    empty = ToolCall(name="find"), ToolCall(name="track", result="")
    assert find_fault(with_tools(*empty)) is not None
    assert find_fault(with_tools(empty[0])) is None  # a tool may have nothing to say once


def test_a_broken_user_is_not_the_agents():
    broken = set_apart(conversation("Error code: 429 - rate limit", "How can I help?"))
    assert broken.stop_reason is StopReason.SIMULATOR_ERROR


def test_three_in_a_row_are_an_outage():
    good, bad = conversation("a", "b"), set_apart(conversation("a", "502 Bad Gateway"))
    assert runs_of_faults([good, bad, bad, bad, good, bad]) == ((1, 3),)
    assert runs_of_faults([]) == ()


def test_both_ways_of_counting():
    wanted = scenario(
        expectations=(Expectation(expectation_id="ok", text="Ok.", check=OutcomeCheck(path="r", equals=1)),)
    )
    rows = []
    for trial, (text, reward) in enumerate((("Done.", 1), ("Request timed out.", 0), ("Request timed out.", 1))):
        talk = set_apart(conversation("Hi.", text, trial=trial, outcome={"r": reward}))
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
