"""One suite over three kinds of store: SQLite, PostgreSQL, and an MLflow server over HTTP.

Each backend starts once; a test gets a copy of a migrated SQLite file, a PostgreSQL database made from a template, or
the one server with a project name of its own.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.contracts.agent import AgentCard, PythonConnector
from assay.contracts.conversation import Conversation
from assay.contracts.dataset import Dataset, DatasetReport, Scenario
from assay.errors import TrackingUnavailable
from assay.tracking import Tracking, connect
from tests.tracking.conftest import failed_conversation, make_conversation, make_scenario

BACKENDS = ("sqlite", "postgresql", "server")
STARTS_WITHIN_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In one process, so that each backend starts once."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("stores"))
            item.add_marker(pytest.mark.timeout(900))


@dataclass(frozen=True)
class Store:
    """A store under test."""

    kind: str
    uri: str
    jobs_url: str
    folder: Path
    project: str
    """A project that no other test uses."""

    def connect(self) -> Tracking:
        """A new handle, as another process has it."""
        return connect(self.uri, artifact_root=self.folder / "artifacts", jobs_url=self.jobs_url)

    def python(self, code: str, *arguments: object) -> "subprocess.Popen[str]":
        """A process that runs the code with `t`, `project` and `sys.argv[4:]`."""
        head = (
            "import sys\nfrom pathlib import Path\nfrom assay.tracking import *\n"
            "t = connect(sys.argv[1], jobs_url=sys.argv[2], artifact_root=Path(sys.argv[3]) / 'artifacts')\n"
            "project = sys.argv[4]\n"
        )
        command = [sys.executable, "-c", head + code, self.uri, self.jobs_url, str(self.folder), self.project]
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=self.folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture(scope="session")
def postgres_template(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database that others are made from."""
    uri = new_database(postgres, "assay_template")
    made = connect(uri, artifact_root=tmp_path_factory.mktemp("template-artifacts"))
    made.store.engine.dispose()
    return "assay_template"


def new_database(postgres: str, name: str, template: str = "template1") -> str:
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return str(sa.make_url(postgres).set(database=name).render_as_string(hide_password=False))


@pytest.fixture(scope="session")
def mlflow_server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    for file in template.glob("mlflow.db*"):
        shutil.copy(file, folder / file.name)
    with running_server(f"sqlite:///{folder}/mlflow.db", folder) as uri:
        yield uri


class running_server:
    """`mlflow server` on a free port."""

    def __init__(self, backend_uri: str, folder: Path) -> None:
        self.backend_uri, self.folder = backend_uri, folder

    def __enter__(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", self.backend_uri, "--artifacts-destination", str(self.folder / "served")]
        quiet = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        log = (self.folder / "log.txt").open("w")
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=log, stderr=log, env=quiet, start_new_session=True
        )
        uri, until = f"http://127.0.0.1:{port}", time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                connect(uri)
                return uri
            except TrackingUnavailable:
                assert self.process.poll() is None, (self.folder / "log.txt").read_text()
                assert time.monotonic() < until, (self.folder / "log.txt").read_text()
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait(60)


def drop_database(postgres: str, uri: str) -> None:
    """With the connections that MLflow keeps to it, of which the server has no more than a hundred."""
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {sa.make_url(uri).database} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kind = request.param
    jobs_url = f"sqlite:///{tmp_path}/jobs.db"
    match kind:
        case "sqlite":
            for file in request.getfixturevalue("template").glob("mlflow.db*"):
                shutil.copy(file, tmp_path / file.name)
            uri = f"sqlite:///{tmp_path}/mlflow.db"
        case "postgresql":
            template = request.getfixturevalue("postgres_template")
            name = f"assay_{uuid.uuid4().hex[:12]}"
            uri = jobs_url = new_database(request.getfixturevalue("postgres"), name, template)
        case _:
            uri = request.getfixturevalue("mlflow_server")
    yield Store(kind, uri, jobs_url, tmp_path, f"p-{uuid.uuid4().hex[:10]}")
    if kind == "postgresql":
        drop_database(request.getfixturevalue("postgres"), uri)


@pytest.fixture
def t(store: Store) -> Tracking:
    return store.connect()


@pytest.fixture
def project(store: Store) -> str:
    return store.project


@pytest.fixture
def dataset() -> Dataset:
    scenarios = tuple(make_scenario(f"scenario-{number:02}", goal=f"Goal {number}.") for number in range(3))
    return Dataset(name=f"shop-{uuid.uuid4().hex[:8]}", description="What shoppers ask.", scenarios=scenarios)


@pytest.fixture
def report() -> Callable[[Dataset], DatasetReport]:
    return lambda dataset: DatasetReport(
        dataset=dataset.ref,
        scenarios=len(dataset.scenarios),
        expectations=2 * len(dataset.scenarios),
        checked_by_code=0.5,
        coverage=(),
        findings=(),
        score=1.0,
        threshold=0.8,
        passed=True,
        detectable_difference=None,
    )


@pytest.fixture
def card() -> AgentCard:
    return AgentCard(
        agent_id="support",
        version="v1",
        description="Answers shoppers.",
        connector=PythonConnector(target="shop.agent:Support"),
        files=("prompt.md",),
    )


def conversation(number: int = 0, **changes: object) -> Conversation:
    """With an id that no other test's conversation has: behind the server all tests share one store."""
    return make_conversation(number, conversation_id=uuid.uuid4().hex, **changes)


def failure(number: int = 0) -> Conversation:
    return failed_conversation(number).replace(conversation_id=uuid.uuid4().hex)


def scenario(**changes: object) -> Scenario:
    return make_scenario(**changes)
