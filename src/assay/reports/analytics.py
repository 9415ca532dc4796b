"""The analytics report: what the results say, and what to expect in production."""

from collections.abc import Mapping
from datetime import datetime

from assay.contracts.analytics import AnalyticsReport
from assay.contracts.conversation import Conversation
from assay.contracts.estimate import Estimate
from assay.contracts.report import (
    Block,
    ChartBlock,
    ChartPoint,
    FactsBlock,
    Report,
    Section,
    TextBlock,
)
from assay.evaluation.analytics_facts import fact_of
from assay.evaluation.facts import show, show_quantity, show_value
from assay.evaluation.measures import reported
from assay.reports.parts import (
    caveats,
    chosen,
    drawn,
    kept,
    method,
    of_100,
    one_of,
    point,
    provenance,
    row,
    table,
    transcript,
    words_of,
)

MAIN = ("corrected_pass_rate", "pass_rate", "mean_score", "failed", "unjudged", "pass_bounds")
ELSEWHERE = ("slice.", "cluster_", "blamed.")
"""Facts that a chart or table of their own shows."""

MOST_CLUSTERS = 12
MOST_EXPECTATIONS = 12
EXAMPLES = 2


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
                "Words by": report.narrative.author,
            },
        ),
        caveats=caveats(report, judge=report.judge, scenarios=report.scenarios),
        sections=kept(
            _summary(report),
            _slices(report),
            _failures(report, conversations),
            _blame(report),
            _signs(report),
            _vacuous(report),
            _broken(report),
            _forecast(report),
            _steadiness(report),
            _work(report),
            _numbers(report),
            _method(report),
        ),
    )


def _headline(report: AnalyticsReport) -> str:
    rate = report.expected
    if not isinstance(rate, Estimate):
        return f"There is too little data to say what to expect: {rate.reason}."
    return (
        f"Expect {of_100(rate.value)} of 100 conversations like these to meet every expectation "
        f"({of_100(rate.low)} to {of_100(rate.high)}, with {100 * rate.confidence:g} % confidence)."
        + (f" Left out: {left_out}." if (left_out := report.left_out) else "")
    )


def _summary(report: AnalyticsReport) -> Section:
    return Section(
        title="In short",
        blocks=(
            FactsBlock(facts=chosen(report.facts, *MAIN)),
            TextBlock(text=report.narrative.text),
            *_corrected(report),
        ),
    )


def _corrected(report: AnalyticsReport) -> tuple[Block, ...]:
    """The judge's own rate beside the one that labels have set right."""
    if report.corrected_pass_rate is None:
        return (TextBlock(text=report.correction),)
    points = drawn(
        (
            point("As the judge sees it", report.pass_rate, tone="unsure"),
            point("Set right by people's labels", report.corrected_pass_rate, tone="good"),
        )
    )
    chart = ChartBlock(
        chart="forest", title="The pass rate before and after people's labels", points=points, unit="share"
    )
    return (chart, TextBlock(text=f"{report.judge.words} {report.correction}"))


def _slices(report: AnalyticsReport) -> Section:
    rate = report.pass_rate
    overall = rate.value if isinstance(rate, Estimate) else None
    points: list[ChartPoint] = []
    for dimension in dict.fromkeys(found.dimension for found in report.slices):
        inside = (found for found in report.slices if found.dimension == dimension)
        known = drawn(point(found.value, found.pass_rate, group=words_of(dimension).capitalize()) for found in inside)
        points += sorted(known, key=lambda found: found.value)
    few = [found.value for found in report.slices if not isinstance(found.pass_rate, Estimate)]
    chart = ChartBlock(
        chart="forest",
        title="Share of conversations that meet every expectation, weakest first",
        points=tuple(points),
        unit="share",
        reference=overall,
        reference_label="" if overall is None else f"all: {show_value(overall, 'share')}",
    )
    return Section(
        title="Where it does well and where not",
        blocks=(
            *((chart,) if points else ()),
            TextBlock(text=f"Too few scenarios for an interval: {', '.join(few)}." if few else ""),
        ),
    )


