"""Whether what users bring to an agent is still what it was: windows of time against the first."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Finite, Slug, Text


class FeatureDrift(Contract):
    """One feature of the conversations in a window, held against the first window."""

    feature: Literal["words", "user_letters", "agent_turns", "latency_s", "tools"]
    method: Literal["MMD", "KS", "PSI"]
    statistic: Finite | None
    """None: too little data, see `words`."""
    p: Annotated[float, Field(ge=0, le=1)] | None
    """By Holm over the window's features."""
    changed: bool
    """p lies at or under the window's level."""
    words: Text


class DriftWindow(Contract):
    start: datetime
    end: datetime
    conversations: int
    level: Finite
    """The window's share of 5 %, so that all windows together ever have no more."""
    features: tuple[FeatureDrift, ...]

    @property
    def changed(self) -> bool:
        return any(feature.changed for feature in self.features)


class DriftReport(Document):
    """Drift of the conversations of one source over windows of time."""

    project: Slug
    source: Slug
    """The simulation, or `production`."""
    days: Annotated[float, Field(gt=0)]
    reference_conversations: int
    windows: tuple[DriftWindow, ...]
