"""What flipped between two versions: the trials, why, and a few of them side by side."""

from collections.abc import Mapping, Sequence

from assay.contracts.comparison import ComparisonReport, Flip
from assay.contracts.conversation import Conversation
from assay.contracts.report import Block, Cell, Section, TableBlock, TextBlock
from assay.reports.palette import Tone
from assay.reports.parts import row, transcript

MOST_ROWS = 20
SIDE_BY_SIDE = 3


def lay_out_flips(report: ComparisonReport, conversations: Mapping[str, Conversation]) -> Section:
    broken = [flip for flip in report.flips if flip.direction == "broken"]
    fixed = [flip for flip in report.flips if flip.direction == "fixed"]
    if not report.flips:
        return Section(title="What flipped", blocks=(TextBlock(text="No trial flipped from pass to fail or back."),))
    blocks: list[Block] = [
        TextBlock(
            text=f"{len(fixed)} trials that the champion failed pass with the challenger; {len(broken)} went the other "
            "way."
        )
    ]
    examples = _worth_reading(report.flips)
    tables: tuple[tuple[Sequence[Flip], str, Tone], ...] = (
        (broken, "Broken: the champion passed, the challenger does not", "bad"),
        (fixed, "Fixed: the champion failed, the challenger passes", "good"),
    )
    for flips, title, tone in tables:
        if flips:
            blocks += _flip_table(flips, title, tone)
            blocks += _side_by_side([flip for flip in examples if flip in flips], report, conversations)
    return Section(title="What flipped", blocks=tuple(blocks))


def _side_by_side(
    flips: Sequence[Flip], report: ComparisonReport, conversations: Mapping[str, Conversation]
) -> list[Block]:
    blocks: list[Block] = []
    for flip in flips:
        pair = conversations.get(flip.champion_conversation), conversations.get(flip.challenger_conversation)
        if pair[0] is not None and pair[1] is not None:
            named = [(f"{report.champion}", pair[0]), (f"{report.challenger}", pair[1])]
            blocks += transcript(f"{flip.direction.capitalize()}: {flip.scenario_id}, trial {flip.trial}", named)
    return blocks


def _flip_table(flips: Sequence[Flip], title: str, tone: Tone) -> list[Block]:
    """Trials of one scenario that flipped for one reason share a row."""
    together: dict[tuple[str, str], list[Flip]] = {}
    for flip in flips:
        together.setdefault((flip.scenario_id, flip.reason), []).append(flip)
    rows = tuple(
        row(
            Cell(text=scenario, tone=tone),
            ", ".join(str(flip.trial) for flip in same),
            f"{reason} (The side that passed called no tool.)" if any(flip.vacuous for flip in same) else reason,
            Cell(text=same[0].champion_conversation[:8], link=same[0].champion_conversation),
            Cell(text=same[0].challenger_conversation[:8], link=same[0].challenger_conversation),
        )
        for (scenario, reason), same in together.items()
    )
    columns = ("Scenario", "Trials", "Why the side that failed did not pass", "Champion's trace", "Challenger's trace")
    blocks: list[Block] = [TableBlock(title=title, columns=columns, rows=rows[:MOST_ROWS])]
    if len(rows) > MOST_ROWS:
        blocks.append(TextBlock(text=f"{len(rows) - MOST_ROWS} more rows are in the comparison's JSON."))
    return blocks


def _worth_reading(flips: Sequence[Flip]) -> list[Flip]:
    """Broken ones first, one a scenario."""
    seen: dict[str, Flip] = {}
    for flip in sorted(flips, key=lambda flip: flip.direction):
        seen.setdefault(flip.scenario_id, flip)
    return list(seen.values())[:SIDE_BY_SIDE]
