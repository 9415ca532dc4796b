"""Votes become one ruling, rulings a judgment, and a failure gets its owner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import CallFailed, FailureCause, SimulatorFault, SimulatorFaultKind, StopReason
from assay.contracts.judgment import Ruling
from assay.contracts.stage import Usage
from assay.evaluation.attribution import attribute
from assay.evaluation.panel import merge, to_judgment
from tests.evaluation.make import conversation, verdict

MET, NOT_MET, ABSTAINED = Ruling.MET, Ruling.NOT_MET, Ruling.ABSTAINED


@given(st.lists(st.sampled_from(list(Ruling)), min_size=1, max_size=9), st.randoms())
def test_the_majority_rules_whatever_the_order_and_a_tie_abstains(votes, chance):
    merged = merge([verdict(vote) for vote in votes])
    met, unmet = votes.count(MET), votes.count(NOT_MET)
    assert merged.ruling is (ABSTAINED if met == unmet else MET if met > unmet else NOT_MET)
    assert 0 <= merged.confidence <= 1
    chance.shuffle(votes)
    assert merge([verdict(vote) for vote in votes]).ruling is merged.ruling
    assert sum(merged.votes.values()) == len(votes)


@pytest.mark.parametrize(
    ("rulings", "score", "passed"),
    [
        ([MET, MET], 1.0, True),
        ([MET, NOT_MET], 0.5, False),
        ([MET, ABSTAINED], 1.0, None),
        ([NOT_MET, ABSTAINED], 0.0, False),
        ([ABSTAINED], None, None),
        ([], None, None),
    ],
)
def test_what_is_not_ruled_is_neither_met_nor_not(rulings, score, passed):
    verdicts = [verdict(ruling, f"e{place}") for place, ruling in enumerate(rulings)]
    judgment = to_judgment(conversation("Hi.", "Hello."), verdicts, Usage())
    assert (judgment.score, judgment.passed) == (score, passed)


def test_an_error_is_never_a_score():
    error = CallFailed(cause=FailureCause.SERVER_ERROR, detail="500")
    judgment = to_judgment(conversation("Hi."), [verdict(MET)], Usage(), error)
    assert judgment.score is None
    assert judgment.passed is None
    assert judgment.error == error


def failed(cause: FailureCause) -> CallFailed:
    return CallFailed(cause=cause, detail="d")


FAULT = SimulatorFault(kind=SimulatorFaultKind.LEFT_PERSONA, turn=0, detail="d")


@pytest.mark.parametrize(
    ("changes", "rulings", "judge_error", "blamed"),
    [
        ({}, [MET], None, None),
        ({}, [NOT_MET], None, "agent"),
        ({"error": failed(FailureCause.TIMEOUT), "stop_reason": StopReason.AGENT_ERROR}, [], None, "infrastructure"),
        ({"error": failed(FailureCause.AGENT_EXCEPTION), "stop_reason": StopReason.AGENT_ERROR}, [], None, "agent"),
        *(
            ({"error": failed(cause), "stop_reason": stop}, [], None, "infrastructure")
            for cause in (
                FailureCause.SERVER_ERROR,
                FailureCause.TIMEOUT,
                FailureCause.REFUSED,
                FailureCause.UNAUTHORIZED,
            )
            for stop in (StopReason.SIMULATOR_ERROR, StopReason.AGENT_ERROR)
        ),
        (
            {"error": failed(FailureCause.BAD_ANSWER), "stop_reason": StopReason.SIMULATOR_ERROR},
            [],
            None,
            "user_simulator",
        ),
        ({}, [], failed(FailureCause.TIMEOUT), "infrastructure"),
        ({"simulator_faults": (FAULT,)}, [NOT_MET], None, "user_simulator"),
        ({}, [], failed(FailureCause.BAD_ANSWER), "judge"),
        ({}, [ABSTAINED], None, "judge"),
        ({"scenario_id": "flawed"}, [NOT_MET], None, "dataset"),
    ],
)
def test_each_failure_is_put_down_to_whoever_failed_first(changes, rulings, judge_error, blamed):
    talk = conversation("Hi.", "Hello.", **changes)
    judgment = to_judgment(talk, [verdict(ruling) for ruling in rulings], Usage(), talk.error or judge_error)
    assert attribute(talk, judgment, {"flawed"}) == blamed


def test_an_outcome_that_cannot_be_looked_at_is_the_datasets_fault():
    talk = conversation("Hi.", "Hello.")
    judgment = to_judgment(talk, [verdict(ABSTAINED, source="code")], Usage())
    assert attribute(talk, judgment) == "dataset"
