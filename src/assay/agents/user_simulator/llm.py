"""The user played by a language model."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from assay.agents.user_simulator import UserMove
from assay.contracts.base import content_hash
from assay.contracts.conversation import StopReason, Turn
from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage
from assay.models.chat import ChatModel, Message, Sampling
from assay.models.prompt import render

STOPS = {"continue": None, "goal_reached": StopReason.GOAL_REACHED, "gave_up": StopReason.GAVE_UP}


class Move(BaseModel):
    """What the model answers with."""

    text: str = Field(description="What the user writes next; empty to leave without a word.")
    status: Literal["continue", "goal_reached", "gave_up"]


class ModelUser:
    def __init__(self, model: ChatModel, prompt: str) -> None:
        self.model = model
        self.prompt = prompt
        self.prompt_hash = content_hash(prompt)

    @property
    def name(self) -> str:
        return self.model.name

    async def next_move(self, scenario: Scenario, turns: Sequence[Turn], *, seed: int) -> UserMove:
        if not turns and scenario.opening:
            return UserMove(text=scenario.opening, stop=None, usage=Usage())
        answer = await self.model.complete(
            messages(self.prompt, scenario, turns),
            schema=Move,
            sampling=Sampling(temperature=1.0, seed=seed + len(turns)),
        )
        move = answer.parsed
        stop = STOPS[move.status]
        text = move.text.strip() or None
        if stop is None and text is None:
            stop = StopReason.GAVE_UP  # nothing to say and no reason to leave: a person would have gone
        return UserMove(text=text, stop=stop, usage=answer.usage)


def messages(prompt: str, scenario: Scenario, turns: Sequence[Turn]) -> list[Message]:
    """The conversation from the user's side: what the agent said comes in, what the user said goes out."""
    facts = "\n".join(f"- {name}: {value}" for name, value in scenario.facts.items()) or "- nothing more"
    system = render(
        prompt,
        persona=scenario.persona.description,
        language=scenario.persona.language,
        goal=scenario.goal,
        facts=facts,
    )
    history = [Message("user" if turn.role == "agent" else "assistant", turn.text or "(no words)") for turn in turns]
    if not history:
        history = [Message("user", "(The chat is open. Write your first message.)")]
    return [Message("system", system), *history]
