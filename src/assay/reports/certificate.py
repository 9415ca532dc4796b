"""The report on a judge's certificate: whether it may gate, how often it is right, and by whose labels."""

from datetime import datetime

from assay.contracts.calibration import JudgeCertificate
from assay.contracts.estimate import Estimate
from assay.contracts.report import ChartBlock, ChartPoint, Report, Section, TextBlock
from assay.evaluation.facts import show_quantity
from assay.reports.parts import drawn, kept, method, point, row, table


def lay_out_certificate(certificate: JudgeCertificate, *, made_at: datetime) -> Report:
    return Report(
        title=f"Certificate of the judge {certificate.judge}",
        headline=_headline(certificate),
        tone="good" if certificate.admitted else "bad",
        made_at=made_at,
        provenance={
            "Judge": certificate.judge,
            "Prompt and rubric": certificate.rubric_hash[:16],
            "Judgings": ", ".join(certificate.judging_ids),
            "Labelled by": ", ".join(certificate.raters),
            "Certified by": certificate.by,
            "Project": certificate.project,
            "Result": certificate.certificate_id,
        },
        caveats=_caveats(certificate),
        sections=kept(_rates(certificate), _mistakes(certificate), _reliability(certificate), _method(certificate)),
    )


def _headline(certificate: JudgeCertificate) -> str:
    if certificate.admitted:
        return f"The judge may gate: {certificate.reason}."
    return f"The judge may not gate yet: {certificate.reason}."


def _caveats(certificate: JudgeCertificate) -> tuple[str, ...]:
    found = []
    if certificate.too_noisy:
        found.append("People do not agree among themselves: nothing can be held against these labels.")
    if certificate.missing_at_random is False:
        found.append(f"Labels are not missing at random: {certificate.missing}.")
    if certificate.volunteered:
        found.append(
            f"{certificate.volunteered} labelled conversations were not drawn by lot and are left out: nobody knows "
            "how likely they were to be chosen."
        )
    if len(certificate.raters) == 1:
        found.append("One person labelled: what a second one would say is not known.")
    return tuple(found)


def _rates(certificate: JudgeCertificate) -> Section:
    named = (
        ("Right where people say met (sensitivity)", certificate.sensitivity),
        ("Right where people say not met (specificity)", certificate.specificity),
        ("Right at all (accuracy)", certificate.accuracy),
    )
    picture = ChartBlock(
        chart="forest",
        title="How often the judge is right, with 95 % intervals",
        points=drawn(
            point(name, value, tone="good" if isinstance(value, Estimate) and value.low >= certificate.level else "bad")
            for name, value in named
        ),
        unit="share",
        reference=certificate.level,
        reference_label=f"level to gate: {100 * certificate.level:g} %",
    )
    rows = tuple(row(name, show_quantity(value, "share")) for name, value in named)
    more = (
        row("Rulings labelled", certificate.rulings),
        row("Conversations labelled", len(certificate.labelled)),
        row("Drawn and not labelled", certificate.unlabelled),
        row("Without a majority among people", certificate.split),
        row("People's agreement (Krippendorff's alpha)", show_quantity(certificate.agreement, "score")),
    )
    return Section(
        title="How often it is right",
        blocks=(*((picture,) if picture.points else ()), table(("What", "Value"), (*rows, *more))),
    )


def _mistakes(certificate: JudgeCertificate) -> Section:
    counts = certificate.confusion
    cells = (
        ("people: met", "judge: met", counts.judge_met_human_met),
        ("people: met", "judge: not met", counts.judge_not_met_human_met),
        ("people: not met", "judge: met", counts.judge_met_human_not_met),
        ("people: not met", "judge: not met", counts.judge_not_met_human_not_met),
    )
    chart = ChartBlock(
        chart="heatmap",
        title="Rulings by what people and the judge said",
        points=tuple(ChartPoint(label=people, group=judge, value=value) for people, judge, value in cells),
    )
    said = (
        f"The judge passed {counts.judge_met_human_not_met} rulings that people failed, and failed "
        f"{counts.judge_not_met_human_met} that people passed."
    )
    return Section(title="Where it is wrong", blocks=(TextBlock(text=said), chart))


def _reliability(certificate: JudgeCertificate) -> Section:
    if len(certificate.reliability) < 2:
        return Section(title="Whether its confidence means anything", blocks=())
    points = (
        *drawn(point(f"{found.confidence:.2f}", found.right, group="right") for found in certificate.reliability),
        *(
            ChartPoint(label=f"{found.confidence:.2f}", value=found.confidence, group="if it were calibrated")
            for found in certificate.reliability
        ),
    )
    chart = ChartBlock(
        chart="line",
        title="How often the judge is right, by how sure it says it is",
        points=points,
        x_label="confidence that the judge states",
        unit="share",
    )
    rows = tuple(
        row(f"{found.confidence:.2f}", found.n, show_quantity(found.right, "share"))
        for found in certificate.reliability
    )
    said = "Where the line of what is right runs below the other, the judge is surer than it should be."
    return Section(
        title="Whether its confidence means anything",
        blocks=(TextBlock(text=said), chart, table(("Stated confidence", "Rulings", "Right"), rows)),
    )


def _method(certificate: JudgeCertificate) -> Section:
    return method(
        f"Labels: {certificate.design}.",
        f"What was not labelled: {certificate.missing}.",
        f"The judge may gate when the lower bounds of sensitivity and specificity reach {100 * certificate.level:g} % "
        "and people agree among themselves with an alpha of 0.4 or more. Expectations that code checks need no judge.",
        "Intervals are clustered by scenario (CR2, Student's t), labels weighted by one over the chance that they had.",
        "The certificate is of this model, number of votes, prompt and rubric. A change of any makes it void.",
    )
