"""Stage 9, review: counts the words of an agent version's description."""

from typing import TYPE_CHECKING

from assay.contracts.review import Review, ReviewRequest

from assay.contracts.base import short_id
from assay.contracts.stage import Stage
from assay.stages.context import Context, Work
from assay.stages.spec import StageSpec, agent_parent

if TYPE_CHECKING:
    from assay.contracts.report import Report
    from assay.tracking import StageRun


async def review(request: ReviewRequest, context: Context) -> Review:
    version = await context.agent_version(request.project, request.agent, gated=request.gated)
    key = [version.card_hash, request.reviewer]

    async def work(run: "StageRun") -> Review:
        return Review(
            project=request.project,
            gated=request.gated,
            subject_id=short_id("review", key, request.gated),
            run_id=run.run_id,
            agent=request.agent,
            reviewer=request.reviewer,
            words=len(version.card.description.split()),
        )

    return await context.once(Work(Review, request, Stage.REVIEW, key=list(key), agent=request.agent), work)


async def _lay_out(result: Review, context: Context) -> "Report":
    from assay.reports.review import lay_out_review

    return lay_out_review(result, made_at=context.now())


SPEC = StageSpec(
    stage=Stage.REVIEW,
    noun="review",
    request=ReviewRequest,
    result=Review,
    run=review,
    subject=lambda result: str(result.agent),
    finding=lambda result: f"{result.reviewer} counted {result.words} words",
    lay_out=_lay_out,
    parents=lambda request: (agent_parent(request.project, request.agent),),
    made_from=lambda result: (agent_parent(result.project, result.agent),),
    refusal=lambda result, settings: None if result.words else "the agent has no description: write one",
    next_commands=lambda result: (("assay agent list", "(all that can be reviewed)"),),
    resource="reviews",
    decides=True,
)
