"""Whatever an agent sends becomes a reply that can be stored, or a failed call with its cause."""

import json
from decimal import Decimal
from types import SimpleNamespace

import hypothesis
import pytest
from aiohttp import web
from hypothesis import HealthCheck
from hypothesis import strategies as st

from assay.connectors import connect, converse
from assay.connectors.door import Door
from assay.connectors.protocol import AgentReply, ConversationStart
from assay.contracts.conversation import FailureCause, FinishReason, ToolCall
from assay.errors import BadInput, CallError

START = ConversationStart("0" * 32, "s", 0)


class Agent:
    """Gives what it is made with, or raises it."""

    def __init__(self, reply: object, opening: Exception | None = None) -> None:
        self.given, self.opening = reply, opening

    async def open(self, start):
        if self.opening:
            raise self.opening
        return self

    async def reply(self, text):
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    async def close(self):
        raise RuntimeError("closing fails too")


async def reply_of(agent: Agent) -> AgentReply:
    async with converse(Door(agent), START) as dialogue:  # type: ignore[arg-type]
        return await dialogue.reply("hello")


@pytest.mark.parametrize("error", [TypeError("x"), OverflowError(), KeyError("k"), RecursionError(), MemoryError()])
async def test_an_unexpected_exception_is_a_bad_answer_with_its_type(error):
    with pytest.raises(CallError, match=type(error).__name__) as raised:
        await reply_of(Agent(error))
    assert raised.value.failed.cause is FailureCause.BAD_ANSWER
    with pytest.raises(CallError, match=type(error).__name__) as raised:
        await reply_of(Agent(None, error))
    assert raised.value.failed.cause is FailureCause.AGENT_EXCEPTION


async def test_assays_own_errors_stay_as_they_are():
    with pytest.raises(BadInput, match="field"):
        await reply_of(Agent(BadInput("field")))


@pytest.mark.parametrize("odd", [None, "words", {"text": "words"}, AgentReply(text=None)])  # type: ignore[arg-type]
async def test_what_is_no_reply_is_a_bad_answer(odd):
    with pytest.raises(CallError, match="give an AgentReply"):
        await reply_of(Agent(odd))


async def test_what_no_store_takes_is_replaced():
    odd = "half \ud83d and \x00"
    call = SimpleNamespace(name=odd, arguments={odd: [float("inf"), odd]}, result={"x": {1}}, error=odd)
    odd_reply = AgentReply(
        text=odd, tool_calls=(call,), refusal=odd, reasoning=odd, state={odd: odd},
        input_tokens=float("inf"), output_tokens=-1, cost_usd=Decimal("NaN"),  # type: ignore[arg-type]
    )  # fmt: skip
    reply = await reply_of(Agent(odd_reply))
    good = "half \ufffd and \ufffd"
    assert reply == AgentReply(
        text=good, refusal=good, reasoning=good, state={good: good},
        tool_calls=(ToolCall(name=good, arguments={good: ["Infinity", good]}, result={"x": "{1}"}, error=good),),
    )  # fmt: skip


async def test_reasoning_in_the_text_of_any_agent_is_kept_apart():
    reply = await reply_of(Agent(AgentReply(text="<think>Hm.</think>Hello.")))
    assert (reply.text, reply.reasoning) == ("Hello.", "Hm.")


WORDS = "Your parcel is on its way."
LONG = {"choices": [{"index": 0, "delta": {"images": ["A" * 3_000_000]}}]}


def streamed(*chunks: object) -> bytes:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()


def delta(finish=None, **content) -> dict:
    return {"choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("body", "content_type", "text", "finish"),
    [
        (streamed(delta(content=WORDS), LONG, delta("stop")), "text/event-stream", f"{WORDS}\n[image]",
         FinishReason.STOP),
        (streamed(delta("stop", content=WORDS)), "application/json", WORDS, FinishReason.STOP),
        (json.dumps({"choices": [{"message": {"content": WORDS}}], "usage": {"prompt_tokens": float("inf")}}).encode(),
         "application/json", WORDS, None),
        (b'{"choices": [{"message": {"content": "half \\ud83d"}}]}', "application/json", "half \ufffd", None),
        (json.dumps({"choices": [{"message": {"content": "", "refusal": "No."}}]}).encode(), "text/plain", "No.",
         FinishReason.REFUSAL),
        (json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}).encode(),
         "application/json", "", FinishReason.LENGTH),
    ],
)  # fmt: skip
async def test_odd_answers_of_a_server_are_read(serve, card, tmp_path, body, content_type, text, finish):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, status=201)

    spec = {"kind": "openai", "base_url": f"{await serve(handler)}/v1", "model": "m", "api_key_env": None}
    async with converse(connect(card(spec), card_dir=tmp_path), START) as dialogue:
        reply = await dialogue.reply("hello")
    assert (reply.text, reply.finish_reason, reply.input_tokens) == (text, finish, None)


