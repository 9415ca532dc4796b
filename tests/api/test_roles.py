"""Every route × everybody who may come: let in or refused as the table says."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from assay.api.access import ROUTES, Rule
from assay.contracts.api import Role
from tests.api.conftest import Served

MAY = {
    Role.VIEWER: {"see"},
    Role.EVALUATOR: {"see", "run"},
    Role.APPROVER: {"see", "decide"},
    Role.ADMIN: {"see", "run", "decide", "govern"},
}
"""Written anew, so that a change of the server's table is noticed."""


@dataclass(frozen=True)
class Caller:
    name: str
    role: Role | None
    project: str
    """Where the role is held; `*`: everywhere."""


CALLERS = [
    Caller("nobody", None, ""),
    *(Caller(f"{role} of {where}", role, where) for role in Role for where in ("shop", "bank", "*")),
]


def is_let_in(caller: Caller, rule: Rule) -> bool:
    need = rule.need.value
    if need == "nothing":
        return True
    if caller.role is None:
        return False
    if need == "known" and rule.where != "asked":
        return True
    if rule.where == "everywhere":
        return caller.project == "*" and need in MAY[caller.role]
    # POST /jobs: the job that is asked for is a simulation, which takes `run`
    needed = "run" if need == "known" else need
    return caller.project in ("shop", "*") and needed in MAY[caller.role]


@pytest.fixture(scope="module")
def places(guarded: Served) -> dict[str, str]:
    """What stands in the place of each path's parameters: things that are there."""
    with guarded.client(guarded.token(Role.ADMIN)) as admin:
        dataset = admin.get("/projects/shop/datasets").json()["items"][0]["dataset"]
        run = admin.get("/projects/shop/runs").json()["items"][0]
        talk = admin.get("/projects/shop/conversations").json()["items"][0]
        chat = admin.post(
            "/projects/shop/chats", json={"agent": "dataset_builder", "subject_id": "shop-support@v2"}
        ).json()
        job = admin.post("/projects/shop/agents-report", json={}).json()
        token = admin.post("/tokens", json={"name": "to be revoked", "roles": {"bank": ["viewer"]}}).json()
    return {
        "project": "shop",
        "agent": "shop-support",
        "version": dataset["version"],
        "name": dataset["name"],
        "subject_id": run["subject_id"],
        "run_id": run["run_id"],
        "path": "result.json",
        "conversation_id": talk["conversation_id"],
        "stage": "judge",
        "change": "pause",
        "chat_id": chat["chat"]["chat_id"],
        "number": "1",
        "job_id": job["job_id"],
        "token_id": token["item"]["token_id"],
        "experiment": "none-of-the-project",
        "session": "ses-0000000000000000",
    }


def status_of(client: httpx.Client, route: str, places: dict[str, str]) -> httpx.Response:
    """Without a body that would do anything. Of a stream only its head."""
    method, path = route.split(" ")
    agent = {"agent_id": places["agent"], "version": "v2"}
    dataset = {"name": places["name"], "version": places["version"]}
    simulation = {"project": "shop", "agent": agent, "dataset": dataset}
    body = {"kind": "simulate", "request": simulation} if route == "POST /jobs" else {}
    query = {"project": "shop"} if route == "GET /events" else {}
    if "judging" not in path and path.endswith(("/queue", "/agreement")):
        query = {"judging": "judging-0000000000000000"}
    asked = client.build_request(
        method, path.format(**places), params=query, json=body if method in ("POST", "PUT") else None
    )
    answer = client.send(asked, stream=True)
    if "event-stream" not in answer.headers.get("content-type", ""):
        answer.read()
    answer.close()
    return answer


@pytest.fixture(scope="module")
def callers(guarded: Served) -> Iterator[dict[str, httpx.Client]]:
    clients = {
        caller.name: guarded.client(guarded.token(caller.role, project=caller.project) if caller.role else None)
        for caller in CALLERS
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_lets_in_whom_the_table_lets_in(route: str, guarded: Served, places, callers):
    rule = ROUTES[route]
    for caller in CALLERS:
        answer = status_of(callers[caller.name], route, places)
        refused = answer.status_code in (401, 403)
        assert refused != is_let_in(caller, rule), f"{caller.name}: {answer.status_code}"
        assert answer.status_code < 500, f"{caller.name}: {answer.text}"
        if refused:
            assert answer.status_code == (401 if caller.role is None else 403), caller.name
            assert answer.headers["content-type"] == "application/problem+json"


def test_the_table_names_every_route_and_no_other(guarded: Served):
    with guarded.client() as client:
        document = client.get("/openapi.json").json()
    there = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert there == set(ROUTES)


def test_lists_show_only_what_the_role_covers(guarded: Served):
    with guarded.client(guarded.token(Role.ADMIN)) as admin:
        admin.post("/projects", json={"project": "bank"}).raise_for_status()
    with guarded.client(guarded.token(Role.VIEWER, project="bank")) as banker:
        assert [row["project"] for row in banker.get("/projects").json()["items"]] == ["bank"]
        assert banker.get("/jobs").json()["items"] == []
        assert banker.get("/me").json()["roles"] == {"bank": ["viewer"]}


@pytest.mark.parametrize(
    ("connector", "why"),
    [
        ({"kind": "python", "target": "os:getcwd"}, "Python code runs in the server"),
        ({"kind": "http", "url": "http://x.example", "headers": {"a": "${HOME}"}}, "variables of the server"),
        ({"kind": "openai", "base_url": "http://x.example", "model": "m"}, "OPENAI_API_KEY"),
    ],
)
def test_a_card_that_reaches_into_the_server_takes_an_admin(guarded: Served, connector, why):
    card = {"agent_id": "spy", "version": "1", "description": "Looks around.", "connector": connector}
    asked = {"project": "shop", "card": card}
    with guarded.client(guarded.token(Role.EVALUATOR, project="shop")) as client:
        answer = client.post("/projects/shop/agents", json=asked)
        as_job = client.post("/jobs", json={"kind": "develop", "request": asked})
    assert answer.status_code == as_job.status_code == 403
    assert why in answer.json()["detail"] and why in as_job.json()["detail"]
    with guarded.client(guarded.token(Role.ADMIN, project="shop")) as admin:
        assert admin.post("/projects/shop/agents", json=asked).status_code == 202
