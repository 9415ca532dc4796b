"""The lifecycle as a whole: gates, resuming, rejection, and what is never done twice."""

import pytest

from assay.contracts.agent import DevelopRequest
from assay.contracts.analytics import AnalyzeRequest
from assay.contracts.comparison import CompareRequest, Recommendation, Side
from assay.contracts.conversation import SimulateRequest
from assay.contracts.dataset import DatasetRequest
from assay.contracts.judgment import JudgeRequest
from assay.contracts.rollout import DeployRequest, RegistryStage
from assay.contracts.stage import Stage
from assay.errors import GateClosed, Refused
from assay.lifecycle.agents_report import publish_agents_report
from assay.lifecycle.gates import decide, gate_states, read_decisions, verify
from assay.lifecycle.pipeline import Answer, approve_all, nobody, run_pipeline
from assay.lifecycle.run import run_stage
from assay.tracking import list_artifacts, list_results
from tests.conftest import SHOP
from tests.lifecycle.conftest import card, few_scenarios


async def test_eight_stages_run_and_the_better_version_reaches_production(context, request_):
    result = await run_pipeline(request_, context, approve_all("tester"))
    assert result.state == "finished", result.reason
    assert list(dict.fromkeys(summary.stage for summary in result.stages)) == list(Stage)
    assert result.recommendation is Recommendation.PROMOTE
    decisions = await read_decisions(context, "shop")
    assert len(decisions) == len(result.stages)
    assert {decision.mode for decision in decisions} == {"approve_all"}
    assert (await verify(context, "shop")).intact
    deployed = list_results(context.tracking, "shop", Stage.DEPLOY)
    assert len(deployed) == 2  # Staging, then Production
    for summary in result.stages:
        if summary.stage is not Stage.DEVELOP:
            names = list_artifacts(context.tracking, summary.run_id, "reports")
            assert {name.rsplit(".")[-1] for name in names} == {"html", "pdf", "json"}


async def test_the_same_pipeline_again_changes_nothing(context, request_):
    first = await run_pipeline(request_, context, approve_all("tester"))
    before = [len(list_results(context.tracking, "shop", stage)) for stage in Stage]
    again = await run_pipeline(request_, context, nobody)
    assert again.state == "finished"
    assert again.verdict_hash == first.verdict_hash
    assert [len(list_results(context.tracking, "shop", stage)) for stage in Stage] == before
    assert all(summary.reused for summary in again.stages)


async def test_nothing_starts_until_somebody_approves(context, request_):
    waiting = await run_pipeline(request_, context, nobody)
    assert waiting.state == "waiting"
    assert [summary.stage for summary in waiting.stages] == [Stage.DEVELOP]
    assert waiting.waiting_for is not None
    assert waiting.waiting_for.subject_id in waiting.reason
    await decide(context, "shop", waiting.waiting_for.subject_id, "approve", by="ann", reason="the card is right")
    further = await run_pipeline(request_, context, nobody)
    assert [summary.stage for summary in further.stages] == [Stage.DEVELOP, Stage.DEVELOP]
    states = {gate.subject_id: gate.state for gate in await gate_states(context, "shop")}
    assert sorted(states.values()) == ["approved", "waiting"]


async def test_a_rejection_stops_the_lifecycle_with_its_reason(context, request_):
    async def reject_the_dataset(gate, result):
        return Answer(approve=gate.stage is not Stage.DATASET, by="ann", reason="too few about refunds")

    result = await run_pipeline(request_, context, reject_the_dataset)
    assert result.state == "stopped"
    assert "too few about refunds" in result.reason
    assert result.stages[-1].stage is Stage.DATASET
    with pytest.raises(GateClosed, match="rejected"):
        dataset = request_.dataset
        await run_stage(SimulateRequest(project="shop", gated=True, agent=card("v2").ref, dataset=dataset.ref), context)


