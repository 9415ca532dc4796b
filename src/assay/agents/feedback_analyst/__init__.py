"""Explains production feedback, answers questions about it, and proposes scenarios for what the dataset missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Scenario
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.stage import Usage
from assay.models.chat import ChatModel
from assay.models.narration import Narrated

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")
SCENARIOS_PROMPT = (Path(__file__).parent / "scenarios.md").read_text(encoding="utf-8")

MOST_PROPOSED = 10
"""Scenarios proposed at once: what a person can read through."""


@dataclass(frozen=True, slots=True)
class Proposed:
    scenarios: tuple[Scenario, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class FeedbackAnswer:
    text: str
    author: str


class FeedbackAnalyst(Protocol):
    @property
    def name(self) -> str:
        """The model, or `offline`."""
        ...

    @property
    def prompt_hash(self) -> str: ...

    async def narrate(self, report: ProductionReport) -> Narrated:
        """Raises CallError where the model does not answer, or makes numbers up."""
        ...

    async def propose_scenarios(
        self, complaints: Sequence[Feedback], card: AgentCard, existing: Sequence[Scenario]
    ) -> Proposed:
        """At most ten, origin `feedback`, each with the feedback's id as its origin_ref."""
        ...

    async def answer(self, question: str, report: ProductionReport) -> FeedbackAnswer:
        """Speaks of the report's facts only."""
        ...


def feedback_analyst(model: ChatModel | None, prompt: str | None = None) -> FeedbackAnalyst:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.feedback_analyst.offline import OfflineFeedbackAnalyst

        return OfflineFeedbackAnalyst()
    from assay.agents.feedback_analyst.llm import ModelFeedbackAnalyst

    return ModelFeedbackAnalyst(model, prompt or PROMPT)


__all__ = [
    "MOST_PROPOSED",
    "PROMPT",
    "SCENARIOS_PROMPT",
    "FeedbackAnalyst",
    "FeedbackAnswer",
    "Proposed",
    "feedback_analyst",
]
