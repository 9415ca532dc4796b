"""Stage 7 in production: who gets which share of the traffic, what watches it, and what it says."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Finite, JsonObject, Share, Slug, Text
from assay.contracts.dataset import Expectation
from assay.contracts.rollout import DEFAULT_STEPS, RolloutState, RolloutStep
from assay.contracts.stage import AgentRef


class Rewrite(Contract):
    """What the gateway changes in a request, so that a version behind a shared address answers as its card says."""

    protocol: Literal["openai", "http"]
    path: Annotated[str, Field(pattern=r"^(/.*[^/])?$")] = ""
    """openai: of the card's `base_url`, in place of the caller's. http: of the card's `url`."""
    body: JsonObject = Field(default_factory=dict)
    """Fields of a JSON body that are set, such as the model; null takes one out."""
    system_prompt: str | None = None
    """In place of the caller's; None: the caller's stays."""


class Upstream(Contract):
    """Where one version answers."""

    agent: AgentRef
    url: Annotated[str, Field(pattern=r"^https?://[^/]+(/.*[^/])?$")]
    """A request's path is put behind it; no slash at the end."""
    rewrite: Rewrite | None = None
    """None: requests go on as they came, as to an address that serves this version alone."""


class Guardrail(Contract):
    """What must not get worse by more than the margin, watched with bounds that hold at every look."""

    measure: Slug = Field(examples=["quality", "feedback", "errors", "slow", "cost_usd"])
    """One of `GET /measures`."""
    margin: Annotated[Finite, Field(ge=0)] = 0.02
    """In the measure's unit, such as a share, or USD a conversation."""
    limit: Annotated[Finite, Field(gt=0)] | None = None
    """Of a share of conversations over a limit, such as slow ones: that limit. Of any other unit: the most that a
    conversation may count for, so that one cannot decide alone. None: the measure's own."""


GUARDRAILS = (
    Guardrail(measure="errors", margin=0.02),
    Guardrail(measure="slow", margin=0.05, limit=10.0),
    Guardrail(measure="feedback", margin=0.05),
)


class RolloutPolicy(Contract):
    """How a rollout goes on. Declared before it starts."""

    guardrails: Annotated[tuple[Guardrail, ...], Field(min_length=1)] = GUARDRAILS
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of all guardrails together, at all looks."""
    advance: Literal["approve", "automatic"] = "approve"
    """approve: a person opens each step. automatic: it goes on by itself once all guardrails are good."""
    sample_share: Share = 1.0
    """Of conversations that are recorded."""
    shadow: bool = False
    """Before the first step the challenger answers too, and nobody is told."""
    expectations: tuple[Expectation, ...] = ()
    """What the judge holds production conversations against; empty: quality is not judged."""


class Traffic(Document):
    """What the gateway serves now. It stands with the project in MLflow; `number` grows with every change."""

    project: Slug = "default"
    rollout_id: Slug
    champion: Upstream
    challenger: Upstream | None = None
    share: Share = 0.0
    """Of sessions that the challenger gets."""
    sample_share: Share = 1.0
    shadow: bool = False
    state: RolloutState = RolloutState.PLANNED
    step: int = -1
    """Index into `steps`; -1: not begun."""
    steps: tuple[RolloutStep, ...] = DEFAULT_STEPS
    policy: RolloutPolicy = RolloutPolicy()
    number: int = 0
    started_at: datetime | None = None
    """Of the first step; conversations before it do not count. None: not begun."""
    step_at: datetime | None = None
    shares: tuple[tuple[datetime, Share], ...] = ()
    """When which share began: what the split of traffic is held against."""


class RolloutStart(Document):
    """Begins a rollout that was deployed to Production: the gateway serves both versions from then on."""

    project: Slug = "default"
    rollout_id: Slug
    champion_url: str | None = None
    """Where it answers; None: what its card says, for openai and http connectors."""
    challenger_url: str | None = None
    policy: RolloutPolicy = RolloutPolicy()
    by: Text
    reason: Text


class GuardrailState(Contract):
    measure: Slug
    call: Literal["worse", "good", "undecided"]
    value: Finite | None
    """Challenger minus champion; None: one side has none yet."""
    low: Finite | None
    high: Finite | None
    champion: int
    challenger: int
    """Conversations of each side that count."""
    words: Text


class RolloutEvaluation(Document):
    """One look at a rollout, and what was done about it."""

    project: Slug
    rollout_id: Slug
    at: datetime
    step: int
    share: Share
    guardrails: tuple[GuardrailState, ...]
    split_p: Share | None
    """Of "sessions are split as planned"; None: nothing came."""
    champion: int
    challenger: int
    action: Literal["roll_back", "stop", "advance", "ask", "wait", "done", "none"]
    """ask: all is good, a person opens the next step. stop: the split of traffic is not as planned."""
    words: Text
    missing: tuple[Text, ...] = ()
    """What it waits for."""


class RolloutLooks(Document):
    """The looks at one rollout, the first one first; where there were many, the older ones are thinned out."""

    project: Slug
    rollout_id: Slug
    looks: tuple[RolloutEvaluation, ...] = ()


class Observation(Contract):
    """One production conversation as the guardrails see it; None: that was not measured."""

    conversation_id: str
    challenger: bool
    at: datetime
    values: dict[str, Finite | None]
    """By the measure's name."""
