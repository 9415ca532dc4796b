"""Small documents that a project keeps and changes: each one artifact of a long-lived run, earlier ones beside it."""

from assay.errors import NotFound, Refused
from assay.tracking.artifacts import log_artifacts, read_text
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.ledger import alone
from assay.tracking.projects import find_project
from assay.tracking.runs import find_project_run, project_run


@reports_outages
def read_kept(t: Tracking, project: str, name: str) -> str | None:
    """The document in force as JSON; None: there is none yet. name: such as `rollout/traffic`."""
    if find_project(t, project) is None or (run_id := find_project_run(t, project, _run(name))) is None:
        return None
    try:
        return read_text(t, run_id, f"{name}.json")
    except NotFound:
        return None


@reports_outages
def write_kept(
    t: Tracking, project: str, name: str, text: str, *, before: str | None, number: int | None = None
) -> None:
    """Puts a new document in force. number: keeps it under that number too, for later readers.

    Raises Refused when somebody else did meanwhile: `before` is not in force any more.
    """
    with t.lock, alone(t):
        run_id = project_run(t, project, _run(name))
        if read_kept(t, project, name) != before:
            raise Refused(f"{name} of {project} was changed by somebody else meanwhile: look and decide again")
        files = {f"{name}.json": text.encode()}
        if number is not None:
            files[f"{name}-{number:05}.json"] = text.encode()
        log_artifacts(t, run_id, files)


def _run(name: str) -> str:
    return name.split("/", maxsplit=1)[0]
