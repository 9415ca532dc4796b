"""The ledger over HTTP: any reason is kept, and a broken ledger takes no page down."""

import contextlib
import sqlite3
from pathlib import Path

from assay.settings import Settings
from tests.api.conftest import home_of, serving

REASON = "looks fine\u2028to me\x85, said ann"


def test_a_reason_of_any_characters_and_a_line_that_was_changed(lived_in: Path, tmp_path: Path):
    home = home_of(lived_in, tmp_path)
    with serving(Settings(home=home, model="offline", user="ada")) as served, served.client() as client:
        gate = client.get("/projects/shop/gates", params={"limit": 1}).json()["items"][0]
        in_force = gate["decision"]["hash"] if gate["decision"] else None
        path = f"/projects/shop/gates/{gate['stage']}/{gate['subject_id']}"
        decided = client.post(path, json={"decision": "reject", "reason": REASON})
        if decided.status_code == 409:  # another decision is in force, and has to be named
            decided = client.post(path, json={"decision": "reject", "reason": REASON, "overrules": in_force})
        assert decided.status_code == 201, decided.text
        before = client.get("/projects/shop/ledger").json()
        assert before["check"]["intact"] and before["decisions"][0]["reason"] == REASON
        assert before["check"]["head"] == before["decisions"][0]["hash"]

        with contextlib.closing(sqlite3.connect(home / "mlflow.db", timeout=30)) as database, database:
            database.execute("UPDATE assay_ledger SET text = 'not a line' WHERE line = 3")
        for listed in ("/projects", "/projects/shop", "/projects/shop/gates", "/projects/shop/runs"):
            assert client.get(listed).status_code == 200
        after = client.get("/projects/shop/ledger").json()
        assert not after["check"]["intact"] and after["check"]["first_bad_line"] == 3
        assert len(after["decisions"]) == 2
        refused = client.post(path, json={"decision": "approve", "reason": "again"})
        assert refused.status_code == 409 and "changed at line 3" in refused.json()["detail"]
