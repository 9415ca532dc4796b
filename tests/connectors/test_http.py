import asyncio
import socket

import pytest
from aiohttp import web

from assay.connectors import ConversationStart, connect, converse
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError


def http(card, url: str, tmp_path, **more):
    return connect(card({"kind": "http", "url": url, **more}), card_dir=tmp_path)


async def test_jmespath_maps_the_conversation_to_any_request_and_any_answer_back(serve, card, tmp_path):
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(await request.json())
        turns = len(seen)
        return web.json_response(
            {
                "data": {"answer": f"turn {turns}", "world": {"turns": turns}},
                "trace": [{"name": "find", "arguments": {"order": "J1"}, "result": {"ok": True}}],
                "usage": {"in": 5, "out": 6},
            }
        )

    connector = http(
        card,
        await serve(handler),
        tmp_path,
        request="{q: message, session: conversation_id, seed: seed, scenario: scenario_id, n: length(messages), "
        "state: state}",
        reply="data.answer",
        state="data.world",
        tool_calls="trace",
        input_tokens="usage.in",
        output_tokens="usage.out",
    )
    start = ConversationStart("a" * 32, "refund", 7, {"turns": 0})
    async with converse(connector, start) as dialogue:
        first, second = await dialogue.reply("hello"), await dialogue.reply("again")
    assert seen == [
        {"q": "hello", "session": "a" * 32, "seed": 7, "scenario": "refund", "n": 1, "state": {"turns": 0}},
        {"q": "again", "session": "a" * 32, "seed": 7, "scenario": "refund", "n": 3, "state": {"turns": 1}},
    ]
    assert (first.text, second.text, second.state) == ("turn 1", "turn 2", {"turns": 2})
    assert (first.input_tokens, first.output_tokens) == (5, 6)
    assert first.tool_calls[0].name == "find" and first.tool_calls[0].result == {"ok": True}


async def test_headers_take_secrets_from_the_environment_and_errors_do_not_show_them(
    serve, card, tmp_path, start, monkeypatch
):
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t-value")
    headers = []

    async def handler(request: web.Request) -> web.Response:
        headers.append(request.headers)
        return web.Response(status=401, text=f"wrong token {request.headers['Authorization']}")

    connector = http(card, await serve(handler), tmp_path, headers={"Authorization": "Bearer ${SHOP_TOKEN}"})
    async with converse(connector, start) as dialogue:
        with pytest.raises(CallError) as raised:
            await dialogue.reply("hello")
    assert headers[0]["Authorization"] == "Bearer s3cr3t-value"
    assert headers[0]["traceparent"].startswith(f"00-{start.conversation_id}-")
    assert raised.value.failed.cause is FailureCause.UNAUTHORIZED
    assert "s3cr3t" not in str(raised.value) and "***" in str(raised.value)


def test_a_variable_that_is_not_set_is_said_before_any_call(card, tmp_path, monkeypatch):
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    with pytest.raises(BadInput, match="SHOP_TOKEN is not set: export SHOP_TOKEN="):
        http(card, "http://127.0.0.1:1", tmp_path, headers={"X-Key": "${SHOP_TOKEN}"})


@pytest.mark.parametrize(
    ("field", "path", "said"),
    [
        ("reply", "data.[", "no JMESPath expression"),
        ("request", "nothing_like_it", "makes no JSON object"),
        ("request", "message", "makes no JSON object"),
    ],
)
def test_a_wrong_path_is_said_before_any_call(card, tmp_path, field, path, said):
    with pytest.raises(BadInput, match=said):
        http(card, "http://127.0.0.1:1", tmp_path, **{field: path})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": {}, "id": 1}, "`data.text` selects nothing from the answer, which holds data, id"),
        ({"data": {"text": 5}}, "selects a int, not a string"),
        ([1, 2], r"which holds \[1, 2\]"),
    ],
)
async def test_a_path_that_selects_no_text_is_a_bad_answer_that_shows_what_is_there(
    serve, card, tmp_path, start, answer, said
):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with converse(http(card, await serve(handler), tmp_path, reply="data.text"), start) as dialogue:
        with pytest.raises(CallError, match=said) as raised:
            await dialogue.reply("hello")
    assert raised.value.failed.cause is FailureCause.BAD_ANSWER


