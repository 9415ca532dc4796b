"""Approvers and evaluators against the ledger and the evidence that it stands on."""

import pytest

from assay.contracts.api import Role
from tests.attacks.conftest import Attacked, conversation, ended, judging

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


def test_an_evaluator_does_not_change_the_evidence_of_an_approved_gate(attacked: Attacked):
    failing = conversation("I cannot help with that.")
    with attacked.evaluator("shop") as evaluator, attacked.client(attacked.token(Role.APPROVER, "shop")) as approver:
        job = ended(evaluator, evaluator.post("/api/v1/projects/shop/judgments", json=judging(failing)))
        assert (job["result"]["passed"], job["result"]["failed"]) == (0, 1), job
        subject = job["result"]["subject_id"]
        path = f"/api/v1/projects/shop/gates/judge/{subject}"
        approved = approver.post(path, json={"decision": "approve", "reason": "I read it."})
        assert approved.status_code == 201, approved.text

        forged = conversation("Your refund is on its way.", failing["conversation_id"])
        again = ended(evaluator, evaluator.post("/api/v1/projects/shop/judgments", json=judging(forged)))
        assert again["status"] == "SUCCEEDED" and again["result"]["subject_id"] != subject
        kept = evaluator.get("/api/v1/projects/shop/conversations", params={"judging": subject}).json()["items"]
        (row,) = kept
        whole = evaluator.get(f"/api/v1/projects/shop/conversations/{row['conversation_id']}").json()
        assert "I cannot help with that." in str(whole) and "on its way" not in str(whole["conversation"]["turns"])
        check = approver.get("/api/v1/projects/shop/ledger").json()["check"]
        assert check["intact"] and not [line for line in check["changed"] if line.startswith(subject)]
