"""What it is likely to take, before anybody is asked."""

from assay.lifecycle import cost
from assay.lifecycle.evaluate import evaluate
from assay.settings import Settings
from assay.stages.context import open_context
from tests.lifecycle.conversing import converse, ready
from tests.stub_llm import StubLLM


async def test_nobody_is_asked_and_an_earlier_run_makes_it_exact(store_uri, tmp_path):
    async with StubLLM(converse, keep_requests=False) as stub:
        settings = Settings(
            home=tmp_path,
            tracking_uri=store_uri,
            openai_base_url=stub.base_url,
            openai_api_key="k",
            model="openai:gpt-5-mini",
        )
        request = await ready(settings, stub.base_url, scenarios=10, turns=4)
        async with open_context(settings) as context:
            before = await cost.estimate(request, context)
            assert stub.calls == 0
            assert (before.conversations, before.calls, before.calls_at_most) == (10, 50, 90)
            assert "half of the 4 turns" in before.basis
            assert before.cost_usd is not None
            assert before.cost_usd_at_most is not None
            assert 0 < before.cost_usd < before.cost_usd_at_most
            await evaluate(request, context)
            after = await cost.estimate(request.replace(seed=1), context)
            assert (after.calls, after.calls_at_most) == (90, 90)
            assert stub.calls == 90
            done = await cost.estimate(request, context)
            assert (done.conversations, done.calls, done.cost_usd) == (0, 0, 0)
