"""The dataset as it grows in a chat: drafts, what was accepted, and the operations that change them."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from assay.contracts.agent import AgentCard
from assay.contracts.base import Contract, Text
from assay.contracts.dataset import Scenario


class Said(Contract):
    role: Literal["person", "builder"]
    text: str


class BuilderChat(Contract):
    """All of a chat, so that it can be left and taken up again."""

    card: AgentCard
    brief: str = ""
    history: tuple[Said, ...] = ()
    drafts: tuple[Scenario, ...] = ()
    """Proposed, not yet accepted."""
    accepted: tuple[Scenario, ...] = ()


class DraftMore(BaseModel):
    kind: Literal["draft"] = "draft"
    count: int = Field(default=5, ge=1, le=50)
    about: str = ""


class Edit(BaseModel):
    kind: Literal["edit"] = "edit"
    scenario_id: Text
    field: Literal["goal", "opening", "topic", "difficulty"]
    value: Text


class Drop(BaseModel):
    kind: Literal["drop"] = "drop"
    scenario_id: Text


class Accept(BaseModel):
    kind: Literal["accept"] = "accept"
    scenario_id: str = ""
    """Empty: all drafts."""


class Coverage(BaseModel):
    kind: Literal["coverage"] = "coverage"


class Show(BaseModel):
    kind: Literal["show"] = "show"


Operation = Annotated[DraftMore | Edit | Drop | Accept | Coverage | Show, Field(discriminator="kind")]


def apply(chat: BuilderChat, operation: Edit | Drop | Accept | Coverage | Show) -> tuple[BuilderChat, str]:
    """(the chat afterwards, what was done in words). What does not fit changes nothing and says why."""
    match operation:
        case Coverage():
            return chat, coverage(chat)
        case Show():
            return chat, listing(chat)
        case Accept(scenario_id=""):
            done = chat.replace(accepted=(*chat.accepted, *chat.drafts), drafts=())
            return done, f"Accepted {len(chat.drafts)} drafts; {len(done.accepted)} scenarios in all."
        case Accept(scenario_id=name):
            taken = _find(chat.drafts, name)
            if taken is None:
                return chat, f"There is no draft {name}."
            left = tuple(draft for draft in chat.drafts if draft is not taken)
            return chat.replace(accepted=(*chat.accepted, taken), drafts=left), f"Accepted {name}."
        case Drop(scenario_id=name):
            if _find((*chat.drafts, *chat.accepted), name) is None:
                return chat, f"There is no scenario {name}."
            keep = [tuple(s for s in part if s.scenario_id != name) for part in (chat.drafts, chat.accepted)]
            return chat.replace(drafts=keep[0], accepted=keep[1]), f"Dropped {name}."
        case Edit():
            return _edit(chat, operation)


def _edit(chat: BuilderChat, edit: Edit) -> tuple[BuilderChat, str]:
    old = _find((*chat.drafts, *chat.accepted), edit.scenario_id)
    if old is None:
        return chat, f"There is no scenario {edit.scenario_id}."
    try:
        new = old.replace(**{edit.field: edit.value})
    except ValidationError as error:
        return chat, f"{edit.field} cannot be that: {error.errors()[0]['msg']}."
    swap = [tuple(new if s is old else s for s in part) for part in (chat.drafts, chat.accepted)]
    return chat.replace(drafts=swap[0], accepted=swap[1]), f"{edit.scenario_id}: {edit.field} is now {edit.value!r}."


def add_drafts(chat: BuilderChat, drafted: tuple[Scenario, ...]) -> BuilderChat:
    return chat.replace(drafts=(*chat.drafts, *drafted))


def remember(chat: BuilderChat, message: str, reply: str) -> BuilderChat:
    return chat.replace(history=(*chat.history, Said(role="person", text=message), Said(role="builder", text=reply)))


def coverage(chat: BuilderChat) -> str:
    """How many scenarios each topic has, and which of the card's topics have none."""
    scenarios = (*chat.accepted, *chat.drafts)
    if not scenarios:
        topics = ", ".join(chat.card.topics) or "none named on the card"
        return f"Nothing is drafted yet. The agent's topics: {topics}. Say `draft 10`, or `draft 5 about refunds`."
    by_topic = Counter(scenario.topic for scenario in scenarios)
    by_difficulty = Counter(scenario.difficulty.value for scenario in scenarios)
    return (
        "By topic: "
        + ", ".join(f"{topic} {count}" for topic, count in by_topic.most_common())
        + ". By difficulty: "
        + ", ".join(f"{level} {count}" for level, count in by_difficulty.most_common())
        + "."
    )


def listing(chat: BuilderChat) -> str:
    lines = [f"draft     {scenario.scenario_id}: {scenario.goal}" for scenario in chat.drafts]
    lines += [f"accepted  {scenario.scenario_id}: {scenario.goal}" for scenario in chat.accepted]
    return "\n".join(lines) or "There is nothing yet."


def _find(scenarios: tuple[Scenario, ...], name: str) -> Scenario | None:
    return next((scenario for scenario in scenarios if scenario.scenario_id == name), None)
