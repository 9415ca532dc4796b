"""Reading a SQLite store before MLflow is imported, so that the first model call need not wait for that.

Only what a simulation has to know before it begins, and only looking. A store that is another database, that has
other tables or that does not hold what is asked for is left to MLflow; a test holds both ways against each other.
"""

import functools
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, unquote, urlsplit

from assay.tracking.connection import Tracking

P = ParamSpec("P")
R = TypeVar("R")


class _Unseen(Exception):
    """MLflow has to be asked."""


def peeks(look: "Callable[Concatenate[Store, P], R]") -> Callable[[Callable[Concatenate[Tracking, P], R]], Any]:
    """Gives the function a quick way that is taken as long as MLflow is not open."""

    def decorate(function: Callable[Concatenate[Tracking, P], R]) -> Callable[Concatenate[Tracking, P], R]:
        @functools.wraps(function)
        def called(t: Tracking, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if not t.is_open and t.uri.startswith("sqlite:///"):
                try:
                    with _store(t) as store:
                        return look(store, *args, **kwargs)
                except (_Unseen, sqlite3.Error, OSError, LookupError, ValueError):
                    pass
            return function(t, *args, **kwargs)

        return called

    return decorate


@contextmanager
def _store(t: Tracking) -> "Iterator[Store]":
    file = quote(unquote(t.uri.removeprefix("sqlite:///")))
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        yield Store(connection)


class Store:
    """MLflow's tables, read only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def experiment(self, project: str) -> str:
        """Raises _Unseen where there is none: MLflow says it in words."""
        found = self.rows(
            "SELECT experiment_id FROM experiments"
            " WHERE name = ? AND workspace = 'default' AND lifecycle_stage = 'active'",
            project,
        )
        if not found:
            raise _Unseen
        return str(found[0][0])

    def runs(self, project: str, tags: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        """Finished runs with these tags, the newest first."""
        conditions = " AND EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = ? AND t.value = ?)"
        found = self.rows(
            "SELECT r.run_uuid, r.artifact_uri, r.start_time, r.end_time FROM runs r"  # noqa: S608, made of constants
            " WHERE r.experiment_id = ? AND r.lifecycle_stage = 'active' AND r.status = 'FINISHED'"
            + conditions * len(tags)
            + " ORDER BY r.start_time DESC, r.run_uuid LIMIT ?",
            int(self.experiment(project)),
            *(part for pair in tags.items() for part in pair),
            limit,
        )
        return [
            {
                "run_id": run_id,
                "artifacts": uri,
                "start_time": started,
                "end_time": ended,
                "tags": dict(self.rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id)),
                "metrics": dict(self.rows("SELECT key, value FROM latest_metrics WHERE run_uuid = ?", run_id)),
            }
            for run_id, uri, started, ended in found
        ]

    def artifact(self, run: Mapping[str, Any], path: str) -> Any:
        """A JSON artifact that lies on this machine."""
        parts = urlsplit(run["artifacts"])
        if parts.scheme not in ("", "file"):
            raise _Unseen
        return json.loads((Path(unquote(parts.path)) / path).read_bytes())

    def dataset_run(self, project: str, name: str) -> dict[str, Any]:
        """The run of this project that keeps the dataset's artifacts."""
        tag = f"assay.run_id.{self.experiment(project)}"
        found = self.rows(
            "SELECT r.artifact_uri FROM evaluation_datasets d"
            " JOIN evaluation_dataset_tags t ON t.dataset_id = d.dataset_id AND t.key = ?"
            " JOIN runs r ON r.run_uuid = t.value WHERE d.name = ? AND d.workspace = 'default'",
            tag,
            name,
        )
        if len(found) != 1:
            raise _Unseen
        return {"artifacts": found[0][0]}

    def prompt(self, name: str, alias: str) -> tuple[str, int] | None:
        """Text and version; None: no version has this alias."""
        found = self.rows(
            "SELECT t.value, a.version FROM registered_model_aliases a"
            " LEFT JOIN model_version_tags t ON t.name = a.name AND t.version = a.version AND t.workspace = a.workspace"
            " AND t.key = 'mlflow.prompt.text' WHERE a.name = ? AND a.alias = ? AND a.workspace = 'default'",
            name,
            alias,
        )
        if not found:
            return None
        text, version = found[0]
        if text is None:
            raise _Unseen
        return str(text), int(version)

    def with_tag(self, project: str, key: str, value: str) -> set[str]:
        """Conversations whose trace has the tag."""
        found = self.rows(
            "SELECT i.client_request_id FROM trace_tags t JOIN trace_info i ON i.request_id = t.request_id"
            " WHERE t.key = ? AND t.value = ? AND i.experiment_id = ?",
            key,
            value,
            int(self.experiment(project)),
        )
        return {conversation for (conversation,) in found if conversation}
