"""A job that hangs or kills its worker: the server answers all the while, and the job ends with a cause."""

import time
from pathlib import Path

import pytest

from tests.attacks.conftest import Attacked, conversation, ended, judging

AGENT = "import os, re\n\n\ndef reply(messages):\n    {}\n"
REPLIES = {
    "holds the interpreter": AGENT.format("return str(re.match('(a+)+$', 'a' * 64 + '!'))"),
    "ends the process": AGENT.format("os._exit(9)"),
}


@pytest.mark.parametrize("what", REPLIES)
def test_the_server_answers_whatever_a_job_does(attacked: Attacked, tmp_path: Path, what: str):
    (tmp_path / "deadly.py").write_text(REPLIES[what])
    card = {
        "agent_id": f"deadly-{what.split()[0]}",
        "version": "1",
        "description": "Does harm.",
        "connector": {"kind": "python", "target": "deadly:reply"},
    }
    with attacked.admin() as admin:
        started = admin.post("/api/v1/projects/shop/agents", json={"card": card, "card_dir": str(tmp_path)})
        assert started.status_code == 202, started.text
        slowest, job = 0.0, started.json()
        until = time.monotonic() + 300
        while time.monotonic() < until:
            began = time.monotonic()
            job = admin.get(f"/api/v1/jobs/{started.json()['job_id']}").raise_for_status().json()
            slowest = max(slowest, time.monotonic() - began)
            if job["status"] == "FAILED":
                break
            time.sleep(0.5)
        assert job["status"] == "FAILED" and job["error"]["cause"] == "Crashed", job
        # others' work goes on behind it
        after = ended(admin, admin.post("/api/v1/projects/bank/judgments", json=judging(conversation())))
    assert after["status"] == "SUCCEEDED"
    assert attacked.process.poll() is None
    print(f"slowest answer while the job {what}: {slowest:.2f} s")
