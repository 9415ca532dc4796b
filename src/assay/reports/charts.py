"""Charts as SVG text: bars, forest plot, line and heatmap. Pure, self-contained, sized to a fixed view box."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from assay.contracts.report import ChartBlock, ChartPoint
from assay.evaluation.facts import show_value

WIDTH = 720
LABEL = 210
"""Room for the labels left of the plot."""
ROW = 26
TOP = 14
BOTTOM = 44
RIGHT = 18
LETTER = 6.6
"""Width of an average letter at the label's size."""

TONES = {
    "plain": "var(--ink-soft, #4a6076)",
    "good": "var(--good, #12734f)",
    "bad": "var(--bad, #b3261e)",
    "unsure": "var(--unsure, #8a5a00)",
}
MARKS = {"plain": "●", "good": "▲", "bad": "▼", "unsure": "◆"}
"""A tone is never told by colour alone."""


def svg(block: ChartBlock) -> str:
    """The chart; a sentence where there is nothing to draw."""
    if not block.points:
        return _frame(
            60, block.title, f'<text x="{WIDTH / 2}" y="34" text-anchor="middle" class="tick">Nothing to draw.</text>'
        )
    match block.chart:
        case "bars":
            return _bars(block)
        case "forest":
            return _forest(block)
        case "line":
            return _line(block)
        case "heatmap":
            return _heatmap(block)


def _bars(block: ChartBlock) -> str:
    scale = _Scale(block, from_zero=True)
    parts = [_axis(scale, block, len(block.points))]
    for place, point in enumerate(block.points):
        y = TOP + place * ROW
        x0, x1 = sorted((scale.x(0.0 if scale.low <= 0 else scale.low), scale.x(point.value)))
        parts.append(_label(point, y))
        parts.append(
            f'<rect x="{x0:.1f}" y="{y + 4}" width="{max(1.0, x1 - x0):.1f}" height="{ROW - 10}" rx="2" '
            f'fill="{TONES[point.tone]}" opacity="0.75"/>'
        )
        parts.append(_whisker(point, scale, y + ROW / 2 - 1))
    return _frame(_height(len(block.points)), block.title, "".join(parts))


def _forest(block: ChartBlock) -> str:
    scale = _Scale(block, from_zero=False)
    parts = [_axis(scale, block, len(block.points))]
    for place, point in enumerate(block.points):
        y = TOP + place * ROW
        middle = y + ROW / 2 - 1
        parts.append(_label(point, y))
        parts.append(_whisker(point, scale, middle, TONES[point.tone]))
        x = scale.x(point.value)
        parts.append(
            f'<rect x="{x - 5:.1f}" y="{middle - 5:.1f}" width="10" height="10" transform="rotate(45 {x:.1f} {middle:.1f})" '
            f'fill="{TONES[point.tone]}"/>'
        )
    return _frame(_height(len(block.points)), block.title, "".join(parts))


def _line(block: ChartBlock) -> str:
    """Points in their order from left to right; one line a group."""
    groups = list(dict.fromkeys(point.group for point in block.points))
    labels = list(dict.fromkeys(point.label for point in block.points))
    scale = _Scale(block, from_zero=True)
    left, right, top, height = 62, WIDTH - RIGHT, 16, 220
    step = (right - left) / max(1, len(labels) - 1)

    def y(value: float) -> float:
        return top + height * (1 - scale.share(value))

    parts = [
        f'<line x1="{left}" x2="{right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" class="grid"/>'
        f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" class="tick">{_tick(tick, block.unit)}</text>'
        for tick in scale.ticks
    ]
    every = max(1, ceil(len(labels) * 70 / (right - left)))
    parts += [
        f'<text x="{left + place * step:.1f}" y="{top + height + 20}" text-anchor="middle" class="tick">{escape(_cut(label, 12))}</text>'
        for place, label in enumerate(labels)
        if place % every == 0
    ]
    dashes = ("", "7 4", "2 3", "9 3 2 3")
    for number, group in enumerate(groups):
        own = [point for point in block.points if point.group == group]
        spots = [(left + labels.index(point.label) * step, point) for point in own]
        known = [(x, p.low, p.high) for x, p in spots if p.low is not None and p.high is not None]
        if len(known) > 1:
            band = [f"{x:.1f},{y(high):.1f}" for x, _, high in known]
            band += [f"{x:.1f},{y(low):.1f}" for x, low, _ in reversed(known)]
            parts.append(f'<polygon points="{" ".join(band)}" fill="var(--accent, #1f5fa8)" opacity="0.13"/>')
        path = " ".join(f"{x:.1f},{y(p.value):.1f}" for x, p in spots)
        parts.append(f'<polyline points="{path}" fill="none" class="line" stroke-dasharray="{dashes[number % 4]}"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y(p.value):.1f}" r="3.5" fill="var(--accent, #1f5fa8)"/>' for x, p in spots
        ]
    caption = " · ".join(part for part in (block.x_label, *(_cut(group, 24) for group in groups if group)) if part)
    parts.append(
        f'<text x="{(left + right) / 2}" y="{top + height + 42}" text-anchor="middle" class="tick">{escape(caption)}</text>'
    )
    return _frame(top + height + 54, block.title, "".join(parts))


