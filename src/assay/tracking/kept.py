"""Small documents that a project keeps and changes, such as schedules and a rollout's traffic.

The document in force is a row that only one of several writers can replace (documents.py). A copy of it is an artifact
of a long-lived run, numbered versions beside it.
"""

from assay.errors import NotFound, Refused
from assay.tracking.artifacts import get_run, log_artifacts, read_text
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.documents import Versioned, owner_of, read_document, replace_document
from assay.tracking.peek import Store, peeks
from assay.tracking.projects import ensure_project, find_project
from assay.tracking.runs import find_project_run, project_run, tag_run

NUMBER_TAG = "assay.number."
"""Followed by the document's name: the version that the run's copy is of."""


def _peek_kept(store: Store, project: str, name: str) -> str | None:
    return store.document(project, name)


@peeks(_peek_kept)
@reports_outages
def read_kept(t: Tracking, project: str, name: str) -> str | None:
    """The document in force as JSON; None: there is none yet. name: such as `rollout/traffic`."""
    if (experiment_id := find_project(t, project)) is None:
        return None
    _, current = _in_force(t, project, owner_of(t, experiment_id), name)
    return current.text if current else None


@reports_outages
def write_kept(
    t: Tracking, project: str, name: str, text: str, *, before: str | None, number: int | None = None
) -> None:
    """Puts a new document in force. number: keeps it under that number too, for later readers.

    Raises Refused when `before` is not in force any more. Of several writers, in any number of processes, one wins.
    """
    owner = owner_of(t, ensure_project(t, project))
    stored, current = _in_force(t, project, owner, name)
    new = Versioned(current.number + 1 if current else 1, text)
    if (current.text if current else None) != before or not replace_document(
        t, owner, name, new, expected=stored.number if stored else 0
    ):
        raise Refused(f"{name} of {project} was changed by somebody else meanwhile: look and decide again")
    _copy(t, project, owner, name, new, number)


def _in_force(t: Tracking, project: str, owner: str, name: str) -> tuple[Versioned | None, Versioned | None]:
    """(the row, what is in force). These differ where the row is not there or older than the copy: the document is
    from before there were rows, or somebody who uses another database of jobs wrote it."""
    stored = read_document(t, owner, name)
    if stored is not None and not t.is_server:
        return stored, stored
    copy = _read_copy(t, project, name)
    newest = max((one for one in (stored, copy) if one), key=lambda one: one.number, default=None)
    return stored, newest


def _read_copy(t: Tracking, project: str, name: str) -> Versioned | None:
    if (run_id := find_project_run(t, project, _run(name))) is None:
        return None
    number = get_run(t, run_id).data.tags.get(NUMBER_TAG + name, "0")
    try:
        return Versioned(int(number), read_text(t, run_id, f"{name}.json"))
    except NotFound:
        return None


def _copy(t: Tracking, project: str, owner: str, name: str, new: Versioned, number: int | None) -> None:
    run_id = project_run(t, project, _run(name))
    if number is not None:
        log_artifacts(t, run_id, {f"{name}-{number:05}.json": new.text.encode()})
    current = new
    while True:
        log_artifacts(t, run_id, {f"{name}.json": current.text.encode()})
        tag_run(t, run_id, NUMBER_TAG + name, str(current.number))
        latest = read_document(t, owner, name)
        if latest is None or latest == current:
            return
        current = latest  # somebody else wrote meanwhile, and their copy may be under ours


def _run(name: str) -> str:
    return name.split("/", maxsplit=1)[0]
