"""The gateway before real agents: sessions keep their arm, failures are taken over, nobody waits for the store."""

import asyncio
import threading
import time
from collections import Counter

import aiohttp
import pytest

from assay.contracts.conversation import FailureCause
from assay.rollout.serve import GatewaySettings, open_gateway
from assay.rollout.sources import kept
from assay.tracking import connect, read_conversations
from tests.conftest import PATIENCE_S
from tests.rollout.conftest import Memory, agent_server, gateway_to, served, traffic_to


def body(*said: str, stream: bool = False, **more) -> dict:
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(said or ("Hello?",))]
    return {"model": "m", "messages": messages, "stream": stream, **more}


async def ask(http: aiohttp.ClientSession, url: str, session: str | None, asked=None, **headers: str):
    named = {"x-session-id": session} if session else {}
    async with http.post(f"{url}/v1/chat/completions", json=asked or body(), headers={**named, **headers}) as response:
        return response.status, await response.text(), response.headers


def arms(url: str, sessions: list[str]) -> dict[str, str]:
    async def all_() -> dict[str, str]:
        async with aiohttp.ClientSession() as http:
            found = await asyncio.gather(*(ask(http, url, session) for session in sessions))
        assert {status for status, _, _ in found} == {200}
        return {session: headers["x-assay-arm"] for session, (_, _, headers) in zip(sessions, found, strict=True)}

    return asyncio.run(all_())


def once(url: str, session: str | None = "s", asked=None, **headers: str):
    async def one():
        async with aiohttp.ClientSession() as http:
            return await ask(http, url, session, asked, **headers)

    return asyncio.run(one())


def say(url: str, token: str | None = None, **item):
    """Posts feedback."""
    headers = {"authorization": f"Bearer {token}"} if token else {}

    async def post():
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{url}/assay/feedback", json=item) as response,
        ):
            return response.status, await response.text()

    return asyncio.run(post())


def until(holds, within_s: float = PATIENCE_S) -> None:
    ends = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends, "it did not come to hold"
        time.sleep(0.02)


def test_a_session_keeps_its_arm_over_replicas_restarts_and_a_growing_share(agents):
    one, two = agents
    sessions = [f"user-{n}" for n in range(150)]
    traffic = traffic_to(one.url, two.url, 0.25)
    replicas = []
    for _ in range(3):  # one after the other: also three restarts
        with served(gateway_to(traffic)) as url:
            replicas.append(arms(url, sessions))
    assert replicas[0] == replicas[1] == replicas[2]
    with served(gateway_to(traffic.replace(share=0.6))) as url:
        grown = arms(url, sessions)
    before = {session for session, arm in replicas[0].items() if arm == "challenger"}
    after = {session for session, arm in grown.items() if arm == "challenger"}
    assert before < after and 20 <= len(before) <= 55 and 70 <= len(after) <= 110


def test_weights_change_without_a_restart_and_a_session_sees_the_version_that_answers(agents, folder):
    one, two = agents
    state = {"now": traffic_to(one.url, two.url, 0.0, number=1)}
    file = folder / "traffic.json"
    with served(gateway_to(state["now"], read=lambda: state["now"], file=file)) as url:
        status, text, headers = once(url)
        assert status == 200 and "I am one." in text and headers["x-assay-version"] == "desk@1"
        state["now"] = state["now"].replace(share=1.0, number=2)
        time.sleep(0.5)
        _, text, headers = once(url)
        assert "I am two." in text and headers["x-assay-arm"] == "challenger"
        state["now"] = state["now"].replace(share=0.0, number=1)  # an older state changes nothing
        time.sleep(0.4)
        assert once(url)[2]["x-assay-arm"] == "challenger"

        def broken():
            raise ConnectionError("the store is down")

        state["now"] = None
    found = kept(file)
    assert found is not None and found.share == 1.0
    with served(gateway_to(found, read=broken)) as url:  # the store is down and the gateway starts all the same
        assert once(url)[2]["x-assay-arm"] == "challenger"


