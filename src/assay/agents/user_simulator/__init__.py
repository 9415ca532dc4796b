"""Plays the user of a scenario: persona, goal and facts, never the expectations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay.agents.user_simulator.faults import find_faults
from assay.contracts.conversation import StopReason, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage
from assay.models.chat import ChatModel

PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class UserMove:
    """What the user does next. With `stop` the conversation ends, after `text` where there is one."""

    text: str | None
    stop: StopReason | None
    usage: Usage


class UserSimulator(Protocol):
    @property
    def name(self) -> str:
        """The model, or `offline`."""
        ...

    @property
    def prompt_hash(self) -> str: ...

    async def next_move(self, scenario: Scenario, turns: Sequence[Turn], *, seed: int) -> UserMove:
        """Raises CallError where the model does not answer."""
        ...


def user_simulator(model: ChatModel | None, prompt: str | None = None) -> UserSimulator:
    """None as model: the offline version."""
    if model is None:
        from assay.agents.user_simulator.offline import OfflineUser

        return OfflineUser()
    from assay.agents.user_simulator.llm import ModelUser

    return ModelUser(model, prompt or PROMPT)


__all__ = ["PROMPT", "UserMove", "UserSimulator", "find_faults", "user_simulator"]
