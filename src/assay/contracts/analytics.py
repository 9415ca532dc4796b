"""Stage 5: what the results say and what to expect in production."""

from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Share, Slug, Text
from assay.contracts.calibration import UNCALIBRATED, JudgeStanding
from assay.contracts.estimate import Quantity
from assay.contracts.report import Fact
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, Stage, StageRequest, StageResult


class AnalyzeRequest(StageRequest):
    judging_id: Slug
    slices: tuple[Literal["topic", "persona", "difficulty", "language", "stop_reason"], ...] = (
        "topic",
        "persona",
        "difficulty",
    )
    trials: tuple[int, ...] | None = None
    """Only these trials; None: all."""
    horizon: int = Field(default=500, ge=1)
    """Production conversations that the forecast is made for."""
    narrative: str | None = None
    """A person's own text in place of the Analyst's draft; it may speak of facts as `{fact_id}`. None: draft one."""
    model: ModelName | None = None
    """Of the Analyst. None: the model of the settings."""


class SliceRate(Contract):
    dimension: str
    value: str
    pass_rate: Quantity
    passed: int = 0
    judged: int = 0
    """Conversations of the slice that passed or failed."""


class FailureCluster(Contract):
    """Failures alike in what went wrong."""

    name: Text
    description: str
    conversations: int
    share_of_failures: Share
    conversation_ids: tuple[str, ...]
    """At most 20."""
    expectation_ids: tuple[Slug, ...]


class Attribution(Contract):
    """To whom the conversations that did not pass are put down."""

    blamed: Literal["agent", "user_simulator", "judge", "dataset", "infrastructure"]
    conversations: int
    share: Quantity
    """Of all conversations, clustered by scenario."""
    conversation_ids: tuple[str, ...]
    """At most 20."""


class RunSign(Contract):
    """A sign in the run as a whole that something other than the agent failed, for a person to look at."""

    kind: Literal["same_ending", "tools_stop", "silence", "no_tool_results", "spoilt_passes"]
    words: Text
    conversations: int
    conversation_ids: tuple[str, ...]
    """At most 20."""


class VacuousPass(Contract):
    """A pass in which the agent did nothing."""

    conversation_id: str
    scenario_id: Slug
    trial: int
    words: Text


class Narrative(Contract):
    """Prose whose numbers are all references to facts, already put in."""

    text: str
    author: str
    """A model, `offline`, or a person."""


class RatePrecision(Contract):
    """How sure a rate is, in the ways that other tools compute it: for comparison, never for the verdict."""

    naive: Quantity
    """As if all conversations were independent."""
    wilson: Quantity
    """Wilson's, as if all were independent."""
    bootstrap: Quantity
    """Percentiles over resampled scenarios."""
    se_naive: Annotated[float, Field(ge=0)]
    se_clustered_cr0: Annotated[float, Field(ge=0)]
    se_clustered_cr1: Annotated[float, Field(ge=0)]
    design_effect: Annotated[float, Field(ge=0)]
    """How many times larger clustering makes the variance."""


class Forecast(Contract):
    """What production is expected to show, if its conversations are like the dataset's."""

    conversations: int = Field(ge=1)
    """For how many of them the intervals hold."""
    pass_rate: Quantity
    by_topic: dict[str, Quantity]


class AnalyticsReport(StageResult):
    """Rates, costs, failures. `subject_id` is `analytics-<hash>`."""

    stage: Literal[Stage.ANALYZE] = Stage.ANALYZE
    judging_id: Slug
    agent: AgentRef
    dataset: DatasetRef | None
    scenarios: int
    conversations: int
    judged: int
    """Conversations that passed or failed; the others are errors or abstentions and are counted apart."""
    pass_rate: Quantity
    pass_hat_k: tuple[Quantity, ...]
    """pass^1 to pass^trials: the chance that all of k trials pass."""
    pass_at_k: tuple[Quantity, ...]
    """pass@1 to pass@trials: the chance that one of k trials passes."""
    mean_score: Quantity
    slices: tuple[SliceRate, ...]
    expectations_failed: dict[Slug, int]
    clusters: tuple[FailureCluster, ...]
    attributions: tuple[Attribution, ...]
    facts: tuple[Fact, ...]
    """Every number that the narrative may speak of."""
    narrative: Narrative
    judge: JudgeStanding = UNCALIBRATED
    corrected_pass_rate: Quantity | None = None
    """What people would have found, by their labels; None: not corrected, and `correction` says why."""
    corrected_pass_hat_k: tuple[Quantity, ...] = ()
    """pass^1 to pass^trials as people would have found them; empty: not corrected."""
    correction: str = ""
    """How the rate was corrected, or why it was not; empty: no label, or no judge."""
    precision: RatePrecision | None = None
    """None: too little data, or no variance."""
    as_scored: Quantity | None = None
    """The pass rate with conversations that infrastructure broke counted as they were scored, or as failed; None:
    nothing was broken."""
    forecast: Forecast | None = None
    signs: tuple[RunSign, ...] = ()
    """What in the run as a whole looks like somebody else's failure; nothing is left out because of it."""
    vacuous_passes: tuple[VacuousPass, ...] = ()
    calibrated: bool = False
    """False: no admitted judge stands behind these rates, and the report says so in words."""

    @property
    def expected(self) -> Quantity:
        """The best there is to say of the pass rate: the corrected one, else the judge's own."""
        return self.pass_rate if self.corrected_pass_rate is None else self.corrected_pass_rate

    @property
    def left_out(self) -> str:
        """What the pass rate does not count, in words; empty: it counts all conversations."""
        unjudged = self.conversations - self.judged
        return f"{unjudged} of {self.conversations} conversations, without a verdict" if unjudged else ""

    @property
    def stability(self) -> tuple[Quantity, ...]:
        """pass^1 to pass^trials: corrected where there is a corrected rate."""
        return self.corrected_pass_hat_k or self.pass_hat_k


class AnalystQuestion(Document):
    """A question for the Analyst chat."""

    project: Slug = "default"
    judging_id: Slug
    question: Text
    model: ModelName | None = None


class AnalystAnswer(Document):
    text: str
    queries: tuple[str, ...]
    """The read-only SQL that was run."""
    facts: tuple[Fact, ...]
    rows: tuple[dict[str, str | int | float | bool | None], ...] = Field(default=())
    """The last query's rows, at most 50."""
    author: str
