"""Stage 8: what production says."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from assay.contracts.analytics import Narrative
from assay.contracts.base import Contract, Document, Metadata, Name, Share, Slug, Text
from assay.contracts.conversation import Turn
from assay.contracts.dataset import Scenario
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.report import Fact
from assay.contracts.stage import AgentRef, ModelName, Stage, StageRequest, StageResult

NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")
HEX_ID = re.compile(r"(?:tr-)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})", re.I)


def conversation_name(text: str) -> str:
    """One spelling of a conversation's id: 32 hex digits for a trace id or UUID, whatever its case, dashes or `tr-`.

    Any other id stays as it is.
    """
    match = HEX_ID.fullmatch(text.strip())
    return "".join(match.groups()).lower() if match else text


def in_utc(value: Any) -> Any:
    """A time without a zone is UTC. Raises ValueError for a bare number, which may count days or seconds."""
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        raise ValueError("is a number: write a date such as 2026-03-02T10:15:00Z")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return value  # pydantic reads more forms, and says what is wrong with this one
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


class Feedback(Document):
    """What one user said of one conversation, or that it took place and nobody rated it."""

    feedback_id: Name
    conversation_id: Annotated[Name, AfterValidator(conversation_name)] | None = None
    """A trace id in any spelling, or the id that the conversation was imported with (`Conversation.source_id`).
    None: `turns` brings the conversation along, or there is none."""
    agent: AgentRef | None = None
    """None: not known."""
    at: Annotated[AwareDatetime, BeforeValidator(in_utc)] | None = None
    """A time without a zone is UTC."""
    user: str | None = None
    """A pseudonym, never a name or an address."""
    thumbs: Literal["up", "down"] | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    comment: str | None = None
    turns: tuple[Turn, ...] = ()
    topic: Name | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.rated and self.conversation_id is None and not self.turns:
            raise ValueError("feedback says nothing: give thumbs, rating or comment, or the conversation nobody rated")
        return self

    @property
    def rated(self) -> bool:
        """Whether a user said anything. False: the item only states that the conversation took place."""
        return self.thumbs is not None or self.rating is not None or bool((self.comment or "").strip())

    @property
    def grade(self) -> int | None:
        """On the scale of ratings, 1 to 5; thumbs count first, as 1 and 5. None: neither was given."""
        if self.thumbs is not None:
            return 5 if self.thumbs == "up" else 1
        return self.rating

    @property
    def negative(self) -> bool | None:
        """A grade of 1 or 2; a 3 is not negative. None: no grade."""
        return None if self.grade is None else self.grade < 3

    @property
    def positive(self) -> bool | None:
        """A grade of 4 or 5; a 3 is not positive. None: no grade."""
        return None if self.grade is None else self.grade > 3


class FeedbackRequest(StageRequest):
    agent: AgentRef
    items: Annotated[tuple[Feedback, ...], Field(min_length=1)]
    rollout_id: Slug | None = None
    """The rollout that it is feedback on; None: not part of one."""
    analytics_id: Slug | None = None
    """The report whose forecast is scored; None: none is."""
    observed_id: Slug | None = None
    """The analytics report on a judged random sample of production, which the forecast is scored on; None: it is not
    scored, since ratings come from the users who chose to rate."""
    narrative: str | None = None
    model: ModelName | None = None

    @model_validator(mode="after")
    def ids_are_distinct(self) -> Self:
        first: dict[str, Feedback] = {}
        for item in self.items:
            if first.setdefault(item.feedback_id, item) != item:
                raise ValueError(f"items: feedback_id {item.feedback_id} is given twice: give each item its own")
        return self


class ComplaintCluster(Contract):
    name: Text
    description: str
    items: int
    share_of_negative: Share
    feedback_ids: tuple[Name, ...]
    conversation_ids: tuple[str, ...]
    in_dataset: bool
    """Some scenario of the agent's dataset already tests this. False where there is no dataset."""


