"""The OpenAI-protocol model against a server that fails in every way."""

import asyncio
import time

import pytest
from pydantic import BaseModel

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError
from assay.models import open_model
from assay.models.chat import Message, Sampling
from tests.stub_llm import Cut, Hang, Raw, Reply, Status, StubLLM, always, in_order

ASKED = [Message("user", "Say something.")]
SECRET = "sk-do-not-print-me"


class Answer(BaseModel):
    word: str
    count: int


def model(stub: StubLLM):
    return open_model("openai:stub", base_url=stub.base_url, api_key=SECRET)


async def failure(stub: StubLLM, **sampling: float) -> CallError:
    chat = model(stub)
    try:
        with pytest.raises(CallError) as caught:
            await chat.complete(ASKED, schema=Answer, sampling=Sampling(**sampling))
    finally:
        await chat.aclose()
    assert SECRET not in str(caught.value)
    return caught.value


async def test_an_answer_comes_with_its_object_usage_and_id():
    async with StubLLM(always(Reply({"word": "yes", "count": 3}, usage=(11, 7)))) as stub:
        chat = model(stub)
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
    assert done.parsed == Answer(word="yes", count=3)
    assert (done.usage.calls, done.usage.input_tokens, done.usage.output_tokens) == (1, 11, 7)
    assert done.usage.latency_s > 0


@pytest.mark.parametrize("text", ['```json\n{"word": "a", "count": 1}\n```', 'Sure! {"word": "a", "count": 1} Done.'])
async def test_json_in_a_fence_or_in_prose_is_read(text):
    async with StubLLM(always(Reply(text))) as stub:
        chat = model(stub)
        assert (await chat.complete(ASKED, schema=Answer)).parsed.count == 1
        await chat.aclose()


async def test_bad_json_is_told_to_the_model_and_asked_again_and_usage_adds_up():
    good = Reply({"word": "yes", "count": 3}, usage=(10, 1))
    async with StubLLM(in_order(Reply("nonsense", usage=(10, 1)), Reply('{"word": 1}', usage=(10, 1)), good)) as stub:
        chat = model(stub)
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
        assert stub.calls == 3
    assert done.usage.calls == 3
    assert done.usage.input_tokens == 30


async def test_json_that_never_fits_is_a_failed_call_not_a_value():
    async with StubLLM(always(Reply("nonsense"))) as stub:
        error = await failure(stub)
        assert stub.calls == 3
    assert error.failed.cause is FailureCause.BAD_ANSWER


async def test_a_429_waits_as_long_as_the_server_says():
    async with StubLLM(in_order(Status(429, retry_after=1), Reply({"word": "a", "count": 1}))) as stub:
        chat = model(stub)
        began = time.perf_counter()
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
    assert time.perf_counter() - began >= 1.0
    assert done.usage.failed_calls == 1


async def test_after_a_429_no_other_call_starts_either():
    async with StubLLM(in_order(Status(429, retry_after=1), then=always(Reply("fine")))) as stub:
        chat = model(stub)
        first = asyncio.create_task(chat.complete(ASKED))
        await asyncio.sleep(0.2)
        began = time.perf_counter()
        await chat.complete(ASKED)
        await first
        await chat.aclose()
    assert time.perf_counter() - began >= 0.6


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Status(500), FailureCause.SERVER_ERROR),
        (Status(429, retry_after=0), FailureCause.RATE_LIMIT),
        (Cut(0), FailureCause.SERVER_ERROR),
        (Cut(20), FailureCause.SERVER_ERROR),
        (Status(401), FailureCause.UNAUTHORIZED),
        (Status(404), FailureCause.BAD_REQUEST),
        (Raw('{"choices": []}'), FailureCause.BAD_ANSWER),
    ],
)
async def test_every_failure_has_its_cause(answer, cause):
    async with StubLLM(always(answer)) as stub:
        error = await failure(stub)
    assert error.failed.cause is cause


async def test_a_slow_server_is_a_timeout():
    async with StubLLM(always(Hang(5))) as stub:
        error = await failure(stub, timeout_s=0.2)
    assert error.failed.cause is FailureCause.TIMEOUT


async def test_nobody_there_is_refused():
    async with StubLLM() as stub:
        address = stub.base_url
    chat = open_model("openai:stub", base_url=address, api_key=None)
    with pytest.raises(CallError) as caught:
        await chat.complete(ASKED)
    await chat.aclose()
    assert caught.value.failed.cause is FailureCause.REFUSED


async def test_a_passing_fault_is_no_failure():
    async with StubLLM(in_order(Status(503), Cut(0), Reply({"word": "a", "count": 1}))) as stub:
        chat = model(stub)
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
    assert (done.usage.calls, done.usage.failed_calls) == (3, 2)


async def test_a_server_that_takes_no_schema_is_told_in_words():
    def refuses(request, nth):
        if "response_format" in request:
            return Status(400, message="response_format is not supported")
        return Reply({"word": "a", "count": 1})

    async with StubLLM(refuses) as stub:
        chat = model(stub)
        assert (await chat.complete(ASKED, schema=Answer)).parsed.word == "a"
        await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
        assert stub.calls == 3  # it is tried with a schema once


@pytest.mark.parametrize("name", ["gpt-5", "openai:", ":x", "nobody-knows:this"])
def test_what_is_no_model_is_refused_in_words(name):
    with pytest.raises(BadInput, match="model"):
        open_model(name, base_url="http://127.0.0.1:1", api_key="k")