def _heatmap(block: ChartBlock) -> str:
    """Rows are labels, columns are groups; the darker the more."""
    rows = list(dict.fromkeys(point.label for point in block.points))
    columns = list(dict.fromkeys(point.group for point in block.points))
    most = max((point.value for point in block.points), default=0) or 1
    top = 74
    width = (WIDTH - LABEL - RIGHT) / max(1, len(columns))
    parts = []
    for place, column in enumerate(columns):
        x = LABEL + (place + 0.5) * width
        parts.append(
            f'<text x="{x:.1f}" y="{top - 8}" class="tick" transform="rotate(-28 {x:.1f} {top - 8})">{escape(_cut(column, 18))}</text>'
        )
    values = {(point.label, point.group): point.value for point in block.points}
    for down, row in enumerate(rows):
        y = top + down * ROW
        parts.append(f'<text x="{LABEL - 10}" y="{y + 17}" text-anchor="end" class="label">{escape(_fit(row))}</text>')
        for across, column in enumerate(columns):
            value = values.get((row, column))
            x = LABEL + across * width
            shade = 0.06 if not value else 0.16 + 0.64 * value / most
            parts.append(
                f'<rect x="{x + 1:.1f}" y="{y + 1}" width="{max(1.0, width - 2):.1f}" height="{ROW - 2}" rx="2" '
                f'fill="var(--accent, #1f5fa8)" opacity="{shade:.2f}"/>'
            )
            shown = "–" if value is None else show_value(value, block.unit)
            ink = "fill:#ffffff" if shade > 0.5 else ""
            parts.append(
                f'<text x="{x + width / 2:.1f}" y="{y + 17}" text-anchor="middle" class="cell" style="{ink}">{escape(shown)}</text>'
            )
    return _frame(top + len(rows) * ROW + 12, block.title, "".join(parts))


class _Scale:
    """Values to places on the horizontal axis, with round ticks."""

    def __init__(self, block: ChartBlock, *, from_zero: bool) -> None:
        values = [v for p in block.points for v in (p.value, p.low, p.high) if v is not None]
        values += [block.reference] if block.reference is not None else []
        values += [0.0] if from_zero or block.unit == "difference" else []
        low, high = min(values), max(values)
        if block.unit == "share" and from_zero:
            low, high = 0.0, max(1.0, high)
        if high - low < 1e-12:
            low, high = low - 0.5, high + 0.5
        step = _round_step((high - low) / 5)
        self.low, self.high = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
        count = round((self.high - self.low) / step)
        self.ticks = [self.low + place * step for place in range(count + 1)]

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def x(self, value: float) -> float:
        return LABEL + self.share(value) * (WIDTH - LABEL - RIGHT)


def _round_step(raw: float) -> float:
    magnitude = 10.0 ** floor(log10(raw))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if raw <= factor * magnitude * (1 + 1e-9))


def _axis(scale: _Scale, block: ChartBlock, rows: int) -> str:
    bottom = TOP + rows * ROW
    parts = [
        f'<line x1="{scale.x(tick):.1f}" x2="{scale.x(tick):.1f}" y1="{TOP - 4}" y2="{bottom}" class="grid"/>'
        f'<text x="{scale.x(tick):.1f}" y="{bottom + 16}" text-anchor="middle" class="tick">{_tick(tick, block.unit)}</text>'
        for tick in scale.ticks
    ]
    if block.reference is not None:
        x = scale.x(block.reference)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom + 2}" class="reference"/>')
    caption = " · ".join(
        part for part in (block.x_label, block.reference_label and f"dashed: {block.reference_label}") if part
    )
    if caption:
        middle = LABEL + (WIDTH - LABEL - RIGHT) / 2
        parts.append(
            f'<text x="{middle:.0f}" y="{bottom + 34}" text-anchor="middle" class="tick">{escape(caption)}</text>'
        )
    return "".join(parts)


def _whisker(point: ChartPoint, scale: _Scale, y: float, stroke: str = "var(--ink, #1b2733)") -> str:
    if point.low is None or point.high is None:
        return ""
    x0, x1 = scale.x(point.low), scale.x(point.high)
    ends = "".join(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>' for x in (x0, x1))
    return f'<g stroke="{stroke}" stroke-width="1.6"><line x1="{x0:.1f}" x2="{x1:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>{ends}</g>'


def _label(point: ChartPoint, y: float) -> str:
    mark = "" if point.tone == "plain" else f"{MARKS[point.tone]} "
    return f'<text x="{LABEL - 10}" y="{y + ROW / 2 + 3:.1f}" text-anchor="end" class="label">{escape(_fit(mark + point.label))}</text>'


def _height(rows: int) -> int:
    return TOP + rows * ROW + BOTTOM


def _frame(height: float, title: str, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title>{inside}</svg>"
    )


def _tick(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit == "difference":
        return f"{100 * value:+.3g}" if abs(value) > 1e-12 else "0"
    return f"{value:.3g}"


def _fit(text: str) -> str:
    return _cut(text, int((LABEL - 14) / LETTER))


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def described(points: Sequence[ChartPoint], unit: str) -> list[tuple[str, str]]:
    """The chart's data as rows, for those who do not see it."""
    rows = []
    for point in points:
        interval = ""
        if point.low is not None and point.high is not None:
            interval = f" ({show_value(point.low, unit)} to {show_value(point.high, unit)})"
        label = f"{point.label}, {point.group}" if point.group else point.label
        rows.append((label, f"{show_value(point.value, unit)}{interval}"))
    return rows
