"""Servers that are nearly OpenAI's: what they refuse or ignore is learned, once, and nothing is lost on the way."""

import asyncio
import json

import pytest
import structlog
from pydantic import BaseModel

from assay.contracts.conversation import FailureCause
from assay.errors import CallError
from assay.models import Patience, open_model
from assay.models.asking import REASONING_TOKENS, clean
from assay.models.chat import Message, Sampling
from assay.models.waiting import Pace
from tests.stub_llm import Hang, Raw, Reply, Status, StubLLM, always, in_order

ASKED = [Message("system", "Be brief."), Message("user", "Say something.")]
GOOD = Reply({"word": "yes"}, usage=(5, 5))


class Answer(BaseModel):
    word: str


async def ask(stub: StubLLM, times: int = 1, *, sampling: Sampling = Sampling(), patience: Patience = Patience()):
    chat = open_model("openai:stub", base_url=stub.base_url, api_key="k", patience=patience)
    try:
        return [await chat.complete(ASKED, schema=Answer, sampling=sampling) for _ in range(times)]
    finally:
        await chat.aclose()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (400, "response_format is not supported"),
        (404, "No endpoints found that can handle the requested parameters."),
        (422, "body.response_format: extra fields not permitted"),
        (500, "[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]"),
        (501, "grammar is not implemented"),
        (500, "Internal Server Error"),
    ],
)
async def test_a_schema_that_is_refused_in_any_way_goes_in_words_from_then_on(code, words):
    def refuses(request, nth):
        return Status(code, words) if "response_format" in request else GOOD

    async with StubLLM(refuses) as stub:
        first, second = await ask(stub, 2)
        told = stub.requests[-1]["messages"][0]["content"]
    assert first.parsed.word == second.parsed.word == "yes"
    assert first.usage.calls <= 3
    assert second.usage.calls == 1
    assert '"word"' in told


async def test_one_server_error_does_not_cost_a_server_its_schema():
    async with StubLLM(in_order(GOOD, Status(500, "oops"), Status(500, "oops"), then=always(GOOD))) as stub:
        await ask(stub, 2)
        assert all("response_format" in request for request in stub.requests)


async def test_server_errors_before_the_first_answer_do_not_cost_a_server_its_schema():
    def fails_at_first(request, nth):
        if nth < 2:
            return Status(500, "oops")
        return GOOD if "response_format" in request else Reply("It is a word.")

    async with StubLLM(fails_at_first) as stub:
        first, second = await ask(stub, 2)
        with_schema = ["response_format" in request for request in stub.requests]
    assert first.parsed.word == second.parsed.word == "yes"
    assert with_schema == [True, True, False, True, True]


@pytest.mark.parametrize(
    "words", ["System role not supported", "Conversation roles must alternate user/assistant/user/assistant/..."]
)
async def test_instructions_go_into_the_users_message_where_there_is_no_system_role(words):
    def refuses(request, nth):
        return Status(400, words) if request["messages"][0]["role"] == "system" else GOOD

    async with StubLLM(refuses) as stub:
        first, second = await ask(stub, 2)
        sent = stub.requests[-1]["messages"]
    assert (first.usage.calls, second.usage.calls) == (2, 1)
    assert [message["role"] for message in sent] == ["user"]
    assert sent[0]["content"] == "Be brief.\n\nSay something."


async def test_a_server_that_takes_the_schema_and_ignores_it_is_told_in_words_from_then_on():
    def ignores(request, nth):
        told = '"word"' in request["messages"][0]["content"]
        return GOOD if told else Reply("I would say yes.")

    async with StubLLM(ignores) as stub:
        first, second = await ask(stub, 2)
    assert (first.usage.calls, second.usage.calls) == (2, 1)
    assert [message["role"] for message in stub.requests[1]["messages"]] == ["system", "user"]


@pytest.mark.parametrize("name", ["temperature", "seed", "max_tokens"])
@pytest.mark.parametrize("code", [400, 422, 500])
async def test_settings_that_are_refused_are_left_out(name, code):
    def refuses(request, nth):
        return Status(code, f"Unknown field: {name}") if name in request else GOOD

    async with StubLLM(refuses) as stub:
        (done,) = await ask(stub, sampling=Sampling(temperature=0.0, max_tokens=10, seed=1))
        assert done.usage.calls == 2
        assert name not in stub.requests[-1]


