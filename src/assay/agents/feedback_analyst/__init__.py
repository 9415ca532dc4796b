"""Explains production feedback, answers questions about it, and proposes scenarios for what the dataset missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay.contracts.agent import AgentCard
from assay.contracts.analytics import AnalystAnswer
from assay.contracts.dataset import Scenario
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.stage import Usage
from assay.models.chat import ChatModel
from assay.models.narration import Narrated
from assay.models.prompt import in_force
from assay.models.sql_chat import Steps

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")
CHAT_PROMPT = (Path(__file__).parent / "chat.md").read_text(encoding="utf-8")
SCENARIOS_PROMPT = (Path(__file__).parent / "scenarios.md").read_text(encoding="utf-8")
PROMPTS = {"": PROMPT, "chat": CHAT_PROMPT, "scenarios": SCENARIOS_PROMPT}
"""By their part, as `assay.feedback_analyst.PART` in the prompt registry; the main one is `assay.feedback_analyst`."""

MOST_PROPOSED = 10
"""Scenarios proposed at once: what a person can read through."""


@dataclass(frozen=True, slots=True)
class Proposed:
    scenarios: tuple[Scenario, ...]
    usage: Usage


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
        """One for each thing that is complained of, the most frequent first, at most ten.

        Origin `feedback`, each with the feedback's id as its origin_ref; none that `existing` holds already.
        """
        ...

    async def answer(self, question: str, report: ProductionReport, items: Sequence[Feedback] = ()) -> AnalystAnswer:
        """Without the items it can speak only of what the report itself holds.

        Raises CallError where the model does not answer, or makes numbers up.
        """
        ...

    def steps(self, question: str, report: ProductionReport, items: Sequence[Feedback] = ()) -> Steps:
        """The same step by step as it happens: what was looked up, what was refused, the answer last."""
        ...


def feedback_analyst(model: ChatModel | None, prompts: Mapping[str, str] | str | None = None) -> FeedbackAnalyst:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.feedback_analyst.offline import OfflineFeedbackAnalyst

        return OfflineFeedbackAnalyst()
    from assay.agents.feedback_analyst.llm import ModelFeedbackAnalyst

    return ModelFeedbackAnalyst(model, in_force(PROMPTS, prompts))


__all__ = [
    "CHAT_PROMPT",
    "MOST_PROPOSED",
    "PROMPT",
    "PROMPTS",
    "SCENARIOS_PROMPT",
    "FeedbackAnalyst",
    "Proposed",
    "feedback_analyst",
]
