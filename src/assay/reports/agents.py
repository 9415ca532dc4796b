"""The report on the platform's own agents."""

from datetime import datetime

from assay.contracts.agents_report import AgentsReport
from assay.contracts.estimate import Insufficient
from assay.contracts.report import ChartBlock, Fact, FactsBlock, Report, Section, TableBlock, TextBlock
from assay.evaluation.facts import show_quantity, show_value
from assay.reports.parts import OFFLINE, drawn, kept, method, point, row, words_of
from assay.reports.usage import count


def lay_out_agents(report: AgentsReport, *, made_at: datetime) -> Report:
    calls = sum(agent.calls for agent in report.agents)
    errors = sum(agent.errors for agent in report.agents)
    failed = "none of them failed" if not errors else f"{errors} of them failed"
    return Report(
        title=f"The platform's agents in {report.project}",
        headline=f"The {len(report.agents)} agents of the platform did {calls:,} pieces of work; {failed}.",
        tone="good" if calls and not errors else "unsure",
        made_at=made_at,
        provenance={"Project": report.project, "MLflow run": report.run_id or "not stored"},
        caveats=(OFFLINE,) if report.offline else (),
        sections=kept(_summary(report, calls, errors), _quality(report), _work(report), _method()),
    )


def _summary(report: AgentsReport, calls: int, errors: int) -> Section:
    costs = [agent.cost_usd for agent in report.agents if agent.calls]
    facts = [count("calls", "Pieces of work", calls), count("errors", "Failed", errors)]
    if costs and all(cost is not None for cost in costs):
        total = float(sum(cost for cost in costs if cost is not None))
        facts.append(Fact(fact_id="cost", label="Cost of all", value=total, unit="usd"))
    return Section(title="In short", blocks=(FactsBlock(facts=tuple(facts)),))


def _quality(report: AgentsReport) -> Section:
    charts = tuple(
        ChartBlock(chart="forest", title=title, points=points, unit="share", reference=1.0)
        for title, points in (
            (
                "Share of its work that keeps the agent's own rubric",
                drawn(point(_name(agent.agent), agent.adherence) for agent in report.agents),
            ),
            (
                "Share of its work that comes out the same with another seed",
                drawn(point(_name(agent.agent), agent.determinism) for agent in report.agents),
            ),
        )
        if points
    )
    idle = [_name(agent.agent) for agent in report.agents if isinstance(agent.adherence, Insufficient)]
    rows = tuple(
        row(
            _name(agent.agent),
            agent.adherence_rule,
            show_quantity(agent.adherence, "share"),
            show_quantity(agent.determinism, "share"),
        )
        for agent in report.agents
    )
    table = TableBlock(columns=("Agent", "Its rubric", "Keeps it", "Same with another seed"), rows=rows)
    said = f"Nothing to count yet: {', '.join(idle)}." if idle else ""
    return Section(title="How well and how steadily they work", blocks=(*charts, TextBlock(text=said), table))


def _work(report: AgentsReport) -> Section:
    rows = tuple(
        row(
            _name(agent.agent),
            agent.model,
            f"{agent.calls:,}",
            show_quantity(agent.error_rate, "share"),
            _seconds(agent.latency_p50_s),
            _seconds(agent.latency_p95_s),
            "not known" if agent.tokens is None else f"{agent.tokens:,}",
            "not known" if agent.cost_usd is None else show_value(float(agent.cost_usd), "usd"),
        )
        for agent in report.agents
    )
    columns = ("Agent", "Model", "Work", "Failed", "Median time", "95th percentile", "Tokens", "Cost")
    return Section(title="What they took", blocks=(TableBlock(columns=columns, rows=rows),))


def _method() -> Section:
    return method(
        "Work, time, tokens and cost come from the runs of this project in MLflow.",
        "Sameness: each agent does up to ten pieces of its work again with another seed. A language model that varies "
        "its words is not wrong to do so; a judge that varies its rulings is.",
        "Rates have Wilson's interval; one piece of work is the unit.",
    )


def _name(agent: str) -> str:
    return words_of(agent).capitalize()


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else show_value(seconds, "seconds")
