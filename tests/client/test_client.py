"""The client knows every operation of the API, and says what went wrong in the words of the server."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from assay.client import Client, NotAllowed, NotLoggedIn, ServerUnreachable
from assay.client.events import Event, read_events
from assay.contracts.agent import DevelopRequest
from assay.contracts.analytics import AnalyzeRequest
from assay.contracts.api import (
    DraftDecision,
    EditedScenarios,
    NewChat,
    NewProposal,
    NewSchedule,
    NewToken,
    NewTraffic,
    ProjectPolicy,
    SaveDrafts,
)
from assay.contracts.base import Document
from assay.contracts.comparison import CompareRequest
from assay.contracts.conversation import SimulateRequest
from assay.contracts.dataset import DatasetRequest
from assay.contracts.feedback import FeedbackRequest
from assay.contracts.judgment import JudgeRequest
from assay.contracts.labels import LabelTask
from assay.contracts.pipeline import PipelineRequest
from assay.contracts.plan import PlanRequest
from assay.contracts.rollout import DeployRequest
from assay.contracts.stage import AgentRef, DatasetRef, Stage
from assay.errors import BadInput, NotFound, Refused
from tests.conftest import ROOT
from tests.minimal_json import minimal

DOCUMENT = json.loads((ROOT / "schemas" / "openapi.json").read_text())
IN_BROWSERS_ONLY = {"log_in", "logged_in"}
AGENT, DATASET = AgentRef(agent_id="shop", version="v1"), DatasetRef(name="few", version="0123456789abcdef")
CHAT, RUN = "chat-" + "0" * 16, "0" * 32


def least(contract: type[Document], **fields: Any) -> Any:
    """The smallest one that there is."""
    made = minimal(contract.model_json_schema())
    return contract.model_validate({**made, **fields})


STARTS = {
    "simulations": SimulateRequest,
    "judgments": JudgeRequest,
    "reports": AnalyzeRequest,
    "comparisons": CompareRequest,
    "rollouts": DeployRequest,
    "feedback": FeedbackRequest,
}


def calls(client: Client) -> Iterator[Callable[[], Any]]:
    """Each method once."""
    yield client.server.health
    yield client.server.me
    yield client.server.settings
    yield client.server.plugins
    yield client.server.measures
    yield client.server.log_out
    yield lambda: list(client.projects.list())
    yield lambda: client.projects.make("shop")
    yield lambda: client.projects.show("shop")
    yield lambda: client.projects.policy("shop")
    yield lambda: client.projects.declare("shop", ProjectPolicy())
    yield lambda: client.projects.complaints("shop")
    yield lambda: list(client.projects.changes("shop"))
    yield lambda: list(client.agents.list("shop"))
    yield lambda: client.agents.show("shop", AGENT)
    yield lambda: client.agents.register(least(DevelopRequest))
    yield lambda: client.agents.report("shop")
    yield lambda: client.agents.make_report("shop")
    yield lambda: list(client.datasets.list("shop"))
    yield lambda: client.datasets.show("shop", DATASET)
    yield lambda: client.datasets.make(least(DatasetRequest, brief="refunds"))
    yield lambda: client.datasets.edit("shop", "few", least(EditedScenarios))
    for name, request in STARTS.items():
        results: Any = getattr(client, name)
        more: dict[str, Any] = {"steps": [{"share": 1.0}]} if request is DeployRequest else {}
        if request is JudgeRequest:
            more = {"simulation_id": "sim-1"}
        if request is FeedbackRequest:
            more = {"items": [{"feedback_id": "f", "thumbs": "up"}]}
        yield lambda results=results: list(results.list("shop", agent=AGENT, gated=True))
        yield lambda results=results, request=request, more=more: results.start(least(request, **more))
        yield lambda results=results: results.show("shop", "x-1")
        yield lambda results=results: results.report("shop", "x-1")
        yield lambda results=results: results.report_file("shop", "x-1", "pdf")
    yield lambda: client.traffic.show("shop")
    yield lambda: client.traffic.start("shop", NewTraffic(rollout_id="rollout-1", reason="go"))
    yield lambda: client.traffic.look("shop")
    yield lambda: client.traffic.looks("shop")
    yield lambda: client.traffic.change("shop", "pause", "wait")
    yield lambda: list(client.runs.list("shop", stage=Stage.JUDGE))
    yield lambda: client.runs.show("shop", RUN)
    yield lambda: client.runs.artifact("shop", RUN, "reports/a.html")
    yield lambda: list(client.conversations.list("shop"))
    yield lambda: client.conversations.show("shop", RUN)
    yield lambda: client.labels.queue("shop", "judging-1")
    yield lambda: client.labels.draw("shop", "judging-1")
    yield lambda: client.labels.take("shop", (least(LabelTask),))
    yield lambda: client.labels.agreement("shop", "judging-1")
    yield lambda: list(client.gates.list("shop"))
    yield lambda: client.gates.decide("shop", Stage.JUDGE, "judging-1", "approve", "fine")
    yield lambda: client.gates.ledger("shop")
    yield lambda: client.pipelines.start("shop", least(PipelineRequest, brief="refunds", steps=[{"share": 1.0}]))
    yield lambda: list(client.jobs.list("shop"))
    yield lambda: client.jobs.start(Stage.SIMULATE, {})
    yield lambda: client.jobs.show("job-1")
    yield lambda: client.jobs.cancel("job-1")
    yield lambda: client.jobs.retry("job-1")
    yield lambda: next(iter(client.jobs.follow("job-1")))
    yield lambda: list(client.chats.list("shop"))
    yield lambda: client.chats.begin("shop", NewChat(agent="analyst", subject_id="judging-1"))
    yield lambda: client.chats.show(CHAT)
    yield lambda: list(client.chats.say(CHAT, "why?"))
    yield lambda: list(client.chats.follow(CHAT))
    yield lambda: client.chats.decide(CHAT, 1, DraftDecision(decision="accept"))
    yield lambda: client.chats.save(CHAT, SaveDrafts())
    yield lambda: list(client.tokens.list())
    yield lambda: client.tokens.make(NewToken(name="t", roles={}))
    yield lambda: client.tokens.revoke("tok-1")
    yield client.sessions.list
    yield lambda: client.sessions.revoke("s-1")
    yield lambda: client.certificates.list("shop")
    yield lambda: client.certificates.certify("shop")
    yield lambda: client.schedules.list("shop")
    yield lambda: client.schedules.put("shop", "nightly", least(NewSchedule, cron="0 2 * * *"))
    yield lambda: client.schedules.remove("shop", "nightly")
    yield lambda: client.files.scenarios("shop", "s.csv", b"topic\n")
    yield lambda: client.files.feedback("shop", "f.csv", b"rating\n5\n", dates="day-first")
    yield lambda: client.files.conversations("shop", "t.jsonl", b"{}", agent="a@1", dataset=DATASET, options={})
    yield lambda: client.files.propose("shop", "production-1", least(NewProposal))
    yield lambda: client.projects.plan("shop", least(PlanRequest))
    yield lambda: client.projects.experiments("shop")
    yield lambda: client.projects.link("shop", "others")
    yield lambda: client.projects.unlink("shop", "others")


def operation_of(method: str, path: str) -> dict[str, Any]:
    for template, methods in sorted(DOCUMENT["paths"].items(), key=lambda item: item[0].count("{")):
        pattern = re.sub(r"\\\{path\\\}", ".+", re.escape(template))
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern), path) and method.lower() in methods:
            return methods[method.lower()]
    raise AssertionError(f"{method} {path} is none of the API's")


def answer_of(operation: dict[str, Any]) -> httpx.Response:
    """The smallest answer that the document allows."""
    status, told = next((int(code), told) for code, told in operation["responses"].items() if code.startswith("2"))
    content = told.get("content", {})
    if "text/event-stream" in content:
        job = minimal({"$ref": "#/components/schemas/Job", **DOCUMENT})
        data = {"follow_job": job, "follow_project": {"what": "runs", "project": "shop"}}
        step = {"kind": "began", "text": "reads"}
        line = json.dumps(data.get(operation["operationId"], step))
        name = {"follow_job": "job", "follow_project": "changed"}.get(operation["operationId"], "step")
        text = f"id: 1\nevent: {name}\ndata: {line}\n\n"
        return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return httpx.Response(status, content=b"")
    made = minimal({**schema, "components": DOCUMENT["components"]})
    if isinstance(made, dict) and "next_cursor" in made:
        made["next_cursor"] = None
    if operation["operationId"] == "read_feedback":
        made["items"] = []  # as below
    if isinstance(made, dict) and "feedback" in made:
        made["feedback"] = []  # the smallest one says nothing, which is refused
    return httpx.Response(status, json=made)


def test_every_operation_has_a_method_that_reads_its_answer():
    asked: set[str] = set()

    def serve(request: httpx.Request) -> httpx.Response:
        operation = operation_of(request.method, request.url.path)
        asked.add(operation["operationId"])
        return answer_of(operation)

    client = talking_to(serve)
    for call in calls(client):
        call()
    there = {operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()}
    assert asked == there - IN_BROWSERS_ONLY


def talking_to(serve: Callable[[httpx.Request], httpx.Response], token: str | None = None) -> Client:
    """A client whose requests are answered by a function in this process."""
    client = Client("http://assay.test", token)
    inner = client._http._client
    client._http._client = httpx.Client(
        base_url=inner.base_url, headers=inner.headers, transport=httpx.MockTransport(serve)
    )
    return client


def problem(status: int, kind: str, detail: str) -> httpx.Response:
    told = {"type": f"urn:assay:{kind}", "title": "T", "status": status, "detail": detail, "errors": []}
    return httpx.Response(status, json=told, headers={"content-type": "application/problem+json"})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(422, "BadInput", "trials: is 0"), BadInput),
        (problem(404, "NotFound", "job x is not there"), NotFound),
        (problem(409, "Refused", "it is done"), Refused),
        (problem(401, "NotKnown", "the token is not known"), NotLoggedIn),
        (problem(403, "NotAllowed", "it takes the role admin"), NotAllowed),
    ],
)
def test_a_problem_of_the_server_is_an_error_of_ours_with_its_words(answer: httpx.Response, error: type[Exception]):
    with pytest.raises(error, match=re.escape(json.loads(answer.content)["detail"])):
        talking_to(lambda request: answer).jobs.show("job-1")


def test_what_is_sent_twice_bears_the_same_key_and_a_token_is_in_its_header_alone():
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(503) if len(seen) < 3 else answer_of(operation_of("POST", request.url.path))

    client = talking_to(serve, token="assay_secret")
    client.agents.make_report("shop")
    assert len(seen) == 3 and len({request.headers["idempotency-key"] for request in seen}) == 1
    assert all(request.headers["authorization"] == "Bearer assay_secret" for request in seen)
    assert "assay_secret" not in repr(client) + str(seen[0].url) + seen[0].content.decode()


def test_lists_ask_for_the_next_page_only_when_it_is_wanted():
    asked: list[str | None] = []
    item = minimal({"$ref": "#/components/schemas/ProjectItem", **DOCUMENT})

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("cursor"))
        return httpx.Response(200, json={"items": [item, item], "next_cursor": f"c{len(asked)}"})

    rows = talking_to(serve).projects.list()
    assert [next(rows) for _ in range(3)] and asked == [None, "c1"]


def test_a_server_that_is_not_there_is_said_with_what_to_do():
    client = Client("http://127.0.0.1:9")
    with pytest.raises(ServerUnreachable, match=r"is `assay up` running there\?"):
        client.server.health()
    for wrong in ("assay.example.org", "ftp://x", "http://ann:secret@x"):
        with pytest.raises(BadInput) as refused:
            Client(wrong)
        assert "secret" not in str(refused.value) or wrong == "ftp://x"


def test_events_are_read_as_browsers_read_them():
    lines = ["retry: 1000", "", ": beat", "", "id: 7", "event: job", 'data: {"a":', "data: 1}", "", "data: 2", ""]
    assert list(read_events(lines)) == [Event("7", "job", {"a": 1}), Event("", "message", 2)]