class ForecastScore(Contract):
    """What was predicted before the release, held against what came."""

    topic: str | None = None
    """None: of all conversations."""
    predicted: Estimate
    """The predicted rate, its interval widened by the uncertainty of what was observed."""
    observed: Quantity
    """The judged pass rate of a random sample of production."""
    covered: bool | None
    """The prediction's interval holds the observed rate; None: too little was observed."""
    brier: Share | None
    """None: too little was observed, or the observed rate is a corrected one."""


class ForecastRecord(Contract):
    """How all forecasts of the project did that were held against production so far, this one included."""

    forecasts: int
    coverage: Quantity
    """Share of them whose interval held what came; 95 % should."""
    error: float | None
    """Root mean square of predicted minus observed."""
    interval_score: float | None
    """Mean width plus 40 times what lay outside: lower is better (Gneiting and Raftery 2007)."""
    words: Text


class TrendPoint(Contract):
    """One week of feedback."""

    week: str
    """Its Monday, such as 2026-03-02."""
    items: int
    """With a grade."""
    satisfaction: Quantity
    mean_grade: float | None = None
    """From 1 to 5; None: a report of before this was kept."""


class VersionFeedback(Contract):
    """What was handed in on another version of the agent."""

    agent: AgentRef
    items: int
    satisfaction: Quantity


class UserDistance(Contract):
    """Whether real users are like the simulated ones."""

    simulated: int
    real: int
    """Conversations of users whose words are known."""
    p: float | None
    """Of "they are alike", over all features together; None: too little data."""
    words: Text
    features: dict[str, str]
    """For each thing that was compared, what was found, in words; p adjusted by Holm."""


class ProductionReport(StageResult):
    """What production taught. `subject_id` is `production-<hash>`."""

    stage: Literal[Stage.FEEDBACK] = Stage.FEEDBACK
    agent: AgentRef
    items: int
    """Items on this version with a rating or a comment."""
    other_versions: tuple[VersionFeedback, ...] = ()
    """Items that name another version: stored, and counted nowhere else in this report."""
    unrated: int = 0
    """Conversations that were handed in although nobody rated them."""
    response_rate: Quantity | None = None
    """Share of the conversations handed in that somebody rated; None: only rated ones were handed in, so it is not
    known."""
    satisfaction_bounds: tuple[Share, Share] | None = None
    """What satisfaction would be if all unrated conversations were negative, and if none were (Manski 1989); None:
    the unrated ones are not known."""
    unknown_users: int = 0
    """Items that name no user. Each counts as a user of its own, so intervals may be too narrow."""
    linked: int
    """Rated items that are stored as assessments on a trace."""
    satisfaction: Estimate | Insufficient
    """Share of the items with a grade that are not negative: thumbs up, or a rating of 3 to 5."""
    positive: Quantity | None = None
    """Share of the items with a grade that are positive: thumbs up, or a rating of 4 or 5. None: a report of before
    this was kept."""
    mean_rating: Quantity
    by_topic: dict[Name, Quantity]
    clusters: tuple[ComplaintCluster, ...]
    forecast: ForecastScore | None
    """None: no forecast was named, or no judged sample of production that it could be scored on."""
    trend: tuple[TrendPoint, ...] = ()
    """Week by week, the first one first; items without a time are left out."""
    falling: bool | None = None
    """Grades fall over time, at some moment or little by little, and not by chance; None: too little to tell."""
    decline: str = ""
    """What the test for a fall found, in words."""
    forecasts_by_topic: tuple[ForecastScore, ...] = ()
    forecast_record: ForecastRecord | None = None
    """None: no forecast was held against production yet."""
    user_distance: UserDistance | None = None
    """None: there is no simulation to compare with."""
    proposed_scenarios: tuple[Scenario, ...]
    """For stage 2; origin `feedback`, origin_ref the feedback's id."""
    facts: tuple[Fact, ...]
    narrative: Narrative
