"""The production report: what users say, and how the forecast held."""

from datetime import datetime

from assay.contracts.estimate import Estimate
from assay.contracts.feedback import ProductionReport
from assay.contracts.report import (
    Block,
    Cell,
    ChartBlock,
    ChartPoint,
    FactsBlock,
    Report,
    Section,
    TableBlock,
    TextBlock,
)
from assay.evaluation.facts import show_quantity, show_value
from assay.reports.palette import Tone
from assay.reports.parts import caveats, chosen, drawn, kept, method, one_of, point, provenance, row, table

MOST_BARS = 10
MOST_ROWS = 20


def lay_out_production(report: ProductionReport, *, made_at: datetime) -> Report:
    return Report(
        title=f"{report.agent} in production",
        headline=_headline(report),
        tone=_tone(report),
        made_at=made_at,
        provenance=provenance(report, {"Agent": report.agent, "Words by": report.narrative.author}),
        caveats=(*caveats(report), *_few(report)),
        sections=kept(
            _summary(report),
            _complaints(report),
            _trend(report),
            _topics(report),
            _forecast(report),
            _users(report),
            _proposed(report),
            _method(),
        ),
    )


def _headline(report: ProductionReport) -> str:
    missed = sum(not cluster.in_dataset for cluster in report.clusters)
    blind = {0: "every kind of complaint is tested already", 1: "1 kind of complaint is tested by no scenario yet"}.get(
        missed, f"{missed} kinds of complaint are tested by no scenario yet"
    )
    rate = report.satisfaction
    if not isinstance(rate, Estimate):
        return f"There is too little feedback to say how satisfied users are ({rate.reason}); {blind}."
    falling = "ratings are falling; " if report.falling else ""
    return f"{show_quantity(rate, 'share')} of the ratings are not negative; {falling}{blind}."


def _tone(report: ProductionReport) -> Tone:
    if report.falling or (report.forecast is not None and report.forecast.covered is False):
        return "bad"
    return "unsure" if any(not cluster.in_dataset for cluster in report.clusters) else "plain"


def _few(report: ProductionReport) -> tuple[str, ...]:
    notes = []
    if report.items < 30:
        notes.append(f"Little feedback: {report.items} items. A few more users can move every number.")
    if report.unknown_users:
        notes.append(
            f"{report.unknown_users} of {report.items} items name no user. Each counts as a user of its own, so the "
            "intervals may be too narrow."
        )
    return tuple(notes)


def _summary(report: ProductionReport) -> Section:
    facts = chosen(
        report.facts,
        "satisfaction",
        "positive",
        "mean_rating",
        "response_rate",
        "items",
        "missed_clusters",
        "proposed",
    )
    return Section(title="In short", blocks=(FactsBlock(facts=facts), TextBlock(text=report.narrative.text)))


def _complaints(report: ProductionReport) -> Section:
    if not report.clusters:
        return Section(title="What users complain of", blocks=(TextBlock(text="No one complained."),))
    shown, others = report.clusters[:MOST_ROWS], report.clusters[MOST_ROWS:]
    points = tuple(
        ChartPoint(label=cluster.name, value=cluster.items, tone="plain" if cluster.in_dataset else "bad")
        for cluster in report.clusters[:MOST_BARS]
    )
    chart = ChartBlock(
        chart="bars",
        title="The most frequent complaints; those marked ▼ are tested by no scenario of the dataset",
        points=points,
    )
    rows = tuple(
        row(
            cluster.name,
            cluster.items,
            show_value(cluster.share_of_negative, "share"),
            "tested" if cluster.in_dataset else Cell(text="not tested", tone="bad"),
            cluster.description,
            one_of(cluster.conversation_ids),
        )
        for cluster in shown
    )
    columns = ("About", "Items", "Of complaints", "In the dataset", "In a user's words", "One of them")
    rest = f"{len(others)} rarer complaints, {sum(cluster.items for cluster in others)} items, are in the JSON."
    return Section(
        title="What users complain of",
        blocks=(chart, table(columns, rows), TextBlock(text=rest if others else "")),
    )


