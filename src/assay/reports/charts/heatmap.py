"""Heatmaps: rows are labels, columns are groups, the stronger the more; a cell that holds nothing stays empty."""

from assay.contracts.report import ChartBlock
from assay.evaluation.facts import show_value
from assay.reports.charts.drawing import LABEL, STACKED_UNDER, TICK, group, rect, text
from assay.reports.charts.lettering import cut, width, wrapped

CELL = 28
STRONGEST = 0.5
"""Opacity up to which ink can be read on the cell's colour, in light and in dark."""


def heatmap(block: ChartBlock, room: float) -> tuple[float, list[str]]:
    """Height and shapes."""
    labels = list(dict.fromkeys(point.label for point in block.points))
    columns = list(dict.fromkeys(point.group for point in block.points))
    values = {(point.label, point.group): point.value for point in block.points}
    strongest = max(abs(value) for value in values.values()) or 1.0
    stacked = room < STACKED_UNDER
    label_room = min(max(width(label, LABEL) for label in labels), room * (0.34 if stacked else 0.3))
    left = label_room + 12
    across = min((room - left) / len(columns), 116.0)
    names = [wrapped(column, TICK, across - 8, 2) for column in columns]
    upright = all(_whole(column, found) for column, found in zip(columns, names, strict=True))
    parts: list[str] = []
    if upright:
        top = 14.0 * max(len(found) for found in names) + 10
        for place, found in enumerate(names):
            first = top - 8 - 14 * (len(found) - 1)
            parts += [
                text(left + (place + 0.5) * across, first + 14 * down, words, "tick", anchor="middle")
                for down, words in enumerate(found)
            ]
    else:
        longest = min(max(width(column, TICK) for column in columns), 120.0)
        top = longest + 14
        parts += [
            text(left + (place + 0.5) * across + 4, top - 8, cut(column, TICK, longest), "tick", turned=-90)
            for place, column in enumerate(columns)
        ]
    for down, label in enumerate(labels):
        y = top + down * CELL
        parts.append(text(0, y + CELL / 2 + 4.5, cut(label, LABEL, label_room), "label"))
        for place, column in enumerate(columns):
            value = values.get((label, column))
            x = left + place * across
            shown = "–" if not value else show_value(value, block.unit)
            tip = f"{label}, {column}: {'none' if value is None else show_value(value, block.unit)}"
            parts.append(group(_cell(x, y, across, value, strongest, shown), tip))
    height = top + len(labels) * CELL + 4
    if block.x_label:
        parts.append(text(left, height + 14, cut(block.x_label, TICK, room - left), "tick"))
        height += 20
    return height, parts


def _whole(column: str, lines: list[str]) -> bool:
    return "".join(column.split()) == "".join("".join(lines).split())


def _cell(x: float, y: float, across: float, value: float | None, strongest: float, shown: str) -> list[str]:
    box = (x + 1.5, y + 1.5, max(1.0, across - 3), CELL - 3)
    size = TICK if width(shown, TICK) <= across - 4 else 0.0
    words = (
        [text(x + across / 2, y + CELL / 2 + 4, shown, "cell" if value else "none", anchor="middle")] if size else []
    )
    if not value:
        return [rect(*box, "empty", round_=2), *words]
    return [rect(*box, "heat", round_=2, opacity=0.1 + (STRONGEST - 0.1) * abs(value / strongest)), *words]
