"""The colours of a report, on screen and on paper.

Tones stay apart for people with protanopia, deuteranopia and tritanopia, and every ink has a contrast of 4.5 or more
on every ground (both held by tests). A tone is never told by its colour alone.
"""

from collections.abc import Mapping
from typing import Literal

Tone = Literal["plain", "good", "bad", "unsure"]

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "card": "#f5f5f1",
    "ink": "#16202a",
    "soft": "#51606f",
    "rule": "#dcdfe0",
    "accent": "#1d5a9e",
    "plain": "#40546a",
    "good": "#00735a",
    "bad": "#b5340e",
    "unsure": "#6d4db5",
    "series-1": "#1d5a9e",
    "series-2": "#a35a00",
    "series-3": "#00735a",
    "series-4": "#40546a",
}

DARK: Mapping[str, str] = {
    "paper": "#12171d",
    "card": "#1b222a",
    "ink": "#e9edf0",
    "soft": "#a7b4c0",
    "rule": "#36414c",
    "accent": "#7fb4f5",
    "plain": "#93a6ba",
    "good": "#63e6be",
    "bad": "#ff8357",
    "unsure": "#c9a6ff",
    "series-1": "#7fb4f5",
    "series-2": "#f0a04b",
    "series-3": "#63e6be",
    "series-4": "#93a6ba",
}

MARKS: Mapping[Tone, str] = {"plain": "●", "good": "▲", "bad": "▼", "unsure": "◆"}


def css(palette: Mapping[str, str]) -> str:
    """The palette as CSS custom properties, `--ink: #16202a; …`."""
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


def on_paper(styles: str) -> str:
    """CSS with every `var(--name)` put in: what sets the PDF knows no custom properties."""
    for name, colour in LIGHT.items():
        styles = styles.replace(f"var(--{name})", colour)
    return styles
