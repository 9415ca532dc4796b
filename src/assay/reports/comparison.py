"""The comparison report: the verdict, why, and what flipped."""

from collections.abc import Mapping
from datetime import datetime

from assay.contracts.comparison import ComparisonReport, CostDifference, Recommendation, SliceDifference
from assay.contracts.conversation import Conversation
from assay.contracts.estimate import Estimate
from assay.contracts.report import Cell, ChartBlock, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.evaluation.facts import show_quantity, show_value
from assay.evaluation.measures import MEASURES
from assay.evaluation.verdict import decide, hangs_on_set_apart
from assay.reports.flips import lay_out_flips
from assay.reports.palette import Tone
from assay.reports.parts import (
    caveats,
    chosen,
    drawn,
    kept,
    method,
    of_100,
    p_value,
    point,
    provenance,
    row,
    words_of,
)

TONES: dict[Recommendation, Tone] = {
    Recommendation.PROMOTE: "good",
    Recommendation.REJECT: "bad",
    Recommendation.INCONCLUSIVE: "unsure",
}
SIDES = "← champion better | challenger better →"


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
                "Champion": report.champion,
                "Champion's judging": report.champion_side.judging_id,
                "Challenger": report.challenger,
                "Challenger's judging": report.challenger_side.judging_id,
                "Dataset": report.dataset,
                "Words by": report.narrative.author,
            },
        ),
        caveats=caveats(report, judge=report.judge, scenarios=report.scenarios),
        sections=kept(
            _verdict(report),
            _slices(report),
            lay_out_flips(report, conversations),
            _costs(report),
            _left_out(report),
            _broken(report),
            _blame(report),
            _method(report),
        ),
    )


def _verdict(report: ComparisonReport) -> Section:
    policy = report.policy
    bound = policy.test == "non_inferiority"
    picture = ChartBlock(
        chart="forest",
        title=f"Challenger minus champion, with {100 * policy.confidence:g} % intervals",
        points=drawn(
            (
                point("Conversations that meet every expectation", report.pass_rate.difference, tone=_own_tone(report)),
                point("The same, set right by people's labels", report.corrected.difference, tone=_tone(report))
                if report.corrected
                else None,
                point("Whatever the judge should have ruled", report.whatever_the_judge)
                if report.whatever_the_judge
                else None,
                point("Single expectations met", report.score.difference),
            )
        ),
        unit="difference",
        x_label=SIDES,
        reference=-policy.margin if bound else 0.0,
        reference_label=f"accepted loss: {100 * policy.margin:g} points" if bound else "no difference",
    )
    facts = chosen(
        report.facts, "difference", "corrected_difference", "champion_rate", "challenger_rate", "fixed", "broken"
    )
    steps = "\n".join(f"- {step}" for step in report.next_steps)
    return Section(
        title="The verdict",
        blocks=(
            FactsBlock(facts=facts),
            TextBlock(text=_pictured(report)),
            *((picture,) if picture.points else ()),
            TextBlock(text=report.narrative.text),
            TextBlock(text=f"**What to do next**\n\n{steps}" if steps else ""),
        ),
    )


def _tone(report: ComparisonReport) -> Tone:
    return TONES[report.recommendation]


def _own_tone(report: ComparisonReport) -> Tone:
    """Of the judge's own difference, which the verdict rests on only where no label corrects it."""
    return "plain" if report.corrected else _tone(report)


def _pictured(report: ComparisonReport) -> str:
    """The difference as conversations of a hundred."""
    difference = report.decided_on.difference
    if not isinstance(difference, Estimate):
        return ""
    low, high = of_100(difference.low), of_100(difference.high)
    if difference.low > 0:
        span = f"about {of_100(difference.value)} more ({low} to {high})"
    elif difference.high < 0:
        span = f"about {of_100(difference.value)} fewer ({high} to {low})"
    else:
        span = f"anything from {low} fewer to {high} more"
    return (
        f"Of every 100 conversations like these, **{span}** go well with `{report.challenger}` than with "
        f"`{report.champion}`."
    )


def _slices(report: ComparisonReport) -> Section:
    if not report.slices:
        return Section(title="Where it got better and where worse", blocks=())
    chart = ChartBlock(
        chart="forest",
        title="The difference in pass rate, slice by slice",
        points=drawn(
            point(s.value, s.difference, group=s.dimension.capitalize(), tone="bad" if s.worse else "plain")
            for s in report.slices
        ),
        unit="difference",
        x_label=SIDES,
        reference=0.0,
        reference_label="no difference",
    )
    worse = [f"{s.dimension} `{s.value}`" for s in report.slices if s.worse]
    few = [f"{s.dimension} `{s.value}`" for s in report.slices if not isinstance(s.difference, Estimate)]
    said = f"**Worse, and not by chance:** {', '.join(worse)}." if worse else "No slice got worse by more than chance."
    if few:
        said += f" Too few scenarios to compare: {', '.join(few)}."
    for found in report.unpaired.slices if report.unpaired else ():
        said += (
            f" In {found.dimension} `{found.value}` the sides share no scenario: the champion passes "
            f"{found.champion_passed} of {found.champion}, the challenger {found.challenger_passed} of "
            f"{found.challenger} there. That is a hint and no test."
        )
    rows = tuple(
        row(
            words_of(s.dimension),
            s.value,
            show_quantity(s.difference, "difference"),
            "" if s.p_holm is None else p_value(s.p_holm),
            _in_words(s, 1 - report.policy.confidence),
        )
        for s in report.slices
    )
    table = TableBlock(columns=("By", "Slice", "Difference", "Corrected test", "In words"), rows=rows)
    return Section(
        title="Where it got better and where worse",
        blocks=(TextBlock(text=said), *((chart,) if chart.points else ()), table),
    )


