"""Text that every store takes: the one place that replaces what no database or file can hold."""

import re
from typing import Any

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
