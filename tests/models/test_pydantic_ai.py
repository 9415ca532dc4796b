"""Providers behind pydantic-ai fail and succeed as the straight one does. OpenAI's SDK stands for them here."""

import asyncio
import os
import subprocess
import sys
import time

import pytest
from pydantic import BaseModel

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError
from assay.models import open_model
from assay.models.chat import Message, Sampling
from assay.models.pydantic_ai import pydantic_ai_model
from tests.stub_llm import Answer as StubAnswer
from tests.stub_llm import Cut, Hang, Raw, Reply, Status, StubLLM, always, in_order

ASKED = [
    Message("system", "Be short."),
    Message("user", "Say something."),
    Message("assistant", "No."),
    Message("user", "Do."),
]
SECRET = "sk-do-not-print-me"


class Answer(BaseModel):
    word: str
    count: int


def model(stub: StubLLM):
    return open_model("openai-chat:gpt-4.1", base_url=stub.base_url, api_key=SECRET)


async def test_an_answer_comes_with_its_object_usage_cost_and_id():
    async with StubLLM(always(Reply({"word": "yes", "count": 3}, usage=(11, 7)))) as stub:
        chat = model(stub)
        done = await chat.complete(ASKED, schema=Answer, sampling=Sampling(temperature=0.5, seed=3, max_tokens=9))
        await chat.aclose()
    assert done.parsed == Answer(word="yes", count=3)
    assert (done.usage.calls, done.usage.input_tokens, done.usage.output_tokens) == (1, 11, 7)
    assert done.request_id == "chatcmpl-stub-0"
    sent = stub.requests[0]
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "user"]
    assert (sent["temperature"], sent["seed"]) == (0.5, 3)
    assert sent["response_format"]["type"] == "json_schema"


async def test_bad_json_is_told_to_the_model_and_a_429_waits():
    answers = in_order(Status(429, retry_after=1), Reply("nonsense", usage=(5, 1)), Reply({"word": "a", "count": 1}))
    async with StubLLM(answers) as stub:
        chat = model(stub)
        began = time.perf_counter()
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
    assert time.perf_counter() - began >= 1
    assert (done.usage.calls, done.usage.failed_calls) == (3, 2)
    assert "there is no JSON object" in stub.requests[2]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "cause", "calls"),
    [
        (Status(429, retry_after=0), FailureCause.RATE_LIMIT, 8),
        (Status(401, f"Incorrect API key provided: {SECRET}"), FailureCause.UNAUTHORIZED, 1),
        (Status(400, f"no such thing, {SECRET}"), FailureCause.BAD_REQUEST, 1),
        (Raw('{"choices": []}'), FailureCause.BAD_ANSWER, 3),
        (Hang(5), FailureCause.TIMEOUT, 3),
    ],
)
async def test_every_failure_has_its_cause_and_its_tries_and_no_key(answer, cause, calls):
    async with StubLLM(always(answer)) as stub:
        chat = model(stub)
        with pytest.raises(CallError) as caught:
            await chat.complete(ASKED, schema=Answer, sampling=Sampling(timeout_s=0.5))
        await chat.aclose()
        assert (caught.value.failed.cause, stub.calls) == (cause, calls)
    assert SECRET not in f"{caught.value!r} {chat!r}"


async def test_a_server_that_stays_broken_is_asked_four_times_and_then_its_own_failure():
    async def broken(answer: StubAnswer) -> CallError:
        async with StubLLM(always(answer)) as stub:
            chat = model(stub)
            with pytest.raises(CallError) as caught:
                await chat.complete(ASKED)
            await chat.aclose()
            assert stub.calls == caught.value.failed.attempts == 4
            return caught.value

    async def nobody_there() -> CallError:
        async with StubLLM() as stub:
            pass
        chat = model(stub)
        with pytest.raises(CallError) as caught:
            await chat.complete(ASKED)
        await chat.aclose()
        return caught.value

    errors = await asyncio.gather(broken(Status(500)), broken(Cut(0)), nobody_there())
    causes = [error.failed.cause for error in errors]
    assert causes == [FailureCause.SERVER_ERROR, FailureCause.SERVER_ERROR, FailureCause.REFUSED]


async def test_a_chat_agent_gets_the_providers_own_model():
    from pydantic_ai import Agent

    async with StubLLM(always("fine")) as stub:
        agent = Agent(pydantic_ai_model("openai:stub", base_url=stub.base_url, api_key=SECRET))
        assert (await agent.run("hello")).output == "fine"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody-knows:this", "cannot be used"),
        ("deepseek:deepseek-chat", "DEEPSEEK_API_KEY"),
        ("anthropic:claude-haiku-4-5", r"pip install 'assay\[anthropic\]'|ANTHROPIC_API_KEY"),
    ],
)
def test_what_a_provider_lacks_is_said_in_words(name, words):
    with pytest.raises(BadInput, match=words):
        open_model(name)


def test_openais_key_goes_to_no_other_provider():
    with pytest.raises(BadInput, match="DEEPSEEK_API_KEY"):
        open_model("deepseek:deepseek-chat", base_url="http://127.0.0.1:1/v1", api_key=SECRET)


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys, assay.models, assay.models.openai, assay.models.replay, assay.models.budget\n"
        "heavy = {'openai', 'pydantic_ai', 'aiohttp', 'genai_prices', 'httpx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})
