"""One platform agent asked directly, outside any stage: what goes in, what comes out."""

from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.agent import AgentCard
from assay.contracts.base import Document, Slug, Text
from assay.contracts.conversation import Conversation, SimulatorFault, StopReason, Turn
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.stage import ModelName, Usage


class DraftRequest(Document):
    """Asks the Dataset Builder for scenarios."""

    project: Slug = "default"
    card: AgentCard
    brief: str = ""
    size: int = Field(default=10, ge=1, le=500)
    seed: int = 0
    existing: tuple[Scenario, ...] = ()
    model: ModelName | None = None


class Drafted(Document):
    scenarios: tuple[Scenario, ...]
    notes: tuple[str, ...]
    usage: Usage
    author: str


class MoveRequest(Document):
    """Asks the user simulator for the user's next move."""

    project: Slug = "default"
    scenario: Scenario
    turns: tuple[Turn, ...] = ()
    seed: int = 0
    model: ModelName | None = None


class Moved(Document):
    text: str | None
    """None: the user leaves without a word."""
    stop: Literal[StopReason.GOAL_REACHED, StopReason.GAVE_UP] | None
    """None: the conversation goes on."""
    faults: tuple[SimulatorFault, ...]
    usage: Usage
    author: str


class RuleRequest(Document):
    """Asks for the verdicts on one conversation: checks first, then the judge."""

    project: Slug = "default"
    conversation: Conversation
    scenario: Scenario | None = None
    expectations: Annotated[tuple[Expectation, ...], Field()] = ()
    """Besides the scenario's own."""
    rubric: str = ""
    votes: int = Field(default=1, ge=1, le=15)
    model: ModelName | None = None


class ComparatorQuestion(Document):
    project: Slug = "default"
    comparison_id: Slug
    question: Text
    model: ModelName | None = None


class FeedbackQuestion(Document):
    project: Slug = "default"
    production_id: Slug
    question: Text
    model: ModelName | None = None
