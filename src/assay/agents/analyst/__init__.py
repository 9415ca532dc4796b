"""Explains what judged conversations show, and answers questions about them by read-only queries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from assay.contracts.analytics import AnalystAnswer, AnalyticsReport
from assay.evaluation.results_table import ResultsTable
from assay.models.chat import ChatModel
from assay.models.narration import Narrated
from assay.models.prompt import in_force
from assay.models.sql_chat import Steps

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")
CHAT_PROMPT = (Path(__file__).parent / "chat.md").read_text(encoding="utf-8")
PROMPTS = {"": PROMPT, "chat": CHAT_PROMPT}
"""By their part, as `assay.analyst.PART` in the prompt registry; the main one is `assay.analyst`."""


class Analyst(Protocol):
    @property
    def name(self) -> str:
        """The model, or `offline`."""
        ...

    @property
    def prompt_hash(self) -> str: ...

    async def narrate(self, report: AnalyticsReport) -> Narrated:
        """Raises CallError where the model does not answer, or makes numbers up."""
        ...

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        """Raises CallError where the model does not answer, or makes numbers up."""
        ...

    def steps(self, question: str, table: ResultsTable) -> Steps:
        """The same step by step as it happens: what was looked up, what was refused, the answer last."""
        ...


def analyst(model: ChatModel | None, prompts: Mapping[str, str] | str | None = None) -> Analyst:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.analyst.offline import OfflineAnalyst

        return OfflineAnalyst()
    from assay.agents.analyst.llm import ModelAnalyst

    return ModelAnalyst(model, in_force(PROMPTS, prompts))


__all__ = ["CHAT_PROMPT", "PROMPT", "PROMPTS", "Analyst", "analyst"]
