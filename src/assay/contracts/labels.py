"""What people say of conversations that a judge ruled on: drawn by lot, labelled blind, kept on the traces."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Name, Share, Slug, Text
from assay.contracts.conversation import Turn
from assay.contracts.estimate import Quantity
from assay.contracts.judgment import Ruling

ConversationId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class LabelAsk(Contract):
    """One expectation that a person rules on."""

    expectation_id: Slug
    kind: Literal["must", "must_not"] = "must"
    text: Text
    ruling: Ruling | None = None
    """None: not labelled yet. `abstained`: the person cannot tell."""
    note: str = ""
    """Why, in the person's words."""


class LabelTask(Document):
    """One conversation to label. What the judge said of it is not in here: people label blind."""

    judging_id: Slug
    conversation_id: ConversationId
    scenario_id: Name
    trial: int
    goal: str = ""
    turns: tuple[Turn, ...]
    asks: Annotated[tuple[LabelAsk, ...], Field(min_length=1)]
    by: str = ""
    """Who labels; empty: to be filled in."""


class LabelDraw(Document):
    """One drawing of lots. The chances are kept, because the labels' weights need them."""

    judging_id: Slug
    number: int = Field(ge=1)
    """1 is the judging's first drawing. Each is independent of those before."""
    seed: int
    made_at: datetime
    chances: dict[str, Share]
    """Of each conversation that could be drawn."""
    drawn: tuple[ConversationId, ...]


class LabelsTaken(Document):
    """What was stored as HUMAN assessments."""

    project: Slug
    judging_id: Slug
    conversations: int
    rulings: int
    raters: tuple[str, ...]
    left_open: int
    """Asked for and not filled in."""


class LabelAgreement(Document):
    """Whether people agree among themselves; where they do not, no judge can be held against them."""

    project: Slug
    judging_id: Slug
    raters: tuple[str, ...]
    rulings: int
    rated_twice: int
    """Expectations of conversations that two people or more ruled on."""
    alpha: Quantity
    """Krippendorff's, nominal, clustered by scenario."""
    split: int
    """Rulings without a majority, which count for nothing."""
    words: Text
