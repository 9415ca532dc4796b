"""Approvers and evaluators against the ledger and the evidence that it stands on."""

import pytest

from assay.contracts.api import Role
from tests.attacks.conftest import Attacked, ended

CARD = {
    "agent_id": "odd",
    "description": "Answers.",
    "connector": {"kind": "http", "url": "https://agent.example.org/chat"},
}


def waiting(attacked: Attacked, version: str) -> str:
    """A gated result that waits for a decision; its id."""
    with attacked.admin() as admin:
        asked = {"card": {**CARD, "version": version}, "probe": False, "gated": True}
        job = ended(admin, admin.post("/api/v1/projects/shop/agents", json=asked))
    assert job["status"] == "SUCCEEDED", job["error"]
    return job["result"]["subject_id"]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1", "looks fine\u2028to me"),
        ("2", "a\u0085b\u2029c\x0bd\x0ce\x1cf"),
        ("3", "zero\u200bwidth \U0001f600 \u202e"),
    ],
)
def test_no_character_of_a_reason_ends_the_ledger(attacked: Attacked, version: str, reason: str):
    subject = waiting(attacked, version)
    path = f"/api/v1/projects/shop/gates/develop/{subject}"
    with attacked.client(attacked.token(Role.APPROVER, "shop")) as approver:
        decided = approver.post(path, json={"decision": "approve", "reason": reason})
        assert decided.status_code == 201, decided.text
        overruled = {"decision": "reject", "reason": "on second thoughts", "overrules": decided.json()["hash"]}
        again = approver.post(path, json=overruled)
        assert again.status_code == 201, again.text
        ledger = approver.get("/api/v1/projects/shop/ledger").json()
        assert ledger["check"]["intact"], ledger["check"]
        assert reason.strip() in [row["reason"] for row in ledger["decisions"]]
        assert approver.get("/api/v1/projects/shop").status_code == 200


def test_who_has_not_the_role_decides_nothing(attacked: Attacked):
    subject = waiting(attacked, "4")
    path = f"/api/v1/projects/shop/gates/develop/{subject}"
    for role, project in ((Role.EVALUATOR, "shop"), (Role.VIEWER, "shop"), (Role.APPROVER, "bank")):
        with attacked.client(attacked.token(role, project)) as client:
            assert client.post(path, json={"decision": "approve", "reason": "mine"}).status_code == 403
    with attacked.client(attacked.token(Role.APPROVER, "shop")) as approver:
        forged = {"decision": "approve", "reason": "mine", "by": "the cfo"}
        assert approver.post(path, json=forged).status_code == 422
