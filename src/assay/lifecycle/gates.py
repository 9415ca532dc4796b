"""Gates: what a stage stands on must be approved, and every decision is in the ledger."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from assay.contracts.agent import DevelopRequest
from assay.contracts.analytics import AnalyzeRequest
from assay.contracts.base import content_hash
from assay.contracts.comparison import CompareRequest
from assay.contracts.conversation import SimulateRequest
from assay.contracts.dataset import DatasetRequest, DatasetResult
from assay.contracts.feedback import FeedbackRequest
from assay.contracts.gate import GateDecision, GateState, LedgerCheck
from assay.contracts.judgment import JudgeRequest
from assay.contracts.rollout import DeployRequest, RegistryStage
from assay.contracts.stage import AgentRef, DatasetRef, Stage, StageRequest, StageResult
from assay.errors import GateClosed, NotFound, Refused
from assay.lifecycle import ledger
from assay.lifecycle.ledger_audit import HEAD, audit, broken, signing_key
from assay.stages import STAGES
from assay.stages.context import Context

Mode = Literal["person", "approve_all", "policy"]

PREFIXES = {
    "agent": Stage.DEVELOP,
    "dataset": Stage.DATASET,
    "sim": Stage.SIMULATE,
    "judging": Stage.JUDGE,
    "analytics": Stage.ANALYZE,
    "comparison": Stage.COMPARE,
    "rollout": Stage.DEPLOY,
    "production": Stage.FEEDBACK,
}
"""A subject's id names its stage."""


async def require_open(request: StageRequest, context: Context) -> None:
    """Raises GateClosed unless all that a gated request stands on is gated itself and approved."""
    if not request.gated:
        return
    await _require_sound_ledger(context, request.project)
    standing = await stands_on(request, context)
    approved = {d.subject_id: d.decision for d in await read_decisions(context, request.project)}
    for result in standing:
        if not result.gated:
            raise GateClosed(
                f"{result.stage} {result.subject_id} was run ungated, outside the lifecycle of project "
                f"{request.project}: run it again with --gated"
            )
        match approved.get(result.subject_id):
            case "approve":
                continue
            case "reject":
                raise GateClosed(f"{result.stage} {result.subject_id} was rejected: mend it and run that stage again")
            case _:
                raise GateClosed(
                    f"{result.stage} {result.subject_id} is not approved yet: look at it, then "
                    f"`assay gate approve {result.subject_id} --project {request.project} --reason WHY`"
                )


async def stands_on(request: StageRequest, context: Context) -> Sequence[StageResult]:
    """The results that this request takes for granted: its predecessors, derived from what it names."""
    project = request.project
    match request:
        case DevelopRequest():
            return ()
        case DatasetRequest():
            return (await context.agent_version(project, request.agent, gated=True),)
        case SimulateRequest():
            return (
                await context.agent_version(project, request.agent, gated=True),
                await _dataset_result(context, project, request.dataset),
            )
        case JudgeRequest(simulation_id=str(simulation_id)):
            return (await load_subject(context, project, simulation_id),)
        case JudgeRequest():
            raise GateClosed("conversations from elsewhere have no approved simulation: judge them ungated")
        case AnalyzeRequest():
            return (await load_subject(context, project, request.judging_id),)
        case CompareRequest():
            return [
                await _analytics_of(context, project, side.judging_id)
                for side in (request.champion, request.challenger)
            ]
        case DeployRequest(to_stage=RegistryStage.PRODUCTION):
            comparison = await load_subject(context, project, request.comparison_id)
            return (comparison, await _staged(context, project, request.comparison_id))
        case DeployRequest():
            return (await load_subject(context, project, request.comparison_id),)
        case FeedbackRequest():
            return (await _rollout_of(context, project, request.agent, request.rollout_id),)
        case _:
            raise TypeError(f"{type(request).__name__} is not a stage's request")


async def decide(
    context: Context,
    project: str,
    subject_id: str,
    decision: Literal["approve", "reject"],
    *,
    by: str,
    reason: str,
    mode: Mode = "person",
) -> GateDecision:
    """Writes the decision at the end of the ledger.

    Raises Refused when the ledger was tampered with, when the subject is ungated, or when a dataset that is under
    its threshold should be approved.
    """
    result = await load_subject(context, project, subject_id)
    if not result.gated:
        raise Refused(f"{subject_id} was run ungated: only what is part of the lifecycle is decided on")
    if decision == "approve" and isinstance(result, DatasetResult) and not result.report.passed:
        raise Refused(under_threshold(result))
    evidence = {"result.json": content_hash(result)}
    return await record(context, project, result.stage, subject_id, decision, by, reason, evidence, mode)


async def record(
    context: Context,
    project: str,
    stage: Stage,
    subject_id: str,
    decision: Literal["approve", "reject"],
    by: str,
    reason: str,
    evidence: dict[str, str],
    mode: Mode,
) -> GateDecision:
    """Seals one line at the end of the ledger. Raises Refused when the ledger was tampered with."""
    from assay.tracking import append_ledger, read_ledger, set_project_tag

    lines = await asyncio.to_thread(read_ledger, context.tracking, project)
    check = await audit(context, project, deciding=True)
    if not check.intact:
        raise Refused(broken(project, check))
    decisions = ledger.decisions(lines)
    previous = decisions[-1].hash if decisions else ledger.GENESIS
    sealed = ledger.seal(
        previous,
        project=project,
        stage=stage,
        subject_id=subject_id,
        decision=decision,
        by=by,
        at=context.now(),
        reason=reason,
        mode=mode,
        evidence=evidence,
        key=signing_key(context.settings),
    )
    t = context.tracking
    await asyncio.to_thread(append_ledger, t, project, ledger.line_of(sealed), expected_lines=len(lines))
    await asyncio.to_thread(set_project_tag, t, project, HEAD, ledger.head_tag(len(lines) + 1, sealed.hash))
    state = f"{decision} {subject_id} by {by}"
    await asyncio.to_thread(set_project_tag, t, project, f"gate.{stage}", state)
    return sealed


