"""Stage 6, comparison: two agent versions on one dataset version, paired by scenario."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.contracts.analytics import Narrative
from assay.contracts.base import short_id
from assay.contracts.comparison import (
    CompareRequest,
    ComparisonReport,
    OtherComparison,
    PairedResult,
    Recommendation,
)
from assay.contracts.judgment import Judging
from assay.contracts.stage import AgentRef, DatasetRef, Stage
from assay.errors import BadInput
from assay.evaluation.as_scored import as_scored, counts_apart
from assay.evaluation.attribution import attributions
from assay.evaluation.judges.correction import Judged, corrected_difference, standing, whatever_the_judge
from assay.evaluation.pairing import (
    compare_costs,
    compare_passes,
    compare_scores,
    compare_slices,
    find_flips,
    find_unpaired,
    judged_scenarios,
    shared,
)
from assay.evaluation.results import TrialResult, passes, quantity
from assay.evaluation.verdict import (
    correct_for_others,
    decide_judged,
    hang_on_set_apart,
    next_actions,
    p_of_test,
    say_unpaired,
)
from assay.stages.context import Calls, Context, Work
from assay.stages.evidence import JUDGMENTS
from assay.stages.material import load_judged, quoted
from assay.stages.narrative import narrative_of
from assay.stages.pairs import champion_of
from assay.stages.spec import Parent, StageSpec

if TYPE_CHECKING:
    from assay.contracts.report import Report
    from assay.tracking import StageRun


async def compare(request: CompareRequest, context: Context) -> ComparisonReport:
    """The verdict by the policy that the request declares; the Comparator puts it into words.

    Raises BadInput when the sides were played on different datasets, judged by different judges, or are the same.
    """
    from assay.agents.comparator import PROMPTS, comparator

    project = request.project
    before = await load_judged(context, project, request.champion.judging_id, request.champion.trials)
    after = await load_judged(context, project, request.challenger.judging_id, request.challenger.trials)
    champion, challenger = before.judging, after.judging
    _refuse_unlike(request, champion, challenger)
    model_name = context.model_name(request.model)
    author = comparator(context.chat_model(model_name), await context.prompts("comparator", PROMPTS, model_name))
    key = [
        request.champion.model_dump(mode="json"),
        request.challenger.model_dump(mode="json"),
        request.policy.model_dump(mode="json"),
        list(request.slices),
        request.narrative,
        model_name if request.narrative is None else "person",
        author.prompt_hash,
        after.certificate.certificate_id if after.certificate else None,
        *([[pair.model_dump(mode="json") for pair in request.together_with]] if request.together_with else []),
        *([[champion.revision, challenger.revision]] if champion.revision or challenger.revision else []),
        *([request.exception.model_dump(mode="json")] if request.exception else []),
    ]

    async def work(run: "StageRun") -> ComparisonReport:
        context.tell(Stage.COMPARE, 0, 2)
        others = await _others(request, context, before, after)
        draft = compute(request, before, after, others)
        context.tell(Stage.COMPARE, 1, 2)
        calls = Calls()
        narrative = await narrative_of(
            draft, request.narrative, "comparator", author, calls, context, by_rules=comparator(None)
        )
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
            parents=lambda report: (champion.subject_id, challenger.subject_id),
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


async def _others(
    request: CompareRequest, context: Context, before: Judged, after: Judged
) -> tuple[OtherComparison, ...]:
    """The other pairs of versions on this dataset version: those made at the same time, and the newest stored ones."""
    dataset = before.judging.dataset
    assert dataset is not None  # noqa: S101, refused before
    found = {_versions(before.judging.agent, after.judging.agent)}
    others = []

    def add(other: OtherComparison) -> None:
        pair = _versions(other.champion, other.challenger)
        if pair not in found and len(pair) == 2:
            found.add(pair)
            others.append(other)

    for pair in request.together_with:
        one = await load_judged(context, request.project, pair.champion.judging_id, pair.champion.trials)
        two = await load_judged(context, request.project, pair.challenger.judging_id, pair.challenger.trials)
        if one.judging.dataset != dataset or two.judging.dataset != dataset:
            raise BadInput("together_with: a comparison is on another dataset version: name judgings on the same one")
        corrected, _ = corrected_difference(one, two, confidence=request.policy.confidence)
        raw = compare_passes(one.results, two.results, confidence=request.policy.confidence)
        p = p_of_test(corrected or raw, request.policy)
        if p is not None:
            add(OtherComparison(champion=one.judging.agent, challenger=two.judging.agent, p=p))
    own = (request.project, dataset, before.judging.agent, after.judging.agent)
    for other in await _stored_others(*own, context):
        add(other)
    return tuple(others)


MOST_STORED = 1000


async def corrected_since(report: ComparisonReport, context: Context) -> tuple[int, float] | None:
    """(other comparisons, p corrected for them) where more were made on the dataset version after this report."""
    from assay.statistics import holm

    p = p_of_test(report.decided_on, report.policy)
    others = await _stored_others(report.project, report.dataset, report.champion, report.challenger, context)
    if p is None or len(others) <= len(report.others):
        return None
    return len(others), holm([p, *(other.p for other in others)])[0]


async def _stored_others(
    project: str, dataset: DatasetRef, champion: AgentRef, challenger: AgentRef, context: Context
) -> list[OtherComparison]:
    """The newest stored comparison of each other pair of versions on the dataset version."""
    from assay.tracking import list_results, load_result

    found: dict[frozenset[str], OtherComparison] = {}
    t = context.tracking
    for run in await asyncio.to_thread(list_results, t, project, Stage.COMPARE, limit=MOST_STORED):
        if run.dataset_version == dataset.version:
            loaded = await asyncio.to_thread(load_result, t, project, Stage.COMPARE, run.subject_id)
            stored = ComparisonReport.model_validate(loaded)
            p = p_of_test(stored.decided_on, stored.policy)
            if stored.dataset == dataset and p is not None and stored.champion != stored.challenger:
                other = OtherComparison(champion=stored.champion, challenger=stored.challenger, p=p)
                found.setdefault(_versions(other.champion, other.challenger), other)
    found.pop(_versions(champion, challenger), None)
    return list(found.values())


def _versions(one: AgentRef, other: AgentRef) -> frozenset[str]:
    return frozenset((str(one), str(other)))


def compute(
    request: CompareRequest, before: Judged, after: Judged, others: Sequence[OtherComparison] = ()
) -> ComparisonReport:
    """The report with all its numbers and no words yet.

    others: other pairs of versions on the same dataset version, which the verdict is corrected for.
    """
    from assay.evaluation.comparison_facts import comparison_facts
    from assay.statistics import clustered_mean, holm

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
    counted = _as_scored(champion_results, challenger_results, confidence)
    broken = sum(map(counts_apart, (*champion_results, *challenger_results)))
    unpaired = find_unpaired(champion_results, challenger_results, request.slices)
    p = p_of_test(corrected or pass_rate, request.policy)
    p_holm = holm([p, *(other.p for other in others)])[0] if others and p is not None else None
    decision = decide_judged((corrected or pass_rate).difference, request.policy, trust, bounds)
    decision = correct_for_others(decision, p_holm, len(others), request.policy)
    decision = say_unpaired(decision, unpaired)
    decision = hang_on_set_apart(decision, pass_rate, counted, request.policy, broken)
    actions = next_actions(
        decision,
        champion_results,
        challenger_results,
        request.policy,
        standing=trust,
        judging_ids=(champion.subject_id, challenger.subject_id),
    )
    both = shared(champion_results, challenger_results)
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
        next_steps=tuple(action.text for action in actions),
        actions=actions,
        champion_rate=quantity(clustered_mean(*passes(both[0]), confidence=confidence)),
        challenger_rate=quantity(clustered_mean(*passes(both[1]), confidence=confidence)),
        scenarios=len(judged_scenarios(champion_results) & judged_scenarios(challenger_results)),
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
        as_scored=counted,
        set_apart=broken,
        unpaired=unpaired,
        others=tuple(others),
        p_holm=p_holm,
        champion_attributions=attributions(champion_results),
        challenger_attributions=attributions(challenger_results),
        calibrated=trust.trusted,
        exception=request.exception,
        evidence={
            side.subject_id: side.evidence[JUDGMENTS] for side in (champion, challenger) if JUDGMENTS in side.evidence
        },
    )
    return report.replace(facts=comparison_facts(report))


def _as_scored(champion: list[TrialResult], challenger: list[TrialResult], confidence: float) -> PairedResult | None:
    """The test if what infrastructure broke counted; None: nothing was broken."""
    if not any(map(counts_apart, (*champion, *challenger))):
        return None
    return compare_passes(as_scored(champion), as_scored(challenger), confidence=confidence)


def _left_out(champion: list[TrialResult], challenger: list[TrialResult]) -> dict[str, int]:
    """Why conversations could not enter the test, on either side."""
    reasons: Counter[str] = Counter()
    for side, results in (("champion", champion), ("challenger", challenger)):
        for result in results:
            if not result.judged:
                error = result.judgment.error
                reasons[f"{side}: {error.cause.value if error else 'the judge abstained'}"] += 1
    if (unpaired := find_unpaired(champion, challenger, ())) is not None:
        for side, alone in (("champion", unpaired.champion), ("challenger", unpaired.challenger)):
            if alone:
                reasons[f"{side}: the other side has no verdict on the scenario"] += alone
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


def _analytics_parent(judging_id: str) -> Parent:
    missing = f"judging {judging_id} has no analytics report yet: run `assay analytics report --judging {judging_id}`"
    return Parent(stage=Stage.ANALYZE, made_from=judging_id, missing=missing)


async def _complete(fields: dict[str, Any], changes: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The champion, where nobody names it: the one judging that the challenger's can be compared with."""
    if any(name.startswith("champion") for name in changes):
        return fields
    champion = await champion_of(context, fields["project"], fields["challenger"]["judging_id"])
    return {**fields, "champion": {"judging_id": champion}}