def _in_words(found: SliceDifference, alpha: float) -> Cell:
    if not isinstance(found.difference, Estimate) or found.p_holm is None:
        return Cell(text="too few to say")
    if found.worse:
        return Cell(text="worse", tone="bad")
    if found.difference.value > 0 and found.p_holm <= alpha:
        return Cell(text="better", tone="good")
    return Cell(text="not clear")


def _costs(report: ComparisonReport) -> Section:
    rows = tuple(_cost(cost) for cost in report.costs if cost.champion is not None or cost.challenger is not None)
    columns = ("", "Champion", "Challenger", "Difference, paired by scenario")
    return Section(title="Speed and cost", blocks=(TableBlock(columns=columns, rows=rows),) if rows else ())


def _cost(cost: CostDifference) -> tuple[Cell, ...]:
    measure = MEASURES[cost.measure]
    name, unit = measure.label, measure.unit
    sides = ("not known" if side is None else show_value(side, unit) for side in (cost.champion, cost.challenger))
    tone: Tone = "plain"
    if isinstance(cost.difference, Estimate):
        up, down = ("good", "bad") if measure.better == "higher" else ("bad", "good")
        tone = up if cost.difference.low > 0 else down if cost.difference.high < 0 else "plain"
    return row(name, *sides, Cell(text=show_quantity(cost.difference, unit), tone=tone))


def _left_out(report: ComparisonReport) -> Section:
    rows = tuple(row(words_of(why), count) for why, count in report.left_out.items() if count)
    table = TableBlock(columns=("Why", "Conversations"), rows=rows)
    return Section(title="What did not enter the test", blocks=(table,) if rows else ())


def _broken(report: ComparisonReport) -> Section:
    """Both ways to read conversations that infrastructure broke."""
    if report.as_scored is None:
        return Section(title="With and without broken conversations", blocks=())
    other = decide(report.as_scored.difference, report.policy)
    same = not hangs_on_set_apart(report)
    said = (
        "Quota, time-out or server errors broke some conversations: they are set apart, since an agent that could not "
        "answer did not answer badly. Counted as they were scored, or as failures, the rates alone would give "
        f"{'the same verdict' if same else f'**{other.recommendation}**'}: {other.reason} Run them again to be sure."
    )
    points = drawn(
        (
            point("Without them", report.pass_rate.difference),
            point("With them, as they were scored", report.as_scored.difference, tone="unsure"),
        )
    )
    chart = ChartBlock(
        chart="forest",
        title="Challenger minus champion both ways",
        points=points,
        unit="difference",
        x_label=SIDES,
        reference=0.0,
        reference_label="no difference",
    )
    return Section(
        title="With and without broken conversations", blocks=(TextBlock(text=said), *((chart,) if points else ()))
    )


def _blame(report: ComparisonReport) -> Section:
    """The error budget of both sides."""
    sides = (("champion", report.champion_attributions), ("challenger", report.challenger_attributions))
    rows = tuple(
        row(side, words_of(found.blamed), found.conversations, show_quantity(found.share, "share"))
        for side, budget in sides
        for found in budget
        if found.conversations
    )
    table = TableBlock(columns=("Side", "Put down to", "Conversations", "Share of all"), rows=rows)
    return Section(title="Whose fault it is", blocks=(table,) if rows else ())


def _method(report: ComparisonReport) -> Section:
    policy, found = report.policy, report.pass_rate
    rule = {
        "superiority": "superiority: promoted when the whole interval lies above no difference",
        "non_inferiority": "non-inferiority: promoted when the whole interval lies above the accepted loss",
    }[policy.test]
    difference = found.difference
    corrected = report.corrected.difference if report.corrected else None
    return method(
        f"Declared before looking: {rule}; margin {100 * policy.margin:g} points, "
        f"confidence {100 * policy.confidence:g} %.",
        f"Both versions have verdicts on the same {report.scenarios} scenarios of one dataset version; the rates "
        "beside the difference are over these. The difference is taken "
        "within each scenario, so that hard and easy scenarios weigh alike on both sides. Trials of one scenario are "
        "not independent of each other: the scenario is the unit.",
        f"Interval: {difference.method}." if isinstance(difference, Estimate) else "",
        f"The judge: {report.judge.words}",
        f"Correction: {report.correction} Interval: {corrected.method}." if isinstance(corrected, Estimate) else "",
        "Whatever the judge should have ruled: the bounds of the difference if every judged expectation were met on "
        "one side and none on the other (Manski 2003)."
        if isinstance(report.whatever_the_judge, Estimate)
        else "",
        f"Standard error of the difference: {found.se:.4f} (CR1)." if found.se is not None else "",
        f"Paired test: {p_value(found.p)}." if found.p is not None else "",
        f"Sign-flip permutation of the scenarios' differences: {p_value(found.p_permutation)}."
        if found.p_permutation is not None
        else "",
        f"McNemar's exact test on matched trials: {p_value(found.mcnemar_p)}; the challenger alone passed "
        f"{found.challenger_only}, the champion alone {found.champion_only}."
        if found.mcnemar_p is not None
        else "",
        f"Corrected by Holm's method for {len(report.others)} other comparisons on this dataset version "
        f"({', '.join(f'{o.champion} and {o.challenger}' for o in report.others)}): {p_value(report.p_holm)}."
        if report.p_holm is not None
        else "",
        "Slices are corrected by Holm's method for looking at many of them." if report.slices else "",
        "Calls that failed are neither passed nor failed: they do not enter the test and are listed.",
    )
