"""The production report: what users say, and how the forecast held."""

from datetime import datetime

from assay.contracts.feedback import ProductionReport
from assay.contracts.report import Block, Cell, ChartBlock, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.evaluation.facts import show_quantity
from assay.reports.parts import caveats, chosen, drawn, method, point, provenance, row


def lay_out_production(report: ProductionReport, *, made_at: datetime) -> Report:
    missed = sum(not cluster.in_dataset for cluster in report.clusters)
    return Report(
        title=f"{report.agent} in production",
        headline=f"Of what users said, {show_quantity(report.satisfaction, 'share')} is not negative; {missed} kinds "
        "of complaint are tested by no scenario yet.",
        tone="unsure" if missed else "plain",
        made_at=made_at,
        provenance=provenance(report, {"Agent": report.agent, "Author": report.narrative.author}),
        caveats=caveats(report),
        sections=tuple(
            section
            for section in (
                _summary(report),
                _complaints(report),
                _topics(report),
                _forecast(report),
                _proposed(report),
                _method(),
            )
            if section.blocks
        ),
    )


def _summary(report: ProductionReport) -> Section:
    facts = chosen(report.facts, "satisfaction", "mean_rating", "items", "linked", "missed_clusters", "proposed")
    return Section(title="In short", blocks=(FactsBlock(facts=facts), TextBlock(text=report.narrative.text)))


def _complaints(report: ProductionReport) -> Section:
    rows = tuple(
        row(
            cluster.name,
            cluster.items,
            Cell(text="tested", tone="good") if cluster.in_dataset else Cell(text="not tested", tone="bad"),
            cluster.description,
        )
        for cluster in report.clusters
    )
    return Section(
        title="Complaints",
        blocks=(TableBlock(columns=("About", "Items", "In the dataset", "In a user's words"), rows=rows),)
        if rows
        else (),
    )


def _topics(report: ProductionReport) -> Section:
    points = drawn(point(topic, rate) for topic, rate in report.by_topic.items())
    few = [topic for topic, rate in report.by_topic.items() if rate.kind == "insufficient"]
    blocks: list[Block] = []
    if points:
        blocks.append(ChartBlock(chart="forest", title="Not negative, by topic", points=points, unit="share"))
    if few:
        blocks.append(TextBlock(text=f"Too little feedback for an interval: {', '.join(few)}."))
    return Section(title="By topic", blocks=tuple(blocks))


def _forecast(report: ProductionReport) -> Section:
    if report.forecast is None:
        return Section(title="Forecast", blocks=())
    forecast = report.forecast
    points = drawn((point("predicted", forecast.predicted), point("observed", forecast.observed)))
    said = {
        True: "The two intervals meet: production is what the analytics report led to expect.",
        False: "The two intervals do not meet: the dataset does not stand for production yet.",
        None: "Too little was observed to score the forecast.",
    }[forecast.covered]
    brier = f" Brier score {forecast.brier:.3f}." if forecast.brier is not None else ""
    chart = ChartBlock(chart="forest", title="Forecast against reality", points=points, unit="share")
    return Section(title="Forecast", blocks=(chart, TextBlock(text=said + brier)))


def _proposed(report: ProductionReport) -> Section:
    rows = tuple(
        row(scenario.scenario_id, scenario.topic, scenario.goal, scenario.origin_ref)
        for scenario in report.proposed_scenarios
    )
    return Section(
        title="Scenarios proposed for the dataset",
        blocks=(TableBlock(columns=("Scenario", "Topic", "Goal", "From feedback"), rows=rows),) if rows else (),
    )


def _method() -> Section:
    return method(
        "Thumbs count before ratings; 1 and 2 of 5 are negative, 3 is neither.",
        "Intervals are clustered by user, for one user's items are not independent.",
        "Feedback is not a random sample of conversations: those who write are more pleased or annoyed than others.",
    )
