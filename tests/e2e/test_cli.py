"""The command line as people meet it."""

import json
import subprocess
import sys

from assay.cli import COMMANDS, root_help
from tests.conftest import SHOP


def test_help_names_every_command_and_imports_nothing_heavy():
    watched = "import sys; from assay.cli import main\ntry:\n main(['--help'])\nexcept SystemExit:\n pass\n"
    watched += (
        "print([n for n in ('mlflow','pydantic','cyclopts','numpy','rich') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    assert all(f"  {name}" in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == "[]"
    assert done.stdout.strip() == root_help()


def test_every_command_has_help(assay):
    for name in COMMANDS:
        assert f"assay {name}" in assay(name, "--help").stdout


def test_a_person_walks_the_lifecycle_gate_by_gate(assay):
    def step(*arguments: str, code: int = 0) -> str:
        return assay(*arguments, code=code).stdout

    arguments = ["pipeline", "run", "--challenger", str(SHOP / "v2.json"), "--dataset", str(SHOP / "dataset.jsonl")]
    for _ in range(4):
        waiting = json.loads(step(*arguments, "--trials", "1", "--json", code=3))
        assert waiting["state"] == "waiting"
        step("gate", "approve", waiting["waiting_for"]["subject_id"], "--reason", "looked at it")
    last = json.loads(step(*arguments, "--trials", "1", "--json", code=3))
    step("gate", "approve", last["waiting_for"]["subject_id"], "--reason", "looked at it")
    assert json.loads(step(*arguments, "--trials", "1", "--json"))["state"] == "finished"
    assert "intact" in step("gate", "verify")
    assert step("gate", "ledger").count("looked at it") == 5
    assert "weakest" in step("analytics", "report") or "meet every expectation" in step("analytics", "report")
    assert "pass_rate" in step("analytics", "chat", "pass rate by topic?")
    exported = step("dataset", "export", "--to", "csv")
    assert exported.startswith("scenario_id,topic")


def test_schemas_in_the_repository_are_those_of_the_code():
    from assay.contracts.schemas import DOCUMENTS, schema_text
    from tests.conftest import ROOT

    stored = {path.stem: path.read_text() for path in (ROOT / "schemas").glob("*.json")}
    assert stored == {name: schema_text(document) for name, document in DOCUMENTS.items()}, "run `make schemas`"
