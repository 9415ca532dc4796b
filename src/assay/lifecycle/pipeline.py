"""All eight stages in a row, stopping at each gate for a decision. Run again, it goes on where it stopped."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from assay.contracts.agent import AgentVersion, DevelopRequest
from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest
from assay.contracts.comparison import CompareRequest, ComparisonReport, Recommendation, Side
from assay.contracts.conversation import SimulateRequest, Simulation
from assay.contracts.dataset import DatasetRequest, DatasetResult
from assay.contracts.feedback import FeedbackRequest, ProductionReport
from assay.contracts.gate import GateState
from assay.contracts.judgment import JudgeRequest, Judging
from assay.contracts.notification import NotificationKind
from assay.contracts.pipeline import PipelineRequest, PipelineResult, StageSummary
from assay.contracts.rollout import DeployRequest, RegistryStage, Rollout
from assay.contracts.stage import AgentRef, Stage, StageRequest, StageResult
from assay.evaluation.failures import failure_lines, too_little
from assay.evaluation.verdict import verdict_hash
from assay.lifecycle.gates import Mode, decide, read_decisions, state_of
from assay.lifecycle.ledger import head_line
from assay.lifecycle.publish import report_uris
from assay.lifecycle.run import run_stage
from assay.stages import headline
from assay.stages.context import Context
from assay.stages.dataset import under_threshold


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said at a gate."""

    approve: bool
    by: str
    reason: str
    mode: Mode = "person"


Ask = Callable[[GateState, StageResult], Awaitable[Answer | None]]
"""Asked at each gate that has no decision yet; None: not now, so the pipeline ends waiting."""

Tell = Callable[[StageSummary], None]
"""Told of each stage as it ends."""

R = TypeVar("R", bound=StageResult)


def approve_all(by: str) -> Ask:
    """Opens every gate, and has it recorded that nobody looked."""

    async def answer(gate: GateState, result: StageResult) -> Answer:
        del gate, result
        return Answer(approve=True, by=by, reason="--approve-all: nobody looked", mode="approve_all")

    return answer


async def nobody(gate: GateState, result: StageResult) -> Answer | None:
    """Nobody is there to decide: the pipeline waits at the gate."""
    del gate, result


async def run_pipeline(
    request: PipelineRequest, context: Context, ask: Ask = nobody, tell: Tell = lambda summary: None
) -> PipelineResult:
    """Runs until the lifecycle is through, a gate waits, a gate is rejected or a verdict stops it."""
    line = _Line(request, context, ask, tell)
    try:
        await _lifecycle(line)
    except _Halt as halt:
        line.state, line.reason, line.waiting_for = halt.state, halt.reason, halt.gate
    return await line.result()


async def _lifecycle(line: "_Line") -> None:
    """The story, top to bottom."""
    request, context = line.request, line.context
    project, gated = request.project, request.gated
    sides = [card for card in (request.champion, request.challenger) if card is not None]

    versions = [
        await line.step(
            DevelopRequest(project=project, gated=gated, card=card, card_dir=request.card_dir), AgentVersion, card.ref
        )
        for card in sides
    ]
    line.end_after(Stage.DEVELOP)
    agents = [version.card.ref for version in versions]
    challenger = request.challenger.ref

    built = await line.step(
        DatasetRequest(
            project=project,
            gated=gated,
            agent=challenger,
            dataset=request.dataset,
            brief=request.brief,
            size=request.size,
            seed=request.seed,
            threshold=request.threshold,
            exception=request.exception,
            model=request.model,
        ),
        DatasetResult,
        challenger,
    )

    line.end_after(Stage.DATASET)

    simulations = [
        await line.step(
            SimulateRequest(
                project=project,
                gated=gated,
                agent=agent,
                dataset=built.dataset.ref,
                trials=request.trials,
                seed=request.seed,
                concurrency=request.concurrency,
                model=request.model,
            ),
            Simulation,
            agent,
        )
        for agent in agents
    ]

    line.end_after(Stage.SIMULATE)

    judgings = [
        await line.step(
            JudgeRequest(
                project=project,
                gated=gated,
                simulation_id=simulation.subject_id,
                judges=request.judges,
                rubric=request.rubric,
                concurrency=request.concurrency,
            ),
            Judging,
            simulation.agent,
        )
        for simulation in simulations
    ]

    line.end_after(Stage.JUDGE)

    reports = [
        await line.step(
            AnalyzeRequest(project=project, gated=gated, judging_id=judging.subject_id, model=request.model),
            AnalyticsReport,
            judging.agent,
        )
        for judging in judgings
    ]

    line.end_after(Stage.ANALYZE)

    if request.champion is None:
        line.reason = "There is no champion to compare with: the lifecycle ends with the analytics report."
        return
    comparison = await line.step(
        CompareRequest(
            project=project,
            gated=gated,
            champion=Side(judging_id=judgings[0].subject_id),
            challenger=Side(judging_id=judgings[1].subject_id),
            policy=request.policy,
            exception=request.exception,
            model=request.model,
        ),
        ComparisonReport,
        challenger,
    )
    line.comparison = comparison
    title = f"{comparison.recommendation}: {challenger}"
    context.notify(NotificationKind.VERDICT, project, title, comparison.reason, comparison.subject_id)
    line.end_after(Stage.COMPARE)
    if comparison.recommendation is not Recommendation.PROMOTE:
        raise _Halt("stopped", f"The verdict is {comparison.recommendation}: {comparison.reason}")

    rollout = None
    for to_stage in (RegistryStage.STAGING, RegistryStage.PRODUCTION):
        rollout = await line.step(
            DeployRequest(
                project=project,
                gated=gated,
                comparison_id=comparison.subject_id,
                to_stage=to_stage,
                by=request.by,
                reason=f"Verdict {comparison.recommendation}: {comparison.reason}",
                steps=request.steps,
            ),
            Rollout,
            challenger,
        )

    line.end_after(Stage.DEPLOY)
    if not request.feedback:
        line.reason = "The challenger is deployed; feedback from production is what is missing."
        return
    await line.step(
        FeedbackRequest(
            project=project,
            gated=gated,
            agent=challenger,
            items=request.feedback,
            rollout_id=rollout.subject_id if rollout else None,
            analytics_id=reports[1].subject_id,
            model=request.model,
        ),
        ProductionReport,
        challenger,
    )
    line.reason = "All eight stages are done."


