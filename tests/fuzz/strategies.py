"""What comes through a door: arbitrary bytes and JSON, and real shapes with something odd put into them."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CHARACTERS = ("\x00", "\ud800", "\udfff\ud83d", "\u2028", "\u0085", "\ufeff", "e\u0301", "\u202eabc")
ODD = st.sampled_from(["", *CHARACTERS, "=1+1", "a" * 3000, "{}", "null", "NaN"])
texts = st.one_of(st.text(max_size=40), st.text(st.characters(), max_size=20), ODD)
"""With lone surrogates, controls and line separators."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    texts,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
"""Any JSON value, and what Python's own parser takes for JSON: NaN, infinities, surrogates."""


def deep(levels: int) -> Any:
    """Nested lists and objects."""
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of each node."""
    found = [at]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*at, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += paths(inner, (*at, place))
    return found


@st.composite
def near(draw: st.DrawFn, templates: Sequence[Any], most_changes: int = 3) -> Any:
    """A template in which up to `most_changes` nodes are replaced, dropped, doubled or renamed."""
    value = copy.deepcopy(draw(st.sampled_from(templates)))
    for _ in range(draw(st.integers(0, most_changes))):
        at = draw(st.sampled_from(paths(value)))
        if not at:
            continue
        holder = value
        for step in at[:-1]:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "replace", "drop", "double", "rename"])):
            case "replace":
                holder[at[-1]] = draw(values)
            case "drop":
                del holder[at[-1]]
            case "double" if isinstance(holder, list):
                holder.insert(at[-1], copy.deepcopy(holder[at[-1]]))
            case "rename" if isinstance(holder, dict):
                holder[draw(texts)] = holder.pop(at[-1])
            case _:
                pass
    return value


def as_json(value: Any) -> bytes:
    """As lenient writers do: NaN and surrogates included."""
    return json.dumps(value, ensure_ascii=True).encode()


@st.composite
def bytes_near(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of a kind, sometimes cut off, sometimes with foreign bytes in them, sometimes in another encoding."""
    data = draw(whole)
    match draw(st.integers(0, 5)):
        case 0:
            return data[: draw(st.integers(0, len(data)))]
        case 1:
            place = draw(st.integers(0, len(data)))
            return data[:place] + draw(st.binary(max_size=8)) + data[place:]
        case 2:
            return data.decode(errors="replace").encode(draw(st.sampled_from(["utf-16", "utf-8-sig", "utf-16-le"])))
        case _:
            return data


SHAPES = json.loads((Path(__file__).parent / "shapes.json").read_text())
CHAT, ANSWERS, CHUNKS = SHAPES["messages"], SHAPES["answers"], SHAPES["chunks"]
"""Messages, whole answers and streams of OpenAI (new, legacy), Anthropic, OpenTelemetry, Gemini, Ollama."""
