"""Error messages are told from people who talk of errors; what infrastructure broke counts apart, both ways shown."""

import pytest

from assay.contracts.conversation import FailureCause, ToolCall, Turn
from assay.contracts.dataset import Expectation, OutcomeCheck
from assay.contracts.stage import AgentRef, Usage
from assay.evaluation.as_scored import as_scored
from assay.evaluation.infrastructure import find_fault, runs_of_faults, set_apart
from assay.evaluation.panel import to_judgment
from assay.evaluation.results import TrialResult
from assay.integrations.importers import tau_bench
from tests.conftest import DATA
from tests.evaluation.make import conversation, scenario

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


def test_silence_and_empty_tools_are_an_outage():
    silent = set_apart(conversation("Hello?")).error
    assert silent is not None and "never answered" in silent.detail
    assert set_apart(conversation("Hello?", "", "Are you there?", "")).error is not None
    empty = ToolCall(name="find"), ToolCall(name="track", result="")
    assert find_fault(with_tools(*empty)) is not None
    assert find_fault(with_tools(empty[0])) is None  # a tool may have nothing to say once


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
