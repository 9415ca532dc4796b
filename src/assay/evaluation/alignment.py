"""Two conversations of one scenario laid side by side, turn for turn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from assay.contracts.conversation import Turn

ALIKE = 0.45
"""Likeness from which two user turns say the same thing."""


@dataclass(frozen=True, slots=True)
class AlignedTurn:
    """One row: what each side said there; None: that side has no such turn."""

    role: Literal["user", "agent"]
    left: Turn | None
    right: Turn | None


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A user turn with the agent turns that answer it; at the start it may be agent turns alone."""

    turns: tuple[Turn, ...]
    letters: Counter[str]
    """Trigrams of what opens it: they compare any language, and in linear time."""


def align(left: Sequence[Turn], right: Sequence[Turn]) -> tuple[AlignedTurn, ...]:
    """User turns that say the same stand in one row, and so do the answers to them.

    Every turn of both sides stands in exactly one row, in its order. Exchanges are matched by the greatest sum of
    likeness (Dice's coefficient of letter trigrams) that keeps both orders. Exchanges between two matches that are
    like none stand side by side in their order: there the conversations went different ways.
    """
    one, other = _exchanges(left), _exchanges(right)
    rows: list[AlignedTurn] = []
    at = (0, 0)
    for i, j in [*_matches(one, other), (len(one), len(other))]:
        for apart in zip_longest(one[at[0] : i], other[at[1] : j]):
            rows += _rows(*apart)
        if i < len(one):
            rows += _rows(one[i], other[j])
        at = (i + 1, j + 1)
    return tuple(rows)


def _exchanges(turns: Sequence[Turn]) -> list[_Exchange]:
    groups: list[list[Turn]] = []
    for turn in turns:
        if turn.role == "user" or not groups:
            groups.append([turn])
        else:
            groups[-1].append(turn)
    return [_Exchange(tuple(group), _trigrams(group[0].text)) for group in groups]


def _trigrams(text: str) -> Counter[str]:
    plain = f" {' '.join(text.casefold().split())} "
    return Counter(plain[place : place + 3] for place in range(max(1, len(plain) - 2)))


def _likeness(one: _Exchange, other: _Exchange) -> float:
    if one.turns[0].role != other.turns[0].role:
        return 0.0
    return 2 * (one.letters & other.letters).total() / (one.letters.total() + other.letters.total())


def _matches(one: Sequence[_Exchange], other: Sequence[_Exchange]) -> list[tuple[int, int]]:
    gains = [[gain if (gain := _likeness(a, b)) >= ALIKE else 0.0 for b in other] for a in one]
    best = [[0.0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) - 1, -1, -1):
        for j in range(len(other) - 1, -1, -1):
            paired = gains[i][j] + best[i + 1][j + 1] if gains[i][j] else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        if gains[i][j] and best[i][j] == gains[i][j] + best[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _rows(one: _Exchange | None, other: _Exchange | None) -> list[AlignedTurn]:
    rows: list[AlignedTurn] = []
    for left, right in zip_longest(one.turns if one else (), other.turns if other else ()):
        if left and right and left.role == right.role:
            rows.append(AlignedTurn(left.role, left, right))
            continue
        if left:
            rows.append(AlignedTurn(left.role, left, None))
        if right:
            rows.append(AlignedTurn(right.role, None, right))
    return rows
