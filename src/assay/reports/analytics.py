"""The analytics report: what the results say, and what to expect in production."""

from collections.abc import Mapping
from datetime import datetime

from assay.contracts.analytics import AnalyticsReport
from assay.contracts.conversation import Conversation
from assay.contracts.estimate import Estimate
from assay.contracts.report import Block, ChartBlock, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.evaluation.facts import show, show_quantity
from assay.reports.parts import caveats, chosen, drawn, method, point, provenance, row, transcript

MAIN = ("pass_rate", "conversations", "scenarios", "unjudged", "latency_p50", "cost")


def lay_out_analytics(
    report: AnalyticsReport, *, made_at: datetime, conversations: Mapping[str, Conversation]
) -> Report:
    """`conversations`: those that the failure clusters quote, by id."""
    return Report(
        title=f"What to expect of {report.agent}",
        headline=_headline(report),
        tone="plain",
        made_at=made_at,
        provenance=provenance(
            report,
            {
                "Agent": report.agent,
                "Dataset": report.dataset,
                "Judging": report.judging_id,
                "Author": report.narrative.author,
            },
        ),
        caveats=caveats(report, calibrated=report.calibrated),
        sections=tuple(
            section
            for section in (
                _summary(report),
                _trials(report),
                _slices(report),
                _failures(report, conversations),
                _blame(report),
                _numbers(report),
                _method(report),
            )
            if section.blocks
        ),
    )


def _headline(report: AnalyticsReport) -> str:
    if not isinstance(report.pass_rate, Estimate):
        return f"There is too little data to say what to expect: {report.pass_rate.reason}."
    rate = report.pass_rate
    return (
        f"Expect {100 * rate.value:.0f} of 100 conversations like these to meet every expectation "
        f"({100 * rate.low:.0f} to {100 * rate.high:.0f} with 95 % confidence)."
    )


def _summary(report: AnalyticsReport) -> Section:
    return Section(
        title="In short", blocks=(FactsBlock(facts=chosen(report.facts, *MAIN)), TextBlock(text=report.narrative.text))
    )


def _trials(report: AnalyticsReport) -> Section:
    if len(report.pass_hat_k) < 2:
        return Section(title="Steadiness", blocks=())
    points = drawn(
        point(f"{k}", value, group=name)
        for name, values in (("all pass (pass^k)", report.pass_hat_k), ("one passes (pass@k)", report.pass_at_k))
        for k, value in enumerate(values, start=1)
    )
    chart = ChartBlock(
        chart="line", title="Chance over k trials of one scenario", points=points, x_label="k", unit="share"
    )
    text = TextBlock(text="The wider the two lines part, the more it depends on luck whether a user is served well.")
    return Section(title="Steadiness", blocks=(chart, text))


def _slices(report: AnalyticsReport) -> Section:
    charts: list[Block] = []
    for dimension in dict.fromkeys(rate.dimension for rate in report.slices):
        rates = [rate for rate in report.slices if rate.dimension == dimension]
        points = drawn(point(rate.value, rate.pass_rate) for rate in rates)
        few = [rate.value for rate in rates if not isinstance(rate.pass_rate, Estimate)]
        if points:
            reference = report.pass_rate.value if isinstance(report.pass_rate, Estimate) else None
            charts.append(
                ChartBlock(
                    chart="forest",
                    title=f"Pass rate by {dimension}",
                    points=tuple(sorted(points, key=lambda found: found.value)),
                    unit="share",
                    reference=reference,
                    reference_label="all conversations",
                )
            )
        if few:
            charts.append(TextBlock(text=f"Too few scenarios for an interval: {', '.join(few)}."))
    return Section(title="Where it does well and where not", blocks=tuple(charts))


def _failures(report: AnalyticsReport, conversations: Mapping[str, Conversation]) -> Section:
    if not report.clusters:
        return Section(title="What goes wrong", blocks=(TextBlock(text="No conversation failed."),))
    rows = tuple(
        row(cluster.name, cluster.conversations, f"{100 * cluster.share_of_failures:.0f} %", cluster.description)
        for cluster in report.clusters
    )
    blocks: list[Block] = [TableBlock(columns=("Failure", "Conversations", "Of failures", "What"), rows=rows)]
    for cluster in report.clusters[:2]:
        first = cluster.conversation_ids[0]
        if first in conversations:
            blocks.append(transcript(f"For example: {cluster.name}", [(f"{report.agent}", conversations[first])]))
    return Section(title="What goes wrong", blocks=tuple(blocks))


def _blame(report: AnalyticsReport) -> Section:
    rows = tuple(
        row(a.blamed.replace("_", " "), a.conversations, show_quantity(a.share, "share")) for a in report.attributions
    )
    return Section(
        title="Whose fault",
        blocks=(
            TextBlock(
                text="Conversations that did not pass, put down to whoever failed first, as shares of all of them."
            ),
            TableBlock(columns=("Put down to", "Conversations", "Share"), rows=rows),
        ),
    )


def _numbers(report: AnalyticsReport) -> Section:
    shown = [fact for fact in report.facts if not fact.fact_id.startswith(("slice.", "cluster_", "blamed."))]
    rows = tuple(row(fact.label, show(fact)) for fact in shown)
    return Section(title="All numbers", blocks=(TableBlock(columns=("What", "Value"), rows=rows),))


def _method(report: AnalyticsReport) -> Section:
    how = report.pass_rate.method if isinstance(report.pass_rate, Estimate) else ""
    return method(
        "The unit of independence is the scenario: trials of one scenario are not independent of each other.",
        f"Interval of the pass rate: {how}." if how else "",
        "Calls that failed are counted apart: they are neither passed nor not passed.",
        "pass^k is the mean over scenarios of C(c, k) / C(n, k), c of n trials passed (Yao et al. 2024).",
    )
