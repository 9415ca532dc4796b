"""A fresh store for each case, and commands run in this process."""

import pytest

from tests.cases.bench import Bench
from tests.e2e.conftest import assay, home, in_process

__all__ = ["assay", "home", "in_process"]


@pytest.fixture
def bench(assay, home, tmp_path, monkeypatch) -> Bench:
    return Bench(command=assay, home=home, folder=tmp_path / "case", monkeypatch=monkeypatch)
