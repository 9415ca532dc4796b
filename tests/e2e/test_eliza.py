"""An agent that nobody here wrote goes through stages 1 to 6 by the `openai` connector, as the guide has it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.conftest import PATIENCE_S, ROOT

ELIZA = ROOT / "examples" / "eliza"


@pytest.fixture
def card(tmp_path) -> Iterator[str]:
    """The example's card at the address of a server that runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from eliza_gpt.cli import main; main()",
            "--port",
            str(port),
            "--avg-response-time",
            "0",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(400):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        written = json.loads((ELIZA / "card.json").read_text())
        written["connector"]["base_url"] = f"http://127.0.0.1:{port}/v1"
        file = tmp_path / "card.json"
        file.write_text(json.dumps(written))
        yield str(file)
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def test_eliza_goes_through_stages_1_to_6(assay, card):
    def read(*arguments: str):
        return json.loads(assay(*arguments, "--json", "--project", "eliza", env={"ASSAY_MODEL": "offline"}).stdout)

    version = read("agent", "register", card)
    found = {check["name"]: check["finding"] for check in version["probe"]["checks"]}
    assert found["answers"] == found["streams"] == "yes"
    assert found["deterministic"] != "yes"
    agent = f"{version['card']['agent_id']}@{version['card']['version']}"

    built = read("dataset", "build", str(ELIZA / "dataset.jsonl"), "--agent", agent)
    assert built["report"]["passed"]
    played = read("simulate", "run", "--agent", agent, "--trials", "2", "--concurrency", "4")
    assert played["conversations"] == 24
    assert played["errors"] == {}
    assert played["agent_usage"]["output_tokens"] is None  # the server does not say
    judged = read("judge", "run")
    assert judged["passed"] + judged["failed"] >= 20
    report = read("analytics", "report")
    assert 0.3 < report["pass_rate"]["value"] < 0.95
    compared = read("compare", "run", "--champion-trials", "0", "--challenger-trials", "1")
    assert compared["recommendation"] == "INCONCLUSIVE"  # it is the same agent
