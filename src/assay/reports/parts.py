"""Pieces that several lay-outs share: caveats, provenance, points with intervals, transcripts, method notes."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

from assay.contracts.calibration import JudgeStanding
from assay.contracts.conversation import Conversation, Failures, FinishReason, ToolCall, Turn
from assay.contracts.estimate import Estimate, Quantity
from assay.contracts.report import (
    Block,
    Cell,
    ChartPoint,
    Fact,
    FactsBlock,
    Report,
    Section,
    TableBlock,
    TextBlock,
    TranscriptBlock,
)
from assay.contracts.stage import PolicyException, StageResult
from assay.evaluation.alignment import AlignedTurn, align
from assay.reports.palette import Tone
from assay.reports.usage import count
from assay.reports.words import CALL

OFFLINE = "Made offline by rules: no language model took part, and rules see less than a model or a person would."
UNGATED = (
    "Ungated: this was run outside the project's lifecycle, and no deployment accepts it until "
    "each step that led to it is approved."
)
OWN_RATES = "Every rate that rests on its rulings is the judge's own. Expectations that code checks are not affected."

FEW = 20
"""Scenarios under which a report warns of its own intervals."""

SHOWN_TURNS = 26
"""Rows of a transcript: more than a scenario's own limit allows, as a rule."""

SHOWN_LETTERS = 1200


def caveats(
    result: StageResult, *, judge: JudgeStanding | None = None, scenarios: int | None = None
) -> tuple[str, ...]:
    """What a reader must know first. judge: what its rulings are worth; None: no judge is spoken of.

    scenarios: how many the intervals rest on; None: there are no intervals.
    """
    found = []
    if result.offline:
        found.append(OFFLINE)
    if judge is not None and not judge.trusted:
        name = "The judge is uncalibrated. " if judge.state == "uncalibrated" else ""
        found.append(f"{name}{judge.words} {OWN_RATES}")
    if scenarios is not None and scenarios < FEW:
        found.append(
            f"Few scenarios: {scenarios}. The intervals are wide, and one scenario more or less can move every number."
        )
    if not result.gated:
        found.append(UNGATED)
    exception: PolicyException | None = getattr(result, "exception", None)
    if exception is not None:
        found.append(f"An exception from the project's policy, by {exception.by}: {exception.reason}")
    return tuple(found)


def provenance(result: StageResult, more: Mapping[str, object]) -> dict[str, str]:
    """What it takes to repeat the result."""
    named = {**more, "Project": result.project, "Result": result.subject_id, "MLflow run": result.run_id}
    return {name: str(value) for name, value in named.items() if value is not None}


def point(label: str, value: Quantity, *, group: str = "", tone: Tone = "plain") -> ChartPoint | None:
    """A point with its interval; None where there is too little data to draw."""
    if not isinstance(value, Estimate):
        return None
    return ChartPoint(label=label, value=value.value, low=value.low, high=value.high, group=group, tone=tone)


def drawn(points: Iterable[ChartPoint | None]) -> tuple[ChartPoint, ...]:
    return tuple(found for found in points if found is not None)


def chosen(facts: Sequence[Fact], *names: str) -> tuple[Fact, ...]:
    """The facts of these ids, in this order, where they are there."""
    by_id = {fact.fact_id: fact for fact in facts}
    return tuple(by_id[name] for name in names if name in by_id)


def row(*cells: object) -> tuple[Cell, ...]:
    return tuple(cell if isinstance(cell, Cell) else Cell(text="" if cell is None else str(cell)) for cell in cells)


def one_of(conversation_ids: Sequence[str]) -> Cell:
    """A conversation that shows it; empty where none is known."""
    return Cell(text=conversation_ids[0][:8], link=conversation_ids[0]) if conversation_ids else Cell(text="")


def table(columns: Sequence[str], rows: Sequence[tuple[Cell, ...]], title: str = "") -> TableBlock:
    """Columns in which no row says anything are left out."""
    told = [any(row[place].text for row in rows) for place in range(len(columns))]
    return TableBlock(
        title=title,
        columns=tuple(compress(columns, told)),
        rows=tuple(tuple(compress(row, told)) for row in rows),
    )


def words_of(name: str) -> str:
    """A slug or an enum's value as a person writes it."""
    return name.replace("_", " ")


