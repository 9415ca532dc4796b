"""What all tests share: a store per test, made by copying one whose tables were made once."""

import os
import shutil
from pathlib import Path

import pytest

from assay.tracking import connect

ROOT = Path(__file__).resolve().parents[1]
SHOP = ROOT / "examples" / "shop"
DATA = ROOT.parent / "shared" / "data"

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


@pytest.fixture
def store_uri(template: Path, tmp_path: Path) -> str:
    return copy_store(template, tmp_path)


def copy_store(template: Path, folder: Path) -> str:
    for file in template.glob("mlflow.db*"):
        shutil.copy(file, folder / file.name)
    return f"sqlite:///{folder}/mlflow.db"
