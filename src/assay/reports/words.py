"""What a report's own text says to those who set it: a verdict's first word, a tool call, a column of numbers."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from assay.contracts.report import TableBlock

VERDICT = re.compile(r"^(?P<word>[A-Z]{3,}(?: [A-Z]{2,})*): (?P<rest>.+)$", re.DOTALL)
NUMBER = re.compile(r"^(?:[<≈]?\s*[-+−]?[\d.,]+(?:\s?[%a-zA-Zµ/]{1,10})?|–|-|not known|)$")
CALL = "→ "
LEAD = 40
SHORT = 18
"""Letters of a column that never wraps."""


def split_headline(headline: str) -> tuple[str, str]:
    """A verdict in capitals and what it says: `PROMOTE: it passes more often` gives both; no verdict gives ""."""
    found = VERDICT.match(headline)
    return (found["word"], found["rest"]) if found else ("", headline)


def lead_in(caveat: str) -> tuple[str, str]:
    """What a caveat is about, and what it says of it: `Ungated: nobody approved it` gives both."""
    lead, parted, rest = caveat.partition(": ")
    return (f"{lead}:", rest) if parted and len(lead) <= LEAD else ("", caveat)


def written_date(moment: datetime) -> str:
    """Such as `24 November 2026, 13:05 UTC`. A moment without a time zone is taken for UTC."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Piece:
    kind: Literal["words", "call"]
    text: str


def said(turn: str) -> tuple[Piece, ...]:
    """A turn as its words and its tool calls; these stand on lines of their own that begin with an arrow."""
    pieces: list[Piece] = []
    for line in turn.split("\n"):
        if line.startswith(CALL):
            pieces.append(Piece("call", line.removeprefix(CALL)))
        elif pieces and pieces[-1].kind == "words":
            pieces[-1] = Piece("words", f"{pieces[-1].text}\n{line}")
        else:
            pieces.append(Piece("words", line))
    return tuple(piece for piece in pieces if piece.text.strip())


Kind = Literal["number", "short", "long"]


def column_kinds(block: TableBlock) -> list[Kind]:
    """Numbers are set flush right, short text stays on one line, long text takes what room is left."""
    return [
        _kind([row[place].text for row in block.rows if place < len(row)], name)
        for place, name in enumerate(block.columns)
    ]


def _kind(texts: list[str], name: str) -> Kind:
    if all(map(NUMBER.match, texts)) and any(letter.isdigit() for text in texts for letter in text):
        return "number"
    return "short" if max(map(len, [name, *texts])) <= SHORT else "long"


def across(tiles: int) -> int:
    """How many tiles stand in a row: never more than five, and no row with one alone where that can be had."""
    if tiles <= 5:
        return max(tiles, 3)
    rows = -(-tiles // 4)
    return -(-tiles // rows)