class _Halt(Exception):
    """The pipeline ends before the lifecycle does."""

    def __init__(self, state: str, reason: str, gate: GateState | None = None) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason
        self.gate = gate


@dataclass
class _Line:
    """How far the lifecycle has come."""

    request: PipelineRequest
    context: Context
    ask: Ask
    tell: Tell
    state: str = "finished"
    reason: str = ""
    waiting_for: GateState | None = None
    comparison: ComparisonReport | None = None
    summaries: list[StageSummary] = field(default_factory=list)
    results: list[StageResult] = field(default_factory=list)

    async def step(self, request: StageRequest, result_type: type[R], agent: AgentRef) -> R:
        """One stage and its gate."""
        began = time.perf_counter()
        result = await run_stage(request, self.context)
        assert isinstance(result, result_type)  # noqa: S101, the table of stages pairs them
        self.results.append(result)
        summary = StageSummary(
            stage=result.stage,
            agent=agent,
            subject_id=result.subject_id,
            run_id=result.run_id,
            headline=headline(result),
            duration_s=time.perf_counter() - began,
            reused=result.subject_id in self.context.read_back,
        )
        self.summaries.append(summary)
        self.tell(summary)
        if self.request.gated:
            await self._gate(result)
        return result

    def end_after(self, stage: Stage) -> None:
        """Ends the pipeline where the request says that this stage is its last."""
        if self.request.until is stage:
            raise _Halt("finished", f"The request ends with stage {stage}.")

    async def _gate(self, result: StageResult) -> None:
        """Goes on when approved; halts when rejected, or when nobody decides."""
        project = self.request.project
        decisions = await read_decisions(self.context, project)
        last = {decision.subject_id: decision for decision in decisions}
        gate = state_of(result.stage, result.subject_id, last.get(result.subject_id))
        if isinstance(result, DatasetResult) and (why := under_threshold(result)):
            raise _Halt("stopped", why, gate)
        if gate.state == "waiting" and (short := too_little(result, self.context.settings.least_measured)):
            causes = "; ".join(failure_lines(result))
            raise _Halt(
                "stopped", f"{result.stage} {result.subject_id}: {causes}. Too little was measured: {short}", gate
            )
        if gate.state == "waiting":
            answer = await self.ask(gate.replace(summary=headline(result)), result)
            if answer is None:
                self.context.notify(
                    NotificationKind.GATE_WAITING,
                    project,
                    f"{result.stage} waits for a decision",
                    f"{headline(result)}\n`assay gate approve {result.subject_id} --project {project} --reason WHY`\n"
                    + head_line(decisions),
                    result.subject_id,
                )
                raise _Halt(
                    "waiting",
                    f"{result.stage} {result.subject_id} waits for a decision: `assay gate approve "
                    f"{result.subject_id} --project {project} --reason WHY`, then run the pipeline again",
                    gate,
                )
            decision = await decide(
                self.context,
                project,
                result.subject_id,
                "approve" if answer.approve else "reject",
                by=answer.by,
                reason=answer.reason,
                mode=answer.mode,
            )
            gate = state_of(result.stage, result.subject_id, decision)
        if gate.state == "rejected":
            why = gate.decision.reason if gate.decision else ""
            raise _Halt("stopped", f"{result.stage} {result.subject_id} was rejected: {why}", gate)

    async def result(self) -> PipelineResult:
        reports: dict[str, str] = {}
        for result in self.results:
            reports |= await report_uris(result, self.context)
        agents = None
        if self.request.agents_report and self.state != "waiting":
            from assay.lifecycle.agents_report import publish_agents_report

            agents, reports["agents"] = await publish_agents_report(
                self.request.project, self.context, self.request.model
            )
        return PipelineResult.model_validate(
            {
                "project": self.request.project,
                "state": self.state,
                "reason": self.reason,
                "stages": self.summaries,
                "waiting_for": self.waiting_for,
                "recommendation": self.comparison.recommendation if self.comparison else None,
                "comparison_id": self.comparison.subject_id if self.comparison else None,
                "verdict_hash": verdict_hash(self.comparison) if self.comparison else None,
                "reports": reports,
                "agents_report": agents,
            }
        )