async def test_an_error_in_a_200_is_asked_again_as_a_429_is(serve, card, tmp_path):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        if len(asked) < 3:
            return web.json_response({"error": {"message": "Rate limit exceeded", "code": 429}})
        return web.json_response({"choices": [{"message": {"content": WORDS}}]})

    spec = {"kind": "openai", "base_url": f"{await serve(handler)}/v1", "model": "m", "api_key_env": None}
    async with converse(connect(card(spec), card_dir=tmp_path), START) as dialogue:
        assert (await dialogue.reply("hello")).text == WORDS
    assert len(asked) == 3


async def test_what_a_server_refuses_is_left_out_in_each_conversation_after_it(serve, card, tmp_path):
    bodies = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        bodies.append(body)
        for field in ("stream_options", "temperature", "seed"):
            if field in body:
                return web.json_response({"detail": f"{field}: extra fields not permitted"}, status=422)
        if body["messages"][0]["role"] == "system":
            return web.json_response({"error": {"message": "System role not supported"}}, status=400)
        if "max_tokens" in body:
            words = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": words}}, status=400)
        return web.json_response({"choices": [{"message": {"content": WORDS}}]})

    spec = {"kind": "openai", "base_url": f"{await serve(handler)}/v1", "model": "m", "api_key_env": None,
            "stream": True, "temperature": 0.5, "max_tokens": 9, "send_seed": True}  # fmt: skip
    connector = connect(card(spec, system_prompt="Be kind."), card_dir=tmp_path)
    for _ in range(2):
        async with converse(connector, START) as dialogue:
            assert (await dialogue.reply("hello")).text == WORDS
    assert len(bodies) == 7
    assert bodies[-1] == {
        "model": "m", "stream": True, "max_completion_tokens": 9,
        "messages": [{"role": "user", "content": "Be kind.\n\nhello"}],
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["openai", "http"])
async def test_any_bytes_of_a_server_are_an_answer_or_a_failed_call(serve, card, tmp_path, kind):
    served = [b""]

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=served[0], content_type="application/json")

    url = await serve(handler)
    spec = {"kind": "openai", "base_url": url, "model": "m", "api_key_env": None}
    spec = spec if kind == "openai" else {"kind": "http", "url": url, "state": "state", "tool_calls": "calls"}
    connector = connect(card(spec), card_dir=tmp_path)
    odd = st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(st.characters(codec=None), max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "reply", "state", "calls", "name", "error", "usage"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
    bodies: list[bytes] = []

    @hypothesis.settings(
        max_examples=60,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @hypothesis.given(st.binary(max_size=40) | odd.map(lambda value: json.dumps(value).encode()))
    def draw(body: bytes) -> None:
        bodies.append(body)

    draw()
    async with converse(connector, START) as dialogue:
        for body in bodies:
            served[0] = body
            try:
                (await dialogue.reply("hello")).text.encode()
            except CallError as error:
                assert error.failed.detail


@pytest.mark.parametrize(
    ("field", "path", "why"),
    [
        ("request", "[message,message]" + "|[@,@]" * 40 + "|{x: to_string(@)}", "copies what it reads too often"),
        ("reply", "a" * 501, "at most 500"),
        ("reply", "[" * 240 + "a" + "]" * 240, "nested"),
        ("reply", "(", "no JMESPath expression"),
    ],
)
def test_a_path_of_a_card_is_bounded(card, tmp_path, field, path, why):
    with pytest.raises(BadInput, match=why):
        connect(card({"kind": "http", "url": "http://127.0.0.1:1", field: path}), card_dir=tmp_path)


async def test_a_path_that_does_not_fit_the_answer_is_a_failed_call(serve, card, tmp_path):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"reply": 7})

    spec = {"kind": "http", "url": await serve(handler), "reply": "length(reply)"}
    async with converse(connect(card(spec), card_dir=tmp_path), START) as dialogue:
        with pytest.raises(CallError, match=r"connector\.reply: `length\(reply\)` cannot be evaluated"):
            await dialogue.reply("hello")