def _next_commands(report: ComparisonReport) -> list[tuple[str, str]]:
    if report.recommendation is not Recommendation.PROMOTE:
        return []
    return [(f"assay deploy register --comparison {report.subject_id} --reason WHY", "")]


async def _lay_out(report: ComparisonReport, context: Context) -> "Report":
    from assay.reports.comparison import lay_out_comparison

    shown = [name for flip in report.flips for name in (flip.champion_conversation, flip.challenger_conversation)]
    sides = [report.champion_side.judging_id, report.challenger_side.judging_id]
    conversations = await quoted(context, report.project, sides, shown)
    return lay_out_comparison(report, made_at=context.now(), conversations=conversations)


SPEC = StageSpec(
    stage=Stage.COMPARE,
    noun="comparison",
    request=CompareRequest,
    result=ComparisonReport,
    run=compare,
    subject=lambda report: f"{report.challenger} against {report.champion} on {report.dataset}",
    finding=lambda report: f"{report.recommendation}: {report.reason}",
    lay_out=_lay_out,
    parents=lambda request: tuple(
        _analytics_parent(side.judging_id) for side in (request.champion, request.challenger)
    ),
    made_from=lambda report: tuple(
        _analytics_parent(side.judging_id) for side in (report.champion_side, report.challenger_side)
    ),
    then=lambda report: {
        "comparison_id": report.subject_id,
        "reason": f"Verdict {report.recommendation}: {report.reason}",
    },
    complete=_complete,
    next_commands=_next_commands,
    resource="comparisons",
)
