"""How much data a question takes: planned before anything is played."""

from typing import Annotated

from pydantic import Field

from assay.contracts.base import Contract, Document, Share, Slug, Usd


class PlanRequest(Document):
    project: Slug = "default"
    difference: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The smallest difference in pass rate that matters."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    power: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    """How surely such a difference is to be found."""
    champion: Slug | None = None
    challenger: Slug | None = None
    """Judgings of an earlier comparison, whose variances are taken. None: the newest two versions on one dataset."""
    trials: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3, 5, 8)
    """A side, to choose from."""
    votes: Annotated[int, Field(ge=1, le=15)] = 1
    usd_per_conversation: Usd | None = None
    """Played and judged with one vote. None: as the earlier runs cost, where that is known."""
    usd_per_vote: Usd | None = None
    """Of each further vote; None: not counted."""
    budget_usd: Usd | None = None
    """None: no limit."""
    judge_rate: Share = 0.9
    """Sensitivity and specificity that the judge is expected to have, to plan the labels with."""
    level: Share = 0.8
    """That both must surely reach before the judge may gate."""


class PlanOption(Contract):
    """One way to find the difference."""

    trials: int
    scenarios: int
    conversations: int
    """On both sides together."""
    cost_usd: Usd | None
    """None: what a conversation costs is not known."""
    within_budget: bool | None
    """None: there is no budget, or no known cost."""


class Plan(Document):
    project: Slug
    difference: float
    options: tuple[PlanOption, ...]
    """The fewest conversations first."""
    advice: str
    detectable: float | None
    """With the scenarios and trials there are; None: too few to say."""
    detectable_how: str
    variance_from: str
    """Where the variances come from, in words."""
    between: float | None
    within: float | None
    """Variance of the scenarios' true differences, and of both sides' trials together; None: assumed."""
    labels_met: int | None
    labels_not_met: int | None
    """Human labels of each kind until the judge may gate; None: no number will do."""
