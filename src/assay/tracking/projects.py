"""Projects: each is an MLflow experiment, and its policy, flags and gate state are the experiment's tags."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from assay.contracts.base import Slug
from assay.contracts.text import clean
from assay.errors import BadInput, NotFound
from assay.tracking.connection import Tracking, reports_outages, shown
from assay.tracking.peek import Store, peeks

if TYPE_CHECKING:
    from mlflow.entities import Experiment

PROJECT_TAG = "assay.project"
VERSION_TAG = "assay.version"
OURS = (PROJECT_TAG, VERSION_TAG)
_slug: TypeAdapter[str] = TypeAdapter(Slug)


@dataclass(frozen=True)
class ProjectSummary:
    project: str
    experiment_id: str
    created_at: datetime
    updated_at: datetime


@functools.cache  # every trace bears it, and finding it takes milliseconds
def assay_version() -> str:
    try:
        return version("assay")
    except PackageNotFoundError:
        return "unknown"


@reports_outages
def ensure_project(t: Tracking, project: str) -> str:
    """The experiment's id; the experiment is made where it is not there.

    Raises BadInput for a name that is no slug and for a project that was deleted in MLflow.
    """
    with t.lock:
        if project not in t.projects:
            t.projects[project] = _find_or_make(t, _valid(project))
        return t.projects[project]


@reports_outages
def find_project(t: Tracking, project: str) -> str | None:
    """The experiment's id; None: there is no such project, and none is made."""
    with t.lock:
        if project in t.projects:
            return t.projects[project]
        found = t.client.get_experiment_by_name(project)
        if found is None or found.lifecycle_stage == "deleted":
            return None
        t.projects[project] = found.experiment_id
        return found.experiment_id


def project_or_not_found(t: Tracking, project: str) -> str:
    """The experiment's id. Raises NotFound with the projects that are there."""
    if experiment_id := find_project(t, project):
        return experiment_id
    there = ", ".join(known.project for known in list_projects(t)) or "none yet"
    raise NotFound(
        f"project {project} does not exist", local=f"project {project} is not in {shown(t.uri)}: there is {there}"
    )


@reports_outages
def list_projects(t: Tracking) -> list[ProjectSummary]:
    """Assay's projects, the last worked on first."""
    found: list[Experiment] = []
    token = None
    while True:
        page = t.client.search_experiments(
            filter_string=f"tags.`{PROJECT_TAG}` LIKE '%'", order_by=["last_update_time DESC"], page_token=token
        )
        found += page
        if not (token := page.token):
            break
    return [
        ProjectSummary(
            project=experiment.tags[PROJECT_TAG],
            experiment_id=experiment.experiment_id,
            created_at=_when(experiment.creation_time),
            updated_at=_when(experiment.last_update_time),
        )
        for experiment in found
    ]


def _peek_project_tags(store: Store, project: str) -> dict[str, str]:
    return _own_tags(store.project_tags(project))


@peeks(_peek_project_tags)
@reports_outages
def read_project_tags(t: Tracking, project: str) -> dict[str, str]:
    """What was set with `set_project_tag`. Raises NotFound."""
    return _own_tags(t.client.get_experiment(project_or_not_found(t, project)).tags)


def _own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith("mlflow.") and name not in OURS}


@reports_outages
def set_project_tag(t: Tracking, project: str, name: str, value: str) -> None:
    """Keeps a value of at most 5,000 characters with the project, which is made where it is not there."""
    t.client.set_experiment_tag(ensure_project(t, project), name, clean(value))


def _find_or_make(t: Tracking, project: str) -> str:
    from mlflow.exceptions import MlflowException

    found = t.client.get_experiment_by_name(project)
    if found is None:
        location = f"{t.artifact_root}/{project}" if t.artifact_root else None
        tags = {
            PROJECT_TAG: project,
            VERSION_TAG: assay_version(),
            "mlflow.experimentKind": "genai_development",
            "mlflow.note.content": f"Assay project {project}: evaluations of its agents, stage by stage.",
        }
        try:
            return t.client.create_experiment(project, artifact_location=location, tags=tags)
        except MlflowException:
            # another process made it meanwhile
            if (found := t.client.get_experiment_by_name(project)) is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise BadInput(
            f"project {project} was deleted in MLflow: `mlflow experiments restore -x {found.experiment_id}` "
            "brings it back, or take another name"
        )
    if PROJECT_TAG not in found.tags:
        t.client.set_experiment_tag(found.experiment_id, PROJECT_TAG, project)
        t.client.set_experiment_tag(found.experiment_id, VERSION_TAG, assay_version())
    return found.experiment_id


def _valid(project: str) -> str:
    try:
        return _slug.validate_python(project)
    except ValidationError:
        raise BadInput(
            f"project {project!r}: a name has up to 64 lower-case letters, digits, `.`, `_`, `-`, as in support-bot"
        ) from None


def _when(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, tz=UTC)
