"""Stage 6, comparison: two agent versions on one dataset version, paired by scenario."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from assay.contracts.analytics import Narrative
from assay.contracts.base import short_id
from assay.contracts.comparison import CompareRequest, ComparisonReport, PairedResult
from assay.contracts.judgment import Judging
from assay.contracts.stage import Stage
from assay.errors import BadInput
from assay.evaluation.as_scored import as_scored, counts_apart
from assay.evaluation.attribution import attributions
from assay.evaluation.judges.correction import Judged, corrected_difference, standing, whatever_the_judge
from assay.evaluation.pairing import compare_costs, compare_passes, compare_scores, compare_slices, find_flips
from assay.evaluation.results import TrialResult, passes, quantity
from assay.evaluation.verdict import decide_judged, next_steps
from assay.stages.context import Calls, Context, Work
from assay.stages.material import load_judged
from assay.stages.narrative import narrative_of

if TYPE_CHECKING:
    from assay.tracking import StageRun


async def compare(request: CompareRequest, context: Context) -> ComparisonReport:
    """The verdict by the policy that the request declares; the Comparator puts it into words.

    Raises BadInput when the sides were played on different datasets, judged by different judges, or are the same.
    """
    from assay.agents.comparator import PROMPT, comparator

    project = request.project
    before = await load_judged(context, project, request.champion.judging_id, request.champion.trials)
    after = await load_judged(context, project, request.challenger.judging_id, request.challenger.trials)
    champion, challenger = before.judging, after.judging
    _refuse_unlike(request, champion, challenger)
    model_name = context.model_name(request.model)
    author = comparator(context.chat_model(model_name), await context.prompt("comparator", PROMPT))
    key = [
        request.champion.model_dump(mode="json"),
        request.challenger.model_dump(mode="json"),
        request.policy.model_dump(mode="json"),
        list(request.slices),
        request.narrative,
        model_name if request.narrative is None else "person",
        author.prompt_hash,
        after.certificate.certificate_id if after.certificate else None,
    ]

    async def work(run: "StageRun") -> ComparisonReport:
        context.tell(Stage.COMPARE, 0, 2)
        draft = compute(request, before, after)
        context.tell(Stage.COMPARE, 1, 2)
        calls = Calls()
        narrative = await narrative_of(draft, request.narrative, "comparator", author, calls, context)
        report = draft.replace(
            subject_id=short_id("comparison", key, request.gated),
            run_id=run.run_id,
            offline=champion.offline or challenger.offline or narrative.author == "offline",
            narrative=narrative,
        )
        await asyncio.to_thread(run.log_metrics, _metrics(report))
        await asyncio.to_thread(run.set_tags, {"recommendation": report.recommendation.value})
        await context.keep_calls(run, calls)
        context.tell(Stage.COMPARE, 2, 2)
        return report

    return await context.once(
        Work(
            ComparisonReport,
            request,
            Stage.COMPARE,
            key=list(key),
            agent=challenger.agent,
            dataset=challenger.dataset,
            params={"champion": str(champion.agent), "test": request.policy.test, "margin": request.policy.margin},
        ),
        work,
    )


def _refuse_unlike(request: CompareRequest, champion: Judging, challenger: Judging) -> None:
    if request.champion == request.challenger:
        raise BadInput("challenger: it is the champion itself: name another judging, or other trials of it")
    if champion.dataset is None or champion.dataset != challenger.dataset:
        raise BadInput(
            f"dataset: the champion was played on {champion.dataset}, the challenger on {challenger.dataset}: "
            "a comparison is paired by scenario, so simulate both on one dataset version"
        )
    if (champion.judge, champion.rubric_hash) != (challenger.judge, challenger.rubric_hash):
        raise BadInput(
            f"judge: the champion was judged by {champion.judge} (rubric {champion.rubric_hash[:8]}), the challenger "
            f"by {challenger.judge} (rubric {challenger.rubric_hash[:8]}): judge both alike"
        )


def compute(request: CompareRequest, before: Judged, after: Judged) -> ComparisonReport:
    """The report with all its numbers and no words yet."""
    from assay.evaluation.comparison_facts import comparison_facts
    from assay.statistics import clustered_mean

    champion, champion_results = before.judging, list(before.results)
    challenger, challenger_results = after.judging, list(after.results)
    assert challenger.dataset is not None  # noqa: S101, refused before
    confidence = request.policy.confidence
    pass_rate = compare_passes(champion_results, challenger_results, confidence=confidence)
    trust = standing(before, after)
    corrected, how = corrected_difference(before, after, confidence=confidence)
    bounds = None
    if not trust.trusted:
        bounds = whatever_the_judge(champion_results, challenger_results, confidence=confidence)
    decision = decide_judged((corrected or pass_rate).difference, request.policy, trust, bounds)
    report = ComparisonReport(
        project=request.project,
        gated=request.gated,
        subject_id="comparison-draft",
        champion=champion.agent,
        challenger=challenger.agent,
        champion_side=request.champion,
        challenger_side=request.challenger,
        dataset=challenger.dataset,
        policy=request.policy,
        recommendation=decision.recommendation,
        reason=decision.reason,
        next_steps=next_steps(
            decision,
            champion_results,
            challenger_results,
            request.policy,
            standing=trust,
            judging_ids=(champion.subject_id, challenger.subject_id),
        ),
        champion_rate=quantity(clustered_mean(*passes(champion_results), confidence=confidence)),
        challenger_rate=quantity(clustered_mean(*passes(challenger_results), confidence=confidence)),
        scenarios=len(_judged_scenarios(champion_results) & _judged_scenarios(challenger_results)),
        pass_rate=pass_rate,
        score=compare_scores(champion_results, challenger_results, confidence=confidence),
        slices=compare_slices(champion_results, challenger_results, request.slices, alpha=1 - confidence),
        costs=compare_costs(champion_results, challenger_results, confidence=confidence),
        flips=find_flips(champion_results, challenger_results),
        left_out=_left_out(champion_results, challenger_results),
        facts=(),
        narrative=Narrative(text="", author="nobody"),
        judge=trust,
        corrected=corrected,
        correction=how,
        whatever_the_judge=bounds,
        held_by_judge=decision.held_by_judge,
        as_scored=_as_scored(champion_results, challenger_results, confidence),
        champion_attributions=attributions(champion_results),
        challenger_attributions=attributions(challenger_results),
        calibrated=trust.trusted,
    )
    return report.replace(facts=comparison_facts(report))


def _as_scored(champion: list[TrialResult], challenger: list[TrialResult], confidence: float) -> PairedResult | None:
    """The test if what infrastructure broke counted; None: nothing was broken."""
    if not any(map(counts_apart, (*champion, *challenger))):
        return None
    return compare_passes(as_scored(champion), as_scored(challenger), confidence=confidence)


def _judged_scenarios(results: list[TrialResult]) -> set[str]:
    return {result.judgment.scenario_id for result in results if result.judged}


def _left_out(champion: list[TrialResult], challenger: list[TrialResult]) -> dict[str, int]:
    """Why conversations could not enter the test, on either side."""
    reasons: Counter[str] = Counter()
    for side, results in (("champion", champion), ("challenger", challenger)):
        for result in results:
            if not result.judged:
                error = result.judgment.error
                reasons[f"{side}: {error.cause.value if error else 'the judge abstained'}"] += 1
    both = _judged_scenarios(champion) & _judged_scenarios(challenger)
    for side, results in (("champion", champion), ("challenger", challenger)):
        alone = sum(result.judged and result.judgment.scenario_id not in both for result in results)
        if alone:
            reasons[f"{side}: the other side has no such scenario"] += alone
    return dict(reasons)


def _metrics(report: ComparisonReport) -> dict[str, float]:
    metrics: dict[str, float] = {
        "fixed": sum(flip.direction == "fixed" for flip in report.flips),
        "broken": sum(flip.direction == "broken" for flip in report.flips),
    }
    if report.pass_rate.difference.kind == "estimate":
        metrics |= {
            "difference": report.pass_rate.difference.value,
            "difference_low": report.pass_rate.difference.low,
            "difference_high": report.pass_rate.difference.high,
        }
    if report.corrected is not None and report.corrected.difference.kind == "estimate":
        metrics |= {
            "corrected_difference": report.corrected.difference.value,
            "corrected_difference_low": report.corrected.difference.low,
            "corrected_difference_high": report.corrected.difference.high,
        }
    if report.pass_rate.p is not None:
        metrics["p"] = report.pass_rate.p
    return metrics
