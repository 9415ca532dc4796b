"""Stages 3 and 4 in one go: each conversation is judged as soon as it ends."""

from typing import Annotated

from pydantic import Field

from assay.contracts.base import Contract, Document, Seconds, Slug, Usd
from assay.contracts.conversation import Occasion, Simulation
from assay.contracts.judgment import JudgeSpec, Judging
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, Usage


class Limits(Contract):
    """What a job may take. None: no limit. What was done when one is reached is kept; with a higher one it goes on."""

    cost_usd: Usd | None = None
    tokens: int | None = Field(default=None, ge=1)
    """Input and output together."""
    calls: int | None = Field(default=None, ge=1)
    """To models and to the agent."""
    time_s: Seconds | None = None


class EvaluateRequest(Document):
    """A simulation with its judging. There is no gate between them, so what comes of it is ungated."""

    project: Slug = "default"
    agent: AgentRef
    dataset: DatasetRef
    trials: int = Field(default=3, ge=1, le=100)
    seed: int = 0
    max_turns: int | None = Field(default=None, ge=1, le=200)
    conversation_timeout_s: Seconds = 600.0
    rubric: str = ""
    judges: Annotated[tuple[JudgeSpec, ...], Field(min_length=1)] = (JudgeSpec(),)
    concurrency: int = Field(default=16, ge=1, le=1000)
    """Conversations in flight, by each worker."""
    model: ModelName | None = None
    """Of the user simulator. None: the model of the settings."""
    limits: Limits = Limits()
    occasion: Occasion = None


class CostEstimate(Document):
    """What an evaluation is likely to take, and the most that it can, before anybody is asked."""

    conversations: int
    """That are not stored yet."""
    calls: int
    calls_at_most: int
    """Where every conversation uses all its turns. Retries come on top."""
    tokens: int
    tokens_at_most: int
    cost_usd: Usd | None
    """None: the price of one of the models is not known."""
    cost_usd_at_most: Usd | None
    basis: str
    """Where the turns and tokens come from, in words."""


class Evaluation(Document):
    """What came of it."""

    simulation: Simulation
    judging: Judging
    spent: Usage = Usage()
    """What was paid for in this run: nothing where all was done before."""