COMPLETION = {"choices": [{"message": {"content": '{"word": "yes"}'}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(COMPLETION | {"error": None}),
        "\ufeff" + json.dumps(COMPLETION),
        f"data: {json.dumps(COMPLETION)}\n\ndata: [DONE]\n\n",
        json.dumps({"choices": [{"message": {"content": "", "reasoning_content": '{"word": "yes"}'}}]}),
    ],
    ids=["error-null", "byte-order-mark", "a-stream-called-json", "all-in-reasoning-content"],
)
async def test_good_completions_in_odd_clothes_are_read(body):
    async with StubLLM(always(Raw(body))) as stub:
        (done,) = await ask(stub)
    assert (done.parsed.word, done.usage.calls) == ("yes", 1)


async def test_an_error_in_a_200_is_what_it_says():
    limited = Raw('{"error": {"message": "slow down", "code": 429}}')
    async with StubLLM(in_order(limited, then=always(GOOD))) as stub:
        (done,) = await ask(stub)
        assert done.usage.calls == 2
    async with StubLLM(always(Raw('{"error": {"message": "bad key", "type": "invalid_api_key"}}'))) as stub:
        with pytest.raises(CallError) as caught:
            await ask(stub)
    assert caught.value.failed.cause is FailureCause.UNAUTHORIZED


async def test_a_context_that_is_too_small_is_said_and_costs_no_second_try():
    words = "This model's maximum context length is 512 tokens, max_tokens 200 is too much"
    async with StubLLM(always(Status(400, words))) as stub:
        with pytest.raises(CallError) as caught:
            await ask(stub, sampling=Sampling(max_tokens=200))
        assert stub.calls == 1
    assert "maximum context length" in caught.value.failed.detail


async def test_a_model_that_reasons_gets_room_for_it():
    def reasons(request, nth):
        if request["max_tokens"] <= 100:
            return Reply("", finish_reason="length", usage=(5, request["max_tokens"]))
        return GOOD

    async with StubLLM(reasons) as stub:
        first, second = await ask(stub, 2, sampling=Sampling(max_tokens=100))
        assert (first.usage.calls, second.usage.calls) == (2, 1)
        assert stub.requests[1]["max_tokens"] == 100 + REASONING_TOKENS
        assert stub.requests[1]["messages"] == stub.requests[0]["messages"]


async def test_a_runaway_answer_is_not_sent_back():
    runaway = Reply('{"word": "' + "no " * 5000, finish_reason="length", usage=(5, 20_000))
    async with StubLLM(in_order(runaway, then=always(GOOD))) as stub:
        (done,) = await ask(stub, sampling=Sampling(max_tokens=100))
        again = stub.requests[1]["messages"]
    assert done.parsed.word == "yes"
    assert [message["role"] for message in again] == ["system", "user"]
    assert "cut off" in again[1]["content"] and len(again[1]["content"]) < 1000


async def test_objects_that_differ_go_back_once_and_then_the_last_counts():
    both = Reply('The agent wrote {"word": "met"}. My own: {"word": "not"}')
    async with StubLLM(always(both)) as stub:
        (done,) = await ask(stub)
        assert stub.calls == 2
        assert "2 JSON objects that differ" in stub.requests[1]["messages"][-1]["content"]
    assert done.parsed.word == "not"
    async with StubLLM(in_order(Reply('{"word": "own"} though it wrote {"word": "met"}'), then=always(GOOD))) as stub:
        (done,) = await ask(stub)
    assert done.parsed.word == "yes"


async def test_a_server_that_loads_its_model_is_waited_for_with_one_line():
    loading = Status(503, "Loading model")
    async with StubLLM(in_order(*[loading] * 7, then=always(GOOD))) as stub:
        chat = open_model("openai:stub", base_url=stub.base_url, api_key="k", patience=Patience(away_s=60))
        with structlog.testing.capture_logs() as logs:
            done = await asyncio.gather(*(chat.complete(ASKED, schema=Answer) for _ in range(3)))
        await chat.aclose()
    assert [each.parsed.word for each in done] == ["yes"] * 3
    assert len(logs) == 2
    assert "answers 503: Loading model" in logs[0]["event"] and "waiting until it answers" in logs[0]["event"]
    assert "answers again" in logs[1]["event"]


async def test_a_server_that_stays_away_fails_after_the_wait_with_its_cause():
    async with StubLLM() as stub:
        address = stub.base_url
    chat = open_model("openai:stub", base_url=address, patience=Patience(away_s=0.5))
    with pytest.raises(CallError) as caught:
        await chat.complete(ASKED)
    await chat.aclose()
    assert caught.value.failed.cause is FailureCause.REFUSED
    assert "waited for" in caught.value.failed.detail


async def test_a_time_out_is_tried_again_with_fewer_at_once():
    async with StubLLM(in_order(Hang(30), then=always(GOOD))) as stub:
        (done,) = await ask(stub, patience=Patience(timeout_s=0.3))
    assert (done.usage.calls, done.usage.failed_calls) == (2, 1)
    pace = Pace()
    entered = [await pace.enter() for _ in range(8)]
    pace.hold(0.0, entered[0])
    assert pace.limit == 4


async def test_a_long_answer_has_a_time_out_of_its_own():
    async with StubLLM(always(Reply({"word": "yes"}, delay_s=0.6))) as stub:
        patience = Patience(timeout_s=0.2, long_timeout_s=60)
        (done,) = await ask(stub, sampling=Sampling(long=True), patience=patience)
        with pytest.raises(CallError, match="ASSAY_MODEL_TIMEOUT_S"):
            await ask(stub, patience=patience)
    assert done.usage.calls == 1


async def test_a_proxy_of_the_environment_is_used(monkeypatch):
    async with StubLLM(always(GOOD)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        chat = open_model("openai:stub", base_url="http://models.example.invalid/v1", api_key="k")
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
        assert proxy.calls == 1
    assert done.parsed.word == "yes"


@pytest.mark.parametrize(
    ("words", "secret", "cleaned"),
    [
        ("the text of extra context", "x", "the text of extra context"),
        ('Incorrect key "x" given', "x", 'Incorrect key "[key]" given'),
        ("bad key sekret-0123", "sekret-0123", "bad key [key]"),
        ("token:sekret-0123.", "sekret-0123", "token:[key]."),
    ],
)
def test_a_short_key_does_not_garble_what_a_server_says(words, secret, cleaned):
    assert clean(words, secret) == cleaned