async def test_a_dataset_under_its_threshold_does_not_pass_its_gate(context, request_):
    scenarios = request_.dataset.scenarios
    copies = tuple(scenarios[0].replace(scenario_id=f"copy-{place}") for place in range(8))
    flawed = request_.replace(dataset=request_.dataset.replace(scenarios=copies))
    result = await run_pipeline(flawed, context, approve_all("tester"))
    assert result.state == "stopped"
    assert "under its threshold" in result.reason
    subject = result.stages[-1].subject_id
    with pytest.raises(Refused, match="threshold"):
        await decide(context, "shop", subject, "approve", by="ann", reason="never mind")


async def test_a_worse_challenger_is_rejected_and_not_deployed(context, request_):
    turned = request_.replace(champion=request_.challenger, challenger=request_.champion)
    result = await run_pipeline(turned, context, approve_all("tester"))
    assert result.state == "stopped"
    assert result.recommendation is Recommendation.REJECT
    assert not list_results(context.tracking, "shop", Stage.DEPLOY)


async def test_what_was_run_ungated_is_not_deployed_before_each_step_is_approved(context):
    judgings = []
    for version in ("v1", "v2"):
        await run_stage(DevelopRequest(project="p", card=card(version), card_dir=str(SHOP)), context)
        built = await run_stage(DatasetRequest(project="p", agent=card(version).ref, dataset=few_scenarios()), context)
        played = await run_stage(
            SimulateRequest(project="p", agent=card(version).ref, dataset=built.dataset.ref, trials=1), context
        )
        judgings.append(await run_stage(JudgeRequest(project="p", simulation_id=played.subject_id), context))
    sides = {
        "champion": Side(judging_id=judgings[0].subject_id),
        "challenger": Side(judging_id=judgings[1].subject_id),
    }
    comparison = await run_stage(CompareRequest(project="p", **sides), context)
    assert not comparison.gated
    verdict = {"comparison_id": comparison.subject_id, "by": "ann", "reason": "looks good"}
    ask = DeployRequest.model_validate({"project": "p", "gated": True, "despite": True, **verdict})
    with pytest.raises(GateClosed, match="has no analytics report yet"):
        await run_stage(ask, context)
    for judging in judgings:
        await run_stage(AnalyzeRequest(project="p", judging_id=judging.subject_id), context)
    with pytest.raises(GateClosed, match="10 results are not approved"):
        await run_stage(ask, context)
    with pytest.raises(Refused, match="part of the project's lifecycle"):
        await run_stage(ask.replace(gated=False), context)
    with pytest.raises(GateClosed, match="9 results are not approved"):
        await run_stage(CompareRequest(project="p", gated=True, **sides), context)


async def test_production_needs_an_approved_staging(context, request_):
    async def until_the_comparison(gate, result):
        if gate.stage is Stage.DEPLOY:
            return None
        return Answer(approve=True, by="ann", reason="fine")

    result = await run_pipeline(request_, context, until_the_comparison)
    assert result.state == "waiting"
    ask = DeployRequest(
        project="shop",
        gated=True,
        comparison_id=result.comparison_id,
        to_stage=RegistryStage.PRODUCTION,
        by="ann",
        reason="now",
    )
    with pytest.raises(GateClosed, match="not approved yet"):
        await run_stage(ask, context)


async def test_the_agents_report_measures_all_six(context, request_):
    await run_pipeline(request_, context, approve_all("tester"))
    report, uri = await publish_agents_report("shop", context)
    assert [agent.agent for agent in report.agents] == [
        "dataset_builder",
        "user_simulator",
        "judge",
        "analyst",
        "comparator",
        "feedback_analyst",
    ]
    by_name = {agent.agent: agent for agent in report.agents}
    assert by_name["user_simulator"].calls > 50
    assert by_name["user_simulator"].latency_p95_s > 0
    assert by_name["analyst"].determinism.value == 1.0
    assert uri.endswith("agents.html")


async def test_an_ungated_registration_of_the_same_version_does_not_close_the_gates(context, request_):
    await run_pipeline(request_, context, nobody)
    await run_stage(DevelopRequest(project="shop", card=card("v1"), card_dir=str(SHOP)), context)
    await run_stage(DevelopRequest(project="shop", card=card("v2"), card_dir=str(SHOP)), context)
    result = await run_pipeline(request_, context, approve_all("tester"))
    assert result.state == "finished", result.reason
