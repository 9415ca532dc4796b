"""The comparison report: the verdict, why, and what flipped."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from assay.contracts.comparison import ComparisonReport, Flip, Recommendation
from assay.contracts.conversation import Conversation
from assay.contracts.estimate import Estimate
from assay.contracts.report import Block, Cell, ChartBlock, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.evaluation.facts import show, show_quantity
from assay.reports.parts import caveats, chosen, drawn, method, point, provenance, row, transcript

Tone = Literal["plain", "good", "bad", "unsure"]
TONES: dict[Recommendation, Tone] = {
    Recommendation.PROMOTE: "good",
    Recommendation.REJECT: "bad",
    Recommendation.INCONCLUSIVE: "unsure",
}
MOST_FLIPS = 30
SIDE_BY_SIDE = 3


def lay_out_comparison(
    report: ComparisonReport, *, made_at: datetime, conversations: Mapping[str, Conversation]
) -> Report:
    """`conversations`: those of the flips, by id."""
    return Report(
        title=f"{report.challenger} against {report.champion}",
        headline=f"{report.recommendation}: {report.reason}",
        tone=TONES[report.recommendation],
        made_at=made_at,
        provenance=provenance(
            report,
            {
                "Champion": f"{report.champion}, judging {report.champion_side.judging_id}",
                "Challenger": f"{report.challenger}, judging {report.challenger_side.judging_id}",
                "Dataset": report.dataset,
                "Author": report.narrative.author,
            },
        ),
        caveats=caveats(report, calibrated=report.calibrated),
        sections=tuple(
            section
            for section in (
                _summary(report),
                _slices(report),
                _flips(report, conversations),
                _costs(report),
                _left_out(report),
                _method(report),
            )
            if section.blocks
        ),
    )


def _summary(report: ComparisonReport) -> Section:
    steps = "\n".join(f"- {step}" for step in report.next_steps)
    picture = ChartBlock(
        chart="forest",
        title="Challenger minus champion",
        points=drawn(
            (
                point("pass rate", report.pass_rate.difference, tone=TONES[report.recommendation]),
                point("expectations met", report.score.difference),
            )
        ),
        unit="difference",
        x_label="points",
        reference=-report.policy.margin if report.policy.test == "non_inferiority" else 0.0,
        reference_label="the declared margin" if report.policy.test == "non_inferiority" else "no difference",
    )
    facts = FactsBlock(facts=chosen(report.facts, "difference", "champion_rate", "challenger_rate", "fixed", "broken"))
    return Section(
        title="The verdict",
        blocks=(facts, picture, TextBlock(text=report.narrative.text), TextBlock(text=f"**Next**\n{steps}")),
    )


def _slices(report: ComparisonReport) -> Section:
    points = drawn(
        point(f"{s.dimension}: {s.value}", s.difference, tone="bad" if s.worse else "plain") for s in report.slices
    )
    few = [f"{s.dimension} {s.value}" for s in report.slices if not isinstance(s.difference, Estimate)]
    blocks: list[Block] = []
    if points:
        blocks.append(
            ChartBlock(
                chart="forest",
                title="The difference in every slice",
                points=points,
                unit="difference",
                x_label="points in pass rate",
                reference=0.0,
                reference_label="no difference",
            )
        )
    worse = [f"{s.dimension} {s.value}" for s in report.slices if s.worse]
    blocks.append(
        TextBlock(
            text=f"Worse by the corrected test: {', '.join(worse)}."
            if worse
            else "No slice got worse by the corrected test."
        )
    )
    if few:
        blocks.append(TextBlock(text=f"Too few scenarios to compare: {', '.join(few)}."))
    return Section(title="Slice by slice", blocks=tuple(blocks) if report.slices else ())


def _flips(report: ComparisonReport, conversations: Mapping[str, Conversation]) -> Section:
    if not report.flips:
        return Section(title="What flipped", blocks=(TextBlock(text="No trial flipped."),))
    rows = tuple(
        row(
            Cell(text=flip.direction, tone="good" if flip.direction == "fixed" else "bad"),
            Cell(text=flip.scenario_id, link=flip.challenger_conversation),
            flip.trial,
            flip.reason,
        )
        for flip in report.flips[:MOST_FLIPS]
    )
    more = len(report.flips) - MOST_FLIPS
    blocks: list[Block] = [TableBlock(columns=("", "Scenario", "Trial", "Why the other side did not pass"), rows=rows)]
    if more > 0:
        blocks.append(TextBlock(text=f"And {more} more, all in the JSON of this report's comparison."))
    blocks += [
        transcript(
            f"{flip.direction}: {flip.scenario_id}",
            [
                (f"{report.champion}", conversations[flip.champion_conversation]),
                (f"{report.challenger}", conversations[flip.challenger_conversation]),
            ],
        )
        for flip in _worth_reading(report.flips)
        if flip.champion_conversation in conversations and flip.challenger_conversation in conversations
    ]
    return Section(title="What flipped", blocks=tuple(blocks))


def _worth_reading(flips: tuple[Flip, ...]) -> list[Flip]:
    """Broken ones first, one a scenario."""
    seen: dict[str, Flip] = {}
    for flip in sorted(flips, key=lambda flip: flip.direction):
        seen.setdefault(flip.scenario_id, flip)
    return list(seen.values())[:SIDE_BY_SIDE]


def _costs(report: ComparisonReport) -> Section:
    units = {"latency_s": "seconds", "output_tokens": "tokens", "cost_usd": "usd", "agent_turns": "count"}
    names = {
        "latency_s": "Answer time",
        "output_tokens": "Output tokens a conversation",
        "cost_usd": "Cost a conversation",
        "agent_turns": "Agent turns a conversation",
    }
    by_id = {fact.fact_id: fact for fact in report.facts}
    rows = []
    for cost in report.costs:
        if cost.champion is None and cost.challenger is None:
            continue
        sides = [by_id.get(f"{cost.measure}.{side}") for side in ("champion", "challenger")]
        difference = show_quantity(cost.difference, units[cost.measure])
        rows.append(row(names[cost.measure], *(show(fact) if fact else "not known" for fact in sides), difference))
    if not rows:
        return Section(title="Speed and cost", blocks=())
    columns = ("", "Champion", "Challenger", "Difference, paired")
    return Section(title="Speed and cost", blocks=(TableBlock(columns=columns, rows=tuple(rows)),))


def _left_out(report: ComparisonReport) -> Section:
    rows = tuple(row(why, count) for why, count in report.left_out.items())
    return Section(
        title="Left out of the test", blocks=(TableBlock(columns=("Why", "Conversations"), rows=rows),) if rows else ()
    )


def _method(report: ComparisonReport) -> Section:
    policy = report.policy
    test = policy.test.replace("_", "-")
    difference = report.pass_rate.difference
    p = report.pass_rate
    return method(
        f"Declared before looking: {test}, margin {100 * policy.margin:g} points, "
        f"{100 * policy.confidence:g} % confidence.",
        f"Paired by scenario on one dataset version: {difference.method}." if isinstance(difference, Estimate) else "",
        f"p of the paired difference {p.p:.4f}." if p.p is not None else "",
        f"p by sign-flip permutation {p.p_permutation:.4f}." if p.p_permutation is not None else "",
        f"McNemar's exact p on matched trials {p.mcnemar_p:.4f}: {p.challenger_only} passed by the challenger alone, "
        f"{p.champion_only} by the champion alone."
        if p.mcnemar_p is not None
        else "",
        "Slices are corrected by Holm for looking at many. Calls that failed do not enter the test and are listed.",
    )
