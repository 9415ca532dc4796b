"""Explains a comparison whose verdict is decided, and answers questions about both versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.comparison import ComparisonReport
from assay.evaluation.results_table import ResultsTable
from assay.models.chat import ChatModel
from assay.models.narration import Narrated
from assay.models.prompt import in_force
from assay.models.sql_chat import Steps

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")
CHAT_PROMPT = (Path(__file__).parent / "chat.md").read_text(encoding="utf-8")
PROMPTS = {"": PROMPT, "chat": CHAT_PROMPT}
"""By their part, as `assay.comparator.PART` in the prompt registry; the main one is `assay.comparator`."""


class Comparator(Protocol):
    @property
    def name(self) -> str:
        """The model, or `offline`."""
        ...

    @property
    def prompt_hash(self) -> str: ...

    async def narrate(self, report: ComparisonReport) -> Narrated:
        """Raises CallError where the model does not answer, or makes numbers up."""
        ...

    async def answer(self, question: str, table: ResultsTable) -> AnalystAnswer:
        """The table's two sides bear neutral names, so that no answer favours the newer version.

        Raises CallError where the model does not answer, or makes numbers up.
        """
        ...

    def steps(self, question: str, table: ResultsTable) -> Steps:
        """The same step by step as it happens: what was looked up, what was refused, the answer last."""
        ...


def comparator(model: ChatModel | None, prompts: Mapping[str, str] | str | None = None) -> Comparator:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.comparator.offline import OfflineComparator

        return OfflineComparator()
    from assay.agents.comparator.llm import ModelComparator

    return ModelComparator(model, in_force(PROMPTS, prompts))


__all__ = ["CHAT_PROMPT", "PROMPT", "PROMPTS", "Comparator", "comparator"]
