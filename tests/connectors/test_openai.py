import asyncio
import json

import pytest
from aiohttp import web

from assay.connectors import connect, converse
from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError

CALL = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"order": "J1"}'}}


def completion(message: dict, **more) -> web.Response:
    return web.json_response({"choices": [{"index": 0, "message": {"role": "assistant", **message}}], **more})


def openai(card, url: str, tmp_path, system_prompt=None, **more):
    connector = {"kind": "openai", "base_url": f"{url}/v1", "model": "m", "api_key_env": None, **more}
    return connect(card(connector, system_prompt=system_prompt), card_dir=tmp_path)


async def streamed(request: web.Request, *chunks: object) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for chunk in chunks:
        data = chunk if isinstance(chunk, str) else json.dumps(chunk)
        await response.write(f": keep-alive\n\ndata: {data}\n\n".encode())
    return response


def delta(**content) -> dict:
    return {"choices": [{"index": 0, "delta": content}]}


async def test_the_whole_conversation_goes_out_with_the_system_prompt_and_the_settings(serve, card, tmp_path, start):
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.headers), await request.json()))
        return completion({"content": "hi"}, usage={"prompt_tokens": 9, "completion_tokens": 2})

    connector = openai(
        card, await serve(handler), tmp_path, "Be kind.", temperature=0.5, max_tokens=50, send_seed=True,
        extra_body={"user": "assay"},
    )  # fmt: skip
    async with converse(connector, start) as dialogue:
        await dialogue.reply("one")
        reply = await dialogue.reply("two")
    path, headers, body = seen[1]
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert headers["traceparent"].startswith(f"00-{start.conversation_id}-")
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": "two"},
        ],
        "temperature": 0.5,
        "max_tokens": 50,
        "seed": 7,
        "user": "assay",
    }
    assert (reply.text, reply.input_tokens, reply.output_tokens, reply.first_token_s) == ("hi", 9, 2, None)


async def test_a_server_that_counts_no_tokens_is_fine(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.Response:
        return completion({"content": "hi"})

    async with converse(openai(card, await serve(handler), tmp_path), start) as dialogue:
        reply = await dialogue.reply("one")
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("hi", None, None)


async def test_tool_calls_are_recorded_and_content_may_be_null(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.Response:
        return completion({"content": None, "tool_calls": [CALL]})

    async with converse(openai(card, await serve(handler), tmp_path), start) as dialogue:
        reply = await dialogue.reply("one")
    assert reply.text == ""
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("refund", {"order": "J1"})]


async def test_a_stream_tells_when_its_first_words_came(serve, card, tmp_path, start):
    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        assert body["stream"] and body["stream_options"] == {"include_usage": True}
        response = await streamed(request, delta(role="assistant", content=""), delta(content="Hel"))
        await asyncio.sleep(0.1)
        for chunk in (
            delta(content="lo"),
            delta(tool_calls=[{"index": 0, "function": {"name": "refund", "arguments": '{"or'}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": 'der": "J1"}'}}]),
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        ):
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    async with converse(openai(card, await serve(handler), tmp_path, stream=True), start) as dialogue:
        reply = await dialogue.reply("one")
    assert reply.text == "Hello"
    assert reply.first_token_s is not None
    assert reply.first_token_s < 0.1 <= reply.latency_s
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("refund", {"order": "J1"})]
    assert (reply.input_tokens, reply.output_tokens) == (3, 4)


@pytest.mark.parametrize(
    ("chunks", "cause", "said"),
    [
        (("{half",), FailureCause.BAD_ANSWER, "no JSON"),
        (({"error": {"message": "overloaded"}},), FailureCause.SERVER_ERROR, "overloaded"),
        (("[DONE]",), FailureCause.BAD_ANSWER, "without a chunk"),
    ],
)
async def test_a_stream_that_breaks_is_a_failed_call(serve, card, tmp_path, start, chunks, cause, said):
    async def handler(request: web.Request) -> web.StreamResponse:
        return await streamed(request, *chunks)

    async with converse(openai(card, await serve(handler), tmp_path, stream=True), start) as dialogue:
        with pytest.raises(CallError, match=said) as raised:
            await dialogue.reply("one")
    assert raised.value.failed.cause is cause


@pytest.mark.parametrize("answer", [{}, {"choices": []}, [], {"choices": [{"text": 7}]}])
async def test_what_is_no_completion_is_a_bad_answer(serve, card, tmp_path, start, answer):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with converse(openai(card, await serve(handler), tmp_path), start) as dialogue:
        with pytest.raises(CallError, match="no chat completion") as raised:
            await dialogue.reply("one")
    assert raised.value.failed.cause is FailureCause.BAD_ANSWER


async def test_a_field_that_is_null_in_extra_body_is_left_out(serve, card, tmp_path, start):
    bodies = []

    async def handler(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return await streamed(request, delta(content="hi"), "[DONE]")

    connector = openai(card, await serve(handler), tmp_path, stream=True, extra_body={"stream_options": None})
    async with converse(connector, start) as dialogue:
        await dialogue.reply("one")
    assert "stream_options" not in bodies[0]


async def test_the_key_comes_from_the_environment(serve, card, tmp_path, start, monkeypatch):
    async def handler(request: web.Request) -> web.Response:
        return completion({"content": request.headers["Authorization"]})

    monkeypatch.delenv("SHOP_KEY", raising=False)
    url = await serve(handler)
    with pytest.raises(BadInput, match=r"connector\.api_key_env: the environment variable SHOP_KEY is not set"):
        openai(card, url, tmp_path, api_key_env="SHOP_KEY")
    monkeypatch.setenv("SHOP_KEY", "k")
    async with converse(openai(card, url, tmp_path, api_key_env="SHOP_KEY"), start) as dialogue:
        assert (await dialogue.reply("one")).text == "Bearer k"
