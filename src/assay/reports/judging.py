"""The brief report on a judging: what passed, what failed, what has no verdict."""

from datetime import datetime

from assay.contracts.judgment import Judging
from assay.contracts.report import ChartBlock, ChartPoint, Fact, FactsBlock, Report, Section, TableBlock
from assay.reports.parts import caveats, failures_section, kept, method, odd_answers, provenance, row
from assay.reports.usage import count, usage_facts


def lay_out_judging(judging: Judging, *, made_at: datetime) -> Report:
    return Report(
        title=f"Judging of {judging.agent}",
        headline=_headline(judging),
        tone="unsure" if judging.unjudged else "plain",
        made_at=made_at,
        provenance=provenance(
            judging,
            {
                "Agent": judging.agent,
                "Dataset": judging.dataset,
                "Simulation": judging.simulation_id,
                "Judge": judging.judge,
                "Rubric": judging.rubric_hash[:16],
            },
        ),
        caveats=caveats(judging),
        sections=kept(
            _verdicts(judging),
            odd_answers(judging.finish_reasons, judging.silent_turns),
            _skipped(judging),
            failures_section(judging.failures),
            Section(title="What it took", blocks=(FactsBlock(facts=usage_facts(judging.usage, "judge", "Judge")),)),
            method(
                "A conversation passes when every expectation of its scenario is met. Code checks what code can check, "
                "the judge rules on the rest.",
                "A conversation has no verdict when a call failed or the judge could not tell: it is counted apart.",
                "These are plain counts. Rates with their intervals stand in the analytics report; what the judge's "
                "rulings are worth stands in its certificate.",
            ),
        ),
    )


def _headline(judging: Judging) -> str:
    said = f"Of {judging.conversations} conversations {judging.passed} passed and {judging.failed} failed"
    return f"{said}; {judging.unjudged} have no verdict." if judging.unjudged else f"{said}."


def _skipped(judging: Judging) -> Section:
    rows = tuple(row(reason, times) for reason, times in judging.skipped_traces.items())
    table = TableBlock(columns=("Why", "Traces"), rows=rows)
    return Section(title="Traces that were passed over", blocks=(table,) if rows else ())


def _verdicts(judging: Judging) -> Section:
    facts = [
        count("passed", "Passed", judging.passed),
        count("failed", "Failed", judging.failed),
        count("unjudged", "Without a verdict", judging.unjudged),
    ]
    if judging.mean_score is not None:
        facts.append(
            Fact(fact_id="score", label="Expectations met, on average", value=judging.mean_score, unit="share")
        )
    points = (
        ChartPoint(label="Passed", value=judging.passed, tone="good"),
        ChartPoint(label="Failed", value=judging.failed, tone="bad"),
        ChartPoint(label="Without a verdict", value=judging.unjudged, tone="unsure"),
    )
    chart = ChartBlock(chart="bars", title="Conversations by verdict", points=points)
    return Section(title="Verdicts", blocks=(FactsBlock(facts=tuple(facts)), chart))
