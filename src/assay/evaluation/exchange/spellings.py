"""Thumbs, ratings and times as people and tools write them. Each function raises BadInput as `at: field: what, fix`."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from assay.contracts.feedback import in_utc
from assay.errors import BadInput

DateOrder = Literal["day-first", "month-first"]

UP = frozenset(("up", "👍", "1", "+1", "true", "yes", "positive", "good", "like"))
DOWN = frozenset(("down", "👎", "-1", "false", "no", "negative", "bad", "dislike"))
DECORATION = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
"""How an emoji is to be drawn, and its skin tone."""

RATING = re.compile(r"([+-]?\d+)(?:[.,]0+)?\s*(?:/\s*5|out of 5|stars?)?", re.IGNORECASE)
STARS = re.compile("([★⭐]+)([☆✩]*)")

EXCEL_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
EXCEL_DAYS = (20_000, 80_000)
"""Serial dates between 1954 and 2119: no other way to count time gives such numbers for a recent date."""
SECONDS = (1e8, 1e11)
"""Since 1970, for dates between 1973 and 5138; a thousand times as much are milliseconds."""
LOCAL = re.compile(
    r"(?P<one>\d{1,2})(?P<mark>[./-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})"
    r"(?:,?[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[ap]\.?m\.?)?)?",
    re.IGNORECASE,
)


def thumbs(value: Any, at: str) -> Literal["up", "down"] | None:
    """None: the cell is empty. 0 is refused: some tools write it for a thumb down, others for none."""
    text = DECORATION.sub("", _text(value)).casefold()
    word = re.sub(r"^thumbs?[\s_-]*", "", re.sub(r"(?<=\d)\.0$", "", text))
    if not word:
        return None
    if word in UP:
        return "up"
    if word in DOWN:
        return "down"
    raise BadInput(f"{at}: thumbs: {_shown(text)} is neither up nor down: write up or down, or leave it empty")


def rating(value: Any, at: str) -> int | None:
    """A whole number, as in 4, 4.0, "4,0", "4/5", "4 stars" or "★★★★☆"; its range is the contract's. None: empty."""
    text = DECORATION.sub("", _text(value))
    if not text:
        return None
    if match := RATING.fullmatch(text):
        return int(match[1])
    if (match := STARS.fullmatch(text)) and len(match[0]) <= 5:
        return len(match[1])
    raise BadInput(f"{at}: rating: {_shown(text)} is no rating out of 5: write a whole number from 1 to 5")


def moment(value: Any, at: str, order: DateOrder | None) -> datetime | None:
    """ISO 8601, a local date, Excel's serial date, seconds or milliseconds since 1970. None: the cell is empty.

    A time without a zone is UTC. `order`: how local dates with `/` or `-` are read; None: such a date is refused
    where it could be read both ways. With dots the day comes first.
    """
    text = _text(value)
    if not text:
        return None
    if re.fullmatch(r"[+-]?\d+([.,]\d+)?", text):
        return _counted(text, at)
    bare = re.sub(r"\s*(UTC|GMT|Z)$", "", text)
    bare = re.sub(r"^(\d{4})[/.](\d{2})[/.](\d{2})", r"\1-\2-\3", bare)
    try:
        return in_utc(datetime.fromisoformat(bare))
    except ValueError:
        pass
    if match := LOCAL.fullmatch(bare):
        return _local(match, text, at, order)
    if re.match(r"[A-Za-z]{3}, \d", text):
        try:
            return in_utc(parsedate_to_datetime(text))
        except ValueError:
            pass
    raise BadInput(f"{at}: at: {_shown(text)} is no date: write it as 2026-03-02T10:15:00Z")


def _counted(text: str, at: str) -> datetime:
    number = float(text.replace(",", "."))
    if len(text) == 8 and text.isdecimal():
        try:
            return in_utc(datetime.strptime(text, "%Y%m%d"))
        except ValueError:
            pass
    if EXCEL_DAYS[0] <= number < EXCEL_DAYS[1]:
        return EXCEL_ZERO + timedelta(seconds=round(number * 86_400))
    for factor in (1, 1000):
        if SECONDS[0] <= number / factor < SECONDS[1]:
            return datetime.fromtimestamp(number / factor, UTC)
    raise BadInput(f"{at}: at: {_shown(text)} counts neither days nor seconds: write it as 2026-03-02T10:15:00Z")


def _local(match: "re.Match[str]", text: str, at: str, order: DateOrder | None) -> datetime:
    one, two = int(match["one"]), int(match["two"])
    readings = {"day-first": (one, two), "month-first": (two, one)}
    possible = [name for name, (day, month) in readings.items() if 1 <= month <= 12 and 1 <= day <= 31]
    if match["mark"] == ".":
        order = "day-first"
    if order is None and len({readings[name] for name in possible}) > 1:
        raise BadInput(
            f"{at}: at: {_shown(text)} can be read in two ways: say --dates day-first or --dates month-first, "
            "or write it as 2026-03-02"
        )
    day, month = readings[order or (possible or ["day-first"])[0]]
    hour = int(match["hour"] or 0)
    if match["half"]:
        hour = hour % 12 + (12 if match["half"][0].lower() == "p" else 0)
    try:
        return datetime(
            int(match["year"]), month, day, hour, int(match["minute"] or 0), int(match["second"] or 0), tzinfo=UTC
        )
    except ValueError as error:
        named = f", read {order}" if order else ""
        raise BadInput(f"{at}: at: {_shown(text)} is no date{named} ({error}): write it as 2026-03-02") from error


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
