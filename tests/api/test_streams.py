"""Jobs and chats as they go: followed, left, taken up again."""

import json
import threading

import httpx
import pytest

from tests.api.conftest import Served, finished, followed, shop_request
from tests.conftest import PATIENCE_S


def test_a_job_is_followed_from_its_start_to_its_end(open_to_all: Served):
    with open_to_all.client() as client:
        started = client.post("/projects/shop/agents-report", json={})
        assert started.status_code == 202 and started.json()["status"] == "CREATED"
        assert started.headers["location"] == f"/api/v1/jobs/{started.json()['job_id']}"
        events = followed(client, f"/jobs/{started.json()['job_id']}/events")
    assert {name for _, name, _ in events} == {"job"}
    assert events[-1][2]["status"] == "SUCCEEDED" and events[-1][2]["result"]
    assert len({place for place, _, _ in events}) == len(events), "the same state is not told twice"


def test_who_comes_back_to_a_stream_hears_what_is_new(open_to_all: Served):
    with open_to_all.client() as client:
        job = finished(client, client.post("/projects/shop/agents-report", json={}))
        (last, *_) = followed(client, f"/jobs/{job['job_id']}/events")
        client.headers["Last-Event-ID"] = last[0]
        again = followed(client, f"/jobs/{job['job_id']}/events")
    assert [event[2]["status"] for event in again] == ["SUCCEEDED"]


def test_a_job_is_cancelled_and_tried_again(open_to_all: Served):
    with open_to_all.client() as client:
        asked = shop_request(challenger={**shop_request()["challenger"], "version": "v3"})
        started = client.post("/projects/shop/pipelines", json=asked).json()
        stopped = client.post(f"/jobs/{started['job_id']}/cancel")
        assert stopped.status_code == 200
        (*_, (_, _, ended)) = followed(client, f"/jobs/{started['job_id']}/events")
        assert ended["status"] == "CANCELLED"
        again = client.post(f"/jobs/{started['job_id']}/retry")
        assert again.status_code == 202
        assert client.post(f"/jobs/{started['job_id']}/cancel").status_code == 200


def test_a_pipeline_waits_at_its_gate_and_goes_on_when_it_is_decided(open_to_all: Served):
    with open_to_all.client() as client:
        asked = shop_request(project="gated", champion=None, feedback=[])
        client.post("/projects", json={"project": "gated"})
        job = client.post("/projects/gated/pipelines", json=asked).json()["job_id"]
        decided = []
        with client.stream("GET", f"/jobs/{job}/events") as answer:
            for line in answer.iter_lines():
                if not line.startswith("data: "):
                    continue
                told = json.loads(line.removeprefix("data: "))
                waits = told["progress"]["waiting_for"]
                if waits and waits not in decided:
                    decided.append(waits)
                    state = next(
                        gate
                        for gate in client.get("/projects/gated/gates", params={"state": "waiting"}).json()["items"]
                        if gate["subject_id"] == waits
                    )
                    client.post(
                        f"/projects/gated/gates/{state['stage']}/{waits}",
                        json={"decision": "approve", "reason": "fine"},
                    ).raise_for_status()
    assert told["status"] == "SUCCEEDED" and told["result"]["state"] == "finished"
    assert len(decided) >= 4, "each gate waited for a person"


def test_lists_hear_of_what_changes_in_their_project(open_to_all: Served):
    heard: list[str] = []
    began = threading.Event()

    def listen() -> None:
        with open_to_all.client() as client, client.stream("GET", "/events", params={"project": "shop"}) as answer:
            began.set()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    heard.append(json.loads(line.removeprefix("data: "))["what"])
                if "runs" in heard and "jobs" in heard:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert began.wait(PATIENCE_S)
    with open_to_all.client() as client:
        dataset = client.get("/projects/shop/datasets").json()["items"][0]["dataset"]
        agent = {"agent_id": "shop-support", "version": "v1"}
        asked = {"project": "shop", "agent": agent, "dataset": dataset, "trials": 1, "seed": 99}
        finished(client, client.post("/projects/shop/simulations", json=asked))
    thread.join(15)
    assert {"runs", "jobs"} <= set(heard)


@pytest.fixture
def chat(open_to_all: Served):
    with open_to_all.client() as client:
        yield client.post(
            "/projects/shop/chats", json={"agent": "dataset_builder", "subject_id": "shop-support@v2"}
        ).json()["chat"]["chat_id"]


def say(client: httpx.Client, chat: str, words: str, **headers: str) -> list[tuple[str, str, dict]]:
    events, now = [], {}
    with client.stream("POST", f"/chats/{chat}/messages", json={"text": words}, headers=headers) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line == "" and "data" in now:
                events.append((now["id"], now["event"], json.loads(now["data"])))
                now = {}
            elif name in ("id", "event", "data"):
                now[name] = value
    return events


