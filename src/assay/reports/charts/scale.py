"""Values to places on an axis, with round ticks."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10


@dataclass(frozen=True, slots=True)
class Scale:
    """`ticks` are evenly spaced, rise, and hold every value between the first and the last."""

    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """0 at the first tick, 1 at the last; values beyond are held at the ends."""
        low, high = self.ticks[0], self.ticks[-1]
        # Halved first: the difference of two huge values is not a number any more.
        return min(1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2)))


def scale(
    values: Iterable[float],
    *,
    parts: int = 5,
    floor_at: float | None = None,
    top_at: float | None = None,
    whole: bool = False,
) -> Scale:
    """Round ticks around the values, in about so many parts.

    floor_at, top_at: where the axis ends at the latest, if the values allow. whole: no ticks between whole numbers.
    """
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        around = 0.5 if low in (0.0, 1.0) else max(abs(low) * 0.1, 1e-9)
        low, high = low - around, high + around
        low = low if floor_at is None else max(low, floor_at)
        high = high if top_at is None else min(high, top_at)
    span = high / parts - low / parts
    step = max(1.0, _round_step(span)) if whole else _round_step(span)
    first, last = floor(low / step + 1e-6), ceil(high / step - 1e-6)
    ticks = [place * step for place in range(first, max(last, first + 1) + 1)]
    ticks = [tick for tick in ticks if isfinite(tick)]
    if floor_at is not None and low >= floor_at:
        ticks = [tick for tick in ticks if tick >= floor_at - 1e-9 * step]
    if top_at is not None and high <= top_at:
        ticks = [tick for tick in ticks if tick <= top_at + 1e-9 * step]
    return Scale(tuple(ticks))


def _round_step(raw: float) -> float:
    magnitude = 10.0 ** floor(log10(raw))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if raw <= factor * magnitude * (1 + 1e-9))


def tick_text(value: float, unit: str) -> str:
    """Short: an axis has no room for more."""
    value = 0.0 if abs(value) < 1e-12 else value
    match unit:
        case "share":
            return f"{100 * value:.3g} %"
        case "difference":
            return f"{100 * value:+.3g}" if value else "0"
        case _:
            return f"{value:,.0f}" if value == round(value) and abs(value) < 1e7 else f"{value:.3g}"
