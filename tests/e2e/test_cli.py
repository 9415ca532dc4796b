"""The command line as people meet it."""

import json
import subprocess
import sys

from assay.cli import COMMANDS, root_help
from tests.conftest import PATIENCE_S, SHOP


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
    assert "returns" in step("analytics", "chat", "pass rate by topic?")
    exported = step("dataset", "export", "--to", "csv")
    assert exported.startswith("scenario_id,topic")


def test_schemas_in_the_repository_are_those_of_the_code():
    from assay.cli.schema import openapi_text, published
    from assay.contracts.schemas import schema_text
    from tests.conftest import ROOT

    stored = {path.stem: path.read_text() for path in (ROOT / "schemas").glob("*.json")}
    known = {name: schema_text(document) for name, document in published().items()}
    assert stored == {**known, "openapi": openapi_text()}, "run `make schemas`"


def test_a_persons_own_narrative_is_filled_and_a_made_up_number_is_refused(assay, tmp_path):
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join((SHOP / "dataset.jsonl").read_text().splitlines()[:6]) + "\n")
    assay("agent", "register", str(SHOP / "v2.json"), "--no-probe")
    assay("dataset", "build", str(few), "--agent", "shop-support@v2", "--no-reference-attempt")
    assay("simulate", "run", "--agent", "shop-support@v2", "--trials", "1")
    assay("judge", "run")
    own = tmp_path / "own.md"
    own.write_text("We expect {pass_rate} of conversations to pass.")
    report = json.loads(assay("analytics", "report", "--narrative", str(own), "--json").stdout)
    assert report["narrative"]["author"] == "tester"
    assert "scenarios)" in report["narrative"]["text"]
    own.write_text("We expect 97 % of conversations to pass.")
    refused = assay("analytics", "report", "--narrative", str(own), code=2)
    assert "97" in refused.stderr
    assert "{pass_rate}" in refused.stderr


def test_an_mlflow_scorer_sits_on_the_panel(assay, tmp_path, monkeypatch):
    (tmp_path / "my_scorers.py").write_text(
        "from mlflow.genai import scorer\n\n@scorer\ndef short(outputs):\n    return len(str(outputs)) < 100000\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join((SHOP / "dataset.jsonl").read_text().splitlines()[:3]) + "\n")
    assay("agent", "register", str(SHOP / "v2.json"), "--no-probe")
    assay("dataset", "build", str(few), "--agent", "shop-support@v2", "--no-reference-attempt")
    assay("simulate", "run", "--agent", "shop-support@v2", "--trials", "1")
    judging = json.loads(
        assay("judge", "run", "--scorer", "my_scorers:short", "--expect", "The answers are short.", "--json").stdout
    )
    assert judging["judge"] == "my_scorers:short"
    assert judging["passed"] + judging["failed"] == 3


def test_at_a_terminal_each_gate_is_asked_with_its_report(home, tmp_path):
    """In a pseudo-terminal of its own, as a person would sit at it."""
    import os
    import pty

    few = tmp_path / "few.jsonl"
    few.write_text("\n".join((SHOP / "dataset.jsonl").read_text().splitlines()[:8]) + "\n")
    command = [sys.executable, "-m", "assay.cli", "pipeline", "run", "--challenger", str(SHOP / "v2.json")]
    environment = {**os.environ, "ASSAY_HOME": str(home), "ASSAY_USER": "ann", "TERM": "xterm"}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*command, "--dataset", str(few)], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    os.write(master, b"approve\nthe card is right\nreject\ntoo few\n")
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the other end is closed: it ended
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.wait(PATIENCE_S) == 4
    text = shown.decode(errors="replace")
    assert "approve, reject or later?" in text
    assert "reports/dataset.html" in text
    assert "too few" in text


def test_a_command_that_used_duckdb_ends_without_a_word_about_leaks():
    used = "import duckdb; duckdb.connect().execute('select 1').fetchall()"
    code = f"{used}; from assay.cli import main; main(['--version'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nanobind" not in done.stderr + done.stdout