def kept(*sections: Section) -> tuple[Section, ...]:
    """The sections that have anything in them; a text without words is nothing."""
    full = []
    for section in sections:
        blocks = tuple(
            block for block in section.blocks if not (isinstance(block, TextBlock) and not block.text.strip())
        )
        if blocks:
            full.append(section.replace(blocks=blocks))
    return tuple(full)


METHOD = "Method"


def method(*notes: str) -> Section:
    return Section(title=METHOD, blocks=(TextBlock(text="\n".join(f"- {note}" for note in notes if note)),))


def with_sections(report: Report, sections: Sequence[Section]) -> Report:
    """The report with these sections before its method."""
    place = next((at for at, section in enumerate(report.sections) if section.title == METHOD), len(report.sections))
    return report.replace(sections=(*report.sections[:place], *sections, *report.sections[place:]))


def p_value(p: float) -> str:
    """Such as `p = 0.031`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def of_100(share: float) -> str:
    """A share as so many of every 100, which is easier to picture than a percentage."""
    number = 100 * abs(share)
    return f"{number:.0f}" if number >= 1 or number < 0.05 else f"{number:.1f}"


def transcript(title: str, named: Sequence[tuple[str, Conversation]]) -> tuple[Block, ...]:
    """One conversation, or two with their turns aligned. What is cut off is said below."""
    (_, left), *others = named
    right = others[0][1] if others else None
    rows = align(left.turns, right.turns if right else ())
    shown = rows[:SHOWN_TURNS]
    columns = [tuple(_said(row.left) for row in shown)]
    if right is not None:
        columns.append(tuple(_said(row.right) for row in shown))
    block = TranscriptBlock(
        title=title,
        conversation_ids=tuple(conversation.conversation_id for _, conversation in named),
        columns=tuple(columns),
        names=tuple(name for name, _ in named),
        roles=tuple(row.role for row in shown),
    )
    return (block, *_left_out(rows))


def _left_out(rows: Sequence[AlignedTurn]) -> tuple[TextBlock, ...]:
    if len(rows) <= SHOWN_TURNS:
        return ()
    return (TextBlock(text=f"{len(rows) - SHOWN_TURNS} more turns are in the trace."),)


def _said(turn: Turn | None) -> str:
    """Words first, then what was called, a line each."""
    if turn is None:
        return ""
    words = turn.text.strip()
    if len(words) > SHOWN_LETTERS:
        words = f"{words[:SHOWN_LETTERS].rstrip()} … (the rest is in the trace)"
    lines = [words, *(f"{CALL}{_called(call)}" for call in turn.tool_calls)]
    return "\n".join(line for line in lines if line) or "(no words)"


def _called(call: ToolCall) -> str:
    given = ", ".join(f"{name}: {_short(value)}" for name, value in call.arguments.items())
    failed = f" failed: {_short(call.error)}" if call.error else ""
    return f"{call.name}({given}){failed}"


def _short(value: object) -> str:
    words = " ".join(str(value).split())
    return words if len(words) <= 80 else f"{words[:79]}…"


_ANSWERS = {
    FinishReason.LENGTH: "Cut at a limit of tokens",
    FinishReason.CONTENT_FILTER: "Withheld or cut by the provider's filter",
    FinishReason.REFUSAL: "Refused",
    FinishReason.ERROR: "Ended in an error of the model's server",
}


def odd_answers(finish_reasons: Mapping[FinishReason, int], silent_turns: int) -> Section:
    """The agent's turns that are no whole answer; empty where there are none."""
    facts = [count(reason.value, label, finish_reasons[reason]) for reason, label in _ANSWERS.items()
             if finish_reasons.get(reason)]  # fmt: skip
    if silent_turns:
        facts.append(count("silent", "Without a word and without a call", silent_turns))
    if not facts:
        return Section(title="Answers that are not whole", blocks=())
    text = "Turns of the agent, as its server says how they ended. They are judged as they are."
    return Section(title="Answers that are not whole", blocks=(TextBlock(text=text), FactsBlock(facts=tuple(facts))))


def failures_section(failures: Sequence[Failures]) -> Section:
    """Why calls failed, each cause with its count; nothing where none did."""
    rows = tuple(row(words_of(f.side), words_of(f.cause), f.count, f.detail) for f in failures)
    columns = ("Whose call", "Cause", "Conversations", "What the first said")
    return Section(title="Why calls failed", blocks=(TableBlock(columns=columns, rows=rows),) if rows else ())