async def test_a_429_waits_as_long_as_the_server_says(serve, card, tmp_path, start):
    times = []

    async def handler(request: web.Request) -> web.Response:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            return web.Response(status=429, headers={"Retry-After": "0.3"})
        return web.json_response({"reply": "now"})

    async with converse(http(card, await serve(handler), tmp_path), start) as dialogue:
        reply = await dialogue.reply("hello")
    assert reply.text == "now"
    assert times[1] - times[0] >= 0.3
    assert reply.latency_s < 0.3, "the wait is not the agent's latency"


async def test_a_server_that_stays_busy_is_given_up_and_the_tries_are_counted(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=503, text="busy", headers={"Retry-After": "0"})

    async with converse(http(card, await serve(handler), tmp_path), start) as dialogue:
        with pytest.raises(CallError, match="HTTP 503") as raised:
            await dialogue.reply("hello")
    assert (raised.value.failed.cause, raised.value.failed.attempts) == (FailureCause.SERVER_ERROR, 4)


async def test_a_server_that_wants_to_be_left_alone_for_too_long_is_not_asked_again(serve, card, tmp_path, start):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(1)
        return web.Response(status=429, headers={"Retry-After": "3600"})

    async with converse(http(card, await serve(handler), tmp_path, timeout_s=5), start) as dialogue:
        with pytest.raises(CallError) as raised:
            await dialogue.reply("hello")
    assert raised.value.failed.cause is FailureCause.RATE_LIMIT
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "cause"),
    [(500, FailureCause.SERVER_ERROR), (400, FailureCause.BAD_REQUEST), (504, FailureCause.TIMEOUT)],
)
async def test_what_an_agent_may_have_begun_is_not_asked_twice(serve, card, tmp_path, start, status, cause):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(1)
        return web.Response(status=status, text="broken")

    async with converse(http(card, await serve(handler), tmp_path), start) as dialogue:
        with pytest.raises(CallError, match=f"HTTP {status} .*broken") as raised:
            await dialogue.reply("hello")
    assert (raised.value.failed.cause, raised.value.failed.attempts, len(asked)) == (cause, 1, 1)


async def test_a_connection_that_breaks_off_is_not_asked_twice(serve, card, tmp_path, start):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(1)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with converse(http(card, await serve(handler), tmp_path), start) as dialogue:
        with pytest.raises(CallError, match="ended without an answer") as raised:
            await dialogue.reply("hello")
    assert (raised.value.failed.cause, len(asked)) == (FailureCause.SERVER_ERROR, 1)


async def test_an_agent_that_is_not_there_is_refused_after_its_retries(card, tmp_path, start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with converse(http(card, url, tmp_path, timeout_s=1), start) as dialogue:
        with pytest.raises(CallError, match="cannot be reached") as raised:
            await dialogue.reply("hello")
    assert raised.value.failed.cause is FailureCause.REFUSED
    assert raised.value.failed.attempts > 1


async def test_no_answer_in_time_is_a_timeout(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response()

    async with converse(http(card, await serve(handler), tmp_path, timeout_s=0.1), start) as dialogue:
        with pytest.raises(CallError) as raised:
            await dialogue.reply("hello")
    assert raised.value.failed.cause is FailureCause.TIMEOUT


async def test_an_answer_that_is_no_json_is_shown(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>")

    async with converse(http(card, await serve(handler), tmp_path), start) as dialogue:
        with pytest.raises(CallError, match="no JSON: <html>Welcome"):
            await dialogue.reply("hello")


async def test_conversations_share_their_connections_and_the_last_one_closes_them(serve, card, tmp_path):
    peers = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response({"reply": "yes"})

    connector = http(card, await serve(handler), tmp_path)
    one = await connector.open(ConversationStart("1" * 32, "s", 1))
    for number in range(5):
        async with converse(connector, ConversationStart(f"{number:032x}", "s", 1)) as dialogue:
            await dialogue.reply("hello")
    session = one.inner.session  # type: ignore[attr-defined]
    assert len(peers) == 1
    assert not session.closed
    await one.close()
    assert session.closed
