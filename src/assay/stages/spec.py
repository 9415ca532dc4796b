"""What a stage says about itself. Gates, reports, jobs, routes, roles, the client and commands are loops over it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from assay.contracts.report import Report
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageRequest, StageResult
from assay.errors import AssayError, GateClosed, NotFound
from assay.settings import Settings
from assay.stages.context import Context

Q = TypeVar("Q", bound=StageRequest)
R = TypeVar("R", bound=StageResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A result that a request or another result stands on: by its id, or by what is known of it."""

    stage: Stage
    subject_id: str | None = None
    agent: AgentRef | None = None
    dataset: DatasetRef | None = None
    made_from: str | None = None
    """The id of a result that it was made from."""
    fits: Callable[[StageResult], bool] | None = None
    """Which results count; None: all."""
    newest: bool = False
    """Of several results the newest. False: the approved one, else a gated one, else the newest."""
    missing: str = ""
    """The error's message where there is none: what is missing, and what to do."""
    error: type[AssayError] = GateClosed


def agent_parent(project: str, agent: AgentRef) -> Parent:
    """The registration of an agent version."""
    missing = f"agent {agent} is not registered in project {project}: run `assay agent register CARD`"
    return Parent(stage=Stage.DEVELOP, agent=agent, missing=missing, error=NotFound)


def dataset_parent(project: str, dataset: DatasetRef) -> Parent:
    missing = f"dataset {dataset} was not built in project {project}: run `assay dataset build`"
    return Parent(stage=Stage.DATASET, dataset=dataset, missing=missing)


@dataclass(frozen=True, kw_only=True)
class StageSpec(Generic[Q, R]):
    """One stage: its contracts, its function, and all that differs between stages elsewhere."""

    stage: Stage
    noun: str
    """One word for its result: the name of its report's files, and what its ids begin with."""
    prefix: str = ""
    """What its ids begin with where that is not the noun."""
    request: type[Q]
    result: type[R]
    run: Callable[[Q, Context], Awaitable[R]]

    subject: Callable[[R], str]
    """The agent and the dataset that a result is about, for its headline."""
    finding: Callable[[R], str]
    """What came of the stage, in a sentence, without saying of what."""
    lay_out: Callable[[R, Context], Awaitable[Report]] | None = None
    """The report on a result; None: it has no report."""

    parents: Callable[[Q], Sequence[Parent]]
    """The results that must be approved before a request starts. Raises GateClosed if there can be none."""
    made_from: Callable[[R], Sequence[Parent]]
    """The results that a result was made from."""
    check: Callable[[Q, Sequence[StageResult]], None] = lambda request, parents: None
    """Raises Refused for a request that no approval can help, given the results of `parents`."""
    ancestors: bool = True
    """Whether a gated request needs everything that led to its parents to be approved too."""
    decided_on: Sequence[str] = ()
    """The fields of a result that a decision rests on; empty: the whole result and its evidence."""
    refusal: Callable[[R, Settings], str | None] = lambda result, settings: None
    """Why a result may not be approved; None: it may."""

    then: Callable[[R], dict[str, Any]] | None = None
    """The fields of the next stage's request that follow from a result; None: no stage follows."""
    complete: Callable[[dict[str, Any], Mapping[str, Any], Context], Awaitable[dict[str, Any]]] | None = None
    """Adds to the fields of a request that follows from a result, given what else is set; None: nothing is added."""
    next_commands: Callable[[R], Sequence[tuple[str, str]]] = lambda result: ()
    """The commands to run next, without --project, each with a remark, which may be empty."""

    resource: str | None = None
    """The API's collection of its results, such as `simulations`; None: it has routes of its own."""
    decides: bool = False
    """Whether starting it requires the role that decides at gates."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What ids of its results may begin with, the one of new ids first."""
        return (self.prefix, self.noun) if self.prefix else (self.noun,)

    def headline(self, result: R) -> str:
        """What came of the stage, and of which agent and dataset."""
        subject = self.subject(result)
        return f"{subject}: {self.finding(result)}" if subject else self.finding(result)
