"""A pass in a conversation that the user simulator spoilt says little, and the report says so."""

from assay.contracts.conversation import SimulatorFault, SimulatorFaultKind
from assay.contracts.judgment import Ruling
from assay.contracts.stage import Usage
from assay.evaluation.analytics_facts import _sound
from assay.evaluation.panel import to_judgment
from assay.evaluation.results import TrialResult
from assay.evaluation.run_signs import run_signs
from tests.evaluation.make import conversation, verdict

FAULT = SimulatorFault(kind=SimulatorFaultKind.ENDED_EARLY, turn=1, detail="left")


def result(number: int, passed: bool, *faults: SimulatorFault) -> TrialResult:
    talk = conversation("Hi.", f"Answer {number}.", scenario_id=f"s{number}", simulator_faults=faults)
    ruling = Ruling.MET if passed else Ruling.NOT_MET
    return TrialResult(talk, to_judgment(talk, [verdict(ruling)], Usage()), None)


def test_spoilt_passes_are_a_sign_and_the_rate_without_them_is_a_fact():
    results = [result(1, True, FAULT), result(2, True), result(3, False), result(4, False, FAULT), result(5, True)]
    passed = {one.conversation.conversation_id: one.judgment.passed for one in results}
    (sign,) = [s for s in run_signs([one.conversation for one in results], passed) if s.kind == "spoilt_passes"]
    assert sign.conversations == 1
    assert sign.conversation_ids == (results[0].conversation.conversation_id,)
    assert "1 of the 3 conversations that pass" in sign.words
    rate, spoilt = _sound(results)
    assert (rate.fact_id, spoilt.fact_id, spoilt.value) == ("sound_pass_rate", "spoilt", 2)


def test_without_faults_nothing_is_said():
    results = [result(1, True), result(2, False)]
    passed = {one.conversation.conversation_id: one.judgment.passed for one in results}
    assert not any(s.kind == "spoilt_passes" for s in run_signs([one.conversation for one in results], passed))
    assert _sound(results) == ()
