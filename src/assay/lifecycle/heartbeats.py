"""Which workers live. Each says so every few seconds; who was not heard of for longer counts as dead.

The database's clock is the only one that counts: hosts need not agree on the time.
"""

import os
import socket
from datetime import UTC, datetime

import sqlalchemy as sa

from assay.contracts.job import Worker
from assay.tracking.connection import make_tables

LEFT = 0.0
"""The beat of a worker that ended in order."""
TABLE = sa.Table(
    "assay_workers",
    sa.MetaData(),
    sa.Column("worker_id", sa.String(120), primary_key=True),
    sa.Column("host", sa.String(250), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("beat_at", sa.Float, nullable=False),
)


class Heartbeats:
    """In the database of jobs. `limit_s`: how long a silent worker counts as alive."""

    def __init__(self, url: str, worker_id: str, limit_s: float) -> None:
        self._engine = sa.create_engine(url, pool_pre_ping=True)
        self.worker_id = worker_id
        self.limit_s = limit_s
        sqlite = self._engine.dialect.name == "sqlite"
        seconds = "(julianday('now') - 2440587.5) * 86400.0" if sqlite else "extract(epoch from clock_timestamp())"
        self._now = sa.text(seconds)
        make_tables(self._engine, TABLE.metadata)

    def beat(self) -> None:
        with self._engine.begin() as connection:
            now = connection.execute(sa.select(self._now)).scalar_one()
            updated = connection.execute(
                sa.update(TABLE).where(TABLE.c.worker_id == self.worker_id).values(beat_at=float(now))
            )
            if not updated.rowcount:
                row = {"worker_id": self.worker_id, "host": socket.gethostname(), "pid": os.getpid()}
                connection.execute(sa.insert(TABLE).values(**row, started_at=float(now), beat_at=float(now)))

    def leave(self) -> None:
        """An orderly end: its work is free at once."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(TABLE).where(TABLE.c.worker_id == self.worker_id).values(beat_at=LEFT))

    def dead(self) -> dict[str, bool]:
        """Silent for longer than the limit, or no process of this host any more. True: it left in order."""
        with self._engine.begin() as connection:
            now = float(connection.execute(sa.select(self._now)).scalar_one())
            rows = connection.execute(sa.select(TABLE).where(TABLE.c.worker_id != self.worker_id)).all()
        here = socket.gethostname()
        return {
            row.worker_id: row.beat_at == LEFT
            for row in rows
            if now - row.beat_at > self.limit_s or (row.host == here and not _runs(row.pid))
        }

    def forget(self, worker_id: str) -> None:
        """Nothing of it is left to be taken over."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(TABLE).where(TABLE.c.worker_id == worker_id))

    def alive(self) -> list[Worker]:
        with self._engine.begin() as connection:
            now = float(connection.execute(sa.select(self._now)).scalar_one())
            rows = connection.execute(sa.select(TABLE).order_by(TABLE.c.started_at)).all()
        return [
            Worker(
                worker_id=row.worker_id,
                host=row.host,
                pid=row.pid,
                started_at=datetime.fromtimestamp(row.started_at, tz=UTC),
                beat_at=datetime.fromtimestamp(row.beat_at, tz=UTC),
            )
            for row in rows
            if now - row.beat_at <= self.limit_s
        ]

    def close(self) -> None:
        self._engine.dispose()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
