"""Patterns and paths that users and models write: linear in time, bounded in size, refused with what to write instead.

Patterns are RE2's (https://github.com/google/re2/wiki/Syntax): every search takes time linear in the text, whatever the
pattern. Letters, digits and word boundaries are those of Unicode, as in Python.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jmespath
import re2
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from assay.contracts.text import Normalised, normalise

LONGEST = 500
"""Characters of a pattern or a path."""
DEEPEST = 50
"""Nesting of a path."""
WIDEST = 256
"""Product of the sizes of a path's `[a, b]` and `{x: a}`: how many times it can copy what it reads."""
MOST_STEPS = 100_000
"""Nodes that one evaluation of a path visits."""


class Pattern:
    """A compiled pattern, searched without regard to case in text as `Normalised` spells it."""

    def __init__(self, pattern: str) -> None:
        """Raises ValueError with what to write instead."""
        if len(pattern) > LONGEST:
            raise ValueError(
                f"pattern has {len(pattern)} characters: at most {LONGEST} are allowed; write several checks"
            )
        atoms = list(_atoms(_plain_pattern(pattern)))
        self._native = _compiled("".join(atoms))
        self._marked = _compiled("".join(_marked(atoms))) if r"\b" in atoms else None

    def search(self, text: str) -> str | None:
        """The first words that match, as they were written; an empty string for an empty match; None: no match."""
        spelled = Normalised(text)
        if self._marked is None or spelled.text.isascii():
            match = self._native.search(spelled.text)
            return None if match is None else spelled.original(*match.span())
        marked, places = _mark_boundaries(spelled.text)
        match = self._marked.search(marked)
        return None if match is None else spelled.original(*(places[at] for at in match.span()))


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Pattern:
    """Raises ValueError for what RE2 does not take, with what to write instead."""
    return Pattern(pattern)


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        words = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"pattern is no regular expression that Assay takes ({words}): {_advice(words)}") from None


def _advice(words: str) -> str:
    if re.search(r"\(\?<?[=!]", words):
        return (
            "look-ahead and look-behind are not supported, since their time is not bounded; write one check for what "
            "must be said and a second one of kind must_not for what must not"
        )
    if re.search(r"escape sequence: \\[1-9]", words):
        return "back-references are not supported; write the alternatives out"
    if "repetition" in words or "too large" in words:
        return "repeat less: {n} goes up to 1000, and possessive repeats are not supported"
    return "escape special characters with a backslash, or close what is open"


ATOM = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[pP](?:\{\^?\w+\}|\w)|\\x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})"
    r"|\\.|\{,\d+\}|\{\d+(?:,\d*)?\}|\(\?[^)<:=!]*[:)]|\(\?P?<\w+>|\[:\^?\w+:\]|.",
    re.DOTALL,
)
LETTERS, DIGITS, SPACES = r"\p{L}\p{N}_", r"\p{Nd}", r"\s\v\x{1c}-\x{1f}\x{85}\p{Z}"
CLASSES = {r"\w": LETTERS, r"\d": DIGITS, r"\s": SPACES}


def _plain_pattern(pattern: str) -> str:
    """The pattern in the spelling of the texts that it is searched in."""
    dashes = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
    return normalise(dashes.sub(lambda _: r"\-", pattern))


def _atoms(pattern: str) -> Iterator[str]:
    """RE2's atoms for Python's: one string an atom, a class in brackets, a repeat or a bracket."""
    inside: list[str] | None = None
    for match in ATOM.finditer(pattern):
        atom = _as_re2(match.group(), inside is not None)
        if inside is not None:
            inside.append(atom)
            if atom == "]" and len(inside) > (2 if inside[1] != "^" else 3):
                yield "".join(inside)
                inside = None
        elif atom == "[":
            inside = ["["]
        else:
            yield atom
    if inside is not None:
        yield "".join(inside)


def _as_re2(atom: str, inside: bool) -> str:
    if atom.startswith((r"\u", r"\U")) and len(atom) > 2:
        return rf"\x{{{atom[2:]}}}"
    if atom.startswith("{,"):
        return "{0" + atom[1:] if not inside else atom
    if atom in CLASSES:
        return CLASSES[atom] if inside else f"[{CLASSES[atom]}]"
    if atom.lower() in CLASSES and not inside:
        return f"[^{CLASSES[atom.lower()]}]"
    if atom == r"\Z" and not inside:
        return r"\z"
    if atom == r"\B" and not inside:
        raise ValueError(r"pattern: \B is not supported: write \b where a word begins or ends")
    if len(atom) == 2 and atom[0] == "\\" and not atom[1].isascii():
        return atom[1]
    return atom


