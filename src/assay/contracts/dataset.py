"""Stage 2: scenarios with expected behaviour, the dataset they form, and what validation says of it."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from assay.contracts.base import Contract, Document, JsonObject, Metadata, Name, Share, Slug, Text, content_hash
from assay.contracts.conversation import Failures
from assay.contracts.expressions import compile_path, compile_pattern
from assay.contracts.stage import AgentRef, DatasetRef, ModelName, PolicyException, Stage, StageRequest, StageResult


class Difficulty(StrEnum):
    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Persona(Contract):
    """Who the simulated user is."""

    name: Slug
    """The persona's kind, such as `impatient-customer`; a slice of every report."""
    description: Text
    language: str = "en"


class SaysCheck(Contract):
    """The agent said something that matches."""

    kind: Literal["says"] = "says"
    pattern: Text
    """Regular expression (RE2: no look-around, no back-references; at most 500 characters), searched in every agent
    turn without regard to case, curly quotes, kinds of dashes and spaces, or characters that show nothing."""

    @field_validator("pattern")
    @classmethod
    def compiles(cls, pattern: str) -> str:
        compile_pattern(pattern)
        return pattern


class ToolCheck(Contract):
    """The agent called this tool, with at least these arguments, and the call did not fail."""

    kind: Literal["calls"] = "calls"
    tool: Text
    arguments: JsonObject = Field(default_factory=dict)


class OutcomeCheck(Contract):
    """The world that the agent left behind: a JMESPath over the conversation's `outcome` gives this value."""

    kind: Literal["outcome"] = "outcome"
    path: Text
    equals: JsonValue

    @field_validator("path")
    @classmethod
    def compiles(cls, path: str) -> str:
        compile_path(path)
        return path


Check = Annotated[SaysCheck | ToolCheck | OutcomeCheck, Field(discriminator="kind")]
"""Whether a thing happened, decided by code. Whether it should have is the expectation's `kind`."""


class Expectation(Contract):
    """One thing that the agent must or must not do."""

    expectation_id: Slug
    kind: Literal["must", "must_not"] = "must"
    text: Text
    check: Check | None = None
    """None: no code can tell, so a judge rules."""


class Origin(StrEnum):
    WRITTEN = "written"
    DRAFTED = "drafted"
    IMPORTED = "imported"
    FEEDBACK = "feedback"


class Scenario(Contract):
    """One situation that a user brings: the unit of independence of all statistics."""

    scenario_id: Name
    topic: Name
    difficulty: Difficulty = Difficulty.MEDIUM
    persona: Persona
    goal: Text
    """What the user wants, as the user would put it."""
    opening: str | None = None
    """The user's first words; None: the simulator finds its own."""
    facts: dict[str, str] = Field(default_factory=dict)
    """What the user knows and tells when asked, such as an order number."""
    expectations: Annotated[tuple[Expectation, ...], Field(min_length=1)]
    initial_state: JsonObject | None = None
    """The world before the first turn, handed to agents that take one; None: the agent's own."""
    max_turns: int = Field(default=12, ge=1, le=200)
    """Agent turns after which the conversation is stopped."""
    origin: Origin = Origin.WRITTEN
    origin_ref: str | None = None
    """The feedback, trace or file that it came from; None: it came from nobody else."""
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def expectations_are_distinct(self) -> Self:
        ids = [expectation.expectation_id for expectation in self.expectations]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"expectations: expectation_id {', '.join(twice)} stands twice: give each its own")
        return self


class Dataset(Document):
    """Scenarios that one agent is tested with. Its version is the hash of its content."""

    name: Slug
    description: str = ""
    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def scenarios_are_distinct(self) -> Self:
        ids = [scenario.scenario_id for scenario in self.scenarios]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"scenarios: scenario_id {', '.join(twice)} stands twice: give each its own")
        return self

    @property
    def version(self) -> str:
        return dataset_version(self.scenarios)

    @property
    def ref(self) -> DatasetRef:
        return DatasetRef(name=self.name, version=self.version)


def dataset_version(scenarios: Sequence[Scenario]) -> str:
    """16 hex digits; the order in which scenarios stand does not matter."""
    return content_hash(sorted(content_hash(scenario) for scenario in scenarios))[:16]


class DatasetRule(StrEnum):
    """What validation looks for."""

    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    COVERAGE = "coverage"
    VAGUE = "vague"
    ABOUT_USER = "about_user"
    """An expectation that says what the user does."""
    CONTRADICTORY = "contradictory"
    NOT_CHECKABLE = "not_checkable"
    LEAKS_ANSWER = "leaks_answer"
    UNSOLVABLE = "unsolvable"
    HIDDEN_STATE = "hidden_state"
    TOO_SMALL = "too_small"


class DatasetFinding(Contract):
    rule: DatasetRule
    severity: Literal["error", "warning", "note"]
    scenario_ids: tuple[Name, ...] = ()
    message: Text
    fix: Text


class CoverageCell(Contract):
    topic: Name
    persona: Slug
    difficulty: Difficulty
    scenarios: int = Field(ge=0)


class DatasetReport(Document):
    """What validation found, and whether the dataset may be used."""

    dataset: DatasetRef
    scenarios: int
    expectations: int
    checked_by_code: Share
    """Share of expectations that a deterministic check decides."""
    coverage: tuple[CoverageCell, ...]
    """Topic x persona x difficulty: each cell that holds a scenario."""
    findings: tuple[DatasetFinding, ...]
    score: Share
    """Share of scenarios with no error and no more than a note; less 0.1 for each error of the dataset as a whole."""
    threshold: Share
    passed: bool
    """The score reaches the threshold, and at least one of the card's topics is tested."""
    detectable_difference: Share | None
    """Smallest difference in pass rate that this many scenarios show 80 % of the time; None: too few to say."""
    detectable_how: str = ""

    @property
    def verdict(self) -> str:
        """Whether it passes, and by what. A score below the threshold is not rounded up to it."""
        scored = f"score {math.floor(100 * self.score + 1e-6) / 100:.2f}, at least {self.threshold:.2f} needed"
        if self.passed:
            return f"passes: {scored}"
        if self.score < self.threshold:
            return f"FAILS: {scored}"
        return f"FAILS: no scenario is about any of the card's topics ({scored})"


class DatasetRequest(StageRequest):
    """Exactly one of `dataset` (validate and save this) and `brief` (let the Dataset Builder draft one)."""

    agent: AgentRef
    dataset: Dataset | None = None
    brief: str | None = None
    name: Slug | None = None
    """The drafted dataset's name; None: the agent's id."""
    size: int = Field(default=40, ge=1, le=5000)
    seed: int = 0
    threshold: Share = 0.8
    reference_attempt: bool = True
    """Play each scenario's checks against a reference attempt to see that it can be solved."""
    model: ModelName | None = None
    """None: the model of the settings."""
    exception: PolicyException | None = None
    """Needed for a lower threshold than the project's; takes an admin."""

    @model_validator(mode="after")
    def one_source(self) -> Self:
        if (self.dataset is None) == (self.brief is None):
            raise ValueError("give either dataset (to validate it) or brief (to have one drafted), and not both")
        return self


class DatasetResult(StageResult):
    """A dataset with its validation. `subject_id` is `dataset-<version>`."""

    stage: Literal[Stage.DATASET] = Stage.DATASET
    agent: AgentRef
    dataset: Dataset
    report: DatasetReport
    failures: tuple[Failures, ...] = ()
    """Reference attempts that ended in an error."""
    exception: PolicyException | None = None
    """Who let the threshold be lower than the project's policy declares; None: it is not."""
