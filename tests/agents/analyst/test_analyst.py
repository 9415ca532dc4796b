"""The Analyst explains judged conversations, by a model and by rules, in numbers that code computed."""

from pathlib import Path

import pytest

from assay.agents.analyst import CHAT_PROMPT, PROMPT, analyst
from assay.contracts.analytics import AnalystAnswer, AnalyticsReport, AnalyzeRequest
from assay.contracts.conversation import FailureCause
from assay.contracts.judgment import Judging
from assay.contracts.stage import DatasetRef, Stage, Usage
from assay.errors import CallError
from assay.evaluation.facts import stray_numbers
from assay.evaluation.judges.correction import Judged
from assay.evaluation.results import TrialResult
from assay.evaluation.results_table import ResultsTable
from assay.models import open_model
from assay.models.sql_chat import Looked
from assay.stages import STAGES
from assay.stages.analyze import compute
from tests.judged import AGENT, expectation, result, scenario, shop, tau_results
from tests.prompts import same_prompt
from tests.stub_llm import Raw, Reply, StubLLM, always, in_order

HERE = Path(__file__).parent


def report(rows: list[TrialResult]) -> AnalyticsReport:
    judging = Judging(
        project="default",
        gated=False,
        subject_id="judging-1",
        simulation_id="sim-1",
        agent=AGENT,
        dataset=DatasetRef(name="shop", version="0" * 16),
        conversations=len(rows),
        passed=0,
        failed=0,
        unjudged=0,
        mean_score=None,
        judge="offline",
        rubric_hash="0" * 64,
        usage=Usage(),
    )
    return compute(AnalyzeRequest(judging_id="judging-1"), Judged(judging, rows, None))


async def narrated(rows: list[TrialResult]) -> str:
    return (await analyst(None).narrate(report(rows))).narrative.text


async def test_offline_tells_what_to_expect_what_goes_wrong_and_what_to_do_next():
    text = await narrated(shop(flawed=0.5))
    assert text.startswith(
        "Expect `shop-support@v2` to meet every expectation in 83.3 % (58.6 to 100.0 %, n 24, 12 scenarios) of "
        "conversations like these. No human labels calibrate the judge yet"
    )
    assert "- `not done: takes a gift card as a means to pay`: 4 conversations" in text
    assert "All failures are put down to the agent itself." in text
    assert text.rpartition("What to do next:\n")[2].startswith("- Read the conversations of the largest cluster")


async def test_offline_calls_a_slice_weak_only_where_chance_does_not_explain_it():
    strong = [result(scenario(f"r{n}", topic="returns")) for n in range(20)]
    weak = [result(scenario(f"g{n}", topic="gift-cards"), unmet=["helps"]) for n in range(8)]
    assert "It is weak in topic `gift-cards`, 0.0 % (" in await narrated([*strong, *weak])
    even = [result(scenario(f"e{n}", topic=f"t{n % 2}"), unmet=["helps"] if n % 5 == 0 else []) for n in range(20)]
    assert "No slice is clearly weaker than the rest." in await narrated(even)


async def test_offline_says_where_there_is_too_little_data():
    text = await narrated([result(scenario("a")), result(scenario("b"), unmet=["helps"])])
    assert text.startswith("There is too little data to say what to expect in production: too little data (2 scenarios")
    assert "- Add scenarios: there are too few for a rate." in text


async def test_offline_puts_failed_calls_down_to_whom_they_belong():
    rows = [*shop(flawed=0.5), result(scenario("down"), failed=FailureCause.SERVER_ERROR)]
    text = await narrated(rows)
    assert "put down to others: the infrastructure (4.0 %" in text
    assert "Fix what made calls fail, and run again" in text


async def test_a_rate_says_how_many_have_no_verdict_and_what_they_may_make_of_it():
    """A judge that abstains wherever it sees no evidence rules on the good conversations alone."""
    good = [result(scenario(f"g{n}")) for n in range(6)]
    unclear = [result(scenario(f"u{n}"), failed=FailureCause.BAD_ANSWER) for n in range(4)]
    told = report([*good, *unclear])
    assert STAGES[Stage.ANALYZE].finding(told).endswith("; left out: 4 of 10 conversations, without a verdict")
    assert (
        "4 of 10 conversations have no verdict and are left out of it: with them, 60.0 to 100.0 % may pass."
        in (await analyst(None).narrate(told)).narrative.text
    )
    whole = report(good)
    assert "left out" not in STAGES[Stage.ANALYZE].finding(whole)
    assert "pass_bounds" not in {fact.fact_id for fact in whole.facts}


async def test_offline_without_failures_says_so():
    text = await narrated(shop(flawed=0))
    assert "No conversation failed." in text
    assert "largest cluster" not in text


