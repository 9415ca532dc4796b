"""Stage 6: two agent versions on one dataset version, paired by scenario."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.analytics import Attribution, Narrative
from assay.contracts.base import Contract, Finite, Name, Share, Slug, Text
from assay.contracts.calibration import UNCALIBRATED, JudgeStanding
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.report import Fact
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, PolicyException, Stage, StageRequest, StageResult


class Recommendation(StrEnum):
    PROMOTE = "PROMOTE"
    REJECT = "REJECT"
    INCONCLUSIVE = "INCONCLUSIVE"


class Side(Contract):
    """One side of a comparison."""

    judging_id: Slug
    trials: tuple[int, ...] | None = None
    """Only these trials; None: all."""


class ComparePolicy(Contract):
    """Declared before looking."""

    test: Literal["non_inferiority", "superiority"] = "superiority"
    margin: Share = 0.05
    """The smallest difference in pass rate that matters. non_inferiority: the loss that is accepted."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    judge: Literal["admitted", "any"] = "admitted"
    """admitted: the rulings of a judge that no certificate admits decide nothing. any: they do, at your own risk."""


class Pair(Contract):
    """Two judgings that are compared."""

    champion: Side
    challenger: Side


class CompareRequest(StageRequest):
    champion: Side
    challenger: Side
    together_with: tuple[Pair, ...] = ()
    """Comparisons that are made at the same time: all of them are corrected for each other."""
    policy: ComparePolicy = ComparePolicy()
    slices: tuple[Literal["topic", "persona", "difficulty", "language"], ...] = ("topic", "persona", "difficulty")
    narrative: str | None = None
    """A person's own text; None: the Comparator drafts one."""
    model: ModelName | None = None
    exception: PolicyException | None = None
    """Needed for another policy than the project's; takes an admin."""


class PairedResult(Contract):
    """Challenger minus champion, paired by scenario."""

    difference: Estimate | Insufficient
    p: Annotated[float, Field(ge=0, le=1)] | None
    """Two-sided; None: too little data."""
    p_permutation: Annotated[float, Field(ge=0, le=1)] | None = None
    """Sign-flip permutation of the scenarios' differences."""
    mcnemar_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Exact, on trials matched by number; None: trials do not match."""
    se: Annotated[float, Field(ge=0)] | None = None
    """Standard error of the difference (CR1); None: too little data."""
    challenger_only: int = 0
    """Matched trials that only the challenger passed."""
    champion_only: int = 0


class SliceDifference(Contract):
    dimension: str
    value: str
    difference: Quantity
    p_holm: float | None
    """Adjusted over all slices; None: too little data."""
    worse: bool
    """The challenger lost here, by the adjusted test."""


class UnpairedSlice(Contract):
    """A slice in which the two sides share no scenario: counts of conversations, a hint and no test."""

    dimension: str
    value: str
    champion_passed: int
    champion: int
    challenger_passed: int
    challenger: int


class Unpaired(Contract):
    """Judged conversations of scenarios on which the other side has no verdict."""

    champion: int
    champion_of: int
    """Of so many judged conversations of the champion."""
    challenger: int
    challenger_of: int
    slices: tuple[UnpairedSlice, ...] = ()


class OtherComparison(Contract):
    """Another pair of versions that was compared on the same dataset version."""

    champion: AgentRef
    challenger: AgentRef
    p: Annotated[float, Field(ge=0, le=1)]


class NextAction(Contract):
    """One thing to do about the verdict."""

    kind: Literal["rerun_broken", "look_at_unjudged", "deploy", "keep_champion", "label", "add_data", "choose_by_cost"]
    text: Text


class Flip(Contract):
    """A trial that one side passed and the other did not."""

    scenario_id: Name
    trial: int
    direction: Literal["fixed", "broken"]
    champion_conversation: str
    challenger_conversation: str
    reason: str
    """The judge's rationale of the side that did not pass."""
    vacuous: bool = False
    """The side that passed called no tool, though most of its other conversations did."""


class CostDifference(Contract):
    """Means of both sides and the paired difference."""

    measure: Slug = Field(examples=["latency_s", "output_tokens", "cost_usd", "agent_turns"])
    """One of `GET /measures`."""
    champion: Finite | None
    challenger: Finite | None
    difference: Quantity


class ComparisonReport(StageResult):
    """The verdict and why. `subject_id` is `comparison-<hash>`."""

    stage: Literal[Stage.COMPARE] = Stage.COMPARE
    champion: AgentRef
    challenger: AgentRef
    champion_side: Side
    challenger_side: Side
    dataset: DatasetRef
    policy: ComparePolicy
    recommendation: Recommendation
    reason: Text
    next_steps: tuple[Text, ...]
    """The texts of `actions`."""
    actions: tuple[NextAction, ...] = ()
    """What to do about the verdict, the first thing first."""
    champion_rate: Quantity
    """Over the scenarios on which both sides have a verdict, as the difference is."""
    challenger_rate: Quantity
    scenarios: int
    pass_rate: PairedResult
    score: PairedResult
    slices: tuple[SliceDifference, ...]
    costs: tuple[CostDifference, ...]
    flips: tuple[Flip, ...]
    left_out: dict[str, int]
    """Conversations that did not enter the test, by why."""
    facts: tuple[Fact, ...]
    narrative: Narrative
    judge: JudgeStanding = UNCALIBRATED
    corrected: PairedResult | None = None
    """The difference that people would have found, by their labels; the verdict rests on it where it is there."""
    correction: str = ""
    """How it was corrected, or why it was not; empty: no label, or no judge."""
    whatever_the_judge: Quantity | None = None
    """Bounds of the difference that hold even if the judge was wrong wherever it could be; None: not needed."""
    held_by_judge: bool = False
    """Inconclusive only because the judge may not gate: by its own count there would be a verdict."""
    calibrated: bool = False
    as_scored: PairedResult | None = None
    """The same test with conversations that infrastructure broke counted as they were scored, or as failed; None:
    nothing was broken."""
    set_apart: int = 0
    """Conversations of both sides that infrastructure broke."""
    unpaired: Unpaired | None = None
    """None: both sides have a verdict on the same scenarios."""
    others: tuple[OtherComparison, ...] = ()
    """Other pairs of versions compared on this dataset version, the newest of each."""
    p_holm: Annotated[float, Field(ge=0, le=1)] | None = None
    """p of the declared test, by Holm over this comparison and `others`; None: there are none, or too little data."""
    champion_attributions: tuple[Attribution, ...] = ()
    """The champion's error budget."""
    challenger_attributions: tuple[Attribution, ...] = ()
    exception: PolicyException | None = None
    """Who let it depart from the project's policy; None: it did not."""

    @property
    def decided_on(self) -> PairedResult:
        """The paired result that the verdict rests on."""
        return self.pass_rate if self.corrected is None else self.corrected
