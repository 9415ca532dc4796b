"""`assay --server URL`: the same commands, done by a server that has the store."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.settings import Settings
from tests.api.conftest import Served, serving
from tests.conftest import ROOT, SHOP, copy_store

pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("server")
    copy_store(template, home)
    with serving(Settings(home=home, model="offline", user="ada"), worker=True) as served:
        yield served


@pytest.fixture
def assay(server: Served, tmp_path: Path):
    """A command in a folder of its own: what it finds, it has from the server."""

    def run(*arguments: str, code: int = 0, at: str = server.url) -> str:
        environment = {**os.environ, "ASSAY_HOME": str(tmp_path / "none"), "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            [sys.executable, "-m", "assay.cli", "--server", at, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert not (tmp_path / "none").exists(), "nothing is stored here"
        return done.stdout + done.stderr

    return run


def test_stages_are_done_one_by_one_on_the_server(assay, tmp_path: Path):
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join((SHOP / "dataset.jsonl").read_text().splitlines()[:6]))
    said = assay("agent", "register", str(SHOP / "v2.json"), "--no-probe", "--project", "shop")
    assert "version 1, not probed" in said and "done by http://127.0.0.1:" in said
    assay("dataset", "build", str(few), "--agent", "shop-support@v2", "--no-reference-attempt", "--project", "shop")
    said = assay("simulate", "run", "--agent", "shop-support@v2", "--trials", "2", "--project", "shop")
    assert "12 conversations" in said
    simulation = re.findall(r"--simulation (sim-\w+)", said)[0]
    judged = json.loads(assay("judge", "run", "--simulation", simulation, "--project", "shop", "--json"))
    assert judged["conversations"] == 12 and judged["stage"] == "judge"
    assert "pass rate" in assay("analytics", "report", "--project", "shop")
    jobs = assay("job", "list", "--project", "shop")
    assert jobs.count("SUCCEEDED") == 5


def test_a_lifecycle_waits_at_its_gates_and_goes_on_when_they_are_approved(assay):
    said = assay(
        "pipeline", "run", "--challenger", str(SHOP / "v1.json"), "--brief", "returns", "--project", "far", code=3
    )
    assert "waits for a decision" in said
    subject = next(word for word in said.split() if word.startswith("agent-"))
    assert subject in assay("gate", "list", "--waiting", "--project", "far")
    assert "approved" in assay("gate", "approve", subject, "--reason", "fine", "--project", "far")
    assert "intact" in assay("gate", "verify", "--project", "far")
    assert "fine" in assay("gate", "ledger", "--project", "far")


def test_what_needs_the_store_itself_says_so(assay):
    said = assay("plan", "--project", "shop", code=2)
    assert "cannot run on" in said and "omit --server" in said


def test_a_server_that_is_not_there_is_said(assay):
    assert "does not answer" in assay("job", "list", code=2, at="http://127.0.0.1:9")
