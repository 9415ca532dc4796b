"""Small judged conversations made by hand, and the recorded ones of tau-bench."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from assay.contracts.base import content_hash
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, StopReason, ToolCall, Turn
from assay.contracts.dataset import Expectation, Persona, Scenario
from assay.contracts.judgment import Judgment, Ruling, Verdict
from assay.contracts.stage import AgentRef, Usage
from assay.evaluation.results import TrialResult, join
from tests.conftest import DATA

AGENT = AgentRef(agent_id="shop-support", version="v2")
TAU = DATA / "tau-bench-airline"


def expectation(expectation_id: str, text: str = "", kind: str = "must") -> Expectation:
    return Expectation.model_validate(
        {"expectation_id": expectation_id, "text": text or f"The agent does {expectation_id}.", "kind": kind}
    )


def scenario(scenario_id: str, *expectations: Expectation, topic: str = "returns", **fields) -> Scenario:
    return Scenario.model_validate(
        {
            "scenario_id": scenario_id,
            "topic": topic,
            "persona": Persona(name=fields.pop("persona", "polite-customer"), description="Says please."),
            "goal": fields.pop("goal", f"Get help with {topic}."),
            "expectations": expectations or (expectation("helps"),),
            **fields,
        }
    )


def result(
    of: Scenario,
    *,
    trial: int = 0,
    unmet: Sequence[str] = (),
    rationale: str = "It did not.",
    latency_s: float = 0.5,
    tools: Sequence[str] = (),
    failed: FailureCause | None = None,
    said: str = "Here you are.",
    side: str = "",
) -> TrialResult:
    """A conversation of two turns. `unmet`: the expectations that are not met; all others are."""
    conversation = Conversation(
        conversation_id=content_hash([of.scenario_id, trial, side])[:32],
        scenario_id=of.scenario_id,
        trial=trial,
        seed=trial,
        agent=AGENT,
        turns=(
            Turn(role="user", text=of.opening or of.goal),
            Turn(
                role="agent",
                text=said,
                latency_s=latency_s,
                output_tokens=20,
                cost_usd=Decimal("0.002"),
                tool_calls=tuple(ToolCall(name=name) for name in tools),
            ),
        ),
        stop_reason=StopReason.AGENT_ERROR if failed else StopReason.GOAL_REACHED,
        error=CallFailed(cause=failed, detail="it failed") if failed else None,
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    verdicts = tuple(
        Verdict(
            expectation_id=wanted.expectation_id,
            rationale=rationale if wanted.expectation_id in unmet else "It did.",
            ruling=Ruling.NOT_MET if wanted.expectation_id in unmet else Ruling.MET,
            confidence=0.9,
            source="offline_judge",
            judge="offline",
        )
        for wanted in of.expectations
    )
    met = sum(verdict.ruling is Ruling.MET for verdict in verdicts)
    judgment = Judgment(
        conversation_id=conversation.conversation_id,
        scenario_id=of.scenario_id,
        trial=trial,
        verdicts=() if failed else verdicts,
        score=None if failed else met / len(verdicts),
        passed=None if failed else met == len(verdicts),
        rationale="",
    )
    return TrialResult(conversation, judgment, of)


def shop(*, flaw: str = "gift-cards", flawed: float = 1.0, side: str = "") -> list[TrialResult]:
    """12 scenarios of three topics with two trials each; in the topic `flaw` the first `flawed` of them fail."""
    refund = expectation("refunds", "The agent refunds the price of the goods.")
    pays = expectation("takes-card", "The agent takes a gift card as a means to pay.")
    silent = expectation("no-promise", "The agent promises a discount of its own.", "must_not")
    rows = []
    for topic, wanted in (("returns", refund), ("gift-cards", pays), ("discounts", silent)):
        for number in range(4):
            case = scenario(f"{topic}-{number}", wanted, topic=topic, difficulty="easy" if number < 2 else "hard")
            fails = topic == flaw and number < 4 * flawed
            for trial in range(2):
                unmet = [wanted.expectation_id] if fails else []
                rows.append(result(case, trial=trial, unmet=unmet, latency_s=0.5 + number / 10, side=side))
    return rows


@functools.cache
def tau_results() -> tuple[TrialResult, ...]:
    """200 recorded conversations of gpt-4o with their known outcome; skips where the data is not there."""
    from assay.evaluation.checks import check_verdict
    from assay.evaluation.panel import to_judgment
    from assay.integrations.importers.tau_bench import read

    if not TAU.is_dir():
        pytest.skip(f"{TAU} is not there")
    dataset, conversations, _ = read(TAU, AgentRef(agent_id="gpt-4o", version="recorded"))
    wanted = {known.scenario_id: known.expectations for known in dataset.scenarios}
    judgments = []
    for conversation in conversations:
        verdicts = [check_verdict(e, conversation) for e in wanted[conversation.scenario_id]]
        judgments.append(to_judgment(conversation, tuple(v for v in verdicts if v is not None), Usage()))
    return tuple(join(conversations, judgments, dataset.scenarios))
