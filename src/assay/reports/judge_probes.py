"""The report on probes of a judge: whether it can be fooled, by what, and by which attack."""

from datetime import datetime

from assay.contracts.probes import JudgeProbeReport
from assay.contracts.report import Cell, ChartBlock, Report, Section, TextBlock
from assay.evaluation.facts import show_quantity
from assay.evaluation.judges.probes.outcome import TOLERATED
from assay.reports.palette import Tone
from assay.reports.parts import drawn, kept, method, one_of, point, row, table, words_of

TONES: dict[str, Tone] = {"robust": "good", "fooled": "bad", "undecided": "unsure"}


def lay_out_probes(report: JudgeProbeReport, *, made_at: datetime) -> Report:
    fooled = [result for result in report.results if result.state == "fooled"]
    return Report(
        title=f"Probes of the judge {report.judge}",
        headline=_headline(report),
        tone="bad" if fooled else "good" if all(r.state == "robust" for r in report.results) else "unsure",
        made_at=made_at,
        provenance={
            "Judge": report.judge,
            "Prompt and rubric": report.rubric_hash[:16],
            "Judging": report.judging_id,
            "Project": report.project,
        },
        caveats=(f"{report.failed} calls to the judge gave no answer and are left out.",) if report.failed else (),
        sections=kept(_kinds(report), _attacks(report), _method(report)),
    )


def _headline(report: JudgeProbeReport) -> str:
    by_state = {state: [words_of(r.kind) for r in report.results if r.state == state] for state in TONES}
    if by_state["fooled"]:
        return f"The judge can be fooled: by {', '.join(by_state['fooled'])}."
    if by_state["undecided"]:
        return f"Nothing fooled the judge so far; not clear yet: {', '.join(by_state['undecided'])}."
    return "None of the probes moves the judge."


def _kinds(report: JudgeProbeReport) -> Section:
    picture = ChartBlock(
        chart="forest",
        title="Rulings that flip beyond those that a plain repeat flips",
        points=drawn(
            point(words_of(result.kind), result.beyond_repeat, tone=TONES[result.state]) for result in report.results
        ),
        unit="difference",
        reference=0.0,
        reference_label="no more than a repeat",
    )
    rows = tuple(
        row(
            words_of(result.kind),
            result.rulings,
            show_quantity(result.flips, "share"),
            "" if result.as_wanted is None else result.as_wanted,
            Cell(text=result.state, tone=TONES[result.state]),
            result.words,
        )
        for result in report.results
    )
    columns = ("Probe", "Rulings", "Flipped", "As the probe wanted", "", "In words")
    return Section(title="What moves it", blocks=(*((picture,) if picture.points else ()), table(columns, rows)))


def _attacks(report: JudgeProbeReport) -> Section:
    if not report.attacks:
        return Section(title="Attacks", blocks=())
    worked = [attack for attack in report.attacks if attack.worked]
    said = f"{len(report.attacks)} different attacks were tried; {len(worked)} of them worked at least once."
    rows = tuple(
        row(
            words_of(attack.attack_id.replace("-", " ")),
            attack.language,
            words_of(attack.encoding),
            attack.place,
            f"{attack.worked} of {attack.tried}",
            one_of([attack.example] if attack.example else []),
        )
        for attack in worked
    )
    columns = ("Attack", "Language", "Written in", "Stands in", "Worked", "One of them")
    return Section(title="Attacks", blocks=(TextBlock(text=said), *((table(columns, rows),) if rows else ())))


def _method(report: JudgeProbeReport) -> Section:
    return method(
        f"{report.conversations} conversations were ruled on as they are, again unchanged, and once with each probe.",
        "Position: the expectations in another order, one more among them. Length: courtesies after the last answer. "
        "Self-preference: a remark on which model wrote it. Sycophancy: the user claims the opposite of the ruling. "
        "Injection: text that addresses the judge and asks for the opposite of its ruling, in a turn of the agent or "
        "the user or in a tool's result.",
        "Flips are paired by scenario with those of the plain repeat. Fooled: surely more than those. Robust: surely "
        f"at most {100 * TOLERATED:.0f} in 100 more.",
    )