def test_streams_come_through_piece_by_piece(agents):
    one, two = agents

    async def timed(url: str) -> tuple[list[float], str]:
        began, times, text = time.perf_counter(), [], ""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}/v1/chat/completions", json=body(stream=True)) as r,
        ):
            assert r.headers["content-type"].startswith("text/event-stream")
            async for chunk in r.content.iter_any():
                times.append(time.perf_counter() - began)
                text += chunk.decode()
        return times, text

    with served(gateway_to(traffic_to(one.url, two.url, 0.0))) as url:
        times, text = asyncio.run(timed(url))
    assert text.count("data: ") == 4 and "[DONE]" in text
    assert times[-1] - times[0] > 0.08  # the first piece did not wait for the last


def test_a_caller_who_leaves_ends_the_agents_work_too(agents):
    one, two = agents

    async def leave(url: str) -> None:
        asked = body(stream=True)
        async with aiohttp.ClientSession() as http, http.post(f"{url}/v1/chat/completions", json=asked) as response:
            await response.content.readany()

    with served(gateway_to(traffic_to(one.url, two.url, 0.0))) as url:
        asyncio.run(leave(url))
        ends = time.monotonic() + PATIENCE_S
        while not one.cancelled and time.monotonic() < ends:
            time.sleep(0.02)
    assert one.cancelled == 1


@pytest.mark.parametrize("how", ["refuses", "fails"])
def test_where_the_challenger_does_not_answer_the_champion_does_and_it_is_ejected(agents, how):
    one, two = agents
    two.status = 500
    challenger = two.url if how == "fails" else "http://127.0.0.1:9"
    gateway = gateway_to(traffic_to(one.url, challenger, 1.0))
    with served(gateway) as url:
        found = [once(url, f"u-{n}") for n in range(12)]
        assert {status for status, _, _ in found} == {200}
        assert {headers["x-assay-arm"] for _, _, headers in found} == {"champion"}
        assert gateway.health["challenger"].ejected and gateway.numbers.counts["taken_over"] == 12
        if how == "fails":
            assert len(two.seen) == 5  # then it was left alone


def test_the_champions_own_failures_are_passed_on_as_they_are(agents):
    one, two = agents
    one.status = 503
    with served(gateway_to(traffic_to(one.url, two.url, 0.0))) as url:
        status, text, _ = once(url)
        assert status == 503 and "it broke" in text
    with served(gateway_to(traffic_to("http://127.0.0.1:9", None, 0.0))) as url:
        status, text, headers = once(url)
        assert status == 502 and headers["content-type"] == "application/problem+json" and "cannot be reached" in text


def test_limits_are_kept_and_said(agents):
    one, two = agents
    one.delay_s = 0.6
    limits = {"most_bytes": 2000, "timeout_s": 0.3, "most_in_flight": 2}
    gateway = gateway_to(traffic_to(one.url, two.url, 0.0), limits=limits)

    async def many(url: str):
        async with aiohttp.ClientSession() as http:
            return await asyncio.gather(*(ask(http, url, f"u-{n}") for n in range(8)))

    with served(gateway) as url:
        assert once(url, asked=body("x" * 3000))[0] == 413
        status, text, _ = once(url)
        assert status == 504 and "did not answer in time" in text
        found = asyncio.run(many(url))
    told = Counter(status for status, _, _ in found)
    assert told[503] == 6 and told[504] == 2
    assert all(headers["retry-after"] == "1" for status, _, headers in found if status == 503)


def test_testers_force_an_arm_and_are_not_recorded(agents):
    one, two = agents
    memory = Memory()
    gateway = gateway_to(traffic_to(one.url, two.url, 0.0), memory.store, tester_token="secret")
    with served(gateway) as url:
        forced = {"x-assay-arm": "challenger", "x-assay-token": "secret"}
        assert once(url, **forced)[2]["x-assay-arm"] == "challenger"
        assert once(url, **{**forced, "x-assay-token": "guess"})[2]["x-assay-arm"] == "champion"
        assert once(url, **{**forced, "x-assay-token": "gu\u00e9ss"})[2]["x-assay-arm"] == "champion"
        assert all("x-assay-token" not in {name.lower() for name in headers} for headers in two.headers)
    assert {str(conversation.agent) for conversation in memory.conversations()} == {"desk@1"}


