"""What stages came to: the results of finished runs, found by request, by subject or by agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.contracts.stage import AgentRef, DatasetRef, Stage
from assay.errors import NotFound
from assay.tracking.artifacts import read_json
from assay.tracking.connection import Tracking, quoted, reports_outages, shown
from assay.tracking.peek import Store, peeks
from assay.tracking.projects import find_project, project_or_not_found

if TYPE_CHECKING:
    from mlflow.entities import Run

RESULT = "result.json"


@dataclass(frozen=True)
class Stored:
    """A result that was read back."""

    content: dict[str, Any]
    ended_at: datetime


@dataclass(frozen=True)
class RunSummary:
    """One finished stage run."""

    run_id: str
    stage: str
    subject_id: str
    agent: AgentRef | None
    """None: the stage is of no one agent version."""
    dataset_version: str | None
    gated: bool
    started_at: datetime
    ended_at: datetime
    metrics: dict[str, float]
    tags: dict[str, str]


def _peek_result(store: Store, project: str, stage: Stage, request_hash: str) -> Stored | None:
    found = store.runs(project, {"stage": stage.value, "config_hash": request_hash}, 1)
    return Stored(store.artifact(found[0], RESULT), _when(found[0]["end_time"])) if found else None


def _peek_subject(store: Store, project: str, stage: Stage, subject_id: str) -> dict[str, Any]:
    return store.artifact(store.runs(project, {"stage": stage.value, "subject_id": subject_id}, 1)[0], RESULT)


def _peek_results(
    store: Store,
    project: str,
    stage: Stage,
    *,
    agent: AgentRef | None = None,
    dataset: DatasetRef | None = None,
    parent: str | None = None,
    limit: int = 100,
) -> list[RunSummary]:
    return [
        _summary_of(run["run_id"], run["tags"], run["metrics"], run["start_time"], run["end_time"])
        for run in store.runs(project, _tags(stage, agent, dataset, parent), limit)
    ]


@peeks(_peek_result)
@reports_outages
def find_result(t: Tracking, project: str, stage: Stage, request_hash: str) -> Stored | None:
    """The result of the same request, as it was finished before; None: it was not."""
    if (experiment_id := find_project(t, project)) is None:
        return None
    tags = {"stage": stage.value, "config_hash": request_hash}
    found = search_runs(t, experiment_id, tags, status=("FINISHED",), limit=1)
    return Stored(_result(t, found[0]), _when(found[0].info.end_time)) if found else None


@peeks(_peek_subject)
@reports_outages
def load_result(t: Tracking, project: str, stage: Stage, subject_id: str) -> dict[str, Any]:
    """The result with this subject. Raises NotFound with the subjects that are there."""
    experiment_id = project_or_not_found(t, project)
    tags = {"stage": stage.value, "subject_id": subject_id}
    if found := search_runs(t, experiment_id, tags, status=("FINISHED",), limit=1):
        return _result(t, found[0])
    there = list(dict.fromkeys(run.subject_id for run in list_results(t, project, stage, limit=10)))
    listed = ", ".join(there) or f"no finished {stage.value} yet"
    raise NotFound(
        f"{stage.value} {subject_id} is not in project {project}: there is {listed}",
        local=f"{stage.value} {subject_id} is not in project {project} of {shown(t.uri)}: there is {listed}",
    )


@peeks(_peek_results)
@reports_outages
def list_results(
    t: Tracking,
    project: str,
    stage: Stage,
    *,
    agent: AgentRef | None = None,
    dataset: DatasetRef | None = None,
    parent: str | None = None,
    limit: int = 100,
) -> list[RunSummary]:
    """Finished runs of the stage, the newest first. parent: only those that were made from this result."""
    if (experiment_id := find_project(t, project)) is None:
        return []
    found = search_runs(t, experiment_id, _tags(stage, agent, dataset, parent), status=("FINISHED",), limit=limit)
    return [_summary(run) for run in found]


def _tags(stage: Stage, agent: AgentRef | None, dataset: DatasetRef | None, parent: str | None) -> dict[str, str]:
    tags = {"stage": stage.value}
    if agent is not None:
        tags |= {"agent_id": agent.agent_id, "agent_version": agent.version}
    if dataset is not None:
        tags["dataset"] = str(dataset)
    if parent is not None:
        tags[parent] = PARENT
    return tags


PARENT = "parent"
"""The value of a run's tag that is named after the result which it was made from. A comparison has two."""


def search_runs(
    t: Tracking, experiment_id: str, tags: Mapping[str, str], *, status: tuple[str, ...] = (), limit: int
) -> "list[Run]":
    """Runs with these tags and in one of these states, the newest first."""
    clauses = [f"tags.`{name}` = {quoted(value)}" for name, value in tags.items()]
    # MLflow's filters have no IN over states.
    wanted = [clauses] if len(status) != 1 else [[*clauses, f"attributes.status = '{status[0]}'"]]
    found: list[Run] = []
    token = None
    while len(found) < limit:
        page = t.client.search_runs(
            [experiment_id],
            " and ".join(wanted[0]),
            max_results=min(1000, limit if len(status) <= 1 else 50),
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        found += [run for run in page if not status or run.info.status in status]
        if not (token := page.token):
            break
    return found[:limit]


def _result(t: Tracking, run: "Run") -> dict[str, Any]:
    return read_json(t, run.info.run_id, RESULT)


def _summary(run: "Run") -> RunSummary:
    return _summary_of(run.info.run_id, run.data.tags, run.data.metrics, run.info.start_time, run.info.end_time)


def _summary_of(
    run_id: str, tags: Mapping[str, str], metrics: Mapping[str, float], started: int | None, ended: int | None
) -> RunSummary:
    agent = (
        AgentRef(agent_id=tags["agent_id"], version=tags["agent_version"])
        if tags.get("agent_id") and tags.get("agent_version")
        else None
    )
    return RunSummary(
        run_id=run_id,
        stage=tags.get("stage", ""),
        subject_id=tags.get("subject_id", ""),
        agent=agent,
        dataset_version=tags.get("dataset_version") or None,
        gated=tags.get("gated") == "true",
        started_at=_when(started),
        ended_at=_when(ended),
        metrics=dict(metrics),
        tags={name: value for name, value in tags.items() if not name.startswith("mlflow.")},
    )


def _when(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, tz=UTC)
