"""Passes in which nothing was done: the final state was checked and is right, but the agent never touched it."""

from collections.abc import Sequence

from assay.contracts.analytics import VacuousPass
from assay.contracts.dataset import OutcomeCheck
from assay.evaluation.results import TrialResult

USUAL = 0.5
"""Share of the other conversations that call a tool, from which calling none is remarkable."""


def vacuous_passes(results: Sequence[TrialResult]) -> tuple[VacuousPass, ...]:
    """Passes by outcome checks alone without a tool call, where most other conversations call some.

    Whether nothing had to be done there, or the check is met by accident, a person has to see.
    """
    whole = [result for result in results if result.conversation.error is None]
    calling = sum(map(_calls, whole))
    found = []
    for result in whole:
        others = len(whole) - 1
        if not result.judgment.passed or _calls(result) or not others or calling <= USUAL * others:
            continue
        expected = result.scenario.expectations if result.scenario else ()
        if expected and all(isinstance(expectation.check, OutcomeCheck) for expectation in expected):
            found.append(
                VacuousPass(
                    conversation_id=result.conversation.conversation_id,
                    scenario_id=result.judgment.scenario_id,
                    trial=result.judgment.trial,
                    words=f"Its final state is as expected though the agent called no tool; {calling} of the other "
                    f"{others} conversations call some.",
                )
            )
    return tuple(found)


def _calls(result: TrialResult) -> bool:
    return any(turn.tool_calls for turn in result.conversation.turns)
