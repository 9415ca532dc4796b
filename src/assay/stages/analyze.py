"""Stage 5, analytics: what the judged conversations say, and what to expect in production."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.contracts.analytics import AnalyticsReport, AnalyzeRequest, Narrative, SliceRate
from assay.contracts.base import short_id
from assay.contracts.estimate import Estimate, Quantity
from assay.contracts.judgment import Ruling
from assay.contracts.stage import Stage
from assay.evaluation.as_scored import as_scored, counts_apart
from assay.evaluation.attribution import attributions
from assay.evaluation.clusters import failure_clusters
from assay.evaluation.facts import show_quantity
from assay.evaluation.forecasting import forecast, precision
from assay.evaluation.judges.correction import Judged, corrected_rate, corrected_stability, standing
from assay.evaluation.results import TrialResult, passes, quantity, scores, slice_of, successes_and_trials
from assay.evaluation.run_signs import run_signs
from assay.evaluation.vacuous import vacuous_passes
from assay.stages.context import Calls, Context, Work
from assay.stages.evidence import JUDGMENTS
from assay.stages.material import load_judged, quoted
from assay.stages.narrative import narrative_of
from assay.stages.spec import Parent, StageSpec

if TYPE_CHECKING:
    from assay.contracts.report import Report
    from assay.tracking import StageRun


async def analyze(request: AnalyzeRequest, context: Context) -> AnalyticsReport:
    """Every number is computed here; the Analyst only speaks of them.

    Raises BadInput for a narrative with a number that is no fact, NotFound for a judging that is not there.
    """
    from assay.agents.analyst import PROMPTS, analyst

    side = await load_judged(context, request.project, request.judging_id, request.trials)
    judging = side.judging
    model_name = context.model_name(request.model)
    author = analyst(context.chat_model(model_name), await context.prompts("analyst", PROMPTS, model_name))
    key = [
        request.judging_id,
        list(request.slices),
        list(request.trials) if request.trials is not None else None,
        request.horizon,
        request.narrative,
        model_name if request.narrative is None else "person",
        author.prompt_hash,
        side.certificate.certificate_id if side.certificate else None,
        *([judging.revision] if judging.revision else []),
    ]

    async def work(run: "StageRun") -> AnalyticsReport:
        context.tell(Stage.ANALYZE, 0, 2)
        draft = compute(request, side)
        context.tell(Stage.ANALYZE, 1, 2)
        calls = Calls()
        narrative = await narrative_of(
            draft, request.narrative, "analyst", author, calls, context, by_rules=analyst(None)
        )
        report = draft.replace(
            subject_id=short_id("analytics", key, request.gated),
            run_id=run.run_id,
            offline=judging.offline or narrative.author == "offline",
            narrative=narrative,
        )
        await asyncio.to_thread(run.log_metrics, _metrics(report))
        await context.keep_calls(run, calls)
        context.tell(Stage.ANALYZE, 2, 2)
        return report

    return await context.once(
        Work(
            AnalyticsReport,
            request,
            Stage.ANALYZE,
            key=list(key),
            agent=judging.agent,
            dataset=judging.dataset,
            parents=lambda report: (request.judging_id,),
            params={"judging_id": request.judging_id, "analyst": model_name},
        ),
        work,
    )


def compute(request: AnalyzeRequest, side: Judged) -> AnalyticsReport:
    """The report with all its numbers and no words yet."""
    from assay.evaluation.analytics_facts import analytics_facts
    from assay.statistics import clustered_mean

    judging, results = side.judging, side.results
    pass_hat, pass_at = trials_curve(results)
    trust = standing(side)
    corrected, how = corrected_rate(side)
    failing = [result for result in results if result.judgment.passed is False]
    unmet = Counter(
        verdict.expectation_id
        for result in failing
        for verdict in result.judgment.verdicts
        if verdict.ruling is Ruling.NOT_MET
    )
    report = AnalyticsReport(
        project=request.project,
        gated=request.gated,
        subject_id="analytics-draft",
        judging_id=request.judging_id,
        agent=judging.agent,
        dataset=judging.dataset,
        scenarios=len({result.judgment.scenario_id for result in results}),
        conversations=len(results),
        judged=sum(result.judged for result in results),
        pass_rate=quantity(clustered_mean(*passes(results))),
        pass_hat_k=pass_hat,
        pass_at_k=pass_at,
        mean_score=quantity(clustered_mean(*scores(results))),
        slices=slice_rates(results, request.slices),
        expectations_failed=dict(unmet.most_common()),
        clusters=failure_clusters(failing),
        attributions=attributions(results),
        facts=(),
        narrative=Narrative(text="", author="nobody"),
        judge=trust,
        corrected_pass_rate=corrected,
        corrected_pass_hat_k=corrected_stability(side, corrected, len(pass_hat)),
        precision=precision(results),
        as_scored=_as_scored(results),
        correction=how,
        signs=run_signs([result.conversation for result in results], _passed(results)),
        vacuous_passes=vacuous_passes(results),
        calibrated=trust.trusted,
        evidence={judging.subject_id: judging.evidence[JUDGMENTS]} if JUDGMENTS in judging.evidence else {},
    )
    report = report.replace(forecast=forecast(request, report.expected, results))
    return report.replace(facts=analytics_facts(report, results))


def _passed(results: Sequence[TrialResult]) -> dict[str, bool | None]:
    return {result.conversation.conversation_id: result.judgment.passed for result in results}


def _as_scored(results: Sequence[TrialResult]) -> Quantity | None:
    """The pass rate if what infrastructure broke counted; None: nothing was broken."""
    from assay.statistics import clustered_mean

    if not any(map(counts_apart, results)):
        return None
    return quantity(clustered_mean(*passes(as_scored(results))))


def trials_curve(results: Sequence[TrialResult]) -> tuple[tuple[Quantity, ...], tuple[Quantity, ...]]:
    """pass^1..n and pass@1..n, where n is the least number of judged trials that any scenario has."""
    from assay.statistics import pass_at_k, pass_hat_k

    successes, trials = successes_and_trials(results)
    most = int(trials.min()) if trials.size else 0
    ks = range(1, most + 1)
    return (
        tuple(quantity(pass_hat_k(successes, trials, k)) for k in ks),
        tuple(quantity(pass_at_k(successes, trials, k)) for k in ks),
    )


def slice_rates(results: Sequence[TrialResult], dimensions: Sequence[str]) -> tuple[SliceRate, ...]:
    """The pass rate of every value of every dimension."""
    from assay.statistics import clustered_mean

    rates = []
    for dimension in dimensions:
        values = sorted({value for result in results if (value := slice_of(result, dimension)) is not None})
        for value in values:
            inside = [result for result in results if slice_of(result, dimension) == value]
            rate = quantity(clustered_mean(*passes(inside)))
            judged = [result for result in inside if result.judged]
            rates.append(
                SliceRate(
                    dimension=dimension,
                    value=value,
                    pass_rate=rate,
                    passed=sum(bool(result.judgment.passed) for result in judged),
                    judged=len(judged),
                )
            )
    return tuple(rates)


def _metrics(report: AnalyticsReport) -> dict[str, float]:
    metrics: dict[str, float] = {"judged": report.judged, "failure_clusters": len(report.clusters)}
    if report.pass_rate.kind == "estimate":
        metrics |= {
            "pass_rate": report.pass_rate.value,
            "pass_rate_low": report.pass_rate.low,
            "pass_rate_high": report.pass_rate.high,
        }
    if isinstance(report.corrected_pass_rate, Estimate):
        metrics |= {
            "corrected_pass_rate": report.corrected_pass_rate.value,
            "corrected_pass_rate_low": report.corrected_pass_rate.low,
            "corrected_pass_rate_high": report.corrected_pass_rate.high,
        }
    for k, rate in enumerate(report.corrected_pass_hat_k, start=1):
        if rate.kind == "estimate":
            metrics[f"corrected_pass_hat_{k}"] = rate.value
    for k, rate in enumerate(report.pass_hat_k, start=1):
        if rate.kind == "estimate":
            metrics[f"pass_hat_{k}"] = rate.value
    return metrics


def _finding(report: AnalyticsReport) -> str:
    name = "pass rate" if report.corrected_pass_rate is None else "corrected pass rate"
    left_out = f"; left out: {report.left_out}" if report.left_out else ""
    return f"{name} {show_quantity(report.expected, 'share')}{left_out}"


async def _lay_out(report: AnalyticsReport, context: Context) -> "Report":
    from assay.reports.analytics import lay_out_analytics

    examples = [name for cluster in report.clusters for name in cluster.conversation_ids[:1]]
    conversations = await quoted(context, report.project, [report.judging_id], examples)
    return lay_out_analytics(report, made_at=context.now(), conversations=conversations)


SPEC = StageSpec(
    stage=Stage.ANALYZE,
    noun="analytics",
    request=AnalyzeRequest,
    result=AnalyticsReport,
    run=analyze,
    subject=lambda report: f"{report.agent} on {report.dataset}" if report.dataset else str(report.agent),
    finding=_finding,
    lay_out=_lay_out,
    parents=lambda request: (Parent(stage=Stage.JUDGE, subject_id=request.judging_id),),
    made_from=lambda report: (Parent(stage=Stage.JUDGE, subject_id=report.judging_id),),
    then=lambda report: {"challenger": {"judging_id": report.judging_id}},
    next_commands=lambda report: ((f"assay compare run --challenger {report.judging_id}", ""),),
    resource="reports",
)
