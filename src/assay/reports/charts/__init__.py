"""Charts as SVG text: bars, forest plot, line and heatmap. Pure functions of a ChartBlock.

A chart carries classes and no colours: `charts.css` dresses it, on screen by custom properties (light and dark), on
paper with fixed colours. Nothing in it is drawn outside of its view box, and every word of the data is escaped.
"""

from pathlib import Path

from assay.contracts.report import ChartBlock
from assay.evaluation.facts import show_value
from assay.reports.charts.drawing import STACKED_UNDER, frame, text
from assay.reports.charts.heatmap import heatmap
from assay.reports.charts.line import lines
from assay.reports.charts.rows import rows
from assay.reports.shown import interval

WIDE = 760
NARROW = 360
"""For a phone: what stands beside a bar on a wide chart stands above it here."""

STYLES = (Path(__file__).parent / "charts.css").read_text(encoding="utf-8")

__all__ = ["NARROW", "STACKED_UNDER", "STYLES", "WIDE", "described", "svg"]


def svg(block: ChartBlock, width: int = WIDE) -> str:
    """The chart, so many units wide and as high as it needs; words where there is nothing to draw."""
    if not block.points:
        nothing = text(width / 2, 26, "There is nothing to draw.", "tick", anchor="middle")
        return frame(width, 44, _spoken(block), [nothing])
    match block.chart:
        case "bars" | "forest":
            height, parts = rows(block, width)
        case "line":
            height, parts = lines(block, width)
        case "heatmap":
            height, parts = heatmap(block, width)
    return frame(width, height, _spoken(block), parts)


def described(block: ChartBlock) -> list[tuple[str, str, str, str]]:
    """The chart's data for those who do not see it: group, label, value, interval."""
    return [
        (
            point.group,
            point.label,
            show_value(point.value, block.unit),
            "" if point.low is None or point.high is None else interval(point.value, point.low, point.high, block.unit),
        )
        for point in block.points
    ]


def _spoken(block: ChartBlock) -> str:
    kind = {"bars": "Bar chart", "forest": "Forest plot", "line": "Line chart", "heatmap": "Heatmap"}[block.chart]
    if not block.points:
        return f"{kind}: {block.title}. No data."
    least, most = (pick(block.points, key=lambda point: point.value) for pick in (min, max))
    ends = " and ".join(
        f"{word} {point.label or point.group} with {show_value(point.value, block.unit)}"
        for word, point in (("most", most), ("least", least))
    )
    count = len(block.points)
    return f"{kind}: {block.title}. {count} value{'s' * (count != 1)}" + (f"; {ends}." if count > 1 else ".")
