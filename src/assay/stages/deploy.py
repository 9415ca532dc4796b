"""Stage 7, deployment: the winner moves through the registry, with a plan for its share of the traffic."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.contracts.base import content_hash, short_id
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.rollout import DeployRequest, RegistryStage, Rollout, RolloutState
from assay.contracts.stage import Stage, StageResult
from assay.errors import Refused
from assay.stages.context import Context, Work
from assay.stages.spec import Parent, StageSpec

if TYPE_CHECKING:
    from assay.contracts.report import Report
    from assay.tracking import StageRun

PATH = (RegistryStage.NONE, RegistryStage.STAGING, RegistryStage.PRODUCTION)
"""None to Staging to Production: no step is skipped."""


async def deploy(request: DeployRequest, context: Context) -> Rollout:
    """Moves the comparison's challenger to the stage that is asked for, step by step, with who, why and evidence.

    Raises Refused for a request outside the gates, and for a verdict other than PROMOTE unless `despite` says so.
    """
    from assay.tracking import load_result

    t, project = context.tracking, request.project
    comparison = ComparisonReport.model_validate(
        await asyncio.to_thread(load_result, t, project, Stage.COMPARE, request.comparison_id)
    )
    refuse_unfit(request, comparison)
    version = await context.agent_version(project, comparison.challenger, gated=True)
    key = [request.comparison_id, request.to_stage, [step.model_dump(mode="json") for step in request.steps]]

    async def work(run: "StageRun") -> Rollout:
        from assay.tracking import stage_of, transition, transitions

        evidence = {
            "comparison": request.comparison_id,
            "verdict": comparison.recommendation.value,
            "report_sha256": content_hash(comparison),
        }
        name, number = version.registered_model, version.registry_version
        at = PATH.index(await asyncio.to_thread(stage_of, t, name, number))
        context.tell(Stage.DEPLOY, 0, 1)
        for to_stage in PATH[at + 1 : PATH.index(request.to_stage) + 1]:
            await asyncio.to_thread(
                transition, t, name, number, to_stage, by=request.by, reason=request.reason, evidence=evidence
            )
        moves = await asyncio.to_thread(transitions, t, name, number)
        rollout = Rollout(
            project=project,
            gated=request.gated,
            subject_id=short_id("rollout", key, request.gated),
            run_id=run.run_id,
            offline=comparison.offline,
            comparison_id=request.comparison_id,
            champion=comparison.champion,
            challenger=comparison.challenger,
            registered_model=name,
            registry_version=number,
            registry_stage=request.to_stage,
            transitions=tuple(moves),
            steps=request.steps,
            state=RolloutState.PLANNED,
        )
        context.tell(Stage.DEPLOY, 1, 1)
        return rollout

    return await context.once(
        Work(
            Rollout,
            request,
            Stage.DEPLOY,
            key=list(key),
            agent=comparison.challenger,
            of_an_evaluation=False,
            dataset=comparison.dataset,
            parents=lambda rollout: (request.comparison_id,),
            params={"comparison_id": request.comparison_id, "to_stage": request.to_stage.value, "by": request.by},
        ),
        work,
    )


def refuse_unfit(request: DeployRequest, comparison: ComparisonReport) -> None:
    """Only what won is deployed, and only as part of the lifecycle, whose gates look at all that led to it."""
    if not request.gated:
        raise Refused("gated: a deployment is part of the project's lifecycle: ask for it with `gated`: true")
    if comparison.recommendation is not Recommendation.PROMOTE and not request.despite:
        raise Refused(
            f"comparison_id: the verdict is {comparison.recommendation}: {comparison.reason} "
            "To deploy it all the same, set `despite` (--despite) and give a reason; both are recorded"
        )


def _finding(rollout: Rollout) -> str:
    shares = ", ".join(f"{100 * step.share:g} %" for step in rollout.steps)
    return f"version {rollout.registry_version} is in {rollout.registry_stage}; rollout plan {shares}"


def _is_staged(result: StageResult) -> bool:
    return isinstance(result, Rollout) and result.registry_stage is RegistryStage.STAGING


def _parents(request: DeployRequest) -> list[Parent]:
    """The comparison, and for production the rollout that brought its challenger to Staging."""
    comparison_id = request.comparison_id
    parents = [Parent(stage=Stage.COMPARE, subject_id=comparison_id)]
    if request.to_stage is RegistryStage.PRODUCTION:
        missing = f"comparison {comparison_id} is not in Staging yet: run `assay deploy register` first"
        parents.append(
            Parent(stage=Stage.DEPLOY, made_from=comparison_id, fits=_is_staged, newest=True, missing=missing)
        )
    return parents


def _check(request: DeployRequest, parents: Sequence[StageResult]) -> None:
    for parent in parents:
        if isinstance(parent, ComparisonReport):
            refuse_unfit(request, parent)


async def _complete(fields: dict[str, Any], changes: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Adds the name of the person who asks."""
    return {**fields, "by": context.settings.person}


async def _lay_out(rollout: Rollout, context: Context) -> "Report":
    from assay.reports.rollout import lay_out_rollout

    return lay_out_rollout(rollout, made_at=context.now())


SPEC = StageSpec(
    stage=Stage.DEPLOY,
    noun="rollout",
    request=DeployRequest,
    result=Rollout,
    run=deploy,
    subject=lambda rollout: str(rollout.challenger),
    finding=_finding,
    lay_out=_lay_out,
    parents=_parents,
    check=_check,
    made_from=lambda rollout: (Parent(stage=Stage.COMPARE, subject_id=rollout.comparison_id),),
    then=lambda rollout: {"agent": rollout.challenger, "rollout_id": rollout.subject_id},
    complete=_complete,
    resource="rollouts",
    decides=True,
)
