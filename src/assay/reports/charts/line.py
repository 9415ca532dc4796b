"""Lines: points in their order from left to right, one line a group, named at its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assay.contracts.report import ChartBlock, ChartPoint
from assay.evaluation.facts import show_value
from assay.reports.charts.drawing import STACKED_UNDER, TICK, group, line, mark, polygon, polyline, text
from assay.reports.charts.lettering import cut, width, wrapped
from assay.reports.charts.scale import scale, tick_text
from assay.reports.palette import Tone

SHAPES: tuple[Tone, ...] = ("plain", "unsure", "good", "bad")
"""Lines differ by shape and dash as well as by colour."""

TOP = 14
CROWDED = 14.0
"""Points closer than this have no marks of their own."""
LINE = 15.0


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    number: int
    points: tuple[tuple[float, ChartPoint], ...]
    """Each with its place on the horizontal axis."""


def lines(block: ChartBlock, room: float) -> tuple[float, list[str]]:
    """Height and shapes."""
    stacked = room < STACKED_UNDER
    names = list(dict.fromkeys(point.group for point in block.points))
    labels = list(dict.fromkeys(point.label for point in block.points))
    values = [v for p in block.points for v in (p.value, p.low, p.high, block.reference) if v is not None]
    share = block.unit == "share"
    ends = (0.0, 1.0) if share else (None, None)
    axis = scale([*values, 0.0, *([1.0] if share else [])], parts=4, floor_at=ends[0], top_at=ends[1])

    named = any(names)
    written = {name: wrapped(name, TICK, room * (0.3 if stacked else 0.22), 3) for name in names}
    beside = max((width(words, TICK) for found in written.values() for words in found), default=0.0) if named else 0.0
    left = max(width(tick_text(tick, block.unit), TICK) for tick in axis.ticks) + 10
    right = room - (beside + 16 if beside else 12)
    height = 180.0 if stacked else 240.0
    bottom = TOP + height
    step = (right - left - 16) / max(1, len(labels) - 1)
    places = {
        label: (left + right) / 2 if len(labels) == 1 else left + 8 + place * step for place, label in enumerate(labels)
    }

    def y(value: float) -> float:
        return TOP + height * (1 - axis.share(value))

    parts = [
        shape
        for tick in axis.ticks
        for shape in (
            line(left, y(tick), right, y(tick), "grid"),
            text(left - 6, y(tick) + 4, tick_text(tick, block.unit), "tick", anchor="end"),
        )
    ]
    parts += _labels(labels, places, step, bottom, room)
    if block.reference is not None:
        parts.append(line(left, y(block.reference), right, y(block.reference), "reference"))
        if block.reference_label:
            words = cut(block.reference_label, TICK, right - left - 8)
            parts.append(text(left + 4, y(block.reference) - 5, words, "note"))
    series = [
        _Series(name, number, tuple((places[p.label], p) for p in block.points if p.group == name))
        for number, name in enumerate(names)
    ]
    for one in series:
        parts += _drawn(one, y, block.unit)
    if named:
        parts += _names(series, written, y, right + 12, TOP, bottom)
    end = bottom + 26
    if block.x_label:
        words = cut(block.x_label, TICK, right - left)
        parts.append(text((left + right) / 2, bottom + 38, words, "tick", anchor="middle"))
        end += 18
    return end, parts


def _labels(labels: Sequence[str], places: dict[str, float], step: float, bottom: float, room: float) -> list[str]:
    """As many as do not touch."""
    widest = min(max(width(label, TICK) for label in labels), 90.0)
    every = max(1, int((widest + 18) // max(step, 1e-6)) + 1) if len(labels) > 1 else 1
    parts = []
    for label in labels[::every]:
        shown = cut(label, TICK, 90)
        half = width(shown, TICK) / 2
        at = min(max(places[label], half), room - half)
        parts.append(text(at, bottom + 18, shown, "tick", anchor="middle"))
    return parts


def _drawn(series: _Series, y, unit: str) -> list[str]:
    kind = f"s-{series.number % 4 + 1}"
    parts = []
    known = [(x, p.low, p.high) for x, p in series.points if p.low is not None and p.high is not None]
    if len(known) > 1:
        band = [(x, y(high)) for x, _, high in known] + [(x, y(low)) for x, low, _ in reversed(known)]
        parts.append(polygon(band, f"band {kind}"))
    parts += [line(x, y(low), x, y(high), f"range {kind}") for x, low, high in known if len(known) == 1]
    if len(series.points) > 1:
        parts.append(polyline(((x, y(p.value)) for x, p in series.points), f"line {kind}"))
    shape = SHAPES[series.number % 4]
    apart = min((b[0] - a[0] for a, b in pairwise(series.points)), default=CROWDED)
    for x, point in series.points if apart >= CROWDED else series.points[-1:]:
        tip = ", ".join(word for word in (series.name, point.label) if word)
        parts.append(
            group([mark(x, y(point.value), shape, 4, f"mark {kind}")], f"{tip}: {show_value(point.value, unit)}")
        )
    return parts


def _names(
    series: Sequence[_Series], written: dict[str, list[str]], y, x: float, top: float, bottom: float
) -> list[str]:
    """Each name beside the end of its line, moved apart where they would touch."""
    placed = sorted(
        ((y(one.points[-1][1].value), one) for one in series), key=lambda found: (found[0], found[1].number)
    )
    heights = [len(written[one.name]) * LINE + 3 for _, one in placed]
    tops: list[float] = []
    at = top - 4
    for (middle, _), height in zip(placed, heights, strict=True):
        at = max(at, middle - height / 2)
        tops.append(at)
        at += height
    below = bottom + 8
    for place in range(len(tops) - 1, -1, -1):
        tops[place] = min(tops[place], below - heights[place])
        below = tops[place]
    parts = []
    for (_, one), start in zip(placed, tops, strict=True):
        for place, words in enumerate(written[one.name]):
            parts.append(text(x, start + 12 + place * LINE, words, f"name n-{one.number % 4 + 1}"))
    return parts