def _trend(report: ProductionReport) -> Section:
    if len(report.trend) < 2:
        return Section(title="Week by week", blocks=())
    points = drawn(point(week.week, week.satisfaction, group="not negative") for week in report.trend)
    chart = ChartBlock(
        chart="line", title="Share of rated items that are not negative, by week", points=points, unit="share"
    )
    said = {
        True: f"**Ratings are falling: {report.decline}.**",
        False: f"Over all weeks, {report.decline}.",
        None: f"Too little data for a test of a fall: {report.decline}.",
    }[report.falling]
    rows = tuple(
        row(
            week.week,
            week.items,
            show_quantity(week.satisfaction, "share"),
            "" if week.mean_grade is None else f"{week.mean_grade:.2f}",
        )
        for week in report.trend
    )
    columns = ("Week from", "Items", "Not negative", "Mean grade, of 5")
    return Section(
        title="Week by week",
        blocks=(TextBlock(text=said), *((chart,) if len(points) > 1 else ()), table(columns, rows)),
    )


def _topics(report: ProductionReport) -> Section:
    points = sorted(drawn(point(topic, rate) for topic, rate in report.by_topic.items()), key=lambda found: found.value)
    few = [topic for topic, rate in report.by_topic.items() if not isinstance(rate, Estimate)]
    overall = report.satisfaction.value if isinstance(report.satisfaction, Estimate) else None
    blocks: list[Block] = []
    if points:
        blocks.append(
            ChartBlock(
                chart="forest",
                title="Share of rated items that are not negative, weakest first",
                points=tuple(points),
                unit="share",
                reference=overall,
                reference_label="" if overall is None else f"all: {show_value(overall, 'share')}",
            )
        )
    if few:
        blocks.append(TextBlock(text=f"Too little feedback for an interval: {', '.join(few)}."))
    return Section(title="Topic by topic", blocks=tuple(blocks))


def _forecast(report: ProductionReport) -> Section:
    forecast = report.forecast
    if forecast is None:
        return Section(title="How the forecast held", blocks=())
    said = {
        True: "Judged on a sample, production is what the analytics report led to expect: its interval holds the rate.",
        False: "Judged on a sample, production is not what the analytics report led to expect: the dataset does not "
        "represent production yet.",
        None: "Too little of production was judged to score the forecast.",
    }[forecast.covered]
    brier = f" Brier score {show_value(forecast.brier, 'score')}; 0 is perfect." if forecast.brier is not None else ""
    tone: Tone = "plain" if forecast.covered is None else "good" if forecast.covered else "bad"
    points = drawn(
        (
            point("Predicted before the release", forecast.predicted),
            point("Observed in production", forecast.observed, tone=tone),
        )
    )
    chart = ChartBlock(chart="forest", title="Forecast and reality", points=points, unit="share")
    rows = tuple(
        row(
            scored.topic,
            show_quantity(scored.predicted, "share"),
            show_quantity(scored.observed, "share"),
            {True: "held", False: Cell(text="missed", tone="bad"), None: "too little came"}[scored.covered],
        )
        for scored in report.forecasts_by_topic
    )
    by_topic = (table(("Topic", "Predicted", "Observed", "Forecast"), rows),) if rows else ()
    record = f"The record so far: {report.forecast_record.words}." if report.forecast_record else ""
    return Section(
        title="How the forecast held", blocks=(TextBlock(text=said + brier), chart, *by_topic, TextBlock(text=record))
    )


def _users(report: ProductionReport) -> Section:
    found = report.user_distance
    if found is None:
        return Section(title="Whether real users are like the simulated ones", blocks=())
    rows = tuple(row(name, said) for name, said in found.features.items())
    return Section(
        title="Whether real users are like the simulated ones",
        blocks=(
            TextBlock(text=f"{found.words} {found.simulated} simulated conversations, {found.real} real ones."),
            table(("What was compared", "Found"), rows),
        ),
    )


def _proposed(report: ProductionReport) -> Section:
    rows = tuple(
        row(scenario.scenario_id, scenario.topic, scenario.goal, scenario.origin_ref)
        for scenario in report.proposed_scenarios
    )
    table = TableBlock(columns=("Scenario", "Topic", "What the user wants", "From feedback"), rows=rows)
    return Section(title="Scenarios proposed for the dataset", blocks=(table,) if rows else ())


def _method() -> Section:
    return method(
        "Thumbs count before ratings. Ratings of 1 and 2 are negative, 4 and 5 are positive, 3 is neither.",
        "The forecast is scored on what it predicts, the judged pass rate, on a random sample of production.",
        "The test for a fall looks at all grades over all time, not at calendar weeks.",
        "Intervals are clustered by user, for one user's items are not independent of each other.",
        "Feedback is no random sample of conversations: those who write are more pleased or more annoyed than others.",
    )