def under_threshold(result: DatasetResult) -> str:
    """Why the gate says no to a dataset."""
    report = result.report
    errors = [finding for finding in report.findings if finding.severity == "error"]
    worst = "; ".join(finding.message for finding in (errors or report.findings)[:3])
    short = report.score < report.threshold
    why = f"scores {report.score:.2f}, under its threshold of {report.threshold:.2f}" if short else "does not pass"
    return (
        f"dataset {result.dataset.ref} {why}: {worst}. "
        "Fix the scenarios (`assay dataset validate` lists all) and run the stage again"
    )


async def read_decisions(context: Context, project: str) -> list[GateDecision]:
    """The ledger, oldest first, up to a line that was changed. A later decision on a subject overrules an earlier."""
    from assay.tracking import read_ledger

    return ledger.decisions(await asyncio.to_thread(read_ledger, context.tracking, project))


async def verify(context: Context, project: str) -> LedgerCheck:
    """Whether the ledger is what was written, and whether what is deployed has its approval. Raises NotFound."""
    return await audit(context, project)


async def _require_sound_ledger(context: Context, project: str) -> None:
    """Raises GateClosed where a line was changed: a rejection may be among those that cannot be read any more."""
    from assay.tracking import read_ledger

    check = ledger.verify(project, await asyncio.to_thread(read_ledger, context.tracking, project))
    if not check.intact:
        raise GateClosed(broken(project, check))


async def gate_states(context: Context, project: str) -> list[GateState]:
    """Every gated result with its decision, in the order of the stages."""
    from assay.tracking import list_results

    last = {decision.subject_id: decision for decision in await read_decisions(context, project)}
    states = []
    for stage in STAGES:
        for run in await asyncio.to_thread(list_results, context.tracking, project, stage):
            if run.gated:
                states.append(state_of(stage, run.subject_id, last.get(run.subject_id)))
    return states


def state_of(stage: Stage, subject_id: str, decision: GateDecision | None) -> GateState:
    if decision is None:
        return GateState(stage=stage, subject_id=subject_id, state="waiting")
    state = "approved" if decision.decision == "approve" else "rejected"
    return GateState(stage=stage, subject_id=subject_id, state=state, decision=decision)


def stage_of_subject(subject_id: str) -> Stage:
    """Raises NotFound for what is no result's id."""
    stage = PREFIXES.get(subject_id.split("-", maxsplit=1)[0])
    if stage is None:
        raise NotFound(f"{subject_id} is no result's id: they begin with {', '.join(PREFIXES)}")
    return stage


async def load_subject(context: Context, project: str, subject_id: str) -> StageResult:
    """The result that bears this id. Raises NotFound where there is none."""
    from assay.tracking import load_result

    stage = stage_of_subject(subject_id)
    loaded = await asyncio.to_thread(load_result, context.tracking, project, stage, subject_id)
    return STAGES[stage].result.model_validate(loaded)


async def _dataset_result(context: Context, project: str, dataset: DatasetRef) -> StageResult:
    from assay.tracking import list_results

    for run in await asyncio.to_thread(list_results, context.tracking, project, Stage.DATASET):
        result = await load_subject(context, project, run.subject_id)
        if isinstance(result, DatasetResult) and result.dataset.ref == dataset and result.gated:
            return result
    raise GateClosed(f"dataset {dataset} did not go through stage 2 of project {project}: run `assay dataset build`")


async def _analytics_of(context: Context, project: str, judging_id: str) -> StageResult:
    """The analytics report of a judging; of several, an approved one."""
    from assay.tracking import list_results

    approved = {d.subject_id for d in await read_decisions(context, project) if d.decision == "approve"}
    found = []
    for run in await asyncio.to_thread(list_results, context.tracking, project, Stage.ANALYZE):
        result = await load_subject(context, project, run.subject_id)
        if getattr(result, "judging_id", None) == judging_id and result.gated:
            found.append(result)
    if not found:
        raise GateClosed(f"judging {judging_id} has no analytics report yet: run `assay analytics report --gated`")
    return min(found, key=lambda result: result.subject_id not in approved)


async def _staged(context: Context, project: str, comparison_id: str) -> StageResult:
    """The rollout that brought this comparison's challenger to Staging."""
    from assay.tracking import list_results

    for run in await asyncio.to_thread(list_results, context.tracking, project, Stage.DEPLOY):
        result = await load_subject(context, project, run.subject_id)
        if getattr(result, "comparison_id", None) == comparison_id and result.gated:
            return result
    raise GateClosed(f"comparison {comparison_id} was not deployed to Staging yet: do that first, then Production")


async def _rollout_of(context: Context, project: str, agent: AgentRef, rollout_id: str | None) -> StageResult:
    from assay.tracking import list_results

    if rollout_id is not None:
        return await load_subject(context, project, rollout_id)
    found = await asyncio.to_thread(list_results, context.tracking, project, Stage.DEPLOY, agent=agent, limit=1)
    if not found:
        raise GateClosed(f"agent {agent} has no rollout in project {project}: deploy it, or ingest feedback ungated")
    return await load_subject(context, project, found[0].subject_id)
