"""A budget is held before the call, whatever is under way."""

import asyncio
from decimal import Decimal

import pytest

from assay.contracts.conversation import FailureCause
from assay.errors import BadInput, CallError
from assay.models import open_model
from assay.models.budget import Budget, Limits
from assay.models.chat import Message, Sampling
from assay.models.replay import Recording
from tests.stub_llm import Reply, Status, StubLLM, always

ASKED = [Message("user", "Say something.")]
GPT = "openai:gpt-5-mini"


async def ask_many(limits: Limits, answer, *, name: str = "openai:stub", times: int = 40, at_once: bool = True):
    """(budget, answers, refusals, calls that the server saw)"""
    budget = Budget(limits)
    async with StubLLM(always(answer)) as stub:
        chat = open_model(name, base_url=stub.base_url, budget=budget)
        if at_once:
            done = await asyncio.gather(*(chat.complete(ASKED) for _ in range(times)), return_exceptions=True)
        else:
            done = [(await asyncio.gather(chat.complete(ASKED), return_exceptions=True))[0] for _ in range(times)]
        await chat.aclose()
        refused = [error for error in done if isinstance(error, CallError)]
        return budget, [answer for answer in done if not isinstance(answer, BaseException)], refused, stub.calls


@pytest.mark.parametrize("at_once", [True, False])
async def test_calls_end_at_their_limit_also_when_all_come_at_once(at_once):
    budget, done, refused, calls = await ask_many(Limits(calls=25), Reply("fine", usage=(10, 5)), at_once=at_once)
    assert (len(done), len(refused), calls) == (25, 15, 25)
    assert {error.failed.cause for error in refused} == {FailureCause.BUDGET}
    assert (budget.spent.calls, budget.spent.input_tokens, budget.spent.output_tokens) == (25, 250, 125)


@pytest.mark.parametrize("at_once", [True, False])
async def test_tokens_never_run_over_their_limit(at_once):
    budget, done, refused, _ = await ask_many(Limits(tokens=2000), Reply("fine", usage=(50, 50)), at_once=at_once)
    assert done
    assert refused
    assert (budget.spent.input_tokens or 0) + (budget.spent.output_tokens or 0) <= 2000


async def test_cost_never_runs_over_its_limit():
    limit = Decimal("0.01")
    budget, done, refused, _ = await ask_many(Limits(cost_usd=limit), Reply("fine", usage=(50, 500)), name=GPT)
    assert done
    assert refused
    assert budget.spent.cost_usd is not None
    assert 0 < budget.spent.cost_usd <= limit
    assert "raise the limit" in str(refused[0])


async def test_a_failed_call_counts_with_all_its_tries():
    budget, _, refused, calls = await ask_many(Limits(calls=100), Reply("", usage=(10, 1)), times=1)
    assert refused[0].failed.cause is FailureCause.BAD_ANSWER
    assert budget.spent.calls == budget.spent.failed_calls == calls == 3
    assert budget.spent.input_tokens == 30


async def test_a_refused_request_frees_what_was_set_aside_for_it():
    _, _, refused, calls = await ask_many(Limits(tokens=600), Status(400), at_once=False, times=5)
    assert calls == 5
    assert {error.failed.cause for error in refused} == {FailureCause.BAD_REQUEST}


async def test_where_a_server_counts_no_tokens_the_guess_stands():
    _, done, refused, _ = await ask_many(Limits(tokens=2000), Reply("fine", usage=None), at_once=False)
    assert 0 < len(done) <= 4
    assert refused


async def test_models_draw_on_one_budget():
    budget = Budget(Limits(calls=3))
    async with StubLLM() as stub:
        judge, user = (open_model(name, base_url=stub.base_url, budget=budget) for name in ("openai:a", "openai:b"))
        for chat in (judge, user, judge):
            await chat.complete(ASKED)
        with pytest.raises(CallError, match=r"3 of 3 calls"):
            await user.complete(ASKED)
        await asyncio.gather(judge.aclose(), user.aclose())


async def test_what_a_recording_answers_is_not_paid_for(tmp_path):
    budget = Budget(Limits(calls=1))
    async with StubLLM() as stub:
        recording = Recording(tmp_path / "run.jsonl")
        chat = open_model("openai:stub", base_url=stub.base_url, budget=budget, recording=recording)
        for _ in range(3):
            await chat.complete(ASKED)
        with pytest.raises(CallError):
            await chat.complete(ASKED, sampling=Sampling(seed=1))
        await chat.aclose()
    assert len(recording) == 1, "a budget's no is not the model's answer"


def test_a_limit_of_cost_needs_a_known_price():
    with pytest.raises(BadInput, match="limit tokens instead"):
        open_model("openai:stub", base_url="http://127.0.0.1:1/v1", budget=Budget(Limits(cost_usd=Decimal(1))))
