"""The OpenAI-protocol model against a server that fails in every way."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from pydantic import BaseModel

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError
from assay.models import open_model
from assay.models.asking import REASONING_TOKENS, ModelCallError
from assay.models.chat import Message, Sampling
from tests.stub_llm import Answer as StubAnswer
from tests.stub_llm import Cut, Hang, Raw, Reply, Status, StubLLM, always, in_order

ASKED = [Message("user", "Say something.")]
SECRET = "sk-do-not-print-me"


class Answer(BaseModel):
    word: str
    count: int


def model(stub: StubLLM):
    return open_model("openai:stub", base_url=stub.base_url, api_key=SECRET)


async def failure(stub: StubLLM, timeout_s: float = 60.0) -> CallError:
    chat = model(stub)
    try:
        with pytest.raises(CallError) as caught:
            await chat.complete(ASKED, schema=Answer, sampling=Sampling(timeout_s=timeout_s))
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
    assert (done.usage.calls, done.usage.failed_calls) == (3, 2)
    assert (done.usage.input_tokens, done.usage.output_tokens) == (30, 3)
    first, second, third = (request["messages"] for request in stub.requests)
    assert [message["content"] for message in first] == ["Say something."]
    assert second[1] == first[0], "a server that ignores a schema is told it in words, and nothing else is said"
    assert '"count"' in second[0]["content"]
    assert third[2]["content"] == '{"word": 1}'
    assert "word: Input should be a valid string; count: Field required" in third[3]["content"]


async def test_json_that_never_fits_is_a_failed_call_not_a_value():
    async with StubLLM(always(Reply("nonsense"))) as stub:
        error = await failure(stub)
        assert stub.calls == 3
    assert error.failed.cause is FailureCause.BAD_ANSWER
    assert isinstance(error, ModelCallError)
    assert (error.usage.calls, error.usage.failed_calls) == (3, 3)
    assert error.usage.output_tokens, "what was paid for is counted, though it was of no use"


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
        (Status(429, retry_after=0), FailureCause.RATE_LIMIT),
        (Status(401), FailureCause.UNAUTHORIZED),
        (Status(404), FailureCause.BAD_REQUEST),
        (Raw('{"choices": []}'), FailureCause.BAD_ANSWER),
    ],
)
async def test_every_failure_has_its_cause(answer, cause):
    async with StubLLM(always(answer)) as stub:
        error = await failure(stub)
    assert error.failed.cause is cause
    assert error.failed.detail.startswith("openai:stub ")


async def test_a_server_that_stays_broken_is_asked_four_times_and_then_its_own_failure():
    async def broken(answer: StubAnswer) -> CallError:
        async with StubLLM(always(answer)) as stub:
            error = await failure(stub)
            with_schema = [request for request in stub.requests if "response_format" in request]
            assert stub.calls == error.failed.attempts
            assert (stub.calls, len(with_schema)) in ((4, 4), (5, 2)), "a 500 may be for the schema"
            return error

    answers = (Status(500, message=f"out of order, {SECRET}"), Status(503), Cut(0), Cut(20))
    errors = await asyncio.gather(*(broken(answer) for answer in answers))
    assert {error.failed.cause for error in errors} == {FailureCause.SERVER_ERROR}
    assert "answers 500: out of order" in errors[0].failed.detail
    assert "broke off" in errors[2].failed.detail


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


async def test_a_429_may_name_the_hour_instead_of_the_seconds():
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    async with StubLLM(in_order(Status(429, retry_after=until), then=always("fine"))) as stub:
        chat = model(stub)
        began = time.perf_counter()
        await chat.complete(ASKED)
        await chat.aclose()
    assert time.perf_counter() - began >= 0.9


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Status(429, retry_after=3600), "asks to wait 3600 s"),
        (Status(429, message="insufficient_quota"), "check the account's plan"),
    ],
)
async def test_a_limit_that_waiting_does_not_lift_fails_at_once(answer, words):
    async with StubLLM(always(answer)) as stub:
        error = await failure(stub)
        assert stub.calls == 1
    assert error.failed.cause is FailureCause.RATE_LIMIT
    assert words in error.failed.detail


async def test_models_of_one_server_share_what_a_429_taught():
    async with StubLLM(in_order(Status(429, retry_after=1), then=always("fine"))) as stub:
        judge, user = model(stub), open_model("openai:other", base_url=stub.base_url)
        first = asyncio.create_task(judge.complete(ASKED))
        await asyncio.sleep(0.2)
        began = time.perf_counter()
        await user.complete(ASKED)
        assert time.perf_counter() - began >= 0.6
        await first
        await asyncio.gather(judge.aclose(), user.aclose())


async def test_fifty_calls_at_once_go_through_one_pool():
    async with StubLLM(always(Reply("fine", delay_s=0.05))) as stub:
        chat = model(stub)
        for _ in range(3):
            done = await asyncio.gather(*(chat.complete(ASKED) for _ in range(50)))
            assert {answer.text for answer in done} == {"fine"}
        await chat.aclose()
        assert stub.max_in_flight == 50
        assert len(stub.connections) == 50, "connections are taken up again"


async def test_a_call_that_is_given_up_leaves_its_place_to_others():
    async with StubLLM(in_order(Hang(60), then=always("fine"))) as stub:
        chat = model(stub)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await chat.complete(ASKED)
        assert (await chat.complete(ASKED)).text == "fine"
        await chat.aclose()


def test_one_model_serves_several_event_loops():
    with StubLLM() as stub:
        chat = model(stub)

        async def ask() -> str:
            text = (await chat.complete(ASKED)).text
            await chat.aclose()
            return text

        assert asyncio.run(ask()) == asyncio.run(ask())


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_no_error_ever_shows_the_key(status):
    """OpenAI repeats a wrong key, and so may any server."""
    async with StubLLM(
        always(Status(status, message=f"Incorrect API key provided: {SECRET}, or sk-abcdef123456"))
    ) as stub:
        chat = model(stub)
        with pytest.raises(CallError) as caught:
            await chat.complete(ASKED)
        await chat.aclose()
    shown = f"{caught.value!r} {caught.value} {chat!r} {caught.value.failed.model_dump_json()}"
    assert SECRET not in shown
    assert "sk-abcdef123456" not in shown
    if status in (401, 403):
        assert "check OPENAI_API_KEY" in shown


async def test_the_key_goes_to_the_server():
    async with StubLLM(api_key=SECRET) as stub:
        chat = model(stub)
        assert (await chat.complete(ASKED)).text
        await chat.aclose()


async def test_what_it_costs_comes_from_the_price_list_and_adds_up():
    answers = in_order(Reply("nonsense", usage=(1000, 100)), Reply({"word": "a", "count": 1}, usage=(1000, 100)))
    async with StubLLM(answers) as stub:
        chat = open_model("openai:gpt-5-mini", base_url=stub.base_url)
        done = await chat.complete(ASKED, schema=Answer)
        await chat.aclose()
    assert done.usage.cost_usd == 2 * (1000 * Decimal("0.00000025") + 100 * Decimal("0.000002"))


async def test_a_server_that_says_nothing_of_tokens_leaves_them_unknown():
    async with StubLLM(always(Reply("fine", usage=None))) as stub:
        chat = model(stub)
        usage = (await chat.complete(ASKED)).usage
        await chat.aclose()
    assert usage.input_tokens is usage.output_tokens is usage.cost_usd is None


async def test_parameters_that_a_model_refuses_are_left_out_from_then_on():
    """As gpt-5 does: no temperature, and another name for max_tokens."""

    def gpt_5(request, nth):
        if "max_tokens" in request:
            return Status(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in request:
            return Status(400, "Unsupported value: 'temperature' does not support 0.0 with this model.")
        return Reply("fine")

    async with StubLLM(gpt_5) as stub:
        chat = model(stub)
        sampling = Sampling(temperature=0.0, max_tokens=10, seed=1)
        assert (await chat.complete(ASKED, sampling=sampling)).usage.calls == 3
        assert (await chat.complete(ASKED, sampling=sampling)).usage.calls == 1
        await chat.aclose()
    sent = stub.requests[-1]
    assert (sent["max_completion_tokens"], sent["seed"]) == (10 + REASONING_TOKENS, 1)
    assert "temperature" not in sent


async def test_the_schema_is_sent_strict_and_a_request_is_as_it_was_asked():
    async with StubLLM() as stub:
        chat = model(stub)
        await chat.complete([Message("system", "Ü"), *ASKED], schema=Answer, sampling=Sampling(temperature=0.5, seed=3))
        await chat.aclose()
    sent = stub.requests[0]
    described = sent.pop("response_format")["json_schema"]
    assert described["strict"] is True
    assert described["schema"]["required"] == ["word", "count"]
    assert described["schema"]["additionalProperties"] is False
    assert sent == {
        "model": "stub",
        "messages": [{"role": "system", "content": "Ü"}, {"role": "user", "content": "Say something."}],
        "temperature": 0.5,
        "seed": 3,
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Reply("", refusal="I must not."), "the model refused: I must not."),
        (Reply('{"word": "a', finish_reason="length"), "cut off at the limit of tokens"),
        (Reply(""), "it is empty"),
        (Raw("<html>Bad gateway</html>"), "no chat completion"),
        (Raw('{"choices": [{"message": null}]}'), "no chat completion"),
        (Raw("[]"), "no chat completion"),
    ],
)
async def test_an_answer_that_is_none_says_why(answer, words):
    async with StubLLM(always(answer)) as stub:
        error = await failure(stub)
    assert error.failed.cause is FailureCause.BAD_ANSWER
    assert words in error.failed.detail


async def test_a_proxy_that_hides_its_failure_in_a_200_is_seen_through():
    hidden = Raw('{"error": {"message": "Provider returned error", "code": 502}}')
    async with StubLLM(in_order(hidden, then=always("fine"))) as stub:
        chat = model(stub)
        done = await chat.complete(ASKED)
        await chat.aclose()
    assert (done.text, done.usage.failed_calls) == ("fine", 1)


async def test_an_answer_in_parts_is_put_together():
    body = '{"choices": [{"message": {"content": [{"type": "text", "text": "fi"}, {"type": "text", "text": "ne"}]}}]}'
    async with StubLLM(always(Raw(body))) as stub:
        chat = model(stub)
        assert (await chat.complete(ASKED)).text == "fine"
        await chat.aclose()


@pytest.mark.parametrize("address", ["127.0.0.1:8000/v1", "ftp://host/v1", "http:///v1", ""])
def test_an_address_that_is_none_is_refused_in_words(address):
    with pytest.raises(BadInput, match=r"OPENAI_BASE_URL|OPENAI_API_KEY"):
        open_model("openai:stub", base_url=address or None)


def test_openai_without_key_and_address_says_what_it_needs():
    with pytest.raises(BadInput, match="OPENAI_API_KEY"):
        open_model("openai:gpt-5-mini")


async def test_a_slow_request_is_hedged_only_where_it_is_asked_for():
    def slow_first(asked, nth):
        return Reply({"word": "slow" if nth == 0 else "fast"}, delay_s=0.5 if nth == 0 else 0.0)

    async with StubLLM(slow_first) as stub:
        chat = open_model("openai:stub", base_url=stub.base_url, hedge_after_s=0.05)
        done = await chat.complete(ASKED)
        assert "fast" in done.text
        assert done.usage.calls == 2
        await chat.complete(ASKED)
        assert stub.calls == 3
        await chat.aclose()


async def test_what_came_in_place_of_a_completion_is_shown():
    async with StubLLM(always(Raw("<html>Welcome to nginx, k</html>"))) as stub:
        error = await failure(stub)
    assert "it is no chat completion: <html>Welcome to nginx" in error.failed.detail


async def test_an_answer_that_does_not_end_is_left_where_it_is_too_long(monkeypatch):
    monkeypatch.setattr("assay.models.openai.MAX_ANSWER_BYTES", 1000)
    async with StubLLM(always("x" * 2000)) as stub:
        error = await failure(stub)
        calls = stub.calls
    assert error.failed.cause is FailureCause.BAD_ANSWER
    assert "longer than" in error.failed.detail
    assert calls == 1
