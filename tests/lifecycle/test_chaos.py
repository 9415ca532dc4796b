"""A server that refuses, fails, stalls and breaks off at random: each conversation ends as a result or as an error."""

import random
from collections import Counter

from assay.contracts.conversation import FailureCause, StopReason
from assay.lifecycle.evaluate import evaluate
from assay.models import asking
from assay.settings import Settings
from assay.stages.context import open_context
from assay.tracking import connect, read_conversations, read_judgments
from tests.lifecycle.conversing import converse, ready
from tests.stub_llm import Cut, Hang, Raw, Reply, Status, StubLLM


async def test_a_thousand_conversations_with_a_bad_server_all_end_and_the_sums_add_up(store_uri, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "backoff_s", lambda failures: 0.01)
    chance = random.Random(7)

    def bad(asked, nth):
        dice = chance.random()
        if dice < 0.02:
            return Status(429, "slow down", retry_after="0.05")
        if dice < 0.08:
            return Status(500, "oops")
        if dice < 0.09:
            return Cut(after_bytes=chance.choice((0, 40)))
        if dice < 0.095:
            return Hang(0.3)
        if dice < 0.10:
            return Raw("<html>gateway</html>", content_type="text/html")
        if dice < 0.11:
            return Status(400, "no")
        answer = converse(asked, nth)
        return Reply(answer.content, delay_s=chance.random() * 0.01) if isinstance(answer, Reply) else answer

    async with StubLLM(bad, keep_requests=False) as stub:
        settings = Settings(home=tmp_path, tracking_uri=store_uri, openai_base_url=stub.base_url, openai_api_key="k")
        request = await ready(settings, stub.base_url, scenarios=250, turns=2, trials=4, concurrency=100)
        async with open_context(settings) as context:
            done = await evaluate(request, context)
    simulation, judging = done.simulation, done.judging
    conversations = read_conversations(connect(store_uri), "default", simulation.subject_id)
    judgments = {j.conversation_id: j for j in read_judgments(connect(store_uri), "default", judging.subject_id)}
    assert len(conversations) == len(judgments) == simulation.conversations == judging.conversations == 1000
    assert sum(simulation.stop_reasons.values()) == 1000
    assert judging.passed + judging.failed + judging.unjudged == 1000
    failed = [c for c in conversations if c.error is not None]
    assert simulation.errors == Counter(c.error.cause for c in failed if c.error)
    assert all(c.error and c.error.detail for c in failed)
    assert {c.stop_reason for c in failed} <= {StopReason.AGENT_ERROR, StopReason.SIMULATOR_ERROR}
    assert FailureCause.SERVER_ERROR in simulation.errors
    assert FailureCause.BAD_REQUEST in simulation.errors
    for conversation in conversations:
        judgment = judgments[conversation.conversation_id]
        if conversation.error is not None:
            assert judgment.passed is None
            assert judgment.error == conversation.error
        else:
            assert (judgment.passed is None) == (judgment.error is not None)
    unjudged = sum(judgment.passed is None for judgment in judgments.values())
    assert judging.unjudged == unjudged
    assert 0 < len(failed) < 500
