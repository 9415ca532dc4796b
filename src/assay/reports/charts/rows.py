"""Bars and forest plots: a row a point, its label and its number beside it, or above it where there is little room."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.contracts.report import ChartBlock, ChartPoint
from assay.evaluation.facts import show_value
from assay.reports.charts.drawing import LABEL, STACKED_UNDER, TICK, group, line, mark, rect, text
from assay.reports.charts.lettering import cut, width, wrapped
from assay.reports.charts.scale import Scale, scale, tick_text
from assay.reports.shown import interval

ROW = 28
LINE = 16.5
HEADING = 26
TOP = 8
GAP = 14
BAR = 13


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand from left to right."""

    label_room: float
    left: float
    right: float
    mark: float
    number_end: float
    interval_start: float | None
    """None: there is no room for intervals in words, or there are none."""
    stacked: bool


def rows(block: ChartBlock, room: float) -> tuple[float, list[str]]:
    """Height and shapes."""
    numbers = [show_value(point.value, block.unit) for point in block.points]
    intervals = [_interval(point, block.unit) for point in block.points]
    columns = _columns(block.points, numbers, intervals, room)
    axis = _axis(block, parts=4 if columns.stacked else 6)
    plot_width = columns.right - columns.left

    def x(value: float) -> float:
        return columns.left + plot_width * axis.share(value)

    y = TOP + (18.0 if block.reference is not None and block.reference_label else 0.0)
    top = y
    bands: list[tuple[float, float]] = []
    shapes: list[str] = []
    heading = ""
    for point, number, known in zip(block.points, numbers, intervals, strict=True):
        if point.group and point.group != heading:
            y += 6 if bands else 0
            shapes.append(
                text(0, y + 15, cut(point.group, LABEL, room if columns.stacked else columns.left), "heading")
            )
            y += HEADING
        heading = point.group
        label = wrapped(point.label, LABEL, columns.label_room, 2) if point.label else []
        middle, height = _row(label, y, columns)
        tip = f"{point.label}: {number}" + (f" ({known})" if known else "")
        row = [text(0, place, words, "label") for place, words in _places(label, y, middle, columns)]
        row += _numbers(point, number, known, y, middle, columns)
        row += _drawn(block, point, middle, x, axis)
        shapes.append(group(row, tip))
        bands.append((middle - 10, middle + 10))
        y += height
    height, ground = _ground(block, axis, x, columns, top, y, bands, room)
    return height, [*ground, *shapes]


def _interval(point: ChartPoint, unit: str) -> str:
    if point.low is None or point.high is None:
        return ""
    _, _, unit_word = show_value(point.value, unit).partition(" ")
    return interval(point.value, point.low, point.high, unit).removesuffix(f" {unit_word}")


def _columns(points: Sequence[ChartPoint], numbers: Sequence[str], intervals: Sequence[str], room: float) -> _Columns:
    stacked = room < STACKED_UNDER
    marked = 16 if any(point.tone != "plain" for point in points) else 0
    number_room = max(width(number, LABEL) for number in numbers) + marked
    interval_room = max(width(known, TICK) for known in intervals)
    if interval_room and number_room + interval_room + GAP > room * (0.6 if stacked else 0.34):
        interval_room = 0.0
    number_room = min(number_room, room * 0.4)
    end = room - 2 - (interval_room + 8 if interval_room else 0)
    beside = end + 8 if interval_room else None
    if stacked:
        return _Columns(max(40.0, end - number_room - GAP), 8, room - 8, end - number_room + 4, end, beside, True)
    longest = max((width(point.label, LABEL) for point in points), default=0.0)
    label_room = min(longest, room * 0.32)
    left = label_room + GAP + 6
    return _Columns(label_room, left, end - number_room - GAP, end - number_room + 4, end, beside, False)


def _axis(block: ChartBlock, parts: int) -> Scale:
    values = [v for p in block.points for v in (p.value, p.low, p.high) if v is not None]
    if block.reference is not None:
        values.append(block.reference)
    if block.chart == "bars" or block.unit == "difference":
        values.append(0.0)
    if block.unit == "share" and block.chart == "bars":
        values.append(1.0 if max(values) > 0.4 else max(values))
    ends = {"share": (0.0, 1.0), "difference": (-1.0, 1.0)}.get(block.unit, (None, None))
    whole = block.unit in ("count", "tokens") and all(value == round(value) for value in values)
    return scale(values, parts=parts, whole=whole, floor_at=ends[0], top_at=ends[1])


def _row(label: Sequence[str], y: float, columns: _Columns) -> tuple[float, float]:
    """The middle of what is drawn, and the height of the row."""
    count = max(1, len(label))
    if columns.stacked:
        return y + count * LINE + 13, count * LINE + 32
    height = max(ROW, count * LINE + 9)
    return y + height / 2, height


