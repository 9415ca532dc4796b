"""Gates: what was run ungated is approved afterwards, and what is approved cannot change unseen."""

import asyncio
import json
import shutil

import pytest

from assay.contracts.agent import AgentVersion, DevelopRequest
from assay.contracts.api import ProjectPolicy
from assay.contracts.comparison import ComparePolicy, ComparisonReport, Recommendation
from assay.contracts.judgment import JudgeRequest, Judging
from assay.contracts.rollout import DeployRequest, Rollout
from assay.contracts.stage import PolicyException, Stage, StageResult
from assay.errors import BadInput, Conflict, GateClosed, Refused
from assay.lifecycle.gates import ANY_DECISION, approved_as_it_is, decide, gate_states, load_subject, verify
from assay.lifecycle.policy import TAG
from assay.stages.context import Context
from assay.tracking import read_conversations, set_project_tag, write_conversations
from tests.lifecycle.flaky import Flaky, dataset, ran


@pytest.fixture
def flaky(tmp_path) -> Flaky:
    made = Flaky(tmp_path / "desk")
    made.write()
    return made


async def a_chain(context: Context, flaky: Flaky, *, better: bool = True) -> tuple[list[str], ComparisonReport]:
    """Both versions through stages 1 to 6; all ids, in the order of the stages. better: than version 1, version 2."""
    results: list[StageResult] = [await flaky.registered(context, "1"), await flaky.registered(context, "2")]
    results.append(await flaky.built(context))
    flaky.knows(())
    simulations = [await flaky.played(context, "1")]
    flaky.knows(range(6) if better else ())
    simulations.append(await flaky.played(context, "2"))
    judgings = [await flaky.judged(context, simulation) for simulation in simulations]
    reports = [await flaky.analyzed(context, judging) for judging in judgings]
    comparison = await flaky.compared(context, *judgings)
    every = [*results, *simulations, *judgings, *reports, comparison]
    return [result.subject_id for result in every], comparison


def deployment(comparison: ComparisonReport) -> DeployRequest:
    return DeployRequest(
        project="flaky", gated=True, comparison_id=comparison.subject_id, by="ada", reason="It knows more."
    )


async def approve(context: Context, *subjects: str, by: str = "ada", **more) -> None:
    for subject in subjects:
        await decide(context, "flaky", subject, "approve", by=by, reason="Looked at it.", **more)


async def test_what_was_run_ungated_is_deployed_once_each_step_is_approved(context: Context, flaky: Flaky) -> None:
    subjects, comparison = await a_chain(context, flaky)
    asked = len(flaky.asked())
    assert asked == 12
    with pytest.raises(GateClosed) as closed:
        await ran(deployment(comparison), context, Rollout)
    assert all(subject in str(closed.value) for subject in subjects)
    assert f"assay gate approve {' '.join(subjects)} --project flaky --reason WHY" in str(closed.value)

    await approve(context, *subjects[:-1])
    with pytest.raises(GateClosed, match=f"compare {comparison.subject_id} is not approved yet"):
        await ran(deployment(comparison), context, Rollout)
    await approve(context, comparison.subject_id)
    assert (await ran(deployment(comparison), context, Rollout)).registry_stage == "Staging"
    assert flaky.asked() == []
    shown = {state.subject_id: state.state for state in await gate_states(context, "flaky")}
    assert {shown[subject] for subject in subjects} == {"approved"}, "they are part of the lifecycle now"


async def test_a_verdict_that_no_approval_changes_is_named_before_any_approval(context: Context, flaky: Flaky) -> None:
    _, comparison = await a_chain(context, flaky, better=False)
    assert comparison.recommendation is not Recommendation.PROMOTE
    with pytest.raises(Refused, match=f"verdict is {comparison.recommendation}: .*--despite") as refused:
        await ran(deployment(comparison), context, Rollout)
    assert "approve" not in str(refused.value)
    despite = deployment(comparison).replace(despite=True)
    with pytest.raises(GateClosed, match="results are not approved"):
        await ran(despite, context, Rollout)


async def test_a_policy_may_want_gates_beforehand(context: Context, flaky: Flaky) -> None:
    subjects, comparison = await a_chain(context, flaky)
    declare(context, ProjectPolicy(gates="before", compare=ComparePolicy(judge="any")))
    with pytest.raises(Refused, match="was run ungated"):
        await approve(context, subjects[0])
    with pytest.raises(GateClosed, match="run it again with --gated"):
        await ran(deployment(comparison), context, Rollout)


