"""The composite action run as GitHub runs it, and its example workflow."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import PATIENCE_S, ROOT, SHOP, copy_store

ACTION = ROOT / ".github" / "actions" / "check" / "action.yml"
WORKFLOW = ROOT / "examples" / "github" / "workflow.yml"
STEPS = yaml.safe_load(ACTION.read_text())["runs"]["steps"]


def run_steps(folder: Path, inputs: dict[str, str], env: dict[str, str]) -> list[subprocess.CompletedProcess[str]]:
    """Runs the steps after the installation in bash, with an `assay` in place of the installed one."""
    binaries = folder / "runner" / "assay" / "bin"
    binaries.mkdir(parents=True)
    command = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "from assay.cli import main; main()" "$@"\n'
    (binaries / "assay").write_text(command)
    (binaries / "assay").chmod(0o755)
    done = []
    for step in STEPS[1:]:
        given = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]], text)
            for name, text in step["env"].items()
        }
        environment = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder / "runner"), **env, **given}
        done.append(
            subprocess.run(
                ["bash", "-eo", "pipefail", "-c", step["run"]],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        )
    return done


def inputs_of(folder: Path) -> dict[str, str]:
    spec = yaml.safe_load(ACTION.read_text())["inputs"]
    few = folder / "few.jsonl"
    few.write_text("\n".join((SHOP / "dataset.jsonl").read_text().splitlines()[:6]) + "\n")
    given = {name: str(one.get("default", "")) for name, one in spec.items()}
    return {
        **given,
        "agent": str(SHOP / "v2.json"),
        "champion": str(SHOP / "v1.json"),
        "dataset": str(few),
        "trials": "2",
    }


def test_the_action_compares_and_moves_nothing_in_the_registry(template, tmp_path):
    copy_store(template, tmp_path)
    env = {"ASSAY_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "ASSAY_MODEL": "offline"}
    compared, checked = run_steps(tmp_path, inputs_of(tmp_path), env)
    assert compared.returncode == 0, compared.stderr
    assert "The request ends with stage compare" in compared.stdout + compared.stderr
    assert checked.returncode == 2 and "GITHUB_REPOSITORY" in checked.stderr, "a real run is told where to comment"
    assert (tmp_path / "assay-junit.xml").is_file()

    from mlflow import MlflowClient

    store = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    for model in store.search_registered_models():
        assert not model.aliases
        for version in store.search_model_versions(f"name = '{model.name}'"):
            assert version.current_stage == "None"
    ledger = subprocess.run(
        [sys.executable, "-c", "from assay.cli import main; main()", "gate", "verify", "--project", "ci", "--json"],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ledger.stdout)["decisions"] == 0


def test_no_input_is_run_as_a_command(template, tmp_path):
    copy_store(template, tmp_path)
    hostile = dict.fromkeys(inputs_of(tmp_path), f'x"; touch {tmp_path}/pwned; echo "$(touch {tmp_path}/pwned)')
    env = {"ASSAY_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    for done in run_steps(tmp_path, hostile, env):
        assert done.returncode == 2
    assert not (tmp_path / "pwned").exists()


def test_scripts_hold_no_expressions_and_packages_come_with_hashes():
    for step in STEPS:
        assert "${{" not in step["run"]
    assert "--require-hashes" in STEPS[0]["run"]
    assert "install --quiet assay" not in STEPS[0]["run"], "whoever owns that name on PyPI would run in users' CI"


def test_the_workflow_gives_the_action_what_it_needs():
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["check"]["steps"]
    given = next(step["with"] for step in steps if "/actions/check@" in step["uses"])
    needed = {name for name, spec in inputs.items() if spec.get("required")}
    assert needed <= set(given) <= set(inputs)