def _places(label: Sequence[str], y: float, middle: float, columns: _Columns) -> list[tuple[float, str]]:
    if columns.stacked:
        return [(y + 13 + place * LINE, words) for place, words in enumerate(label)]
    first = middle + 4.5 - (len(label) - 1) * LINE / 2
    return [(first + place * LINE, words) for place, words in enumerate(label)]


def _numbers(point: ChartPoint, number: str, known: str, y: float, middle: float, columns: _Columns) -> list[str]:
    base = y + 13 if columns.stacked else middle + 4.5
    shown = cut(number, LABEL, columns.number_end - columns.label_room - 6 if columns.stacked else 0.4 * 760)
    parts = [text(columns.number_end, base, shown, "number", anchor="end")]
    if point.tone != "plain":
        parts.append(mark(columns.mark, base - 4.5, point.tone, 4))
    if known and columns.interval_start is not None:
        parts.append(text(columns.interval_start, base, known, "tick"))
    return parts


def _drawn(block: ChartBlock, point: ChartPoint, middle: float, x, axis: Scale) -> list[str]:
    parts: list[str] = []
    if block.chart == "bars":
        start, end = sorted((x(0.0), x(point.value)))
        parts.append(rect(start, middle - BAR / 2, max(1.5, end - start), BAR, f"bar t-{point.tone}", round_=1.5))
    if point.low is not None and point.high is not None:
        low, high = sorted((x(point.low), x(point.high)))
        kind = "whisker" if block.chart == "bars" else f"range t-{point.tone}"
        parts.append(line(low, middle, high, middle, kind))
        parts += [line(end, middle - 3.5, end, middle + 3.5, kind) for end in (low, high)]
    if block.chart == "forest":
        parts.append(mark(x(point.value), middle, point.tone))
    return parts


def _ground(
    block: ChartBlock,
    axis: Scale,
    x,
    columns: _Columns,
    top: float,
    bottom: float,
    bands: Sequence[tuple[float, float]],
    room: float,
) -> tuple[float, list[str]]:
    """The height of all, and what stands behind the rows: grid, ticks, reference, captions."""
    spans = bands if columns.stacked else [(top - 2, bottom + 2)]
    parts: list[str] = []
    if block.unit == "difference" and block.reference:
        edge = x(block.reference)
        start, end = (columns.left, edge) if block.reference < 0 else (edge, columns.right)
        parts += [rect(start, y0, max(0.0, end - start), y1 - y0, "beyond") for y0, y1 in spans]
    for tick in axis.ticks:
        if tick == block.reference:
            continue
        kind = "zero" if abs(tick) < 1e-12 and axis.ticks[0] < -1e-12 else "grid"
        parts += [line(x(tick), y0, x(tick), y1, kind) for y0, y1 in spans]
    parts += _ticks(axis, block.unit, x, bottom + 18, room)
    if block.reference is not None:
        at = x(block.reference)
        parts += [line(at, y0 - (0 if columns.stacked else 4), at, y1, "reference") for y0, y1 in spans]
        if block.reference_label:
            parts.append(_held(at, top - 10, block.reference_label, room))
    height = bottom + 26
    if block.x_label:
        parts += _caption(block, x, columns, bottom + 36, room)
        height += 18
    return height, parts


def _ticks(axis: Scale, unit: str, x, y: float, room: float) -> list[str]:
    """As many labels as do not touch."""
    words = [tick_text(tick, unit) for tick in axis.ticks]
    step = x(axis.ticks[1]) - x(axis.ticks[0]) if len(axis.ticks) > 1 else room
    widest = max(width(word, TICK) for word in words)
    every = next((n for n in (1, 2, 3, 4, 5, 10) if n * step > widest + 8), len(words))
    parts = []
    for place, (tick, word) in enumerate(zip(axis.ticks, words, strict=True)):
        if place % every == 0:
            half = width(word, TICK) / 2
            parts.append(text(min(max(x(tick), half), room - half), y, word, "tick", anchor="middle"))
    return parts


def _held(at: float, y: float, words: str, room: float) -> str:
    """Words centred on a place, but within the picture."""
    shown = cut(words, TICK, room)
    half = width(shown, TICK) / 2
    return text(min(max(at, half), room - half), y, shown, "note", anchor="middle")


def _caption(block: ChartBlock, x, columns: _Columns, y: float, room: float) -> list[str]:
    """`worse | better` parts at zero, so that each word stands on its own side."""
    left, parted, right = block.x_label.partition(" | ")
    if not parted:
        return [_held((columns.left + columns.right) / 2, y, block.x_label, room)]
    zero = x(0.0)
    if zero - 10 < width(left, TICK) or zero + 10 > room - width(right, TICK):
        return [_held((columns.left + columns.right) / 2, y, f"{left} · {right}", room)]
    return [text(zero - 10, y, left, "tick", anchor="end"), text(zero + 10, y, right, "tick")]
