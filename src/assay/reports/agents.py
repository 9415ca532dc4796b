"""The report on the platform's own agents."""

from datetime import datetime

from assay.contracts.agents_report import AgentsReport
from assay.contracts.report import ChartBlock, Report, Section, TableBlock
from assay.evaluation.facts import show_quantity, show_value
from assay.reports.parts import OFFLINE, drawn, method, point, row


def lay_out_agents(report: AgentsReport, *, made_at: datetime) -> Report:
    calls = sum(agent.calls for agent in report.agents)
    errors = sum(agent.errors for agent in report.agents)
    work = tuple(
        row(
            _name(agent.agent),
            agent.model,
            agent.calls,
            show_quantity(agent.error_rate, "share"),
            _time(agent.latency_p50_s),
            _time(agent.latency_p95_s),
            "not known" if agent.cost_usd is None else show_value(float(agent.cost_usd), "usd"),
        )
        for agent in report.agents
    )
    quality = tuple(
        row(
            _name(agent.agent),
            show_quantity(agent.adherence, "share"),
            agent.adherence_rule,
            show_quantity(agent.determinism, "share"),
        )
        for agent in report.agents
    )
    return Report(
        title=f"The platform's agents in {report.project}",
        headline=f"Six agents did {calls} pieces of work, {errors} of them failed.",
        tone="good" if not errors else "unsure",
        made_at=made_at,
        provenance={"Project": report.project, "MLflow run": report.run_id or "not stored"},
        caveats=(OFFLINE,) if report.offline else (),
        sections=(
            Section(
                title="How well they keep to their rubric",
                blocks=(
                    ChartBlock(
                        chart="forest",
                        title="Share of work that keeps the agent's own rubric",
                        points=drawn(point(_name(agent.agent), agent.adherence) for agent in report.agents),
                        unit="share",
                    ),
                    TableBlock(
                        columns=("Agent", "Keeps its rubric", "Which is", "Same with another seed"), rows=quality
                    ),
                ),
            ),
            Section(
                title="What they took",
                blocks=(TableBlock(columns=("Agent", "Model", "Calls", "Errors", "p50", "p95", "Cost"), rows=work),),
            ),
            method(
                "Calls, latency and cost come from the runs of this project in MLflow.",
                "Determinism: each agent does up to ten pieces of its work again with another seed.",
                "Rates with Wilson's interval; a call is the unit.",
            ),
        ),
    )


def _name(agent: str) -> str:
    return agent.replace("_", " ")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{1000 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
