"""The Comparator explains a verdict that is decided, and answers about two sides without knowing which is newer."""

from pathlib import Path

import pytest

from assay.agents.comparator import CHAT_PROMPT, PROMPT, comparator
from assay.contracts.comparison import ComparePolicy, CompareRequest, ComparisonReport, Side
from assay.contracts.conversation import FailureCause
from assay.contracts.judgment import Judging
from assay.contracts.stage import AgentRef, DatasetRef, Usage
from assay.errors import CallError
from assay.evaluation.judges.correction import Judged
from assay.evaluation.results import TrialResult
from assay.evaluation.results_table import ResultsTable
from assay.models import open_model
from assay.stages.compare import compute
from tests.judged import result, scenario, shop, tau_results
from tests.prompts import same_prompt
from tests.stub_llm import Reply, StubLLM, always, in_order

HERE = Path(__file__).parent
ONE, TWO = Side(judging_id="judging-1"), Side(judging_id="judging-2")


def judging(version: str) -> Judging:
    return Judging(
        project="default",
        gated=False,
        subject_id=f"judging-{version}",
        simulation_id="sim-1",
        agent=AgentRef(agent_id="shop-support", version=version),
        dataset=DatasetRef(name="shop", version="0" * 16),
        conversations=24,
        passed=0,
        failed=0,
        unjudged=0,
        mean_score=None,
        judge="offline",
        rubric_hash="0" * 64,
        usage=Usage(),
    )


def report(before: list[TrialResult], after: list[TrialResult], **policy) -> ComparisonReport:
    request = CompareRequest(champion=ONE, challenger=TWO, policy=ComparePolicy(**{"judge": "any", **policy}))
    return compute(request, Judged(judging("v1"), before, None), Judged(judging("v2"), after, None))


def many(failing: int) -> list[TrialResult]:
    """40 scenarios, of which so many fail."""
    return [
        result(
            scenario(f"s{n}", topic="returns" if n < 20 else "cards"), trial=t, unmet=["helps"] if n < failing else []
        )
        for n in range(40)
        for t in (0, 1)
    ]


async def narrated(before: list[TrialResult], after: list[TrialResult], **policy) -> str:
    return (await comparator(None).narrate(report(before, after, **policy))).narrative.text


async def test_offline_leads_with_the_verdict_then_flips_slices_and_what_to_do():
    text = await narrated(many(20), many(2))
    assert text.startswith("Promote `shop-support@v2`: it does better than `shop-support@v1`, by +45.0 points (")
    assert "the challenger fixed 36 and broke 0." in text
    assert text.endswith("approve the comparison's gate, then deploy the challenger to staging.")


async def test_offline_names_what_broke_where_the_challenger_does_worse():
    text = await narrated(many(2), many(20))
    assert text.startswith("Keep `shop-support@v1`: `shop-support@v2` does worse, by -45.0 points (")
    assert "Read the broken ones before deciding, first `s10`, `s11`, `s12`." in text
    assert "It got worse in" in text and "also after the correction for looking at many slices" in text


async def test_offline_does_not_take_an_open_question_for_a_verdict():
    text = await narrated(many(10), many(11))
    assert text.startswith("The data does not decide between `shop-support@v1` and `shop-support@v2`")
    assert text.endswith("What to do next: add data as the list of next steps says, and compare again.")
    assert report(many(10), many(11)).actions[0].kind == "add_data"
    few = await narrated(many(10)[:4], many(10)[:4])
    assert few.startswith("Whether `shop-support@v2` is better than `shop-support@v1` cannot be said: too little data")


async def test_offline_names_the_margin_of_a_test_of_non_inferiority():
    text = await narrated(many(10), many(10), test="non_inferiority", margin=0.1)
    assert text.startswith(
        "Promote `shop-support@v2`: it is not worse than `shop-support@v1` by more than the margin of 10.0 %"
    )
    worse = await narrated(many(2), many(20), test="non_inferiority", margin=0.1)
    assert "is worse by more than the margin of 10.0 %" in worse


async def test_offline_speaks_of_cost_only_where_it_differs_beyond_chance():
    slow = [result(scenario(f"s{n}"), latency_s=2 + n / 10) for n in range(20)]
    fast = [result(scenario(f"s{n}"), latency_s=1 + n / 20) for n in range(20)]
    assert "Answer time went from 2.95 s to 1.48 s." in await narrated(slow, fast)


async def test_offline_finds_no_difference_between_recorded_trials():
    rows = list(tau_results())
    text = await narrated([r for r in rows if r.judgment.trial < 2], [r for r in rows if r.judgment.trial >= 2])
    assert "the difference is -2.0 points (-11.1 to +7.1 points, n 100, 50 scenarios)" in text


async def test_a_model_narrates_the_decided_verdict_from_facts_alone():
    drafts = in_order(
        Reply({"text": "Promote it: twice as good."}),
        Reply({"text": "Promote it: better by {difference}. `s1` is fixed."}),
    )
    async with StubLLM(drafts) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        done = await comparator(model).narrate(report(many(20), many(2)))
        await model.aclose()
    assert done.narrative.text.startswith("Promote it: better by +45.0 points (")
    assert stub.requests[1]["messages"][-1]["content"].startswith("Refused: narrative: twice is no computed number")
    same_prompt(stub.requests[0], HERE / "narrate.txt")


async def test_a_model_that_makes_numbers_up_gives_no_narrative():
    async with StubLLM(always(Reply({"text": "Twice as good."}))) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        with pytest.raises(CallError, match="Twice") as refused:
            await comparator(model).narrate(report(many(20), many(2)))
        await model.aclose()
    assert refused.value.failed.cause is FailureCause.BAD_ANSWER


async def test_the_chat_is_never_told_which_side_is_newer_or_in_production():
    sides = ResultsTable({"A": shop(side="A"), "B": shop(flawed=0.25, side="B")})
    look = Reply({"action": "difference", "text": "", "measure": "passed"})
    async with StubLLM(in_order(look, Reply({"action": "answer", "text": "`B` does better, by {q1.1}."}))) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        answer = await comparator(model).answer("Which is better?", sides)
        await model.aclose()
    assert answer.text.startswith("`B` does better, by +25.0 points (")
    told = " ".join(message["content"] for request in stub.requests for message in request["messages"]).lower()
    for word in ("champion", "challenger", "v1", "v2", "shop-support"):
        assert word not in told
    same_prompt(stub.requests[0], HERE / "chat.txt")


async def test_offline_answers_with_a_paired_difference():
    sides = ResultsTable({"A": shop(side="A"), "B": shop(flawed=0.25, side="B")})
    answer = await comparator(None).answer("Which side is better?", sides)
    assert "B minus A: +25.0 points (" in answer.text
    steps = [step async for step in comparator(None).steps("Which side is better?", sides)]
    assert steps[-1] == answer


def test_a_changed_prompt_changes_the_hash():
    model = open_model("openai:stub", base_url="http://127.0.0.1:9/v1", api_key="k")
    assert comparator(model, "Other words.").prompt_hash != comparator(model).prompt_hash
    assert "{{recommendation}}" in PROMPT and CHAT_PROMPT


async def test_offline_says_that_the_judge_may_not_gate():
    text = await narrated(many(20), many(2), judge="admitted")
    assert text.startswith("There is no verdict yet, because the judge may not gate: by its own count")
    assert "label conversations of both sides, certify the judge" in text
