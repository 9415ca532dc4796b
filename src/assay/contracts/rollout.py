"""Stage 7: a version on its way to production."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from assay.contracts.base import Contract, Seconds, Share, Slug, Text
from assay.contracts.stage import AgentRef, Stage, StageRequest, StageResult


class RegistryStage(StrEnum):
    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


class Transition(Contract):
    """One move of a registered version."""

    from_stage: RegistryStage
    to_stage: RegistryStage
    by: Text
    at: datetime
    reason: Text
    evidence: dict[str, str]
    """What was looked at: name to hash or id."""


class RolloutStep(Contract):
    share: Annotated[Share, Field(gt=0)]
    """Of traffic that the challenger gets."""
    min_duration_s: Seconds = 0.0
    min_conversations: int = Field(default=0, ge=0)


DEFAULT_STEPS = tuple(RolloutStep(share=share) for share in (0.05, 0.25, 0.5, 1.0))


class RolloutState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"


class DeployRequest(StageRequest):
    """Register the comparison's challenger and move it towards production."""

    comparison_id: Slug
    to_stage: Literal[RegistryStage.STAGING, RegistryStage.PRODUCTION] = RegistryStage.STAGING
    steps: Annotated[tuple[RolloutStep, ...], Field(min_length=1)] = DEFAULT_STEPS
    by: Text
    reason: Text
    despite: bool = False
    """True: deploy though the verdict is not PROMOTE; recorded with the reason."""

    @model_validator(mode="after")
    def steps_grow_to_all(self) -> Self:
        shares = [step.share for step in self.steps]
        if shares != sorted(set(shares)) or shares[-1] != 1.0:
            raise ValueError("steps: shares must grow and end at 1.0, as in 0.05, 0.25, 0.5, 1.0")
        return self


class Rollout(StageResult):
    """Where the version stands. `subject_id` is `rollout-<hash>`."""

    stage: Literal[Stage.DEPLOY] = Stage.DEPLOY
    comparison_id: Slug
    champion: AgentRef
    challenger: AgentRef
    registered_model: str
    registry_version: str
    registry_stage: RegistryStage
    transitions: tuple[Transition, ...]
    steps: tuple[RolloutStep, ...]
    step: int = Field(default=0, ge=0)
    """Index into `steps`; which share the challenger has when the state is running."""
    state: RolloutState = RolloutState.PLANNED
