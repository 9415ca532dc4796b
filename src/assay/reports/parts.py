"""Pieces that several layouts share: caveats, provenance, points with intervals, method notes."""

from collections.abc import Iterable, Mapping, Sequence

from assay.contracts.conversation import Conversation
from assay.contracts.estimate import Estimate, Quantity
from assay.contracts.report import Cell, ChartPoint, Fact, Section, TextBlock, TranscriptBlock
from assay.contracts.stage import StageResult
from assay.evaluation.alignment import align

OFFLINE = "Made offline by rules: no language model took part in what is marked so, and rules see less than a model."
UNGATED = "Ungated: run outside the project's lifecycle, so no deployment accepts what came of it."
UNCALIBRATED = (
    "The judge is uncalibrated: no human labels measure how often it is wrong, so rates that rest on it are the "
    "judge's own. Deterministic checks are not affected."
)

SHOWN_TURNS = 14
"""Rows of a transcript in a report: enough to see what went wrong."""


def caveats(result: StageResult, *, calibrated: bool = True) -> tuple[str, ...]:
    """What a reader must know first."""
    found = []
    if not calibrated:
        found.append(UNCALIBRATED)
    if result.offline:
        found.append(OFFLINE)
    if not result.gated:
        found.append(UNGATED)
    return tuple(found)


def provenance(result: StageResult, more: Mapping[str, object]) -> dict[str, str]:
    """What it takes to repeat the result."""
    named = {"Project": result.project, "Result": result.subject_id, "MLflow run": result.run_id, **more}
    return {name: str(value) for name, value in named.items() if value is not None}


def point(label: str, value: Quantity, *, group: str = "", tone: str = "plain") -> ChartPoint | None:
    """A point with its interval; None where there is too little data to draw."""
    if not isinstance(value, Estimate):
        return None
    return ChartPoint.model_validate(
        {"label": label, "value": value.value, "low": value.low, "high": value.high, "group": group, "tone": tone}
    )


def drawn(points: Iterable[ChartPoint | None]) -> tuple[ChartPoint, ...]:
    return tuple(found for found in points if found is not None)


def chosen(facts: Sequence[Fact], *names: str) -> tuple[Fact, ...]:
    """The facts of these ids, in this order, where they are there."""
    by_id = {fact.fact_id: fact for fact in facts}
    return tuple(by_id[name] for name in names if name in by_id)


def row(*cells: object) -> tuple[Cell, ...]:
    return tuple(cell if isinstance(cell, Cell) else Cell(text="" if cell is None else str(cell)) for cell in cells)


def method(*notes: str) -> Section:
    return Section(title="Method", blocks=(TextBlock(text="\n".join(f"- {note}" for note in notes if note)),))


def transcript(title: str, named: Sequence[tuple[str, Conversation]]) -> TranscriptBlock:
    """One conversation, or two with their turns aligned; long ones are cut."""
    (_, left), *others = named
    right = others[0][1] if others else None
    rows = align(left.turns, right.turns if right else ())[:SHOWN_TURNS]
    columns = [tuple(_said(r.left) for r in rows)]
    if right is not None:
        columns.append(tuple(_said(r.right) for r in rows))
    return TranscriptBlock(
        title=title,
        conversation_ids=tuple(conversation.conversation_id for _, conversation in named),
        columns=tuple(columns),
        names=tuple(name for name, _ in named),
        roles=tuple(r.role for r in rows),
    )


def _said(turn) -> str:
    if turn is None:
        return ""
    calls = "".join(
        f"\n→ {call.name}({', '.join(f'{k}={v}' for k, v in call.arguments.items())})" for call in turn.tool_calls
    )
    return f"{turn.text}{calls}".strip() or "(no words)"
