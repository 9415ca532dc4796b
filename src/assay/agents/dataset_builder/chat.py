"""The state of a chat about a dataset, and the operations that can change it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from assay.contracts.agent import AgentCard
from assay.contracts.base import Contract, Name, Text
from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage


class Said(Contract):
    role: Literal["person", "builder"]
    text: str


class PlannedTopic(Contract):
    """How many scenarios a topic should have in the end."""

    topic: Name
    scenarios: int = Field(ge=1, le=500)
    why: str = ""


class BuilderChat(Contract):
    """All of a chat, so that it can be left and taken up again."""

    card: AgentCard
    brief: str = ""
    history: tuple[Said, ...] = ()
    plan: tuple[PlannedTopic, ...] = ()
    """The coverage that is proposed; empty: none yet."""
    drafts: tuple[Scenario, ...] = ()
    """Proposed, not yet accepted."""
    accepted: tuple[Scenario, ...] = ()
    usage: Usage = Usage()

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        return (*self.accepted, *self.drafts)


class Topic(BaseModel):
    topic: str = Field(min_length=1)
    scenarios: int = Field(ge=1, le=500)
    why: str = ""


class Plan(BaseModel):
    """Proposes the coverage: how many scenarios each topic should have."""

    kind: Literal["plan"] = "plan"
    topics: list[Topic] = Field(default_factory=list, description="Empty: spread `size` over the agent's topics.")
    size: int = Field(default=40, ge=1, le=500)


class DraftMore(BaseModel):
    """Drafts scenarios: about something, or what the plan still lacks."""

    kind: Literal["draft"] = "draft"
    count: int = Field(default=5, ge=1, le=50)
    about: str = ""


class Edit(BaseModel):
    """Changes one field of a scenario."""

    kind: Literal["edit"] = "edit"
    scenario_id: Text
    field: str = Field(
        min_length=1,
        description="goal, opening, topic, difficulty, persona, max_turns; `fact NAME`; must or must_not (one more "
        "expectation); `expectation ID` (its text).",
    )
    value: str = Field(default="", description="Empty takes an opening, a fact or an expectation away.")


class Drop(BaseModel):
    kind: Literal["drop"] = "drop"
    scenario_id: Text


class Accept(BaseModel):
    kind: Literal["accept"] = "accept"
    scenario_id: str = Field(default="", description="Empty: all drafts.")


class Coverage(BaseModel):
    """Tells what is covered and what the plan still lacks."""

    kind: Literal["coverage"] = "coverage"


class Show(BaseModel):
    kind: Literal["show"] = "show"
    scenario_id: str = Field(default="", description="Empty: all, a line each.")


class Check(BaseModel):
    """Validates what is there."""

    kind: Literal["check"] = "check"


Operation = Annotated[Plan | DraftMore | Edit | Drop | Accept | Coverage | Show | Check, Field(discriminator="kind")]
