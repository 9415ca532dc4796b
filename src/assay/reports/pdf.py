"""A report as PDF, set by Typst: the report's data goes in as JSON, so no text of it can be read as markup."""

import json
from pathlib import Path
from typing import Any

from assay.contracts.report import ChartBlock, FactsBlock, Report, TableBlock, TextBlock, TranscriptBlock
from assay.evaluation.facts import show
from assay.reports.charts import svg
from assay.reports.markup import parse

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"

PAPER = {
    "var(--ink-soft, #4a6076)": "#4a6076",
    "var(--good, #12734f)": "#12734f",
    "var(--bad, #b3261e)": "#b3261e",
    "var(--unsure, #8a5a00)": "#8a5a00",
    "var(--accent, #1f5fa8)": "#1f5fa8",
    "var(--ink, #1b2733)": "#1b2733",
}
STYLE = (
    "<style>text{font-family:Libertinus Serif;fill:#1b2733}.label{font-size:12.5px}.tick,.cell{font-size:11.5px}"
    ".tick{fill:#4a6076}.grid{stroke:#d5dade;stroke-width:1}.reference{stroke:#1b2733;stroke-width:1.4;"
    "stroke-dasharray:5 4}.line{stroke:#1f5fa8;stroke-width:2.2}</style>"
)


def render_pdf(report: Report) -> bytes:
    """The PDF's bytes. Fonts come with Typst; nothing of the system is needed."""
    import typst

    return typst.compile(TEMPLATE.read_bytes(), sys_inputs={"report": json.dumps(_plain(report), ensure_ascii=False)})


def _plain(report: Report) -> dict[str, Any]:
    """What the template reads."""
    return {
        "title": report.title,
        "headline": report.headline,
        "tone": report.tone,
        "made_at": report.made_at.strftime("%d %B %Y, %H:%M UTC"),
        "caveats": list(report.caveats),
        "provenance": [[name, value] for name, value in report.provenance.items()],
        "sections": [
            {"title": section.title, "blocks": [_block(block) for block in section.blocks]}
            for section in report.sections
        ],
    }


def _block(block: TextBlock | FactsBlock | TableBlock | ChartBlock | TranscriptBlock) -> dict[str, Any]:
    match block:
        case TextBlock(text=text):
            return {
                "kind": "text",
                "paragraphs": [
                    {"kind": p.kind, "items": [[[s.kind, s.text] for s in item] for item in p.items]}
                    for p in parse(text)
                ],
            }
        case FactsBlock(facts=facts):
            rows = []
            for fact in facts:
                value, _, rest = show(fact).partition(" (")
                rows.append([fact.label, value, rest.removesuffix(")")])
            return {"kind": "facts", "facts": rows}
        case TableBlock():
            return {
                "kind": "table",
                "title": block.title,
                "columns": list(block.columns),
                "rows": [[[cell.text, cell.tone] for cell in row] for row in block.rows],
            }
        case ChartBlock():
            return {"kind": "chart", "title": block.title, "svg": _for_paper(svg(block))}
        case TranscriptBlock():
            turns = [[role, [column[place] for column in block.columns]] for place, role in enumerate(block.roles)]
            return {"kind": "transcript", "title": block.title, "names": list(block.names), "turns": turns}


def _for_paper(drawn: str) -> str:
    """CSS variables are for the screen: paper has one set of colours."""
    for variable, colour in PAPER.items():
        drawn = drawn.replace(variable, colour)
    return drawn.replace("</title>", f"</title>{STYLE}", 1)
