"""Stage 7, deployment: the winner moves through the registry, with a plan for its share of the traffic."""

import asyncio
from typing import TYPE_CHECKING

from assay.contracts.base import content_hash, short_id
from assay.contracts.comparison import ComparisonReport, Recommendation
from assay.contracts.rollout import DeployRequest, RegistryStage, Rollout, RolloutState
from assay.contracts.stage import Stage
from assay.errors import Refused
from assay.stages.context import Context, Work

if TYPE_CHECKING:
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
            "To deploy all the same, say so with `despite` and a reason; both are recorded"
        )