def _failures(report: AnalyticsReport, conversations: Mapping[str, Conversation]) -> Section:
    if not report.clusters and not report.expectations_failed:
        return Section(title="What goes wrong", blocks=(TextBlock(text="No conversation failed."),))
    blocks: list[Block] = []
    if not report.calibrated:
        said = "The judge is not admitted, so some of these may be its mistakes: read the conversations before you act."
        blocks.append(TextBlock(text=said))
    if report.clusters:
        rows = tuple(
            row(
                cluster.name,
                cluster.conversations,
                show_value(cluster.share_of_failures, "share"),
                cluster.description,
                one_of(cluster.conversation_ids),
            )
            for cluster in report.clusters[:MOST_CLUSTERS]
        )
        columns = ("Failure", "Conversations", "Of all failures", "What happens", "One of them")
        blocks.append(table(columns, rows, title="Failures that are alike"))
        if others := report.clusters[MOST_CLUSTERS:]:
            count = sum(cluster.conversations for cluster in others)
            blocks.append(TextBlock(text=f"{len(others)} rarer failures, with {count} conversations, are in the JSON."))
    failed = sorted(report.expectations_failed.items(), key=lambda item: (-item[1], item[0]))
    if failed:
        points = tuple(ChartPoint(label=name, value=count) for name, count in failed[:MOST_EXPECTATIONS])
        blocks.append(ChartBlock(chart="bars", title="Expectations that most often are not met", points=points))
        if len(failed) > MOST_EXPECTATIONS:
            blocks.append(TextBlock(text=f"{len(failed) - MOST_EXPECTATIONS} more failed less often."))
    for cluster in report.clusters[:EXAMPLES]:
        first = next((name for name in cluster.conversation_ids if name in conversations), None)
        if first is not None:
            found = conversations[first]
            name = cluster.name.replace("`", "")
            title = f"For example: {name} (scenario {found.scenario_id}, trial {found.trial})"
            blocks += transcript(title, [(f"{report.agent}", found)])
    return Section(title="What goes wrong", blocks=tuple(blocks))


def _blame(report: AnalyticsReport) -> Section:
    blamed = [found for found in report.attributions if found.conversations]
    if not blamed:
        return Section(title="Whose fault it is", blocks=())
    points = drawn(point(words_of(found.blamed).capitalize(), found.share) for found in blamed)
    chart = ChartBlock(
        chart="bars", title="Conversations that did not pass, as shares of all", points=points, unit="share"
    )
    rows = tuple(
        row(
            words_of(found.blamed),
            found.conversations,
            show_quantity(found.share, "share"),
            one_of(found.conversation_ids),
        )
        for found in blamed
    )
    columns = ("Put down to", "Conversations", "Share of all", "One of them")
    said = "Not every conversation that fails is the agent's fault. Each is put down to whoever failed first."
    return Section(
        title="Whose fault it is", blocks=(TextBlock(text=said), *((chart,) if points else ()), table(columns, rows))
    )


def _signs(report: AnalyticsReport) -> Section:
    rows = tuple(row(sign.words, sign.conversations, one_of(sign.conversation_ids)) for sign in report.signs)
    said = TextBlock(text="Nothing is left out of the rates because of these: look and decide.")
    return Section(
        title="What may not be the agent's doing",
        blocks=(said, table(("Sign", "Conversations", "One of them"), rows)) if rows else (),
    )


def _vacuous(report: AnalyticsReport) -> Section:
    rows = tuple(
        row(found.scenario_id, found.trial, found.words, one_of((found.conversation_id,)))
        for found in report.vacuous_passes
    )
    said = TextBlock(
        text="These conversations pass though the agent did nothing. Either nothing had to be done, or the check is "
        "met before the agent begins: then let the scenario expect something that the agent must do."
    )
    return Section(
        title="Passes in which nothing was done",
        blocks=(said, table(("Scenario", "Trial", "Why it is listed", "Trace"), rows)) if rows else (),
    )


def _broken(report: AnalyticsReport) -> Section:
    """Both ways to read a run in which infrastructure failed."""
    if report.as_scored is None:
        return Section(title="With and without broken conversations", blocks=())
    found = next((a for a in report.attributions if a.blamed == "infrastructure"), None)
    count = found.conversations if found else "some"
    said = (
        f"Quota, time-out or server errors broke {count} conversations. They are set apart: an agent that could not "
        "answer did not answer badly. Counted as they were scored, or as failures, the rate is "
        f" {show_quantity(report.as_scored, 'share')}."
    )
    points = drawn(
        (
            point("Without them", report.pass_rate),
            point("With them, as they were scored", report.as_scored, tone="unsure"),
        )
    )
    chart = ChartBlock(chart="forest", title="The pass rate both ways", points=points, unit="share")
    return Section(
        title="With and without broken conversations", blocks=(TextBlock(text=said), *((chart,) if points else ()))
    )


