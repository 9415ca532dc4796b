"""The eight stages in their order, and what every stage's request and result have in common."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from assay.contracts.base import Contract, Document, Hash, Seconds, Slug, Text, Usd


class Stage(StrEnum):
    """The lifecycle, in order. The CLI, the scripts, the API and the page are loops over this list."""

    DEVELOP = "develop"
    DATASET = "dataset"
    SIMULATE = "simulate"
    JUDGE = "judge"
    ANALYZE = "analyze"
    COMPARE = "compare"
    DEPLOY = "deploy"
    FEEDBACK = "feedback"


class AgentRef(Contract):
    """One version of one agent, as `agent_id@version` in the CLI."""

    agent_id: Slug
    version: Slug

    def __str__(self) -> str:
        return f"{self.agent_id}@{self.version}"


class DatasetRef(Contract):
    """One version of one dataset. `version` is the hash of its content, 16 hex digits."""

    name: Slug
    version: Slug

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


ModelName = Annotated[str, Field(min_length=1, examples=["offline", "openai:gpt-5-mini", "anthropic:claude-haiku"])]
"""`offline`, or `provider:model` as pydantic-ai writes it."""


class PolicyException(Contract):
    """Who let a request depart from the project's policy, and why; it stands in the report."""

    by: Text
    reason: Text


class StageRequest(Document):
    """What every stage is asked with."""

    project: Slug = "default"
    gated: bool = False
    """True: part of the project's lifecycle, so it starts only when what it depends on is approved.
    False: run on its own; no deployment accepts it until each step that led to it has been approved."""


class Usage(Contract):
    """What calls took. Tokens are None where the server did not say, cost where the price is not known."""

    calls: int = Field(default=0, ge=0)
    failed_calls: int = Field(default=0, ge=0)
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cost_usd: Usd | None = None
    latency_s: Seconds = 0.0


class StageResult(Document):
    """What every stage answers with."""

    project: Slug
    gated: bool
    stage: Stage
    subject_id: Slug
    """What a gate decides on and the next stage stands on; made of the content, so it is the same for the same work."""
    run_id: str | None = None
    """The MLflow run of this stage; None: not stored."""
    offline: bool = False
    """True: made by rules, with no language model."""
    revision: int = Field(default=0, ge=0)
    """How often it changed since it was first finished, because calls that had failed were made again."""
    evidence: dict[str, Hash] = Field(default_factory=dict)
    """What is stored beside the result, such as its conversations: artifact name to SHA-256 of its content."""
