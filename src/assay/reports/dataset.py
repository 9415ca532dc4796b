"""The validation report of a dataset."""

from collections import Counter
from datetime import datetime

from assay.contracts.dataset import DatasetResult
from assay.contracts.report import (
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
from assay.reports.parts import caveats, method, provenance, row

TONES = {"error": "bad", "warning": "unsure", "note": "plain"}


def lay_out_dataset(result: DatasetResult, *, made_at: datetime) -> Report:
    report = result.report
    return Report(
        title=f"Dataset {result.dataset.name}",
        headline=_headline(result),
        tone="good" if report.passed else "bad",
        made_at=made_at,
        provenance=provenance(result, {"Agent": result.agent, "Dataset": result.dataset.ref}),
        caveats=caveats(result),
        sections=(_overview(result), _coverage(result), _findings(result), _method()),
    )


def _headline(result: DatasetResult) -> str:
    report = result.report
    if report.passed:
        return (
            f"The dataset can be used: {report.scenarios} scenarios, validation score {report.score:.2f} where "
            f"{report.threshold:.2f} is needed."
        )
    errors = sum(finding.severity == "error" for finding in report.findings)
    return (
        f"The dataset cannot be used yet: validation score {report.score:.2f} where {report.threshold:.2f} is needed, "
        f"{errors} errors to mend."
    )


def _overview(result: DatasetResult) -> Section:
    report = result.report
    facts = (
        Fact(fact_id="scenarios", label="Scenarios", value=report.scenarios),
        Fact(fact_id="expectations", label="Expectations", value=report.expectations),
        Fact(fact_id="by_code", label="Expectations that code decides", value=report.checked_by_code, unit="share"),
        Fact(fact_id="findings", label="Findings", value=len(report.findings)),
    )
    text = f"What it can show: {report.detectable_how}." if report.detectable_how else ""
    return Section(title="What is in it", blocks=(FactsBlock(facts=facts), TextBlock(text=text)))


def _coverage(result: DatasetResult) -> Section:
    cells = result.report.coverage
    by_persona: Counter[tuple[str, str]] = Counter()
    by_difficulty: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        by_persona[cell.topic, cell.persona] += cell.scenarios
        by_difficulty[cell.topic, cell.difficulty.value] += cell.scenarios
    charts = tuple(
        ChartBlock(
            chart="heatmap",
            title=title,
            points=tuple(
                ChartPoint(label=topic, group=group, value=count) for (topic, group), count in sorted(counts.items())
            ),
        )
        for title, counts in (
            ("Scenarios by topic and persona", by_persona),
            ("Scenarios by topic and difficulty", by_difficulty),
        )
    )
    return Section(title="What it covers", blocks=charts)


def _findings(result: DatasetResult) -> Section:
    findings = result.report.findings
    if not findings:
        return Section(title="Findings", blocks=(TextBlock(text="Validation found nothing to mend."),))
    rows = tuple(
        row(
            Cell.model_validate({"text": finding.severity, "tone": TONES[finding.severity]}),
            finding.rule.value.replace("_", " "),
            ", ".join(finding.scenario_ids),
            finding.message,
            finding.fix,
        )
        for finding in findings
    )
    return Section(
        title="Findings", blocks=(TableBlock(columns=("Severity", "Rule", "Scenarios", "What", "Fix"), rows=rows),)
    )


def _method() -> Section:
    return method(
        "The score is the share of scenarios with no error and no warning, less 0.1 for each error of the whole.",
        "Near-duplicates share 80 % or more of their word pairs (MinHash finds them, the exact overlap decides).",
        "The detectable difference is for a paired comparison at 5 % error and 80 % power.",
    )