async def test_after_an_approval_no_request_changes_what_a_gated_stage_reads(context: Context, flaky: Flaky) -> None:
    flaky.knows((0, 1))
    version, built = await flaky.registered(context, gated=True), None
    await approve(context, version.subject_id)
    built = await flaky.built(context, gated=True)
    await approve(context, built.subject_id)
    simulation = await flaky.played(context, gated=True)
    await approve(context, simulation.subject_id)
    before = read_conversations(context.tracking, "flaky", simulation.subject_id)

    passing = before[0].turns
    forged = tuple(conversation.replace(turns=passing) for conversation in before)
    request = JudgeRequest(project="flaky", conversations=forged, dataset=dataset().ref)
    judged = await ran(request, context, Judging)
    assert judged.passed == 6, "somebody else's conversations are judged as they were handed in"

    assert read_conversations(context.tracking, "flaky", simulation.subject_id) == before
    judging = await flaky.judged(context, simulation, gated=True)
    assert (judging.passed, judging.failed) == (2, 4)
    assert (await verify(context, "flaky")).changed == ()


async def test_what_is_approved_and_then_changed_in_the_store_closes_the_gate(context: Context, flaky: Flaky) -> None:
    subjects, comparison = await a_chain(context, flaky)
    await approve(context, *subjects)
    simulation_id, judging_id = subjects[3], subjects[5]
    assert simulation_id.startswith("sim-")
    assert judging_id.startswith("judging-")
    first, *rest = read_conversations(context.tracking, "flaky", simulation_id)
    changed = first.replace(turns=(first.turns[0], first.turns[1].replace(text="It arrives tomorrow.")))
    write_conversations(
        context.tracking, "flaky", [(changed, None)], simulation_id=simulation_id, run_id=None, dataset=None
    )
    with pytest.raises(GateClosed, match=f"simulate {simulation_id} is not what ada approved: conversations.jsonl"):
        await ran(deployment(comparison), context, Rollout)
    check = await verify(context, "flaky")
    assert check.intact
    assert [line.split(":")[0] for line in check.changed] == [simulation_id, judging_id], "and what judged it"
    with pytest.raises(Refused, match=r"conversations.jsonl in the store is not what the result was made from"):
        await approve(context, simulation_id, overrules=ANY_DECISION)
    assert rest


async def test_a_decision_on_what_somebody_else_decided_meanwhile_is_refused(context: Context, flaky: Flaky) -> None:
    version = await flaky.registered(context, gated=True)
    subject = version.subject_id
    rejected = await decide(context, "flaky", subject, "reject", by="ada", reason="The card names no tools.")
    with pytest.raises(Conflict, match=r"rejected by ada since .* \(The card names no tools\.\)"):
        await decide(context, "flaky", subject, "approve", by="ben", reason="Fine.")
    with pytest.raises(Conflict, match="rejected by ada"):
        await decide(context, "flaky", subject, "approve", by="ben", reason="Fine.", overrules="0" * 64)
    approved = await decide(context, "flaky", subject, "approve", by="ben", reason="Fine.", overrules=rejected.hash)
    assert approved.previous == rejected.hash
    states = {state.subject_id: state.state for state in await gate_states(context, "flaky")}
    assert states == {subject: "approved"}


async def test_of_two_decisions_at_the_same_time_one_is_refused(context: Context, flaky: Flaky) -> None:
    subject = (await flaky.registered(context, gated=True)).subject_id
    answers = await asyncio.gather(
        decide(context, "flaky", subject, "reject", by="ada", reason="No."),
        decide(context, "flaky", subject, "approve", by="ben", reason="Yes."),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "GateDecision"]


async def test_a_decision_by_nobody_is_refused(context: Context, flaky: Flaky) -> None:
    subject = (await flaky.registered(context, gated=True)).subject_id
    with pytest.raises(Refused, match="set ASSAY_USER"):
        await decide(context, "flaky", subject, "approve", by="unknown", reason="Yes.")


async def test_nobody_approves_their_own_work_where_the_policy_says_so(context: Context, flaky: Flaky) -> None:
    subject = (await flaky.registered(context, gated=True)).subject_id
    declare(context, ProjectPolicy(four_eyes=True))
    with pytest.raises(Refused, match="was run by tester"):
        await approve(context, subject, by="tester")
    await approve(context, subject, by="ada")


async def test_a_rejection_closes_the_gate_and_says_how_to_overrule_it(context: Context, flaky: Flaky) -> None:
    subjects, comparison = await a_chain(context, flaky)
    await approve(context, *subjects)
    await decide(context, "flaky", subjects[2], "reject", by="ben", reason="Too few scenarios.", overrules=ANY_DECISION)
    with pytest.raises(GateClosed, match=r"was rejected by ben \(Too few scenarios\.\).*--overrule"):
        await ran(deployment(comparison), context, Rollout)