async def test_offline_takes_names_with_numbers_and_odd_signs():
    odd = expectation("odd", "The agent refunds 149 EUR in two days, {not} 5 % more.")
    rows = [result(scenario(f"{n}", odd, topic="2024"), unmet=["odd"]) for n in range(6)]
    assert "`not done: refunds 149 EUR in two days, (not) 5 % more`: " in await narrated(rows)


async def test_offline_speaks_of_recorded_conversations():
    text = await narrated(list(tau_results()))
    assert "42.0 % (31.5 to 52.5 %, n 200, 50 scenarios)" in text
    assert "the chance that all trials of a scenario pass is 20.0 %" in text
    assert "in topic `update-reservation-baggages` 0 of 4; in topic `book-reservation` 1 of 16; in topic" in text
    assert "large enough for an interval the lowest is topic `cancel-reservation`, 22.5 % (" in text


async def test_a_model_narrates_from_facts_alone():
    rows = shop(flawed=0.5)
    good = "Expect {pass_rate}. Most failures are `not done: takes a gift card as a means to pay`: {cluster_1}."
    drafts = in_order(Raw("?"), Reply({"text": "It passes 83 %, I reckon."}), Reply({"text": good}))
    async with StubLLM(drafts) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        done = await analyst(model).narrate(report(rows))
        await model.aclose()
    assert done.narrative.text.startswith("Expect 83.3 % (58.6 to 100.0 %")
    assert done.narrative.author == "openai:stub"
    assert done.usage.calls >= 2
    same_prompt(stub.requests[0], HERE / "narrate.txt")


async def test_a_model_that_makes_numbers_up_gives_no_narrative():
    async with StubLLM(always(Reply({"text": "It passes 83 %, I reckon."}))) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        with pytest.raises(CallError, match="83 %") as refused:
            await analyst(model).narrate(report(shop()))
        await model.aclose()
    assert refused.value.failed.cause is FailureCause.BAD_ANSWER


async def test_a_model_answers_questions_from_the_tables():
    table = ResultsTable({str(AGENT): shop(flawed=0.5)})
    look = Reply({"action": "estimate", "text": "", "measure": "passed", "by": "difficulty"})
    async with StubLLM(in_order(look, Reply({"action": "answer", "text": "Easy ones: {q1.1}."}))) as stub:
        model = open_model("openai:stub", base_url=stub.base_url, api_key="k")
        steps = [step async for step in analyst(model).steps("How do easy ones do?", table)]
        await model.aclose()
    assert isinstance(steps[0], Looked)
    assert isinstance(steps[-1], AnalystAnswer)
    assert steps[-1].text == "Easy ones: 66.7 % (12.5 to 100.0 %, n 12, 6 scenarios)."
    assert stray_numbers(steps[-1].text)  # they are computed ones, put in after the check
    same_prompt(stub.requests[0], HERE / "chat.txt")


async def test_offline_answers_in_the_same_steps():
    table = ResultsTable({str(AGENT): shop(flawed=0.5)})
    steps = [step async for step in analyst(None).steps("How do easy ones do?", table)]
    answer = await analyst(None).answer("How do easy ones do?", table)
    assert isinstance(steps[0], Looked) and steps[0].sql == answer.queries[0]
    assert steps[-1] == answer
    assert answer.text.startswith("Pass rate, difficulty `easy`:")


def test_a_changed_prompt_changes_the_hash_and_the_packaged_one_is_the_default():
    model = open_model("openai:stub", base_url="http://127.0.0.1:9/v1", api_key="k")
    assert analyst(model).prompt_hash == analyst(model, PROMPT).prompt_hash
    assert analyst(model, "Other words.").prompt_hash != analyst(model).prompt_hash
    assert analyst(None).name == "offline"
    assert "{{calibration}}" in PROMPT and CHAT_PROMPT


async def test_offline_speaks_of_unsteadiness_only_where_trials_differ():
    alike = [result(scenario(f"s{n}"), trial=t, unmet=["helps"] if n % 4 else []) for n in range(12) for t in range(3)]
    text = await narrated(alike)
    assert "does not do the same every time" not in text
    assert "Each scenario comes out the same in all of its trials." in text
    differ = [
        result(scenario(f"s{n}"), trial=t, unmet=["helps"] if (n + t) % 4 else []) for n in range(12) for t in range(3)
    ]
    assert "does not do the same every time" in await narrated(differ)


async def test_offline_never_says_that_no_slice_is_weaker_while_a_small_one_passes_nothing():
    good = [result(scenario(f"g{n}", topic="sadness"), unmet=["helps"] if n < 2 else []) for n in range(20)]
    small = [result(scenario(f"m{n}", topic="medical"), unmet=["helps"]) for n in range(3)]
    text = await narrated([*good, *small])
    assert "No slice is clearly weaker" not in text
    assert "in topic `medical` 0 of 3 conversations pass" in text


async def test_the_corrected_rate_leads_and_the_judges_own_stands_beside_it():
    facts = [fact.fact_id for fact in report(shop()).facts]
    assert facts[0] == "pass_rate" and "pass_hat_1" not in facts
