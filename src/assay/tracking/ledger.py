"""The ledger of gate decisions, to which lines are only ever added.

Each line is a row that one writer alone can take (documents.py). The artifact gates/ledger.jsonl of a long-lived run is
a copy of all rows, and evidence against a change of either.
"""

import hashlib
from dataclasses import dataclass

from assay.errors import NotFound, Refused
from assay.tracking.artifacts import log_artifacts, read_bytes, read_text
from assay.tracking.connection import Tracking, reports_outages
from assay.tracking.documents import add_ledger_lines, ledger_lines, owner_of
from assay.tracking.peek import Store, peeks
from assay.tracking.projects import ensure_project, find_project, project_or_not_found
from assay.tracking.runs import find_project_run, project_run

RUN = "ledger"
PATH = "gates/ledger.jsonl"


@dataclass(frozen=True, slots=True)
class LedgerCopies:
    """The ledger's lines in each place that keeps them."""

    rows: tuple[str, ...]
    """In the database."""
    file: tuple[str, ...] | None
    """In the artifact. None: it cannot be read; no artifact is expected where nothing was ever decided."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What counts: the rows, or a file that goes on where they end."""
        file = self.file or ()
        return file if len(file) > len(self.rows) and file[: len(self.rows)] == self.rows else self.rows


def _peek_ledger(store: Store, project: str) -> list[str]:
    return store.ledger(project)


@peeks(_peek_ledger)
@reports_outages
def read_ledger(t: Tracking, project: str) -> list[str]:
    """Its lines, the oldest first; empty where nothing was decided."""
    if (experiment_id := find_project(t, project)) is None:
        return []
    rows = ledger_lines(t, owner_of(t, experiment_id))
    return rows if rows and not t.is_server else list(_with_file(t, project, rows).lines)


def _peek_copies(store: Store, project: str) -> LedgerCopies:
    rows = tuple(store.ledger(project))
    if not rows:
        return LedgerCopies((), ())
    return LedgerCopies(rows, _split(store.text(store.runs(project, {"stage": RUN}, 1)[0], PATH)))


@peeks(_peek_copies)
@reports_outages
def ledger_copies(t: Tracking, project: str) -> LedgerCopies:
    """The lines in each place, for a check of one against the other."""
    if (experiment_id := find_project(t, project)) is None:
        return LedgerCopies((), ())
    return _with_file(t, project, ledger_lines(t, owner_of(t, experiment_id)))


@reports_outages
def append_ledger(t: Tracking, project: str, line: str, *, expected_lines: int) -> None:
    """Adds one line. Raises Refused when the ledger has other than the expected number of lines.

    Of several writers, in any number of processes, one takes the place; no line is lost.
    """
    if "\n" in line:
        raise ValueError("a line of the ledger holds a line feed")
    owner = owner_of(t, ensure_project(t, project))
    rows = ledger_lines(t, owner)
    lines = list(_with_file(t, project, rows).lines)
    if len(lines) != expected_lines:
        raise Refused(
            f"the ledger of {project} has {len(lines)} lines, not {expected_lines}: somebody decided meanwhile; "
            "read it again and decide again"
        )
    # Lines that only the file has are from before there were rows, or of a database of jobs that was lost.
    if not add_ledger_lines(t, owner, [*lines[len(rows) :], line], after=len(rows)):
        raise Refused(f"the ledger of {project} was written by somebody else at the same time: decide again")
    _write_file(t, project, owner)


@reports_outages
def restore_ledger_file(t: Tracking, project: str) -> None:
    """Writes the artifact again from the database. What it held is kept beside it."""
    experiment_id = project_or_not_found(t, project)
    run_id = project_run(t, project, RUN)
    try:
        held = read_bytes(t, run_id, PATH)
        replaced = f"gates/ledger-replaced-{hashlib.sha256(held).hexdigest()[:12]}.jsonl"
        log_artifacts(t, run_id, {replaced: held})
    except NotFound:
        pass
    _write_file(t, project, owner_of(t, experiment_id))


def _write_file(t: Tracking, project: str, owner: str) -> None:
    """Until it holds what the database does: somebody else's copy, of fewer lines, may have come after ours."""
    run_id = project_run(t, project, RUN)
    lines = ledger_lines(t, owner)
    while True:
        log_artifacts(t, run_id, {PATH: "".join(f"{row}\n" for row in lines).encode()})
        latest = ledger_lines(t, owner)
        if latest == lines:
            return
        lines = latest


def _with_file(t: Tracking, project: str, rows: list[str]) -> LedgerCopies:
    if (run_id := find_project_run(t, project, RUN)) is None:
        return LedgerCopies(tuple(rows), None if rows else ())
    try:
        return LedgerCopies(tuple(rows), _split(read_text(t, run_id, PATH)))
    except (NotFound, UnicodeDecodeError):
        return LedgerCopies(tuple(rows), None)


def _split(text: str) -> tuple[str, ...]:
    """By line feeds alone: a reason may hold any other character that ends a line elsewhere."""
    lines = text.split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)