class TestPolicy:
    """What the project declared binds every caller."""

    async def test_a_policy_of_ones_own_is_refused(self, context: Context, flaky: Flaky) -> None:
        _, comparison = await a_chain(context, flaky)
        judgings = [
            Judging.model_validate(await load_subject(context, "flaky", side.judging_id))
            for side in (comparison.champion_side, comparison.challenger_side)
        ]
        declare(context, ProjectPolicy(compare=ComparePolicy(margin=0.1, judge="any")))
        lax = ComparePolicy(test="non_inferiority", margin=0.6, judge="any")
        with pytest.raises(Refused, match="this project's policy declares test superiority, margin 0.1"):
            await flaky.compared(context, *judgings, policy=lax)
        bound = await flaky.compared(context, *judgings, policy=ComparePolicy())
        assert bound.policy.margin == 0.1, "what is not chosen is the project's"
        exception = PolicyException(by="ada", reason="A trial of the margin.")
        excepted = await flaky.compared(context, *judgings, policy=lax, exception=exception)
        assert excepted.exception == exception
        from assay.tracking import read_json

        report = read_json(context.tracking, excepted.run_id or "", "reports/comparison.json")
        assert "An exception from the project's policy, by ada: A trial of the margin." in json.dumps(report)

    async def test_a_lower_threshold_is_refused_and_a_higher_one_is_not(self, context: Context, flaky: Flaky) -> None:
        await flaky.registered(context)
        declare(context, ProjectPolicy(dataset_threshold=0.5))
        with pytest.raises(Refused, match="at least 0.5"):
            await flaky.built(context, threshold=0.0)
        assert (await flaky.built(context, threshold=0.9)).report.threshold == 0.9
        assert (await flaky.built(context, threshold=0.8)).report.threshold == 0.5, "0.8 is what nobody chose"


async def test_parents_are_asked_for_directly_however_many_results_there_are(context: Context, flaky: Flaky) -> None:
    from assay.contracts.analytics import AnalyticsReport
    from assay.tracking import list_results, stage_run

    subjects, comparison = await a_chain(context, flaky)
    newest = await load_subject(context, "flaky", subjects[7])
    assert isinstance(newest, AnalyticsReport)
    for number in range(101):
        with stage_run(context.tracking, "flaky", Stage.ANALYZE, request_hash=f"{number:064}", gated=False) as run:
            other = newest.replace(subject_id=f"analytics-{number}", judging_id="judging-other", run_id=run.run_id)
            run.finish(other, ["judging-other"])
    assert len(list_results(context.tracking, "flaky", Stage.ANALYZE, parent=newest.judging_id)) == 1
    await approve(context, *subjects)
    assert (await ran(deployment(comparison), context, Rollout)).comparison_id == comparison.subject_id


async def test_a_comparison_finds_the_one_pair_on_one_dataset(context: Context, flaky: Flaky) -> None:
    from assay.stages.pairs import pair
    from tests.lifecycle.flaky import agent

    _, comparison = await a_chain(context, flaky)
    before, after = await pair(context, "flaky", agent("1"), agent("2"))
    assert (before.subject_id, after.subject_id) == (
        comparison.champion_side.judging_id,
        comparison.challenger_side.judging_id,
    )
    await flaky.judged(context, await flaky.played(context, "2", seed=7))
    with pytest.raises(BadInput, match="name the one you mean"):
        await pair(context, "flaky", agent("1"), agent("2"))
    with pytest.raises(BadInput, match="desk@9 was not judged"):
        await pair(context, "flaky", agent("1"), agent("9"))


def declare(context: Context, policy: ProjectPolicy) -> None:
    set_project_tag(context.tracking, "flaky", TAG, policy.model_dump_json(exclude_defaults=True))


async def test_a_version_registered_again_from_another_folder_stays_approved(
    context: Context, flaky: Flaky, tmp_path
) -> None:
    version = await flaky.registered(context, gated=True)
    await approve(context, version.subject_id)
    shutil.copytree(flaky.folder, tmp_path / "elsewhere")
    elsewhere = DevelopRequest(
        project="flaky", gated=True, card=flaky.card(), card_dir=str(tmp_path / "elsewhere"), probe=False
    )
    again = await ran(elsewhere, context, AgentVersion)
    assert (again.subject_id, again.card_dir) == (version.subject_id, str(tmp_path / "elsewhere"))
    assert await approved_as_it_is(again, context)