def _forecast(report: AnalyticsReport) -> Section:
    found = report.forecast
    if found is None or not isinstance(found.pass_rate, Estimate):
        return Section(title="What to expect in production", blocks=())
    points = drawn(
        (
            point("All conversations", found.pass_rate),
            *(point(topic, rate, group="By topic") for topic, rate in found.by_topic.items()),
        )
    )
    chart = ChartBlock(
        chart="forest",
        title=f"The share of {found.conversations:,} conversations to come that will go well",
        points=points,
        unit="share",
    )
    said = (
        f"If users ask for what the dataset holds, {show_quantity(found.pass_rate, 'share')} of the next "
        f"{found.conversations:,} conversations go well. The interval holds what is not known of the rate and the luck "
        "of so many conversations; stage 8 holds it against what comes and keeps the record."
    )
    return Section(title="What to expect in production", blocks=(TextBlock(text=said), chart))


def _precision(report: AnalyticsReport) -> str:
    found = report.precision
    if found is None:
        return ""
    return (
        f"Standard error {found.se_clustered_cr1:.4f} clustered by scenario (CR1; CR0 {found.se_clustered_cr0:.4f}), "
        f"{found.se_naive:.4f} as if all were independent: clustering makes the variance {found.design_effect:.2f} "
        f"times larger. As if independent the interval would be {show_quantity(found.naive, 'share')}, by Wilson "
        f"{show_quantity(found.wilson, 'share')}; by cluster bootstrap it is {show_quantity(found.bootstrap, 'share')}."
    )


def _steadiness(report: AnalyticsReport) -> Section:
    if len(report.pass_hat_k) < 2:
        return Section(title="How steady it is", blocks=())
    counted = ", as the judge counts" if report.corrected_pass_hat_k else ""
    points = drawn(
        point(str(k), value, group=name)
        for name, values in (
            ("one of k passes" + counted, report.pass_at_k),
            ("all of k pass" + counted, report.pass_hat_k),
            ("all of k pass, corrected by people's labels", report.corrected_pass_hat_k),
        )
        for k, value in enumerate(values, start=1)
    )
    chart = ChartBlock(
        chart="line",
        title="The chance that a user who asks k times is served well",
        points=points,
        x_label="k, independent trials of one scenario",
        unit="share",
    )
    said = "The wider the lines part, the more it is luck whether one and the same request goes well."
    return Section(title="How steady it is", blocks=(TextBlock(text=said), *((chart,) if points else ())))


def _work(report: AnalyticsReport) -> Section:
    facts = chosen(report.facts, "latency_p50", "latency_p95", *map(fact_of, reported()))
    return Section(title="Speed and cost", blocks=(FactsBlock(facts=facts),) if facts else ())


def _numbers(report: AnalyticsReport) -> Section:
    rows = tuple(row(fact.label, show(fact)) for fact in report.facts if not fact.fact_id.startswith(ELSEWHERE))
    return Section(title="All numbers", blocks=(table(("What", "Value"), rows),) if rows else ())


def _method(report: AnalyticsReport) -> Section:
    rate, corrected = report.pass_rate, report.corrected_pass_rate
    return method(
        f"{report.conversations} conversations over {report.scenarios} scenarios; {report.judged} could be judged.",
        f"Interval of the pass rate: {rate.method}." if isinstance(rate, Estimate) else "",
        f"Corrected rate: {corrected.method}. {report.correction}" if isinstance(corrected, Estimate) else "",
        _precision(report),
        "Three intervals stand around one rate and say different things. The rate's own says how sure the rate is over "
        "all scenarios like these. The forecast's is wider, since it adds the luck of the conversations to come. Those "
        "in the line above are what other tools would compute, for comparison only."
        if report.precision is not None and report.forecast is not None
        else "",
        "Trials of one scenario are not independent of each other: the scenario is the unit, and intervals are "
        "clustered by it.",
        "Calls that failed and rulings that a judge abstained from are counted apart: neither passed nor failed.",
        "pass^k is the mean over scenarios of C(c, k) / C(n, k), where c of n trials passed (Yao et al. 2024); pass@k "
        "is one less the same of the failures."
        if report.pass_hat_k
        else "",
        "Corrected pass^k: moments of the judge's rulings, inverted by its sensitivity and specificity, which takes "
        "its mistakes on the trials of one scenario to be independent."
        if report.corrected_pass_hat_k
        else "",
    )
