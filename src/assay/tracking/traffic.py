"""Who gets which share of the traffic: one artifact of a long-lived run, with every earlier state beside it."""

from assay.errors import NotFound, Refused
from assay.tracking.artifacts import log_artifacts, read_text
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.projects import find_project
from assay.tracking.runs import find_project_run, project_run

RUN = "rollout"
NOW = "rollout/traffic.json"


@reports_outages
def read_traffic(t: Tracking, project: str) -> str | None:
    """The state in force as JSON; None: no rollout was ever begun."""
    if find_project(t, project) is None or (run_id := find_project_run(t, project, RUN)) is None:
        return None
    try:
        return read_text(t, run_id, NOW)
    except NotFound:
        return None


@reports_outages
def write_traffic(t: Tracking, project: str, text: str, *, number: int, before: str | None) -> None:
    """Puts a new state in force. Raises Refused when somebody else did meanwhile: `before` is not in force any more."""
    with t.lock:
        run_id = project_run(t, project, RUN)
        if read_traffic(t, project) != before:
            raise Refused(f"the traffic of {project} was changed by somebody else meanwhile: look and decide again")
        log_artifacts(t, run_id, {NOW: text.encode(), f"rollout/traffic-{number:05}.json": text.encode()})
