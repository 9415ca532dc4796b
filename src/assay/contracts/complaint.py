"""A complaint on its way: from a user's words to a scenario, to a version that passes it, and back if it returns."""

from datetime import datetime
from typing import Literal

from assay.contracts.base import Contract, Document, Name, Slug, Text
from assay.contracts.dataset import Scenario
from assay.contracts.stage import AgentRef, DatasetRef

ComplaintState = Literal["proposed", "tested", "closed", "reopened"]


class ComplaintEvent(Contract):
    """What happened to it."""

    at: datetime
    what: Literal["said", "proposed", "tested", "passed", "failed", "undecided"]
    """said: a user complained of it (again). tested: a dataset has its scenario. passed: every one of at least k
    trials did, with another version than the one complained of. undecided: none of that can be said."""
    where: str
    """The feedback, report, dataset or judging."""
    agent: AgentRef | None = None
    passed: int | None = None
    trials: int | None = None
    """That a check, a person or an admitted judge decided."""
    undecided: int = 0
    """Trials that only a judge without admission ruled on, or that repeat the transcript complained of."""


class Complaint(Contract):
    scenario: Scenario
    """As proposed, or as it stands in the newest dataset that has it."""
    said: Text
    """In a user's words."""
    feedback_ids: tuple[Name, ...]
    state: ComplaintState
    dataset: DatasetRef | None = None
    """The newest that tests it; None: none does."""
    agent: AgentRef | None = None
    """The version that closed it last; None: none did."""
    events: tuple[ComplaintEvent, ...]
    words: Text


class Complaints(Document):
    project: Slug
    k: int
    complaints: tuple[Complaint, ...]
