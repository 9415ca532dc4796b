"""Experiments of other tools that a project may read: an admin links each, as a tag of that experiment."""

from dataclasses import dataclass

from assay.errors import NotFound
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.projects import ensure_project, find_project
from assay.tracking.trace_import import find_experiment

LINK_TAG = "assay.readable_by."
"""Followed by the project's name; the value is `true`."""


@dataclass(frozen=True, slots=True)
class LinkedExperiment:
    experiment_id: str
    name: str


@reports_outages
def link_experiment(t: Tracking, project: str, experiment: str) -> LinkedExperiment:
    """Lets the project read the experiment, named by name or id. Raises NotFound."""
    ensure_project(t, project)
    experiment_id, name = find_experiment(t, experiment)
    t.client.set_experiment_tag(experiment_id, LINK_TAG + project, "true")
    return LinkedExperiment(experiment_id, name)


@reports_outages
def unlink_experiment(t: Tracking, project: str, experiment: str) -> None:
    """Takes the leave back. Raises NotFound where it was not given."""
    linked = {key: row for row in linked_experiments(t, project) for key in (row.experiment_id, row.name)}
    if experiment not in linked:
        raise NotFound(f"experiment {experiment} is not linked to project {project}")
    t.client.delete_experiment_tag(linked[experiment].experiment_id, LINK_TAG + project)


@reports_outages
def linked_experiments(t: Tracking, project: str) -> list[LinkedExperiment]:
    """Those that the project may read besides its own, by name."""
    found: list[LinkedExperiment] = []
    token = None
    while True:
        page = t.client.search_experiments(filter_string=f"tags.`{LINK_TAG}{project}` = 'true'", page_token=token)
        found += [LinkedExperiment(row.experiment_id, row.name) for row in page]
        if not (token := page.token):
            return sorted(found, key=lambda row: row.name)


@reports_outages
def may_read_experiment(t: Tracking, project: str, experiment: str) -> bool:
    """Whether it is the project's own or linked to it. False for one that does not exist."""
    try:
        experiment_id, _ = find_experiment(t, experiment)
    except NotFound:
        return False
    return experiment_id == find_project(t, project) or experiment_id in {
        row.experiment_id for row in linked_experiments(t, project)
    }