def test_a_shadow_answers_and_nobody_is_told(agents):
    one, two = agents
    memory = Memory()
    with served(gateway_to(traffic_to(one.url, two.url, 0.0, shadow=True), memory.store)) as url:
        assert "I am one." in once(url)[1]
        ends = time.monotonic() + PATIENCE_S
        while not two.seen and time.monotonic() < ends:
            time.sleep(0.02)
    assert [str(row.agent) for row in memory.conversations("production")] == ["desk@1"]
    assert [str(row.agent) for row in memory.conversations("shadow")] == ["desk@2"]


def test_conversations_are_traces_in_mlflow_with_their_version(agents, store_uri, folder):
    one, two = agents
    settings = GatewaySettings(
        project="live", store=store_uri, home=folder, traffic=traffic_to(one.url, two.url, 1.0), idle_s=0.1
    )
    gateway = open_gateway(settings)
    with served(gateway) as url:
        told = once(url, "ada", body("Hello?"))[2]
        once(url, "ada", body("Hello?", "I am two.", "And now?", stream=True))
        assert two.headers[0]["traceparent"].split("-")[1] == told["x-assay-conversation"]
    [talk] = read_conversations(connect(store_uri), "live", "production")
    assert [turn.text for turn in talk.turns] == ["Hello?", "I am two.", "And now?", "I am two."]
    assert talk.conversation_id == told["x-assay-conversation"]
    assert str(talk.agent) == "desk@2" and talk.turns[3].first_token_s is not None
    assert (talk.turns[1].input_tokens, talk.turns[1].output_tokens) == (7, 4)
    assert gateway.recorder.dropped == 0 and gateway.recorder.waiting == 0


def test_a_failure_is_recorded_as_one(agents):
    one, two = agents
    memory = Memory()
    two.status = 502
    with served(gateway_to(traffic_to(one.url, two.url, 1.0), memory.store)) as url:
        once(url, "ada")
    [failed], [instead] = memory.conversations("production"), memory.conversations("taken-over")
    assert failed.error.cause is FailureCause.SERVER_ERROR and str(failed.agent) == "desk@2"
    assert instead.error is None and str(instead.agent) == "desk@1"  # what the champion answered in its place


def test_while_the_store_is_down_traffic_goes_on_and_what_is_lost_is_counted(agents):
    one, two = agents
    memory = Memory()
    memory.down = True
    gateway = gateway_to(traffic_to(one.url, two.url, 0.5), memory.store, most_waiting=40)
    with served(gateway) as url:
        sessions = [f"user-{n}" for n in range(60)]
        assert len(arms(url, sessions)) == 60  # all were answered
        assert gateway.recorder.dropped == 20
        until(lambda: gateway.recorder.failures > 0)
        assert not memory.exchanges
        memory.down = False
    assert len(memory.conversations()) == 40 and gateway.recorder.written == 40 and gateway.recorder.waiting == 0


def test_requests_in_flight_end_when_the_gateway_is_told_to(agents):
    one, two = agents
    one.delay_s = 0.5
    gateway = gateway_to(traffic_to(one.url, two.url, 0.0))
    found = []
    with served(gateway) as url:
        thread = threading.Thread(target=lambda: found.append(once(url)))
        thread.start()
        time.sleep(0.2)
    thread.join(5)
    assert found and found[0][0] == 200


def test_it_tells_of_itself(agents):
    one, two = agents

    async def get(url: str, path: str):
        async with aiohttp.ClientSession() as http, http.get(url + path) as response:
            return response.status, await response.text()

    gateway = gateway_to(traffic_to(one.url, two.url, 0.25))
    with served(gateway) as url:
        once(url)
        assert asyncio.run(get(url, "/healthz"))[0] == 200 and asyncio.run(get(url, "/readyz"))[0] == 200
        _, text = asyncio.run(get(url, "/metrics"))
        gateway.draining = True
        assert asyncio.run(get(url, "/readyz"))[0] == 503 and once(url)[0] == 503
        gateway.draining = False
    assert 'assay_gateway_requests_total{arm="' in text and "assay_gateway_share 0.25" in text
    assert "assay_gateway_traces_dropped_total 0.0" in text


def test_plain_http_is_passed_on_with_path_query_and_cookie():
    with agent_server("one") as one, served(gateway_to(traffic_to(one.url, None))) as url:

        async def get():
            mine = {"x-mine": "kept"}
            async with aiohttp.ClientSession() as http, http.get(f"{url}/ask?x=1", headers=mine) as response:
                return response.status, response.headers, response.cookies

        status, headers, cookies = asyncio.run(get())
        assert status == 200 and headers["x-assay-arm"] == "champion" and "assay_gateway_session" in cookies
        assert one.headers[0]["x-mine"] == "kept"


def test_feedback_is_taken_and_stored_after_its_conversation(agents, store_uri, folder):
    from assay.tracking import read_feedback

    one, _ = agents
    settings = GatewaySettings(
        project="live",
        store=store_uri,
        home=folder,
        traffic=traffic_to(one.url, None),
        idle_s=0.1,
        feedback_token="app",
    )
    gateway = open_gateway(settings)

    with served(gateway) as url:
        told = once(url, "ada")[2]
        name, receipt = told["x-assay-conversation"], told["x-assay-receipt"]
        item = {"feedback_id": "f-1", "conversation_id": receipt, "thumbs": "down", "comment": "Too slow."}
        assert say(url, **item)[0] == 202
        status, text = say(url, feedback_id="f-2", conversation_id=receipt)
        assert status == 422 and "says nothing" in text
        trusted = {"feedback_id": "f-3", "conversation_id": name, "thumbs": "up"}
        assert say(url, "app", **trusted)[0] == 202
        assert once(url, "ada")[0] == 200
    found = read_feedback(connect(store_uri), "live", [name])[name]
    assert sorted((row.feedback_id, row.comment) for row in found) == [("f-1", "Too slow."), ("f-3", None)]
    assert gateway.recorder.feedback_written == 2


FORGED = {"conversation_id": "0" * 32 + "-" + "0" * 16 + "-" + "0" * 32}
CREDENTIAL = "x-assay-receipt"


@pytest.mark.parametrize(
    ("token", "item", "status", "words"),
    [
        (None, {}, 401, CREDENTIAL),
        (None, {"conversation_id": "a" * 32}, 401, CREDENTIAL),
        (None, FORGED, 401, CREDENTIAL),
        ("wrong", {"conversation_id": "a" * 32}, 401, CREDENTIAL),
        ("\u00e9", {"conversation_id": "a" * 32}, 401, CREDENTIAL),
        ("app", {}, 422, "conversation_id is missing"),
        ("app", {"conversation_id": "a" * 32, "turns": [{"role": "user", "text": "hi"}]}, 422, "feedback.turns"),
        ("app", {"conversation_id": "a" * 32, "agent": {"agent_id": "a", "version": "1"}}, 422, "feedback.agent"),
        ("app", {"conversation_id": "a" * 32, "at": "0001-01-01T00:00:00"}, 422, "feedback.at"),
        ("app", {"conversation_id": "a" * 32, "at": "9999-01-01T00:00:00Z"}, 422, "feedback.at"),
    ],
)
def test_nobody_without_a_credential_is_evidence(agents, token, item, status, words):
    gateway = gateway_to(traffic_to(agents[0].url, None), feedback_token="app")
    with served(gateway) as url:
        answer = say(url, token, feedback_id="f", thumbs="up", **item)
    assert answer[0] == status and words in answer[1]
    assert not gateway.recorder._feedback
