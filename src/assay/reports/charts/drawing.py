"""The few shapes that charts are made of, as SVG text."""

import re
from collections.abc import Iterable
from html import escape
from typing import Literal

from assay.reports.palette import Tone

LABEL = 13.0
TICK = 11.5

STACKED_UNDER = 480
"""Charts narrower than this put labels above what they label."""

UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What no XML may hold: a picture with one of these in it would not be shown at all."""

Anchor = Literal["start", "middle", "end"]


def frame(width: float, height: float, spoken: str, parts: Iterable[str]) -> str:
    """`spoken` is what a screen reader says in place of the picture."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" class="plot" role="img" '
        f'aria-label="{escape(_clean(spoken), quote=True)}">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, words: str, kind: str, *, anchor: Anchor = "start", turned: float = 0) -> str:
    """`kind` is a class of charts.css. `turned`: degrees, about its own anchor."""
    turn = f' transform="rotate({turned:g} {_n(x)} {_n(y)})"' if turned else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{_n(x)}" y="{_n(y)}" class="{kind}"{where}{turn}>{escape(_clean(words))}</text>'


def line(x0: float, y0: float, x1: float, y1: float, kind: str) -> str:
    return f'<line x1="{_n(x0)}" y1="{_n(y0)}" x2="{_n(x1)}" y2="{_n(y1)}" class="{kind}"/>'


def rect(x: float, y: float, width: float, height: float, kind: str, *, round_: float = 0, opacity: float = 1) -> str:
    corners = f' rx="{_n(round_)}"' if round_ else ""
    seen = "" if opacity == 1 else f' fill-opacity="{opacity:.2f}"'
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" class="{kind}"{corners}{seen}/>'


def polyline(points: Iterable[tuple[float, float]], kind: str) -> str:
    return f'<polyline points="{_places(points)}" class="{kind}"/>'


def polygon(points: Iterable[tuple[float, float]], kind: str) -> str:
    return f'<polygon points="{_places(points)}" class="{kind}"/>'


def group(parts: Iterable[str], tip: str) -> str:
    """Shapes that belong together; `tip` is what a pointer on them shows."""
    return f"<g><title>{escape(_clean(tip))}</title>{''.join(parts)}</g>"


def mark(x: float, y: float, tone: Tone, size: float = 5.0, kind: str | None = None) -> str:
    """A tone's own shape: circle, triangle up, triangle down, diamond."""
    dressed = kind or f"mark t-{tone}"
    match tone:
        case "plain":
            return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(size * 0.9)}" class="{dressed}"/>'
        case "good":
            return polygon([(x, y - size), (x + size, y + size * 0.8), (x - size, y + size * 0.8)], dressed)
        case "bad":
            return polygon([(x, y + size), (x + size, y - size * 0.8), (x - size, y - size * 0.8)], dressed)
        case "unsure":
            return polygon(
                [(x, y - size * 1.1), (x + size * 1.1, y), (x, y + size * 1.1), (x - size * 1.1, y)], dressed
            )


def _places(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _clean(words: str) -> str:
    return UNSEEN.sub("", words)
