"""The ledger of gate decisions: one artifact of a long-lived run, to which lines are only ever added."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assay.errors import NotFound, Refused
from assay.tracking.artifacts import log_artifacts, read_text
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.projects import find_project
from assay.tracking.runs import find_project_run, project_run

RUN = "ledger"
PATH = "gates/ledger.jsonl"


@reports_outages
def read_ledger(t: Tracking, project: str) -> list[str]:
    """Its lines, the oldest first; empty where nothing was decided."""
    if find_project(t, project) is None or (run_id := find_project_run(t, project, RUN)) is None:
        return []
    try:
        return read_text(t, run_id, PATH).splitlines()
    except NotFound:
        return []


@reports_outages
def append_ledger(t: Tracking, project: str, line: str, *, expected_lines: int) -> None:
    """Adds one line. Raises Refused when the ledger has other than the expected number of lines."""
    with t.lock, alone(t):
        run_id = project_run(t, project, RUN)
        lines = read_ledger(t, project)
        if len(lines) != expected_lines:
            raise Refused(
                f"the ledger of {project} has {len(lines)} lines, not {expected_lines}: somebody decided meanwhile; "
                "read it again and decide again"
            )
        log_artifacts(t, run_id, {PATH: "".join(f"{row}\n" for row in [*lines, line]).encode()})
        # Behind a server nothing locks: whoever wrote last finds the other's line gone, and says so.
        if read_ledger(t, project) != [*lines, line]:
            raise Refused(f"the ledger of {project} was written by somebody else at the same time: decide again")


@contextmanager
def alone(t: Tracking) -> Iterator[None]:
    """One process at a time on a SQLite store; elsewhere nothing is locked."""
    try:
        import fcntl
    except ImportError:  # Windows
        fcntl = None
    if fcntl is None or not t.uri.startswith("sqlite"):
        yield
        return
    database = Path(unquote(urlsplit(t.uri).path.removeprefix("/")))
    with database.with_name(f"{database.name}.ledger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
