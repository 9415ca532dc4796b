"""Drafts scenarios from an agent's card and a brief, or works them out with a person in a chat."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from assay.agents.dataset_builder.chat import BuilderChat
from assay.agents.dataset_builder.draft import Draft
from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Scenario
from assay.models.chat import ChatModel
from assay.models.prompt import in_force

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")
BATCH_PROMPT = (Path(__file__).parent / "batch.md").read_text(encoding="utf-8")
CHAT_PROMPT = (Path(__file__).parent / "chat.md").read_text(encoding="utf-8")
PROMPTS = {"": PROMPT, "batch": BATCH_PROMPT, "chat": CHAT_PROMPT}
"""By their part, as `assay.dataset_builder.PART` in the prompt registry; the main one is `assay.dataset_builder`."""


class DatasetBuilder(Protocol):
    @property
    def name(self) -> str:
        """The model, or `offline`."""
        ...

    @property
    def prompt_hash(self) -> str: ...

    async def draft(
        self,
        card: AgentCard,
        brief: str,
        *,
        size: int,
        seed: int,
        existing: Sequence[Scenario] = (),
        wanted: Mapping[str, int] | None = None,
    ) -> Draft:
        """Up to `size` scenarios unlike each other and the existing ones.

        wanted: how much each topic should have, as shares of any scale; None: as the brief and the card say.
        Raises CallError where the model fails.
        """
        ...

    async def say(self, chat: BuilderChat, message: str) -> tuple[BuilderChat, str]:
        """One turn of the chat: (the chat as it is now, what the builder says)."""
        ...


def dataset_builder(model: ChatModel | None, prompts: Mapping[str, str] | str | None = None) -> DatasetBuilder:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.dataset_builder.offline import OfflineBuilder

        return OfflineBuilder()
    from assay.agents.dataset_builder.llm import ModelBuilder

    return ModelBuilder(model, in_force(PROMPTS, prompts))


__all__ = [
    "BATCH_PROMPT",
    "CHAT_PROMPT",
    "PROMPT",
    "PROMPTS",
    "BuilderChat",
    "DatasetBuilder",
    "Draft",
    "dataset_builder",
]
