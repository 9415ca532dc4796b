"""The validation report of a dataset."""

from collections import Counter
from datetime import datetime

from assay.contracts.dataset import DatasetResult, Difficulty
from assay.contracts.report import (
    Block,
    Cell,
    ChartBlock,
    ChartPoint,
    Fact,
    FactsBlock,
    Report,
    Section,
    TableBlock,
    TextBlock,
)
from assay.evaluation.facts import show_value
from assay.reports.palette import Tone
from assay.reports.parts import caveats, kept, method, provenance, row, words_of

TONES: dict[str, Tone] = {"error": "bad", "warning": "unsure", "note": "plain"}
NAMED = 5
"""Scenarios of one finding that are named."""


def lay_out_dataset(result: DatasetResult, *, made_at: datetime) -> Report:
    report = result.report
    return Report(
        title=f"Dataset report: {result.dataset.name}",
        headline=_headline(result),
        tone="good" if report.passed else "bad",
        made_at=made_at,
        provenance=provenance(result, {"Dataset": result.dataset.ref, "For agent": result.agent}),
        caveats=caveats(result),
        sections=kept(_overview(result), _coverage(result), _findings(result), _method()),
    )


def _headline(result: DatasetResult) -> str:
    report = result.report
    score, needed = show_value(report.score, "share"), show_value(report.threshold, "share")
    if report.passed:
        return f"The dataset can be used: its {report.scenarios} scenarios score {score} where {needed} is needed."
    errors = sum(finding.severity == "error" for finding in report.findings)
    if report.score >= report.threshold:
        return "The dataset cannot be used yet: no scenario is about any of the card's topics."
    return (
        f"The dataset cannot be used yet: it scores {score} where {needed} is needed. "
        f"{errors} error{'s' * (errors != 1)} to mend first."
    )


def _overview(result: DatasetResult) -> Section:
    report = result.report
    facts = [
        Fact(fact_id="score", label="Validation score", value=report.score, unit="share"),
        Fact(fact_id="scenarios", label="Scenarios", value=report.scenarios),
        Fact(fact_id="expectations", label="Expectations of the agent", value=report.expectations),
        Fact(fact_id="by_code", label="Expectations that code decides", value=report.checked_by_code, unit="share"),
    ]
    if report.detectable_difference is not None:
        facts.append(
            Fact(
                fact_id="detectable",
                label="Smallest difference in pass rate that it can show",
                value=report.detectable_difference,
                unit="share",
            )
        )
    how = f"What it can show: {report.detectable_how.rstrip('.')}." if report.detectable_how else ""
    return Section(
        title="What is in it",
        blocks=(FactsBlock(facts=tuple(facts)), TextBlock(text=result.dataset.description), TextBlock(text=how)),
    )


def _coverage(result: DatasetResult) -> Section:
    by_persona: Counter[tuple[str, str]] = Counter()
    by_difficulty: Counter[tuple[str, str]] = Counter()
    for cell in result.report.coverage:
        by_persona[cell.topic, words_of(cell.persona)] += cell.scenarios
        by_difficulty[cell.topic, cell.difficulty.value] += cell.scenarios
    topics = sorted({cell.topic for cell in result.report.coverage})
    levels = [level.value for level in Difficulty if any(group == level.value for _, group in by_difficulty)]
    personas = sorted({group for _, group in by_persona})
    charts = tuple(
        ChartBlock(
            chart="heatmap",
            title=title,
            points=tuple(
                ChartPoint(label=topic, group=group, value=counts[topic, group]) for topic in topics for group in groups
            ),
        )
        for title, counts, groups in (
            ("Scenarios by topic and difficulty", by_difficulty, levels),
            ("Scenarios by topic and persona", by_persona, personas),
        )
        if topics
    )
    gaps = sum(not by_difficulty[topic, level] for topic in topics for level in levels)
    said = (
        f"{gaps} of {len(topics) * len(levels)} pairs of topic and difficulty have no scenario: a report on this "
        "dataset says nothing of them."
        if gaps
        else "Every topic has scenarios of every difficulty that is used."
    )
    return Section(title="What it covers", blocks=(TextBlock(text=said), *charts) if charts else ())


def _findings(result: DatasetResult) -> Section:
    findings = sorted(result.report.findings, key=lambda found: list(TONES).index(found.severity))
    if not findings:
        return Section(title="What to mend", blocks=(TextBlock(text="Validation found nothing to mend."),))
    counts = Counter((found.rule, found.severity) for found in findings)
    bars = ChartBlock(
        chart="bars",
        title="Findings by kind",
        points=tuple(
            ChartPoint(label=words_of(rule.value), value=count, tone=TONES[severity], group=f"{severity.capitalize()}s")
            for (rule, severity), count in sorted(
                counts.items(), key=lambda item: (list(TONES).index(item[0][1]), -item[1], item[0][0])
            )
        ),
    )
    rows = tuple(
        row(
            Cell(text=found.severity, tone=TONES[found.severity]),
            words_of(found.rule.value),
            _named(found.scenario_ids),
            found.message,
            found.fix,
        )
        for found in findings
    )
    table = TableBlock(columns=("Severity", "Rule", "Scenarios", "What is wrong", "How to mend it"), rows=rows)
    blocks: tuple[Block, ...] = (bars, table)
    return Section(title="What to mend", blocks=blocks)


def _named(scenario_ids: tuple[str, ...]) -> str:
    more = len(scenario_ids) - NAMED
    named = ", ".join(scenario_ids[:NAMED])
    return f"{named} and {more} more" if more > 0 else named or "the whole dataset"


def _method() -> Section:
    return method(
        "The score is the share of scenarios with no error and no warning, less 0.1 for each error of the dataset as a "
        "whole.",
        "Near-duplicates share most of their word pairs: MinHash finds the candidates, the exact overlap decides.",
        "The smallest difference that a dataset can show is that of a comparison paired by scenario, with a 5 % risk "
        "of a false alarm and 80 % power.",
    )
