"""Stage 4: verdicts on conversations."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from assay.contracts.base import Contract, Document, Hash, JsonObject, Name, Share, Slug, Text
from assay.contracts.conversation import CallFailed, Conversation, FailureCause, Failures, FinishReason
from assay.contracts.dataset import Expectation
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, Stage, StageRequest, StageResult, Usage


class Ruling(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    ABSTAINED = "abstained"
    """The judge could not tell: counted apart, neither met nor not."""


class Evidence(Contract):
    """Words of the conversation that a verdict rests on."""

    turn: int = Field(ge=0)
    """Index into the conversation's turns."""
    quote: str


class Verdict(Contract):
    """The ruling on one expectation. The rationale comes first, so that a model reasons before it rules."""

    expectation_id: Slug
    rationale: Text
    evidence: tuple[Evidence, ...] = ()
    ruling: Ruling
    confidence: Share
    source: Literal["code", "llm_judge", "offline_judge", "human"]
    judge: str
    """Which check, model, scorer or person."""
    votes: dict[Ruling, int] = Field(default_factory=dict)
    """How several votes fell; empty: one was asked for."""


class Judgment(Document):
    """All verdicts on one conversation."""

    conversation_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    scenario_id: Name
    trial: int
    verdicts: tuple[Verdict, ...]
    score: Share | None
    """Share of the ruled expectations that are met; None: nothing could be ruled, see `error`."""
    passed: bool | None
    """Every expectation met; None: not known, because a needed ruling is missing."""
    rationale: str
    error: CallFailed | None = None
    """None: judged. Otherwise why not: see `error_of`."""
    error_of: Literal["conversation", "judge"] | None = None
    """conversation: it ended in an error, so it was not judged. judge: the judge's own call failed."""
    usage: Usage = Usage()


BUILT_IN = ("assay", "mlflow")
"""Kinds of judges that Assay itself has."""


class JudgeSpec(Contract):
    """One judge. Several make a panel that rules by majority."""

    kind: Slug = Field(default="assay", examples=["assay", "mlflow"])
    """assay: a model, or rules. mlflow: a scorer. Any other name: a judge that an installed package brings, by an entry
    point of the group `assay.judges`."""
    model: ModelName | None = None
    """Of an `assay` judge. None: the model of the settings."""
    scorer: str | None = None
    """Of an `mlflow` judge: a built-in scorer (`RelevanceToQuery`), a registered one (`name` or `name@version`)
    or a custom one (`module:function`)."""
    votes: int = Field(default=1, ge=1, le=15)
    options: Annotated[JsonObject, Field(exclude_if=lambda value: not value)] = Field(default_factory=dict)
    """Of a judge of another package: its own business."""

    @model_validator(mode="after")
    def fields_are_of_the_kind(self) -> Self:
        if (self.kind == "mlflow") != (self.scorer is not None):
            raise ValueError("scorer goes with kind `mlflow`, and only with it")
        if self.kind in BUILT_IN and self.options:
            raise ValueError("options go with a judge of another package, and only with it")
        if self.kind not in BUILT_IN and self.model is not None:
            raise ValueError(f"model goes with kind `assay`: what `{self.kind}` needs is in its options")
        return self


class TraceQuery(Contract):
    """Traces that are already in an MLflow experiment."""

    experiment: Text
    filter: str = ""
    """As in mlflow.search_traces."""
    max_traces: int = Field(default=1000, ge=1)
    """The newest so many. With `sample` it does not count."""
    sample: int | None = Field(default=None, ge=1)
    """A random sample of so many conversations of all that match, each as likely as any other; None: no sample."""
    seed: int = 0
    """Of the sample: the same seed over the same traces draws the same."""


class JudgeRequest(StageRequest):
    """Exactly one of `simulation_id`, `conversations` and `traces` says what is judged."""

    simulation_id: Slug | None = None
    conversations: tuple[Conversation, ...] | None = None
    traces: TraceQuery | None = None
    dataset: DatasetRef | None = None
    """Where the scenarios' expectations are; None: the simulation's own dataset, or `expectations` alone."""
    expectations: tuple[Expectation, ...] = ()
    """Held against every conversation, besides its scenario's own."""
    rubric: str = ""
    """More that a judge should know, in words."""
    judges: Annotated[tuple[JudgeSpec, ...], Field(min_length=1)] = (JudgeSpec(),)
    concurrency: int = Field(default=16, ge=1, le=1000)

    @model_validator(mode="after")
    def one_source(self) -> Self:
        if sum(x is not None for x in (self.simulation_id, self.conversations, self.traces)) != 1:
            raise ValueError("give one of simulation_id, conversations and traces, and only one")
        if self.simulation_id is None and self.dataset is None and not self.expectations:
            raise ValueError("expectations is empty: conversations from elsewhere need expectations or a dataset")
        return self


class Judging(StageResult):
    """What was judged. The judgments are assessments on the traces; `subject_id` is `judging-<hash>`."""

    stage: Literal[Stage.JUDGE] = Stage.JUDGE
    simulation_id: Slug
    agent: AgentRef
    dataset: DatasetRef | None
    """None: conversations from elsewhere, held against expectations alone."""
    conversations: int
    passed: int
    failed: int
    unjudged: int
    """Neither: an error, or a ruling that a judge abstained from."""
    errors: dict[FailureCause, int] = Field(default_factory=dict)
    """Conversations that could not be judged because a call failed, by cause; the conversation's own error or the
    judge's."""
    failures: tuple[Failures, ...] = ()
    """The judge's calls that failed: why and how many."""
    mean_score: Share | None
    ruled_by_rules: int = 0
    """Expectations without a check that no model but rules looked at."""
    rules_abstained: int = 0
    """On how many of these the rules could not tell."""
    finish_reasons: dict[FinishReason, int] = Field(default_factory=dict)
    """The agent's turns by how they ended, of those whose server says so; empty: not known."""
    silent_turns: int = Field(default=0, ge=0)
    """The agent's turns without a word and without a call."""
    population: int | None = None
    """Conversations of the experiment that matched, of which these are a random sample; None: not sampled."""
    skipped_traces: dict[str, int] = Field(default_factory=dict)
    """How many traces of the experiment were passed over, by reason."""
    judge: str
    rubric_hash: Hash
    usage: Usage
