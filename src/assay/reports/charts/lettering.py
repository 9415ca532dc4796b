"""How wide text will be, without asking a font: widths a little above those of the usual sans-serif faces."""

import unicodedata

NARROW = frozenset("iljtfrI.,:;!|'()[]{}-` /\\\"")
WIDE = frozenset("mwMWGOQ%@&—…→≥≤")


def width(text: str, size: float) -> float:
    """In the units of `size`, on the safe side."""
    return size * sum(map(_em, text))


def _em(letter: str) -> float:
    if letter in NARROW:
        return 0.36
    if letter in WIDE:
        return 0.95
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter.isupper() or ord(letter) > 0x2000:
        return 0.74
    return 0.6


def cut(text: str, size: float, room: float) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if width(text, size) <= room:
        return text
    left = room - width("…", size)
    kept = ""
    for letter in text:
        left -= width(letter, size)
        if left < 0:
            break
        kept += letter
    return kept.rstrip() + "…"


def wrapped(text: str, size: float, room: float, lines: int) -> list[str]:
    """At most so many lines that fit, broken at spaces and hyphens; what is too much ends in an ellipsis."""
    done: list[str] = []
    line = ""
    pieces = _pieces(" ".join(text.split()))
    for place, piece in enumerate(pieces):
        if not line or width((line + piece).rstrip(), size) <= room:
            line += piece
            continue
        if len(done) == lines - 1:
            return [*done, cut(line + "".join(pieces[place:]), size, room)]
        done.append(cut(line.rstrip(), size, room))
        line = piece
    return [*done, cut(line.rstrip(), size, room)]


def _pieces(text: str) -> list[str]:
    """Words with the space or hyphen that they end in."""
    pieces, piece = [], ""
    for letter in text:
        piece += letter
        if letter in " -_/":
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces
