"""Text from outside: what no store can hold is replaced, and what looks alike is compared alike."""

import re
import unicodedata
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot encode."""


def clean(text: str) -> str:
    """The text with each NUL and each lone surrogate replaced by U+FFFD.

    Every door calls it on text from outside: agents, models, files, feedback, the gateway, traces.
    """
    return UNSTORABLE.sub("\ufffd", text)


def clean_json(value: Any) -> Any:
    """The JSON value with `clean` applied to every string in it, keys included."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(str(key)): clean_json(item) for key, item in value.items()}
        case list() | tuple():
            return [clean_json(item) for item in value]
        case _:
            return value


def clean_model(model: Model) -> Model:
    """The contract with `clean` applied to every string in it; the same object where nothing has to be replaced."""
    try:
        if "\\u0000" not in model.model_dump_json():
            return model
    except (ValueError, UnicodeError):  # a lone surrogate has no UTF-8
        pass
    return type(model).model_validate(clean_json(model.model_dump()))


HIDDEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
"""Characters that Unicode calls default ignorable: they show nothing."""

MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u1161-\u11ff\u1ab0-\u1aff\u1dc0-\u1dff"
    r"\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f"
)
"""Combining marks that compose with the letter before them."""

SEGMENT = re.compile(rf"[^{MARKS}{HIDDEN}]?[{MARKS}{HIDDEN}]*", re.DOTALL)
HIDDEN_LETTER = re.compile(f"[{HIDDEN}]")
QUOTES = dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\uff07\u00b4", "'") | dict.fromkeys(
    "\u201c\u201d\u201e\u201f\u2033\uff02", '"'
)
PLAIN_FORMS = ("<wide>", "<narrow>", "<noBreak>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>")


def normalise(text: str) -> str:
    """The text as a reader sees it, for comparing words: see `Normalised`."""
    return Normalised(text).text


class Normalised:
    """A text with one spelling for what looks alike, and the way back to the text as it was written.

    Curly quotes become straight, dashes and hyphens `-`, every kind of space a plain one; accents are composed (NFC);
    full-width and presentation forms and ligatures become plain letters. What shows nothing (zero-width characters,
    soft hyphens, direction marks, variation selectors) is removed. Superscripts and fractions stay: `10²` is not `102`.
    """

    __slots__ = ("_starts", "source", "text")

    def __init__(self, source: str) -> None:
        self.source = source
        self._starts: list[int] | None = None
        if source.isascii():
            self.text = source
            return
        parts: list[str] = []
        starts: list[int] = []
        for segment in SEGMENT.finditer(source):
            part = "".join(
                _plain(letter) for letter in unicodedata.normalize("NFC", HIDDEN_LETTER.sub("", segment.group()))
            )
            parts.append(part)
            starts.extend([segment.start()] * len(part))
        self.text = "".join(parts)
        self._starts = [*starts, len(source)]

    def original(self, start: int, end: int) -> str:
        """The words of the source behind `text[start:end]`."""
        if self._starts is None:
            return self.source[start:end]
        return self.source[self._starts[start] : self._starts[end]]


@lru_cache(maxsize=65_536)
def _plain(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in QUOTES:
        return QUOTES[letter]
    category = unicodedata.category(letter)
    if category == "Zs":
        return " "
    if category == "Pd" or letter == "\u2212":
        return "-"
    if unicodedata.decomposition(letter).startswith(PLAIN_FORMS) or "\ufb00" <= letter <= "\ufb06":
        return unicodedata.normalize("NFKC", letter)
    return letter
