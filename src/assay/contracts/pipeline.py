"""The whole lifecycle in one request."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from assay.contracts.agent import AgentCard
from assay.contracts.agents_report import AgentsReport
from assay.contracts.base import Document, Share, Slug, Text
from assay.contracts.comparison import ComparePolicy, Recommendation
from assay.contracts.dataset import Dataset
from assay.contracts.feedback import Feedback
from assay.contracts.gate import GateState
from assay.contracts.judgment import JudgeSpec
from assay.contracts.rollout import DEFAULT_STEPS, RolloutStep
from assay.contracts.stage import AgentRef, ModelName, PolicyException, Stage

BEFORE_DEPLOYMENT = (Stage.DEVELOP, Stage.DATASET, Stage.SIMULATE, Stage.JUDGE, Stage.ANALYZE, Stage.COMPARE)
"""The stages that leave the registry's stages as they are."""


class PipelineRequest(Document):
    """Stages 1 to 8 for a challenger, with the champion that it is held against."""

    project: Slug = "default"
    challenger: AgentCard
    champion: AgentCard | None = None
    """None: the first version of this agent, so the pipeline ends with the analytics report."""
    card_dir: str = "."
    dataset: Dataset | None = None
    brief: str | None = None
    size: int = Field(default=40, ge=1, le=5000)
    trials: int = Field(default=3, ge=1, le=100)
    seed: int = 0
    threshold: Share = 0.8
    judges: Annotated[tuple[JudgeSpec, ...], Field(min_length=1)] = (JudgeSpec(),)
    rubric: str = ""
    policy: ComparePolicy = ComparePolicy()
    exception: PolicyException | None = None
    """Needed for another policy or a lower threshold than the project's; takes an admin."""
    agents_report: bool = False
    """Also report on the platform's own agents, which do a little of their work again for it."""
    steps: Annotated[tuple[RolloutStep, ...], Field(min_length=1)] = DEFAULT_STEPS
    feedback: tuple[Feedback, ...] = ()
    """What production said; empty: the pipeline ends with the rollout plan."""
    until: Stage | None = None
    """The last stage to run; None: as far as the request goes."""
    gated: bool = True
    """False: no gate is asked and none is opened, so nothing of it can be deployed until each step is approved."""
    model: ModelName | None = None
    concurrency: int = Field(default=16, ge=1, le=1000)
    by: Text = "pipeline"

    @model_validator(mode="after")
    def one_dataset(self) -> Self:
        if (self.dataset is None) == (self.brief is None):
            raise ValueError("give either dataset or brief, and not both")
        return self

    @model_validator(mode="after")
    def deployed_through_gates(self) -> Self:
        if not self.gated and self.until not in BEFORE_DEPLOYMENT:
            raise ValueError("until: a run without gates ends with stage compare or before: give until")
        return self


class StageSummary(Document):
    """One stage of a pipeline, in a line."""

    stage: Stage
    agent: AgentRef
    subject_id: Slug
    run_id: str | None
    headline: str
    """What it found, in one sentence."""
    duration_s: float
    reused: bool
    """True: done before, read from MLflow."""


class PipelineResult(Document):
    """Where the lifecycle got to: finished, or waiting at a gate."""

    project: Slug
    state: Literal["finished", "waiting", "stopped"]
    """stopped: a gate was rejected or a threshold not reached; `reason` says which."""
    reason: str
    stages: tuple[StageSummary, ...]
    waiting_for: GateState | None = None
    recommendation: Recommendation | None = None
    comparison_id: Slug | None = None
    verdict_hash: str | None = None
    """Hash of the verdict and the numbers behind it; the same work gives the same hash."""
    reports: dict[str, str] = Field(default_factory=dict)
    """Report name to path or MLflow URI."""
    agents_report: AgentsReport | None = None
    """None: it was not asked for, or the pipeline waits."""
