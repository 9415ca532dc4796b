"""The one door to MLflow: a handle on a tracking store, quiet, local, and quick to say when it is not there."""

import functools
import logging
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from assay.errors import AssayError, BadInput, TrackingUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

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
    projects: dict[str, str] = field(default_factory=dict, repr=False)
    """Project to experiment id, as far as they were asked for."""
    models: dict[str, str] = field(default_factory=dict, repr=False)
    """`project/agent@version` to the id of its logged model, as far as they were asked for."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _opened: "list[MlflowClient]" = field(default_factory=list, repr=False)
    _opening: threading.RLock = field(default_factory=threading.RLock, repr=False)

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
        """The store where it is a database of ours; None: it is behind a server."""
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        return self.store if isinstance(self.store, SqlAlchemyStore) else None


def connect(uri: str, *, artifact_root: Path | None = None, create: bool = True) -> Tracking:
    """A handle on the store at `sqlite:///path`, another SQL database, or an MLflow server (`http://...`).

    A new SQLite store gets its folder at once, its tables and, beside it, a folder for artifacts when it is first
    used. Raises BadInput for a URI that MLflow's stores do not take, TrackingUnavailable where no server answers or,
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
        return Tracking(uri)
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
    return Tracking(uri, root.as_uri())


def reports_outages(function: Callable[Concatenate[Tracking, P], R]) -> Callable[Concatenate[Tracking, P], R]:
    """MLflow's own exceptions become ours: TrackingUnavailable, with the store and the fix in it."""

    @functools.wraps(function)
    def called(t: Tracking, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(t, *args, **kwargs)
        except AssayError:
            raise
        except Exception as error:
            if (ours := unavailable(t, error)) is None:
                raise
            raise ours from error

    return called


def unavailable(t: Tracking, error: Exception) -> TrackingUnavailable | None:
    """What MLflow's exception means to a person; None: it is none of MLflow's."""
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, MlflowException | SQLAlchemyError | requests.RequestException):
        return None
    first_line = without_secrets(str(error)).strip().partition("\n")[0][:300]
    return TrackingUnavailable(
        f"MLflow did not do what was asked ({type(error).__name__}): try again, and see the server's log",
        local=f"MLflow at {shown(t.uri)} did not do what was asked: {first_line}: {_fix(t.uri)}",
    )


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


_making = threading.Lock()
INDEXES = (
    "CREATE INDEX IF NOT EXISTS assay_scenarios ON trace_tags (value, request_id) WHERE key = 'scenario_id'",
    "CREATE INDEX IF NOT EXISTS assay_faults ON trace_tags (key, value, request_id)"
    " WHERE key = 'simulator_fault' AND value <> 'none'",
)
"""Of a SQLite store that we make: MLflow has none that finds few conversations among many by a tag's value. Another
database's tables are its owner's, and are left as they are."""


def _make_tables(uri: str, artifact_root: str) -> None:
    """Brings up the store's tables, once for all threads and processes that start at the same time."""
    _quiet_logs()
    import sqlalchemy
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils as db
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _making:
            engine = sqlalchemy.create_engine(uri)
            try:
                if not db._all_tables_exist(engine):
                    db._safe_initialize_tables(engine)
                    if uri.startswith("sqlite"):
                        with engine.connect() as connection:
                            # Readers (the UI, other threads) do not wait for the writer; kept in the file itself.
                            connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))
                            for index in INDEXES:
                                connection.execute(sqlalchemy.text(index))
                            connection.commit()
                    # Made with our folder, so that even the `Default` experiment keeps nothing in the cwd.
                    SqlAlchemyStore(uri, artifact_root)
            finally:
                engine.dispose()
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first_line = without_secrets(str(error)).partition("\n")[0][:300]
        raise TrackingUnavailable(f"MLflow's store {shown(uri)} cannot be opened: {first_line}: {_fix(uri)}") from error


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
        _ = client._tracking_client.store
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
