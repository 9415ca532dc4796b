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
from urllib.parse import quote, unquote

from assay.tracking.connection import SCHEMA_REVISION, Tracking
from assay.tracking.documents import owner_name

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
                except (_Unseen, sqlite3.Error, OSError, LookupError, StopIteration, ValueError):
                    pass
            return function(t, *args, **kwargs)

        return called

    return decorate


@contextmanager
def _store(t: Tracking) -> "Iterator[Store]":
    file = quote(unquote(t.uri.removeprefix("sqlite:///")))
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        store = Store(connection, t.local_folder)
        if store.rows("SELECT version_num FROM alembic_version") != [(SCHEMA_REVISION,)]:
            raise _Unseen
        yield store


class Store:
    """MLflow's tables, read only."""

    def __init__(self, connection: sqlite3.Connection, local_folder: Callable[[str], Path | None]) -> None:
        self._connection = connection
        self._local_folder = local_folder

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

    def owner(self, project: str) -> str:
        """As documents.py names the project."""
        experiment_id = self.experiment(project)
        created = self.rows("SELECT creation_time FROM experiments WHERE experiment_id = ?", int(experiment_id))
        return owner_name(experiment_id, created[0][0])

    def own_rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Of the tables that documents.py makes when they are first written."""
        made = self.rows("SELECT 1 FROM sqlite_master WHERE name = 'assay_ledger'")
        return self.rows(sql, *values) if made else []

    def document(self, project: str, name: str) -> str | None:
        owner = self.owner(project)
        if found := self.own_rows("SELECT text FROM assay_documents WHERE owner = ? AND name = ?", owner, name):
            return found[0][0]
        if self.runs(project, {"stage": name.split("/", maxsplit=1)[0]}, 1):
            raise _Unseen  # a store from before there were rows has the document as an artifact
        return None

    def ledger(self, project: str) -> list[str]:
        """Its rows; empty where nothing was decided."""
        found = self.own_rows("SELECT text FROM assay_ledger WHERE owner = ? ORDER BY line", self.owner(project))
        if found:
            return [text for (text,) in found]
        if self.runs(project, {"stage": "ledger"}, 1):
            raise _Unseen  # a store from before there were rows has the ledger as an artifact
        return []

    def project_tags(self, project: str) -> dict[str, str]:
        return dict(
            self.rows("SELECT key, value FROM experiment_tags WHERE experiment_id = ?", int(self.experiment(project)))
        )

    def datasets(self, project: str) -> list[tuple[int, dict[str, str]]]:
        """(when it was made in ms, tags) of the datasets that the project saved, the newest first."""
        tag = f"assay.run_id.{self.experiment(project)}"
        found = self.rows(
            "SELECT d.created_time, d.dataset_id FROM evaluation_datasets d"
            " JOIN evaluation_dataset_tags t ON t.dataset_id = d.dataset_id AND t.key = ?"
            " WHERE d.workspace = 'default' ORDER BY d.created_time DESC, d.dataset_id",
            tag,
        )
        tags = "SELECT key, value FROM evaluation_dataset_tags WHERE dataset_id = ?"
        return [(created, dict(self.rows(tags, dataset_id))) for created, dataset_id in found]

    def models(self, project: str) -> list[str]:
        """Names of the project's registered models."""
        self.experiment(project)
        found = self.rows(
            "SELECT m.name FROM registered_models m JOIN registered_model_tags t"
            " ON t.name = m.name AND t.workspace = m.workspace AND t.key = 'project_id' AND t.value = ?"
            " WHERE m.workspace = 'default' ORDER BY m.name",
            project,
        )
        return [name for (name,) in found]

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Versions of the registered model, the newest first."""
        found = self.rows(
            "SELECT version, creation_time, description, run_id FROM model_versions"
            " WHERE name = ? AND workspace = 'default' AND current_stage <> 'Deleted_Internal' ORDER BY version DESC",
            name,
        )
        tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? AND workspace = 'default'"
        aliases = self.rows(
            "SELECT alias, version FROM registered_model_aliases WHERE name = ? AND workspace = 'default'", name
        )
        return [
            {
                "version": str(version),
                "creation_timestamp": created,
                "description": description,
                "run_id": run_id,
                "tags": dict(self.rows(tags, name, version)),
                "aliases": sorted(alias for alias, of in aliases if of == version),
            }
            for version, created, description, run_id in found
        ]

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
        return json.loads(self.text(run, path))

    def text(self, run: Mapping[str, Any], path: str) -> str:
        folder = self._local_folder(run["artifacts"])
        if folder is None:
            raise _Unseen
        return (folder / path).read_bytes().decode()

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

    def with_tag(self, project: str, key: str, value: str, *, failed: bool = False) -> set[str]:
        """Conversations whose trace has the tag and did not end in an error; with `failed` those that did."""
        found = self.rows(
            "SELECT i.client_request_id FROM trace_tags t JOIN trace_info i ON i.request_id = t.request_id"
            " WHERE t.key = ? AND t.value = ? AND i.experiment_id = ? AND (i.status = 'ERROR') = ?",
            key,
            value,
            int(self.experiment(project)),
            failed,
        )
        return {conversation for (conversation,) in found if conversation}
