"""Rules on what no check can decide: a verdict on each expectation, with evidence quoted from the transcript."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Verdict
from assay.contracts.stage import Usage
from assay.models.chat import ChatModel

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Ruled:
    """One verdict an expectation, in the order in which they were asked."""

    verdicts: tuple[Verdict, ...]
    usage: Usage


class Judge(Protocol):
    @property
    def name(self) -> str:
        """The model, or `offline`."""
        ...

    @property
    def prompt_hash(self) -> str: ...

    async def rule(
        self,
        conversation: Conversation,
        expectations: Sequence[Expectation],
        *,
        scenario: Scenario | None,
        rubric: str,
        votes: int,
        seed: int,
    ) -> Ruled:
        """Raises CallError where the model does not answer."""
        ...


def judge(model: ChatModel | None, prompt: str | None = None) -> Judge:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.judge.offline import OfflineJudge

        return OfflineJudge()
    from assay.agents.judge.llm import ModelJudge

    return ModelJudge(model, prompt or PROMPT)


__all__ = ["PROMPT", "Judge", "Ruled", "judge"]
