"""The little markup of text blocks: paragraphs, `- ` lists, **bold** and `code`. Everything else is text."""

import re
from dataclasses import dataclass
from typing import Literal

CODE = re.compile(r"`([^`]+)`")
SPAN = re.compile(r"\*\*(?P<bold>[^*]+)\*\*|`(?P<code>[^`]+)`")


@dataclass(frozen=True, slots=True)
class Span:
    kind: Literal["plain", "bold", "code"]
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph is one item, a list has one an entry."""

    kind: Literal["text", "list"]
    items: tuple[tuple[Span, ...], ...]


def parse(text: str) -> tuple[Paragraph, ...]:
    """Paragraphs and lists; an empty line ends either."""
    blocks: list[Paragraph] = []
    prose: list[str] = []
    entries: list[str] = []

    def flush() -> None:
        if prose:
            blocks.append(Paragraph("text", (_spans(" ".join(prose)),)))
            prose.clear()
        if entries:
            blocks.append(Paragraph("list", tuple(map(_spans, entries))))
            entries.clear()

    for line in text.splitlines():
        plain = line.strip()
        if not plain:
            flush()
        elif plain.startswith("- "):
            if prose:
                flush()
            entries.append(plain[2:].strip())
        elif entries:
            entries[-1] += f" {plain}"
        else:
            prose.append(plain)
    flush()
    return tuple(blocks)


def coded(text: str) -> tuple[Span, ...]:
    """One line in which `code` alone is markup, as in a table's cell."""
    pieces = CODE.split(text)
    spans = (Span("code" if place % 2 else "plain", piece) for place, piece in enumerate(pieces) if piece)
    return tuple(spans) or (Span("plain", ""),)


def _spans(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    at = 0
    for match in SPAN.finditer(text):
        if match.start() > at:
            spans.append(Span("plain", text[at : match.start()]))
        kind = "bold" if match["bold"] else "code"
        spans.append(Span(kind, match[kind]))
        at = match.end()
    if at < len(text):
        spans.append(Span("plain", text[at:]))
    return tuple(spans)
