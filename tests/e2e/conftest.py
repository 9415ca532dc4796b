"""Whole journeys in processes of their own, as a user starts them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, copy_store

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    copy_store(template, folder)
    return folder


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Run:
    """Runs a Python script of the repository, or `-m module`, in an environment with nothing of the machine's."""

    def started(
        *arguments: str,
        stdin: Mapping[str, Any] | str | None = None,
        env: Mapping[str, str] | None = None,
        code: int = 0,
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")},
            "ASSAY_HOME": str(home),
            "ASSAY_USER": "tester",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            **(env or {}),
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            input=stdin if isinstance(stdin, str) else None if stdin is None else json.dumps(stdin),
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    return started


@pytest.fixture
def assay(run: Run) -> Run:
    def command(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return run("-m", "assay.cli", *arguments, **more)

    return command
