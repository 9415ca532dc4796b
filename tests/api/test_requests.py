"""Sent twice, read page by page, asked wrongly: what a program may rely on."""

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import Served, finished

LISTS = {
    "/projects/shop/runs": "run_id",
    "/projects/shop/conversations": "conversation_id",
    "/projects/shop/gates": "subject_id",
    "/projects/shop/judgments": "run_id",
    "/jobs": "job_id",
    "/projects/shop/chats": "chat_id",
}


def pages(client: httpx.Client, path: str, limit: int) -> list[list[dict]]:
    found, cursor = [], None
    while True:
        page = client.get(path, params={"limit": limit, **({"cursor": cursor} if cursor else {})}).raise_for_status()
        found.append(page.json()["items"])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


@pytest.fixture(scope="module")
def some_of_all(open_to_all: Served) -> Served:
    with open_to_all.client() as client:
        for _ in range(5):
            finished(client, client.post("/projects/shop/agents-report", json={}))
            client.post("/projects/shop/chats", json={"agent": "dataset_builder", "subject_id": "shop-support@v1"})
    return open_to_all


@pytest.mark.parametrize("path", LISTS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 60))
def test_pages_of_any_size_hold_each_thing_once_and_in_the_same_order(some_of_all: Served, path: str, limit: int):
    with some_of_all.client() as client:
        (whole, *_) = pages(client, path, 200)
        parts = pages(client, path, limit)
    names = [row[LISTS[path]] for row in whole]
    assert len(names) > 1 and len(set(names)) == len(names)
    assert [row[LISTS[path]] for part in parts for row in part] == names
    assert all(len(part) == limit for part in parts[:-1])


def test_the_same_key_does_a_thing_once(open_to_all: Served):
    with open_to_all.client(headers={"Idempotency-Key": "key-of-one-thing"}) as client:
        first = client.post("/projects/shop/agents-report", json={})
        again = client.post("/projects/shop/agents-report", json={})
        other = client.post("/projects/shop/agents-report", json={"model": "offline"})
    assert first.status_code == again.status_code == 202
    assert first.json()["job_id"] == again.json()["job_id"]
    assert again.headers["idempotency-replayed"] == "true" and again.headers["location"] == first.headers["location"]
    assert other.status_code == 409 and "Idempotency-Key" in other.json()["detail"]


def test_a_key_is_its_senders_own(open_to_all: Served):
    """Two routes with one key are two things."""
    with open_to_all.client(headers={"Idempotency-Key": "shared"}) as client:
        one = client.post("/projects/shop/agents-report", json={})
        made = client.post("/projects", json={"project": "another"})
    assert one.status_code == 202 and made.status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/projects", {"project": "No Slug!"}, "project"),
        ("POST", "/projects/shop/simulations", {"trials": 0}, "trials"),
        ("POST", "/projects/shop/gates/judge/judging-1", {"decision": "perhaps", "reason": "x"}, "decision"),
        ("POST", "/projects/shop/gates/judge/judging-1", {"decision": "approve", "reason": " "}, "reason"),
        ("GET", "/projects/shop/runs?limit=1000", None, "limit"),
        ("POST", "/tokens", {"name": "t", "roles": {"shop": ["king"]}}, "roles"),
    ],
)
def test_a_wrong_field_is_named(open_to_all: Served, method: str, path: str, body, field: str):
    with open_to_all.client() as client:
        answer = client.request(method, path, json=body)
    problem = answer.json()
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == 422 and problem["type"].startswith("urn:assay:") and problem["title"]
    assert any(field in error["field"] for error in problem["errors"]), problem


@pytest.mark.parametrize("cursor", ["nonsense", "WzFd", "e30", "WyJhIiwgMV0"])
def test_a_cursor_that_no_page_gave_is_refused_in_words(open_to_all: Served, cursor: str):
    with open_to_all.client() as client:
        for path in LISTS:
            answer = client.get(path, params={"cursor": cursor})
            assert answer.status_code == 422 and "cursor" in answer.json()["detail"], path


@pytest.mark.parametrize(
    "path",
    [
        "/projects/nowhere",
        "/projects/nowhere/runs",
        "/projects/shop/judgments/judging-nowhere",
        "/jobs/job-nowhere",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_a_problem_and_no_page(open_to_all: Served, path: str):
    with open_to_all.client() as client:
        answer = client.get(path)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


def test_a_gate_is_decided_once_and_stands_in_the_ledger_under_a_name(open_to_all: Served):
    with open_to_all.client() as client:
        before = client.get("/projects/shop/ledger").json()["decisions"]
        gate = client.get("/projects/shop/gates").json()["items"][0]
        path = f"/projects/shop/gates/{gate['stage']}/{gate['subject_id']}"
        blind = client.post(path, json={"decision": "reject", "reason": "did not see the approval"})
        seen = gate["decision"]["hash"]
        answer = client.post(path, json={"decision": "reject", "reason": "looked again", "overrules": seen})
        late = client.post(path, json={"decision": "approve", "reason": "seen long ago", "overrules": seen})
        lifecycle = client.get("/projects/shop").json()
        wrong = client.post(path.replace(gate["stage"], "judge"), json={"decision": "reject", "reason": "x"})
        ledger = client.get("/projects/shop/ledger").json()
    assert blind.status_code == 409 and "is approved by ada" in blind.json()["detail"]
    assert late.status_code == 409 and "is rejected by ada" in late.json()["detail"]
    assert blind.headers["content-type"] == "application/problem+json" and "Conflict" in blind.json()["type"]
    assert answer.status_code == 201 and answer.json()["by"] == "ada"
    (stage,) = (state for state in lifecycle["stages"] if state["stage"] == gate["stage"])
    assert (stage["rejected"], stage["state"]) == (1, "rejected")
    assert len(ledger["decisions"]) == len(before) + 1 and ledger["check"]["intact"]
    assert ledger["decisions"][0]["reason"] == "looked again"
    assert gate["stage"] == "judge" or (wrong.status_code == 422 and "stage" in wrong.json()["detail"])


def test_a_dataset_is_edited_into_a_new_version_and_the_old_one_stays(open_to_all: Served):
    with open_to_all.client() as client:
        item = client.get("/projects/shop/datasets").json()["items"][-1]["dataset"]
        path = f"/projects/shop/datasets/{item['name']}"
        old = client.get(f"{path}@{item['version']}").json()
        scenarios = old["dataset"]["scenarios"]
        scenarios[0]["goal"] = "Something else entirely."
        asked = {"agent": old["agent"], "scenarios": scenarios, "threshold": 0.5}
        job = finished(client, client.post(f"{path}/versions", json=asked))
        version = job["result"]["report"]["dataset"]["version"]
        new = client.get(f"{path}@{version}").json()
        still = client.get(f"{path}@{item['version']}").json()
    assert job["status"] == "SUCCEEDED" and version != item["version"]
    assert new["dataset"]["scenarios"][0]["goal"] == "Something else entirely."
    assert still["dataset"]["scenarios"][0]["goal"] != "Something else entirely."
