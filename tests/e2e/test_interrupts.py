"""A command that is stopped closes its MLflow run and says that the same command goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.contracts.stage import Stage
from assay.tracking import connect
from tests.conftest import PATIENCE_S, ROOT

AGENT = """
import time


def reply(messages):
    time.sleep(0.5)
    return "It arrives tomorrow."
"""


def states(home: Path) -> list[str]:
    """The simulations' runs in MLflow, by their status."""
    t = connect(f"sqlite:///{home}/mlflow.db")
    experiment = t.client.get_experiment_by_name("default")
    wanted = f"tags.stage = '{Stage.SIMULATE.value}'"
    return [run.info.status for run in t.client.search_runs([experiment.experiment_id], wanted)]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_sigterm_closes_the_run_and_the_same_command_goes_on(assay, home: Path, tmp_path: Path) -> None:
    (tmp_path / "slow_agent_of_interrupts.py").write_text(AGENT)
    card = {
        "agent_id": "slow",
        "version": "1",
        "description": "Says when orders arrive.",
        "topics": ["delivery"],
        "connector": {"kind": "python", "target": "slow_agent_of_interrupts:reply"},
    }
    (tmp_path / "card.json").write_text(json.dumps(card))
    rows = (ROOT / "examples" / "shop" / "dataset.jsonl").read_text().splitlines()[:8]
    (tmp_path / "few.jsonl").write_text("\n".join(rows))
    assay("agent", "register", str(tmp_path / "card.json"), "--no-probe")
    assay("dataset", "build", str(tmp_path / "few.jsonl"), "--agent", "slow@1", "--no-reference-attempt")
    command = ("simulate", "run", "--agent", "slow@1", "--trials", "4", "--max-turns", "2")
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")},
        "ASSAY_HOME": str(home),
        "ASSAY_USER": "tester",
        "PYTHONPATH": str(ROOT / "src"),
    }
    started = [sys.executable, "-m", "assay.cli", *command, "--concurrency", "1"]
    with subprocess.Popen(started, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        ends = time.monotonic() + PATIENCE_S
        while "RUNNING" not in states(home) and time.monotonic() < ends:
            assert process.poll() is None
            time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
    assert "Run the same command again: it continues with what is left." in said
    assert states(home) == ["KILLED"]
    assert "32 conversations, 0 with errors" in assay(*command).stdout
    assert states(home) == ["FINISHED"]