def test_a_chat_streams_its_steps_and_its_answer_and_is_kept(open_to_all: Served, chat: str):
    with open_to_all.client() as client:
        events = say(client, chat, "Draft 3 scenarios about returns")
        steps = [data["kind"] for _, name, data in events if name == "step"]
        messages = [data for _, name, data in events if name == "message"]
        kept = client.get(f"/chats/{chat}").json()
        listed = client.get("/projects/shop/chats").json()["items"]
    assert steps[0] == "began" and steps.count("drafted") == 3
    assert messages[-1]["role"] == "agent" and messages[-1]["state"] == "done"
    assert [message["role"] for message in kept["messages"]] == ["person", "agent"]
    assert [draft["state"] for draft in kept["drafts"]] == ["proposed"] * 3
    assert listed[0]["chat_id"] == chat and listed[0]["messages"] == 2


def test_a_message_that_is_sent_twice_is_said_once(open_to_all: Served, chat: str):
    with open_to_all.client() as client:
        first = say(client, chat, "Draft 1 scenario about returns", **{"Idempotency-Key": "once"})
        again = say(client, chat, "Draft 1 scenario about returns", **{"Idempotency-Key": "once"})
        kept = client.get(f"/chats/{chat}").json()
    assert first[-1][2]["text"] == again[-1][2]["text"]
    assert len(kept["messages"]) == 2 and len(kept["drafts"]) == 1


def test_drafts_are_accepted_changed_and_discarded_one_by_one_and_saved(open_to_all: Served, chat: str):
    with open_to_all.client() as client:
        say(client, chat, "Draft 3 scenarios about returns")
        drafts = client.get(f"/chats/{chat}").json()["drafts"]
        changed = {**drafts[1]["scenario"], "goal": "Something of my own."}
        client.post(f"/chats/{chat}/drafts/1", json={"decision": "accept"}).raise_for_status()
        client.post(f"/chats/{chat}/drafts/2", json={"decision": "change", "scenario": changed}).raise_for_status()
        client.post(f"/chats/{chat}/drafts/2", json={"decision": "accept"}).raise_for_status()
        client.post(f"/chats/{chat}/drafts/3", json={"decision": "discard"}).raise_for_status()
        missing = client.post(f"/chats/{chat}/drafts/9", json={"decision": "accept"})
        job = finished(client, client.post(f"/chats/{chat}/save", json={"name": "mine", "threshold": 0.1}))
    assert missing.status_code == 404
    assert job["status"] == "SUCCEEDED", job["error"]
    goals = [scenario["goal"] for scenario in job["result"]["dataset"]["scenarios"]]
    assert sorted(goals) == sorted([drafts[0]["scenario"]["goal"], "Something of my own."])


@pytest.mark.parametrize(
    ("agent", "resource"), [("analyst", "judgments"), ("comparator", "comparisons"), ("feedback_analyst", "feedback")]
)
def test_each_agent_talks_about_its_own_subject(open_to_all: Served, agent: str, resource: str):
    with open_to_all.client() as client:
        subject = client.get(f"/projects/shop/{resource}").json()["items"][0]["subject_id"]
        chat = client.post("/projects/shop/chats", json={"agent": agent, "subject_id": subject}).json()
        events = say(client, chat["chat"]["chat_id"], "What went wrong most often?")
        nothing = client.post("/projects/shop/chats", json={"agent": agent, "subject_id": "judging-nowhere"})
    assert events[-1][2]["state"] == "done" and len(events[-1][2]["text"]) > 20
    assert nothing.status_code in (404, 422)


def test_labels_are_drawn_given_blind_and_their_agreement_told(open_to_all: Served):
    with open_to_all.client() as client:
        judging = client.get("/projects/shop/judgments").json()["items"][0]["subject_id"]
        drawn = client.post("/projects/shop/labels/draws", json={"judging_id": judging, "count": 3})
        queue = client.get("/projects/shop/labels/queue", params={"judging": judging}).json()
        assert drawn.status_code == 201 and queue["left"] == 3
        assert "rationale" not in json.dumps(queue) and 'ruling": "met' not in json.dumps(queue)
        task = queue["tasks"][0]
        for ask in task["asks"]:
            ask["ruling"] = "met"
        taken = client.post("/projects/shop/labels", json={"tasks": [{**task, "by": "somebody else"}]}).json()
        left = client.get("/projects/shop/labels/queue", params={"judging": judging}).json()["left"]
        found = client.get("/projects/shop/labels/agreement", params={"judging": judging}).json()
    assert taken["raters"] == ["ada"], "labels stand under who is logged in"
    assert left == 2 and found["rulings"] == taken["rulings"] > 0
