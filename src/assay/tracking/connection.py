"""The one door to MLflow: a handle on a tracking store, quiet, local, and quick to say when it is not there."""

import functools
import hashlib
import logging
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from assay.errors import AssayError, BadInput, TrackingFailed, TrackingUnavailable
from assay.tracking.races import repeat_after_conflicts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import Engine, MetaData

P = ParamSpec("P")
R = TypeVar("R")

# Set only where the user did not: nothing of MLflow goes on the network by itself or prints between our lines.
QUIET = {
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_PRINT_MODEL_URLS_ON_CREATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}
SQL_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")
HEALTH_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Tracking:
    """A connected store. Safe to use from several threads; holds no connection open by itself."""

    uri: str
    artifact_root: str | None = None
    """URI of the folder under which experiments keep their artifacts; None: the server decides."""
    jobs_url: str | None = None
    """The database that keeps documents and ledger behind an MLflow server, which has no compare-and-set. A SQL store
    keeps them itself."""
    projects: dict[str, str] = field(default_factory=dict, repr=False)
    """Project to experiment id, as far as they were asked for."""
    models: dict[str, str] = field(default_factory=dict, repr=False)
    """`project/agent@version` to the id of its logged model, as far as they were asked for."""
    owners: dict[str, str] = field(default_factory=dict, repr=False)
    """Experiment id to the name under which documents.py keeps its rows, as far as they were asked for."""
    engines: "list[Engine]" = field(default_factory=list, repr=False)
    """At most one: of the database that keeps documents and ledger."""
    tables_made: list[bool] = field(default_factory=list, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _opened: "list[MlflowClient]" = field(default_factory=list, repr=False)
    _opening: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _schema_known: list[bool] = field(default_factory=list, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether MLflow was needed yet."""
        return bool(self._opened)

    @property
    def client(self) -> "MlflowClient":
        """Opened by whoever needs it first, since importing MLflow takes a second.

        Raises TrackingUnavailable where the database cannot be opened.
        """
        if not self._opened:
            with self._opening:
                if not self._opened:
                    with _LetsOthersRun():
                        if self.artifact_root is not None:
                            _make_tables(self.uri, self.artifact_root)
                        self._opened.append(_open(self.uri))
        return self._opened[0]

    @property
    def store(self) -> Any:
        """MLflow's own store behind the client; what it offers is the same for SQL and for a server."""
        return self.client._tracking_client.store

    @property
    def sql(self) -> "SqlAlchemyStore | None":
        """The store where its tables may be read and written directly.

        None: it is behind a server, or its schema is not the one that Assay's SQL is written for. Then everything
        goes through MLflow's own API.
        """
        return self.store if self.schema_is_known else None

    @property
    def schema_is_known(self) -> bool:
        """The one check of all direct SQL: a SQLite or PostgreSQL store at the schema revision that Assay knows."""
        if not self._schema_known:
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
            from sqlalchemy import text

            known, store = False, self.store
            if type(store) is SqlAlchemyStore and store.db_type in ("sqlite", "postgresql"):
                with store.engine.connect() as connection:
                    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
                known = revision == SCHEMA_REVISION
            self._schema_known.append(known)
        return self._schema_known[0]

    def local_folder(self, uri: str) -> Path | None:
        """The folder behind an artifact URI that the store keeps. None: it is not on this machine.

        A SQLite store and its artifacts belong together: where they were moved or copied, the URIs still name the
        first place, and the folder is looked for beside the database.
        """
        if not uri.startswith(("file:", "/")):
            return None
        recorded = Path(unquote(urlsplit(uri).path))
        if self.artifact_root is None or not self.uri.startswith("sqlite"):
            return recorded
        root = Path(unquote(urlsplit(self.artifact_root).path))
        if recorded.is_relative_to(root):
            return recorded
        for place, part in enumerate(recorded.parts):
            # <old root>/<project>/<run>/artifacts or <old root>/<project>/models/<model>/artifacts
            if part == root.name and len(recorded.parts) - place >= 4:
                beside = root.joinpath(*recorded.parts[place + 1 :])
                of_this_store = (root / recorded.parts[place + 1]).is_dir()
                if beside.exists() or (of_this_store and not recorded.exists()):
                    return beside
        return recorded

    @property
    def is_server(self) -> bool:
        return self.uri.startswith("http")

    def exclusive(self, purpose: str) -> AbstractContextManager[None]:
        """One process and thread at a time for this purpose, as far as the store, or the database of jobs behind a
        server, has locks; see `exclusive`."""
        return exclusive((self.jobs_url or self.uri) if self.is_server else self.uri, purpose)


def connect(
    uri: str, *, artifact_root: Path | None = None, jobs_url: str | None = None, create: bool = True
) -> Tracking:
    """A handle on the store at `sqlite:///path`, another SQL database, or an MLflow server (`http://...`).

    A new SQLite store gets its folder at once, its tables and, beside it, a folder for artifacts when it is first
    used. jobs_url: the database of jobs, which keeps documents and the ledger where the store is a server.

    Raises BadInput for a URI that MLflow's stores do not take, TrackingUnavailable where no server answers or,
    with `create=False`, where the database is not there.
    """
    scheme = urlsplit(uri).scheme.split("+")[0]
    if scheme in ("", "file"):
        raise BadInput(
            f"tracking URI {uri}: MLflow no longer keeps traces in plain files: use sqlite:///path/to/mlflow.db"
        )
    if scheme not in (*SQL_SCHEMES, "http", "https"):
        raise BadInput(f"tracking URI {shown(uri)}: {scheme} is not supported: use sqlite:///..., postgresql or http")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if scheme in ("http", "https"):
        _ask_for_health(uri)
        return Tracking(uri, jobs_url=jobs_url)
    if scheme == "sqlite":
        database = _sqlite_path(uri)
        if not create and not database.exists():
            raise TrackingUnavailable(f"no MLflow store at {database}: run a stage first, or set ASSAY_TRACKING_URI")
        uri = f"sqlite:///{database.as_posix()}"
        root = (artifact_root or database.parent / "artifacts").resolve()
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"tracking URI {uri}: {database.parent} cannot be made ({error.strerror})") from error
    else:
        root = (artifact_root or Path(".assay/artifacts")).resolve()
    return Tracking(uri, root.as_uri(), jobs_url)


def reports_outages(function: Callable[Concatenate[Tracking, P], R]) -> Callable[Concatenate[Tracking, P], R]:
    """MLflow's own exceptions become ours, see `our_error`."""

    @functools.wraps(function)
    def called(t: Tracking, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(t, *args, **kwargs)
        except AssayError:
            raise
        except Exception as error:
            if (ours := our_error(t, error)) is None:
                raise
            raise ours from error

    return called


ADVICE = {
    "RESOURCE_ALREADY_EXISTS": "another process created it at the same time; run the command again",
    "PERMISSION_DENIED": "the account that Assay connects with may not do this; grant it, or use another account",
    "UNAUTHENTICATED": "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
}
"""What to do about an error code of MLflow; for any other the store answers and its message is all there is to say."""


def our_error(t: Tracking, error: Exception) -> TrackingFailed | None:
    """MLflow's exception as one of ours, with the store and what to do. None: it is not one of MLflow's.

    TrackingUnavailable where the store cannot be reached, read or written; TrackingFailed where it answers, but
    refuses.
    """
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, MlflowException | SQLAlchemyError | requests.RequestException):
        return None
    first_line = without_secrets(str(error)).strip().partition("\n")[0][:300]
    if _is_outage(error):
        return TrackingUnavailable(
            f"MLflow is not available ({type(error).__name__}): try again, and see the server's log",
            local=f"MLflow at {shown(t.uri)} is not available: {first_line}: {_fix(t.uri)}",
        )
    code = getattr(error, "error_code", type(error).__name__)
    advice = ADVICE.get(code, f"MLflow can be reached, so its address and state are not the cause ({code})")
    return TrackingFailed(
        f"MLflow refused ({code}): {advice}; see the server's log",
        local=f"MLflow at {shown(t.uri)} refused: {first_line}: {advice}",
    )


def _is_outage(error: BaseException | None) -> bool:
    """Whether the store could not be reached, read or written, anywhere in the chain of causes."""
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import InterfaceError, OperationalError

    while error is not None:
        if isinstance(
            error, OperationalError | InterfaceError | requests.ConnectionError | requests.Timeout | ConnectionError
        ):
            return True
        if isinstance(error, MlflowException) and error.error_code == "TEMPORARILY_UNAVAILABLE":
            return True
        error = error.__cause__ or error.__context__
    return False


def shown(uri: str) -> str:
    """The URI without user and password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


_SECRETS = re.compile(
    r"(?i)((?:\b(?:api[_-]?key|token|password|secret|authorization)[\"']?\s*[=:]\s*[\"']?)(?:bearer\s+|basic\s+)?"
    r"|\bbearer\s+)[^\s\"',;&]+"
    r"|\b(?:sk|pk|ghp|gho|xox[abp])[-_][A-Za-z0-9_-]{8,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)


def without_secrets(text: str) -> str:
    """Keys, tokens and passwords in it, as far as they look like it, replaced by `***`."""
    return _SECRETS.sub(lambda found: f"{found.group(1) or ''}***", text)


def _fix(uri: str) -> str:
    if uri.startswith("http"):
        port = urlsplit(uri).port or 5000
        return f"start it with `mlflow server --port {port}`, or set ASSAY_TRACKING_URI to one that runs"
    return "see that the database is there and can be written, or set ASSAY_TRACKING_URI to another"


def _ask_for_health(uri: str) -> None:
    """Asked by hand: MLflow's client would retry for minutes."""
    parts = urlsplit(shown(uri))
    address = urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/health", query="", fragment=""))
    try:
        with urllib.request.urlopen(address, timeout=HEALTH_TIMEOUT_S) as answer:  # noqa: S310 - http(s) only, see connect
            answer.read(64)
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            raise TrackingUnavailable(
                f"{shown(uri)} answers {error.code} to /health, so it is no MLflow server: {_fix(uri)}"
            ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TrackingUnavailable(f"no MLflow server answers at {shown(uri)} ({reason}): {_fix(uri)}") from error


def _sqlite_path(uri: str) -> Path:
    path = unquote(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or path in ("", ":memory:"):
        raise BadInput(f"tracking URI {uri}: name a file, as in sqlite:///path/to/mlflow.db")
    return Path(path).absolute()


SCHEMA_REVISION = "dc11669786a5"
"""Alembic's revision of MLflow 3.17: the tables that Assay's own SQL is written for (pages.py, peek.py, trace_rows.py,
assessments.py, judgments.py, trace_ids.py). At another revision everything goes through MLflow's API."""
INDEXES = (
    "CREATE INDEX IF NOT EXISTS assay_scenarios ON trace_tags (value, request_id) WHERE key = 'scenario_id'",
    "CREATE INDEX IF NOT EXISTS assay_faults ON trace_tags (key, value, request_id)"
    " WHERE key = 'simulator_fault' AND value <> 'none'",
)
"""Of a SQLite store that we make: MLflow has none that finds few conversations among many by a tag's value. Another
database's tables are its owner's, and are left as they are."""


LOCK_POLL_S = 0.05


@contextmanager
def exclusive(uri: str, purpose: str) -> Iterator[None]:
    """One process and thread at a time for this purpose: a lock file beside SQLite, an advisory lock in PostgreSQL.

    Other databases and servers have no such lock, so what is done inside must also be safe without it.
    """
    if uri.startswith("postgresql"):
        import sqlalchemy
        from sqlalchemy.pool import NullPool

        key = int.from_bytes(hashlib.sha256(f"assay/{purpose}".encode()).digest()[:8], signed=True)
        engine = sqlalchemy.create_engine(uri, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # Asked again and again: a statement that waits for the lock would hold up CREATE INDEX CONCURRENTLY, which
            # DBOS runs in its migrations and which waits for every statement that began before it.
            while not connection.execute(sqlalchemy.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
                time.sleep(LOCK_POLL_S)
            yield  # closing the connection gives the lock back
        return
    try:
        import fcntl
    except ImportError:  # Windows
        fcntl = None
    if fcntl is None or not uri.startswith("sqlite"):
        yield
        return
    database = _sqlite_path(uri)
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.{purpose}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_tables(engine: "Engine", metadata: "MetaData") -> None:
    """Creates those of our own tables that are missing, however many processes start at the same time."""
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine)
    if all(inspector.has_table(name) for name in metadata.tables):
        return
    with exclusive(engine.url.render_as_string(hide_password=False), "own-tables"):
        metadata.create_all(engine)


def _make_tables(uri: str, artifact_root: str) -> None:
    """Creates the store's tables, once for all threads and processes that start at the same time."""
    _quiet_logs()
    import sqlalchemy
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils as db
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = sqlalchemy.create_engine(uri)
        try:
            if _is_ready(engine):
                return
            with exclusive(uri, "tables"):
                if not db._all_tables_exist(engine):
                    db._safe_initialize_tables(engine)
                    if uri.startswith("sqlite"):
                        with engine.connect() as connection:
                            # Readers (the UI, other threads) do not wait for the writer; kept in the file itself.
                            connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))
                            for index in INDEXES:
                                connection.execute(sqlalchemy.text(index))
                            connection.commit()
                if not _is_ready(engine):
                    # Made with our folder, so that even the `Default` experiment keeps nothing in the cwd.
                    SqlAlchemyStore(uri, artifact_root)
        finally:
            engine.dispose()
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first_line = without_secrets(str(error)).partition("\n")[0][:300]
        raise TrackingUnavailable(f"MLflow's store {shown(uri)} cannot be opened: {first_line}: {_fix(uri)}") from error


def _is_ready(engine: "Engine") -> bool:
    """Whether the tables are there, fully migrated, with the first experiment, which MLflow makes last."""
    import sqlalchemy
    from mlflow.store.db import utils as db

    if not db._all_tables_exist(engine):
        return False
    with engine.connect() as connection:
        revision = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
        if revision != SCHEMA_REVISION and revision != db._get_latest_schema_revision():
            return False
        return connection.execute(sqlalchemy.text("SELECT 1 FROM experiments LIMIT 1")).scalar() is not None


class _LetsOthersRun:
    """A finder that finds nothing, and gives other threads a turn before each module that this one imports.

    Conversations may be in flight while MLflow is imported. Without this they had half of the time (benchmarks/).
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        del name, path, target
        if threading.get_ident() == self._thread:
            time.sleep(0)

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)  # type: ignore[arg-type]


def _open(uri: str) -> "MlflowClient":
    _quiet_logs()
    import mlflow
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    exported = os.environ.get("MLFLOW_TRACKING_URI")
    # Agents and scorers that run in this process and speak to MLflow themselves reach the same store.
    mlflow.set_tracking_uri(uri)
    # That also exports it, which would overrule the settings of whoever connects next.
    if exported is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = exported
    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        repeat_after_conflicts(client)
    except MlflowException as error:
        first_line = without_secrets(str(error)).partition("\n")[0][:300]
        raise TrackingUnavailable(f"MLflow's store {shown(uri)} cannot be opened: {first_line}: {_fix(uri)}") from error
    return client


def _quiet_logs() -> None:
    """Migrations and model logging tell their steps at INFO; the user's own choice of level stands."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        import mlflow  # noqa: F401 - configures its logger when it is imported

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def quoted(value: str) -> str:
    """A value inside one of MLflow's filter strings."""
    if "'" in value:
        raise BadInput(f"{value}: a name cannot hold a quotation mark")
    return f"'{value}'"
