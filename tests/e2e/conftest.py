"""Whole journeys in processes of their own, as a user starts them."""

import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PATIENCE_S, ROOT, copy_store

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
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    return started


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


InProcess = Callable[..., Ended]


@pytest.fixture
def in_process(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> InProcess:
    """Runs a main function in this process: starting Python and MLflow anew each time would take most of the time."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("ASSAY_HOME", str(home))
    monkeypatch.setenv("ASSAY_USER", "tester")

    def ended(start: Callable[[], object], *, env: Mapping[str, str] | None = None, code: int = 0) -> Ended:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as stop:
                start()
        out, err = capfd.readouterr()
        assert stop.value.code == code, f"{stop.value.code}\n{out[-2000:]}\n{err[-3000:]}"
        return Ended(code, out, err)

    return ended


@pytest.fixture
def assay(in_process: InProcess) -> InProcess:
    """An `assay` command."""
    from assay.cli import main

    def command(*arguments: str, **more: Any) -> Ended:
        return in_process(lambda: main(list(arguments)), **more)

    return command


@pytest.fixture
def script(in_process: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """A script of the repository with JSON on stdin."""

    def started(path: Path, given: Mapping[str, Any] | str, *arguments: str, **more: Any) -> Ended:
        text = given if isinstance(given, str) else json.dumps(given)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        return in_process(lambda: runpy.run_path(str(path), run_name="__main__"), **more)

    return started
