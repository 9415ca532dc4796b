"""The composite action and its example can be read, and every command line in them is one of ours."""

import re
import shlex
from importlib import import_module

import yaml

from assay.cli import COMMANDS
from tests.conftest import ROOT

ACTION = ROOT / ".github" / "actions" / "check" / "action.yml"
WORKFLOW = ROOT / "examples" / "github" / "workflow.yml"


def lines() -> list[str]:
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    found = [line.strip() for step in steps for line in step["run"].splitlines()]
    return [line.split(" || ")[0] for line in found if line.startswith("assay ")]


def test_every_command_line_of_the_action_is_known():
    assert len(lines()) == 2
    for line in lines():
        _, name, *rest = shlex.split(re.sub(r"\$\{\{[^}]*\}\}", "3" if "trials" in line else "reject", line))
        assert name in COMMANDS
        rest = [part if part not in ("3",) else "reject" for part in rest] if name == "check" else rest
        import_module(f"assay.cli.{name}").app.parse_args(rest, exit_on_error=False, print_error=False)


def test_the_workflow_gives_the_action_what_it_needs():
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["check"]["steps"]
    given = next(step["with"] for step in steps if step["uses"].endswith("actions/check"))
    needed = {name for name, spec in inputs.items() if spec.get("required")}
    assert needed <= set(given) <= set(inputs)