# RE2's own \b knows ASCII alone. Where the text holds other letters, its word boundaries are marked by a character that
# no text has, `\b` matches that mark, and every other atom may be followed by one.

MARK = "\U0010fffe"
WORD = re.compile(r"\w+")


def _mark_boundaries(text: str) -> tuple[str, list[int]]:
    """The text with a mark at both ends of each word, and for each place in it the place in the text."""
    parts: list[str] = []
    places: list[int] = []
    last = 0
    for word in WORD.finditer(text):
        start, end = word.span()
        parts += [text[last:start], MARK, text[start:end], MARK]
        places += [*range(last, start), start, *range(start, end), end]
        last = end
    parts.append(text[last:])
    places += [*range(last, len(text)), len(text)]
    return "".join(parts), places


SYNTAX = re.compile(r"[|)*+?]|\{\d+(?:,\d*)?\}|\(|\(\?[^)<:=!]*[:)]|\(\?P?<\w+>")


def _boundaries_inside(atoms: list[str]) -> list[str]:
    """Word boundaries and anchors at one place stand in the order in which the marked text has them."""
    ordered: list[str] = []
    for atom in atoms:
        place = len(ordered)
        while place and (
            (atom == r"\b" and ordered[place - 1] in ("$", r"\z"))
            or (atom in ("^", r"\A") and ordered[place - 1] == r"\b")
        ):
            place -= 1
        ordered.insert(place, atom)
    return ordered


def _marked(atoms: list[str]) -> Iterator[str]:
    last = ""
    for atom in _boundaries_inside(atoms):
        if atom == r"\b":
            if last != r"\b":
                yield MARK
        elif atom in ("^", r"\A"):
            yield f"{atom}{MARK}?"
        elif atom in ("$", r"\z"):
            yield f"{MARK}?{atom}"
        elif SYNTAX.fullmatch(atom):
            yield atom
        elif atom == ".":
            yield f"(?:[^\\n{MARK}]{MARK}?)"
        elif atom.startswith("[^"):
            yield f"(?:[^{MARK}{atom[2:]}{MARK}?)"
        else:
            yield f"(?:{atom}{MARK}?)"
        last = atom


class TooMuch(Exception):
    """The evaluation of a path visited more nodes than `MOST_STEPS`."""


class Path:
    """A compiled JMESPath whose evaluation is bounded."""

    def __init__(self, path: str) -> None:
        """Raises ValueError with what is wrong."""
        if len(path) > LONGEST:
            raise ValueError(f"path has {len(path)} characters: at most {LONGEST} are allowed")
        try:
            self._ast: Any = jmespath.compile(path).parsed
        except JMESPathError as error:
            raise ValueError(f"path is no JMESPath expression ({error})") from None
        except RecursionError:
            raise ValueError(f"path is nested too deeply: at most {DEEPEST} levels are allowed") from None
        depth, width = _size(self._ast)
        if depth > DEEPEST:
            raise ValueError(f"path is nested {depth} deep: at most {DEEPEST} levels are allowed")
        if width > WIDEST:
            raise ValueError("path copies what it reads too often: use fewer [a, b] and {x: a}")

    def search(self, value: Any) -> Any:
        """Raises TooMuch for a value that takes too long to look through, JMESPathError where types do not fit."""
        return _Bounded().visit(self._ast, value)


@lru_cache(maxsize=4096)
def compile_path(path: str) -> Path:
    """Raises ValueError for a path that is none, or too large."""
    return Path(path)


def _size(ast: Any) -> tuple[int, int]:
    """(depth of the tree, product of the widths of its multi-selects)."""
    deepest, width = 0, 1
    left = [(ast, 1)]
    while left:
        node, depth = left.pop()
        deepest = max(deepest, depth)
        children = [child for child in node.get("children", ()) if isinstance(child, dict)]
        if node.get("type") in ("multi_select_list", "multi_select_dict"):
            width *= max(1, len(children))
        left += [(child, depth + 1) for child in children]
    return deepest, width


class _Bounded(TreeInterpreter):
    def __init__(self) -> None:
        super().__init__()
        self._steps = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooMuch
        return super().visit(node, *args, **kwargs)


def shown(value: Any, longest: int = 200) -> str:
    """A JSON value in words: text as it is, anything else as JSON, cut at `longest` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else f"{text[:longest]}…"
