"""What must change atomically: a project's small documents and the lines of its ledger, as rows of a database.

MLflow's API has no compare-and-set. A SQL store keeps these rows in two tables of ours beside MLflow's own; behind an
MLflow server they are in the database of jobs. MLflow holds a copy of each as an artifact, for people and for a
database of jobs that was lost.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import BadInput, TrackingUnavailable
from assay.tracking.connection import Tracking, make_tables, reports_outages, shown, without_secrets

if TYPE_CHECKING:
    import sqlalchemy as sa

DOCUMENTS, LEDGER = "assay_documents", "assay_ledger"
_BUSY_S = 30.0


@dataclass(frozen=True, slots=True)
class Versioned:
    """A document with its number: 1 for the first version, one more at each change."""

    number: int
    text: str


@reports_outages
def read_document(t: Tracking, owner: str, name: str) -> Versioned | None:
    """The document in force. None: it was never written."""
    with _reading(t) as connection:
        if connection is None:
            return None
        table = _tables().tables[DOCUMENTS]
        row = connection.execute(
            table.select().where(table.c.owner == owner, table.c.name == name).with_only_columns(*_versioned(table))
        ).first()
    return Versioned(row[0], row[1]) if row else None


@reports_outages
def replace_document(t: Tracking, owner: str, name: str, new: Versioned, *, expected: int) -> bool:
    """Puts a version in force in place of version `expected` (0: of none). False: another one is in force."""
    from sqlalchemy.exc import IntegrityError

    table = _tables().tables[DOCUMENTS]
    values = {"number": new.number, "text": new.text, "written_ms": _now_ms()}
    with _writing(t) as connection:
        if expected:
            mine = (table.c.owner == owner, table.c.name == name, table.c.number == expected)
            return connection.execute(table.update().where(*mine).values(**values)).rowcount == 1
        try:
            connection.execute(table.insert().values(owner=owner, name=name, **values))
        except IntegrityError:
            connection.rollback()
            return False
        return True


@reports_outages
def ledger_lines(t: Tracking, owner: str) -> list[str]:
    """The lines, the oldest first; empty where none was added."""
    with _reading(t) as connection:
        if connection is None:
            return []
        table = _tables().tables[LEDGER]
        rows = connection.execute(table.select().where(table.c.owner == owner).order_by(table.c.line)).all()
    return [row.text for row in rows]


@reports_outages
def add_ledger_lines(t: Tracking, owner: str, lines: Sequence[str], *, after: int) -> bool:
    """Adds all of the lines behind the first `after`. False: one of these places is taken, and nothing was added."""
    from sqlalchemy.exc import IntegrityError

    table = _tables().tables[LEDGER]
    rows = [
        {"owner": owner, "line": number, "text": text, "written_ms": _now_ms()}
        for number, text in enumerate(lines, start=after + 1)
    ]
    with _writing(t) as connection:
        try:
            connection.execute(table.insert(), rows)
        except IntegrityError:
            connection.rollback()
            return False
    return True


@reports_outages
def owner_of(t: Tracking, experiment_id: str) -> str:
    """Names a project's experiment, also among those of several MLflow servers that share a database of jobs."""
    if experiment_id not in t.owners:
        experiment = t.client.get_experiment(experiment_id)
        t.owners[experiment_id] = owner_name(experiment_id, experiment.creation_time)
    return t.owners[experiment_id]


def owner_name(experiment_id: str, created_ms: int | None) -> str:
    return f"{experiment_id}/{created_ms or 0}"


def _url(t: Tracking) -> str:
    if not t.is_server:
        return t.uri
    if t.jobs_url is None:
        raise BadInput(
            "ASSAY_JOBS_URL: an MLflow server cannot keep documents and the ledger safely: name a database of jobs"
        )
    return t.jobs_url


def _engine(t: Tracking) -> "sa.Engine":
    """No connection is kept open. SQLite waits for other writers instead of failing at once."""
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    with t.lock:
        if not t.engines:
            url = _url(t)
            if url.startswith("sqlite:///"):
                Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
            options = {"timeout": _BUSY_S} if url.startswith("sqlite") else {}
            t.engines.append(sa.create_engine(url, poolclass=NullPool, connect_args=options))
        return t.engines[0]


@contextmanager
def _reading(t: Tracking) -> "Iterator[sa.Connection | None]":
    """None: the tables are not there yet."""
    import sqlalchemy as sa

    with _named(t), _engine(t).connect() as connection:
        yield connection if t.tables_made or sa.inspect(connection).has_table(LEDGER) else None


@contextmanager
def _writing(t: Tracking) -> "Iterator[sa.Connection]":
    with _named(t):
        engine = _engine(t)
        if not t.tables_made:
            make_tables(engine, _tables())
            t.tables_made.append(True)
        with engine.begin() as connection:
            yield connection


@contextmanager
def _named(t: Tracking) -> Iterator[None]:
    """An error of this database names it, not the MLflow server beside which it is used."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        first_line = without_secrets(str(error)).partition("\n")[0][:300]
        raise TrackingUnavailable(
            f"the tables {DOCUMENTS} and {LEDGER} in {shown(_url(t))} cannot be used: {first_line}: check that the "
            "database is there and that tables can be created in it"
        ) from error


def _tables() -> "sa.MetaData":
    import sqlalchemy as sa

    if not _made:
        metadata = sa.MetaData()
        sa.Table(
            DOCUMENTS,
            metadata,
            sa.Column("owner", sa.String(255), primary_key=True),
            sa.Column("name", sa.String(120), primary_key=True),
            sa.Column("number", sa.Integer, nullable=False),
            sa.Column("text", sa.Text, nullable=False),
            sa.Column("written_ms", sa.BigInteger, nullable=False),
        )
        sa.Table(
            LEDGER,
            metadata,
            sa.Column("owner", sa.String(255), primary_key=True),
            sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("text", sa.Text, nullable=False),
            sa.Column("written_ms", sa.BigInteger, nullable=False),
        )
        _made.append(metadata)
    return _made[0]


_made: "list[sa.MetaData]" = []


def _versioned(table: "sa.Table") -> tuple[Any, Any]:
    return table.c.number, table.c.text


def _now_ms() -> int:
    return int(time.time() * 1000)
