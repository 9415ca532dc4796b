"""JSON from outside as values that every store takes."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from assay.contracts.text import UNSTORABLE, clean

MAX_DEPTH = 64
"""Levels of nesting that are kept as they are. What lies deeper is kept as JSON text."""
TOO_DEEP = "[nested too deeply]"
LARGEST_INT = 2**63 - 1


def parse_json(text: str | bytes) -> Any:
    """The JSON value, made storable. A byte order mark is skipped, NaN and Infinity become text.

    Raises ValueError for what is no JSON, or is nested so deeply that Python cannot read it.
    """
    return storable(parse_raw_json(text))


def parse_raw_json(text: str | bytes) -> Any:
    """The same, but as it came: for pieces of text that make sense only when they are put together."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text.removeprefix("\ufeff"), strict=False)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def joined(pieces: Iterable[str]) -> str:
    """The text of a stream's pieces, made storable. A pair of surrogates may be cut between two of them."""
    text = "".join(pieces)
    if UNSTORABLE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return clean(text)


def storable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A copy of the value that is JSON and that every store takes.

    NUL and lone surrogates are replaced (`contracts.text.clean`), numbers that JSON or a 64-bit column cannot hold
    become text, and so does what is no JSON value at all.
    """
    match value:
        case str():
            return clean(value)
        case None | bool():
            return value
        case int():
            return int(value) if -LARGEST_INT <= value <= LARGEST_INT else _digits(value)
        case float():
            return float(value) if math.isfinite(value) else _NOT_FINITE.get(str(value), "NaN")
        case Mapping() if depth > 0:
            return {clean(str(key)): storable(item, depth - 1) for key, item in value.items()}
        case list() | tuple() if depth > 0:
            return [storable(item, depth - 1) for item in value]
        case Mapping() | list() | tuple():
            return _as_text(value)
        case _:
            return clean(str(value))


_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity"}


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # Python writes no more than 4,300 digits
        return hex(number)


def _as_text(value: Any) -> str:
    try:
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    except (RecursionError, ValueError, TypeError):
        return TOO_DEEP
