"""The gateway against callers who mean no good, and against agents that fail in other ways than by status 500."""

import asyncio
import json
import socket

import aiohttp
import pytest

from assay.contracts.api import LOGIN_COOKIE, PAGE_COOKIE, SECURE_PREFIX
from assay.contracts.stage import AgentRef
from assay.contracts.traffic import Rewrite, Upstream
from assay.rollout.conversations import conversation_id
from assay.rollout.wire import path_of, read_receipt, receipt
from tests.rollout.conftest import Memory, agent_server, gateway_to, served, traffic_to
from tests.rollout.test_gateway import body, once, until


def fetch(url: str, path: str, **more):
    async def get():
        async with aiohttp.ClientSession() as http, http.request(more.pop("method", "GET"), url + path, **more) as r:
            return r.status, await r.text(), r.headers

    return asyncio.run(get())


def raw(url: str, *lines: str, body: bytes = b"", wait_s: float = 60.0) -> str:
    """Sends a request byte by byte as it is written here; what comes back."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
        head = "\r\n".join((lines[0], "host: x", "connection: close", *lines[1:], "", ""))
        connection.sendall(head.encode("latin-1") + body)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received.decode("latin-1")


@pytest.mark.parametrize("status", [401, 403, 404, 408, 422, 429, 503, 529])
def test_what_the_challenger_refuses_and_the_champion_takes_is_a_failure(agents, status):
    one, two = agents
    two.status = status
    memory = Memory()
    gateway = gateway_to(traffic_to(one.url, two.url, 1.0), memory.store)
    with served(gateway) as url:
        answers = [once(url, f"u-{n}") for n in range(8)]
        assert {answer[0] for answer in answers} == {200}
        assert gateway.health["challenger"].ejected and len(two.seen) == 5
    failed = memory.conversations()
    assert len(failed) == 5 and all(row.error is not None and str(row.agent) == "desk@2" for row in failed)
    assert all(row.error is None for row in memory.conversations("taken-over"))


def test_what_both_refuse_is_the_callers_mistake(agents):
    one, two = agents
    one.status = two.status = 400
    memory = Memory()
    gateway = gateway_to(traffic_to(one.url, two.url, 1.0), memory.store)
    with served(gateway) as url:
        assert {once(url, f"u-{n}")[0] for n in range(8)} == {400}
        assert not gateway.health["challenger"].ejected and gateway.numbers.counts["taken_over"] == 0
    assert all(row.error is None for row in memory.conversations())


def test_a_status_of_200_with_an_error_in_it_is_a_failure(agents):
    one, two = agents
    two.answer_json = {"error": {"message": "no quota", "code": "insufficient_quota"}}
    memory = Memory()
    with served(gateway_to(traffic_to(one.url, two.url, 1.0), memory.store)) as url:
        status, text, headers = once(url)
        assert status == 200 and "I am one." in text and headers["x-assay-arm"] == "champion"
    [failed] = memory.conversations()
    assert failed.error.cause == "rate_limit" and "no quota" in failed.error.detail


def test_one_odd_message_is_set_aside_and_all_others_are_stored(agents, folder):
    memory = Memory()
    memory.refuses = lambda row: "odd" in row.model_dump_json()
    aside = folder / "aside.jsonl"
    gateway = gateway_to(traffic_to(agents[0].url, None), memory.store, aside=aside)
    with served(gateway) as url:
        once(url, "u-0", body("This is odd."))
        for n in range(5):
            once(url, f"u-{n}")  # one of them in the same session
        until(lambda: gateway.recorder.written == 5 and gateway.recorder.set_aside == 1)
        _, text, _ = fetch(url, "/metrics")
        assert 'assay_gateway_set_aside_total{what="request"} 1.0' in text
    [row] = [json.loads(line) for line in aside.read_text().splitlines()]
    assert row["what"] == "request" and "it cannot be stored" in row["why"] and "base64" in row["request"]
    assert aside.stat().st_mode & 0o077 == 0


def test_feedback_does_not_wait_behind_conversations(agents, folder):
    memory = Memory()
    gateway = gateway_to(traffic_to(agents[0].url, None), memory.store, aside=folder / "aside.jsonl")
    with served(gateway) as url:
        told = once(url, "ada")[2]["x-assay-receipt"]
        until(lambda: gateway.recorder.written == 1)
        memory.refuses = lambda row: hasattr(row, "asked")  # no conversation can be stored any more
        once(url, "bob")
        item = {"feedback_id": "f", "conversation_id": told, "comment": "half \ud83d"}
        assert fetch(url, "/assay/feedback", method="POST", json=item)[0] == 202
        until(lambda: len(memory.feedback) == 1)
    assert memory.feedback[0].comment == "half \ufffd"


def test_a_recorder_that_ended_fails_readiness(agents):
    gateway = gateway_to(traffic_to(agents[0].url, None))
    with served(gateway) as url:
        assert fetch(url, "/readyz")[0] == 200
        gateway.recorder._task.get_loop().call_soon_threadsafe(gateway.recorder._task.cancel)
        until(lambda: fetch(url, "/readyz")[0] == 503)
        assert fetch(url, "/healthz")[0] == 200


def test_feedback_ends_up_on_the_answer_that_it_speaks_of(agents):
    """A second process does not know that the session was here before, and tells its first conversation again."""
    memory = Memory()
    traffic = traffic_to(agents[0].url, None)
    first, second = (gateway_to(traffic, memory.store, key=b"k" * 32) for _ in range(2))
    with served(first) as url:
        before = once(url, "ada")[2]
    for rows in memory.exchanges.values():  # an hour ago
        rows[:] = [row.replace(started_at=row.started_at - 3600) for row in rows]
    with served(second) as url:
        after = once(url, "ada")[2]
        assert after["x-assay-conversation"] == before["x-assay-conversation"]
        item = {"feedback_id": "f", "conversation_id": after["x-assay-receipt"], "thumbs": "down"}
        assert fetch(url, "/assay/feedback", method="POST", json=item)[0] == 202
    thread = before["x-assay-conversation"][:24]
    assert sorted(memory.exchanges) == [conversation_id(thread, 0), conversation_id(thread, 1)]
    assert [item.conversation_id for item in memory.feedback] == [conversation_id(thread, 1)]


def test_deep_json_is_refused_and_odd_bytes_in_headers_raise_nothing(agents):
    with served(gateway_to(traffic_to(agents[0].url, None), tester_token="secret")) as url:
        deep = b'{"a":' * 100_000
        headers = {"content-type": "application/json"}
        assert fetch(url, "/v1/chat/completions", method="POST", data=deep, headers=headers)[0] == 400
        answer = raw(url, "GET /x HTTP/1.1", "x-assay-token: \xff\xfe", "x-assay-arm: challenger", "cookie: \xe9=1")
        assert answer.startswith("HTTP/1.1 200")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (b"/a/b", "/a/b"),
        (b"/a%3Fb%23c%2Fd", "/a%3Fb%23c%2Fd"),
        (b"/%0d%0a", "/%0d%0a"),
        (b"/...", "/..."),
        (b"/a/../b", None),
        (b"/%2e%2e/%2E./secret", None),
        (b"/..%2f..%2fsecret", None),
        (b"/..%5c..%5csecret", None),
        (b"/%252e%252e/secret", None),
        (b"/..;x=1/secret", None),
        (b"/a\\..\\b", None),
        (b"/a b", None),
        (b"*", None),
    ],
)
def test_a_path_is_kept_as_it_came_and_never_leaves_its_prefix(path, kept):
    assert path_of(path) == kept


def test_the_upstreams_prefix_is_never_left(agents):
    one, _ = agents
    with served(gateway_to(traffic_to(f"{one.url}/agents/support", None))) as url:
        assert raw(url, "GET /%2e%2e/%2e%2e/secret HTTP/1.1").startswith("HTTP/1.1 400")
        assert raw(url, "GET /a%3Fb?c=%26 HTTP/1.1").startswith("HTTP/1.1 200")
    assert one.paths == ["/agents/support/a%3Fb?c=%26"]


def test_cookies_of_the_gateway_and_of_assay_reach_no_agent(agents):
    one, _ = agents
    with served(gateway_to(traffic_to(one.url, None))) as url:
        servers = [prefix + name for prefix in ("", SECURE_PREFIX) for name in (PAGE_COOKIE, LOGIN_COOKIE)]
        cookies = "; ".join(["a=1", *(f"{name}=SECRET" for name in servers), "assay_gateway_session=s", "b=2"])
        assert fetch(url, "/x?y=1", headers={"cookie": cookies})[0] == 200
    assert {name.lower(): value for name, value in one.headers[0].items()}["cookie"] == "a=1; b=2"


def test_slow_bodies_take_no_place_and_end(agents):
    one, _ = agents
    limits = {"body_s": 2.0, "most_in_flight": 3, "most_reading_per_address": 20, "most_reading": 30}
    gateway = gateway_to(traffic_to(one.url, None), limits=limits)
    with served(gateway) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        head = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n1"
        slow = []
        for _ in range(19):
            slow.append(socket.create_connection((host, int(port)), timeout=60))
            slow[-1].sendall(head)
        until(lambda: gateway._reading.total() >= 15)
        assert once(url)[0] == 200  # others are served meanwhile
        answers = [connection.recv(100) for connection in slow]
        for connection in slow:
            connection.close()
        assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)
        until(lambda: not gateway._reading)


def test_one_address_holds_no_more_than_its_share_of_slow_requests(agents):
    gateway = gateway_to(traffic_to(agents[0].url, None), limits={"most_reading_per_address": 2, "body_s": 30.0})
    with served(gateway) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        slow = [socket.create_connection((host, int(port)), timeout=60) for _ in range(2)]
        for connection in slow:
            connection.sendall(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1")
        until(lambda: gateway._reading.total() == 2)
        assert once(url)[0] == 429
        for connection in slow:
            connection.close()
        until(lambda: not gateway._reading)
        assert once(url)[0] == 200


def test_receipts_are_signed():
    made = receipt(b"key", "a" * 32, "b" * 16)
    assert read_receipt(b"key", made) == ("a" * 32, "b" * 16)
    assert read_receipt(b"other", made) is None and read_receipt(b"key", made.replace("a", "c", 1)) is None
    assert read_receipt(b"key", "\ud800") is None


def openai(version: str, url: str, path: str, prompt: str | None, **body) -> Upstream:
    rewrite = Rewrite(protocol="openai", path=path, body=body, system_prompt=prompt)
    return Upstream(agent=AgentRef(agent_id="desk", version=version), url=url, rewrite=rewrite)


def test_each_version_behind_one_address_gets_its_own_path_model_and_prompt():
    with agent_server("one") as agent:
        agent.echo = True
        memory = Memory()
        traffic = traffic_to(agent.url, agent.url, 0.5).replace(
            champion=openai("1", agent.url, "/v1", "Be brief.", model="m1", temperature=0.2),
            challenger=openai("2", agent.url, "/beta/v1", "Be kind.", model="m2", top_p=0.5, user=None),
        )
        said: dict[str, dict] = {}
        with served(gateway_to(traffic, memory.store)) as url:
            for number in range(20):
                messages = [{"role": "system", "content": "mine"}, {"role": "user", "content": "Hi"}]
                asked = {"model": "x", "user": "u", "messages": messages}
                _, text, headers = once(url, f"u-{number}", asked)
                echoed = json.loads(json.loads(text)["choices"][0]["message"]["content"])
                said.setdefault(headers["x-assay-version"], echoed)
                assert said[headers["x-assay-version"]] == echoed
        assert said["desk@1"] == {
            "path": "/v1/chat/completions",
            "body": {
                "model": "m1",
                "user": "u",
                "temperature": 0.2,
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
            },
        }
        assert said["desk@2"]["path"] == "/beta/v1/chat/completions"
        assert said["desk@2"]["body"]["messages"][0] == {"role": "system", "content": "Be kind."}
        assert said["desk@2"]["body"]["model"] == "m2" and "user" not in said["desk@2"]["body"]
        for row in memory.conversations():  # and what is stored of a version is what that version said
            model = {"desk@1": "m1", "desk@2": "m2"}[str(row.agent)]
            assert json.loads(row.turns[1].text)["body"]["model"] == model


def test_a_plain_endpoint_gets_its_own_path_and_a_prompt_without_a_place_is_refused():
    with agent_server("one") as agent:
        agent.echo = True
        plain = [
            Upstream(
                agent=AgentRef(agent_id="desk", version=version),
                url=agent.url,
                rewrite=Rewrite(protocol="http", path=path),
            )
            for version, path in (("1", "/v1/chat"), ("2", "/v2/chat"))
        ]
        traffic = traffic_to(agent.url, agent.url, 1.0)
        with served(gateway_to(traffic.replace(champion=plain[0], challenger=plain[1]))) as url:
            _, text, _ = fetch(url, "/v1/chat", method="POST", json={"question": "Hi"})
            assert json.loads(json.loads(text)["choices"][0]["message"]["content"])["path"] == "/v2/chat"
        prompted = openai("1", agent.url, "/v1", "Be brief.", model="m1")
        with served(gateway_to(traffic.replace(champion=prompted, challenger=None, share=0.0))) as url:
            status, text, _ = fetch(url, "/v1/completions", method="POST", json={"prompt": "Hi"})
            assert status == 400 and "system prompt of desk@1 has no place" in text
