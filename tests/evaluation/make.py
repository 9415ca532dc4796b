"""Small conversations, judgments and scenarios for tests."""

from datetime import UTC, datetime

from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, StopReason, Turn
from assay.contracts.dataset import Expectation, Persona, Scenario
from assay.contracts.judgment import Judgment, Ruling, Verdict
from assay.contracts.stage import AgentRef
from assay.evaluation.results import TrialResult

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def scenario(scenario_id: str = "s1", **changes: object) -> Scenario:
    fields: dict[str, object] = {
        "scenario_id": scenario_id,
        "topic": "refunds",
        "persona": Persona(name="polite", description="Friendly."),
        "goal": "Get the money back.",
        "expectations": (Expectation(expectation_id="e1", text="Refunds the money."),),
    }
    return Scenario.model_validate({**fields, **changes})


def conversation(*said: str, scenario_id: str = "s1", trial: int = 0, **changes: object) -> Conversation:
    """The user and the agent in turn, the user first."""
    turns = tuple(Turn(role="agent" if place % 2 else "user", text=text) for place, text in enumerate(said))
    fields: dict[str, object] = {
        "conversation_id": content_hash([said, scenario_id, trial, str(changes)])[:32],
        "scenario_id": scenario_id,
        "trial": trial,
        "seed": trial,
        "agent": AgentRef(agent_id="a", version="1"),
        "turns": turns,
        "stop_reason": StopReason.GOAL_REACHED,
        "started_at": WHEN,
    }
    return Conversation.model_validate({**fields, **changes})


def verdict(ruling: Ruling, expectation_id: str = "e1", **changes: object) -> Verdict:
    fields: dict[str, object] = {
        "expectation_id": expectation_id,
        "rationale": "Because.",
        "ruling": ruling,
        "confidence": 0.8,
        "source": "llm_judge",
        "judge": "m",
    }
    return Verdict.model_validate({**fields, **changes})


def trial_result(scenario_id: str, trial: int, passed: bool | None, side: str = "") -> TrialResult:
    talk = conversation("Hi.", f"Hello{side}.", scenario_id=scenario_id, trial=trial)
    ruling = {True: Ruling.MET, False: Ruling.NOT_MET, None: Ruling.ABSTAINED}[passed]
    judgment = Judgment(
        conversation_id=talk.conversation_id,
        scenario_id=scenario_id,
        trial=trial,
        verdicts=(verdict(ruling),),
        score=None if passed is None else float(passed),
        passed=passed,
        rationale="Because.",
    )
    return TrialResult(talk, judgment, scenario(scenario_id))
