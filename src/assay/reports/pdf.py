"""A report as PDF, set by Typst: the report's data goes in as JSON, so no text of it can be read as markup."""

import json
import re
from collections.abc import Sequence
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any

from assay.contracts.report import (
    Block,
    Cell,
    ChartBlock,
    Fact,
    FactsBlock,
    Report,
    TableBlock,
    TextBlock,
    TranscriptBlock,
)
from assay.reports.charts import STYLES, described, svg
from assay.reports.markup import Span, coded, parse
from assay.reports.palette import LIGHT, MARKS, on_paper
from assay.reports.shown import taken_apart
from assay.reports.words import across, column_kinds, lead_in, said, split_headline, written_date

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"

CHART_WIDTH = 660
"""Narrower than on screen, so that the lettering is as large as the text around it."""

FACE = ".plot text { font-family: 'Libertinus Serif'; }"
"""The one text face that comes with Typst."""

LONG = re.compile(r"[^\s\-/]{19,}")


def render_pdf(report: Report) -> bytes:
    """The PDF's bytes, the same for the same report. Fonts come with Typst; nothing of the system is needed."""
    import typst

    made_at = report.made_at if report.made_at.tzinfo else report.made_at.replace(tzinfo=UTC)
    return typst.compile(
        _template(),
        sys_inputs={"report": json.dumps(_plain(report), ensure_ascii=False)},
        timestamp=int(made_at.timestamp()),
    )


@lru_cache(maxsize=1)
def _template() -> bytes:
    return TEMPLATE.read_bytes()


def _plain(report: Report) -> dict[str, Any]:
    """What the template reads."""
    word, sentence = split_headline(report.headline)
    return {
        "title": report.title,
        "verdict": {"word": word, "sentence": sentence},
        "tone": report.tone,
        "made_at": written_date(report.made_at),
        "caveats": [lead_in(caveat) for caveat in report.caveats],
        "provenance": [[name, _breakable(value)] for name, value in report.provenance.items()],
        "sections": [
            {"title": section.title, "blocks": [_block(block) for block in section.blocks]}
            for section in report.sections
        ],
        "colours": dict(LIGHT),
        "marks": dict(MARKS),
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case TextBlock():
            paragraphs = [{"kind": p.kind, "items": [_spans(item) for item in p.items]} for p in parse(block.text)]
            return {"kind": "text", "paragraphs": paragraphs}
        case FactsBlock():
            return {"kind": "facts", "across": across(len(block.facts)), "facts": [_fact(fact) for fact in block.facts]}
        case TableBlock():
            return _table(block)
        case ChartBlock():
            return {"kind": "chart", "title": block.title, "svg": _drawn(block), "alt": _alternative(block)}
        case TranscriptBlock():
            turns = [
                {"role": role, "sides": [_said(column[place]) for column in block.columns]}
                for place, role in enumerate(block.roles)
            ]
            return {"kind": "transcript", "title": block.title, "names": list(block.names), "turns": turns}


def _spans(spans: Sequence[Span]) -> list[list[str]]:
    return [[span.kind, _breakable(span.text)] for span in spans]


def _fact(fact: Fact) -> dict[str, str]:
    shown = taken_apart(fact)
    return {
        "label": fact.label,
        "number": shown.number,
        "unit": shown.unit,
        "interval": shown.interval,
        "behind": shown.behind,
        "note": _breakable(shown.note),
    }


def _table(block: TableBlock) -> dict[str, Any]:
    kinds = column_kinds(block)
    count = len(block.columns)
    return {
        "kind": "table",
        "title": block.title,
        "columns": list(block.columns),
        "numeric": [kind == "number" for kind in kinds],
        "widths": [_width(block, place) if kind == "long" else 0 for place, kind in enumerate(kinds)],
        "rows": [
            [
                [_spans(coded(cell.text)), cell.tone, _url(cell.link)]
                for cell in (*row, *[Cell(text="")] * count)[:count]
            ]
            for row in block.rows
        ],
    }


def _width(block: TableBlock, place: int) -> float:
    """Its part of what the short columns leave."""
    lengths = [len(block.columns[place]), *(len(row[place].text) for row in block.rows if place < len(row))]
    return min(60.0, max(12.0, sum(lengths) / len(lengths))) ** 0.75


def _url(link: str | None) -> str:
    return link if link is not None and link.startswith(("http://", "https://")) else ""


def _said(turn: str) -> list[list[str]]:
    return [[piece.kind, _breakable(piece.text.strip())] for piece in said(turn)]


def _drawn(block: ChartBlock) -> str:
    """Paper has one set of colours and one face."""
    return svg(block, CHART_WIDTH).replace(">", f"><style>{on_paper(STYLES)}{FACE}</style>", 1)


def _alternative(block: ChartBlock) -> str:
    rows = "; ".join(" ".join(part for part in row if part) for row in described(block))
    return f"{block.title}. {rows}" if rows else f"{block.title}. No data."


def _breakable(words: str) -> str:
    """With places to break in words too long for a line, such as hashes."""
    return LONG.sub(_broken, words)


def _broken(found: re.Match[str]) -> str:
    return "\u200b".join(found[0][place : place + 12] for place in range(0, len(found[0]), 12))
