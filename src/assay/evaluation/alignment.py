"""Two conversations of one scenario laid side by side, turn for turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from assay.contracts.conversation import Turn

ALIKE = 0.45
"""Similarity from which two user turns say the same thing."""


@dataclass(frozen=True, slots=True)
class AlignedTurn:
    """One row: what each side said there; None: that side has no such turn."""

    role: Literal["user", "agent"]
    left: Turn | None
    right: Turn | None


def align(left: Sequence[Turn], right: Sequence[Turn]) -> tuple[AlignedTurn, ...]:
    """User turns that say the same stand in one row, and so do the answers to them.

    Longest common subsequence over exchanges (a user turn with the agent turns after it), similarity by
    Ratcliff and Obershelp's ratio.
    """
    exchanges = _exchanges(left), _exchanges(right)
    rows: list[AlignedTurn] = []
    for one, other in _matched(*exchanges):
        rows += _rows(one, other)
    return tuple(rows)


def _exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    groups: list[list[Turn]] = []
    for turn in turns:
        if turn.role == "user" or not groups:
            groups.append([turn])
        else:
            groups[-1].append(turn)
    return groups


def _matched(left: list[list[Turn]], right: list[list[Turn]]) -> list[tuple[list[Turn], list[Turn]]]:
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            gain = _alike(left[i], right[j])
            paired = gain + best[i + 1][j + 1] if gain >= ALIKE else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    pairs: list[tuple[list[Turn], list[Turn]]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        if i < len(left) and j < len(right):
            gain = _alike(left[i], right[j])
            if gain >= ALIKE and abs(best[i][j] - gain - best[i + 1][j + 1]) < 1e-9:
                pairs.append((left[i], right[j]))
                i, j = i + 1, j + 1
                continue
        if i < len(left) and (j == len(right) or best[i][j] == best[i + 1][j]):
            pairs.append((left[i], []))
            i += 1
        else:
            pairs.append(([], right[j]))
            j += 1
    return pairs


def _alike(one: list[Turn], other: list[Turn]) -> float:
    if one[0].role != other[0].role:
        return 0.0
    return SequenceMatcher(None, one[0].text.casefold(), other[0].text.casefold(), autojunk=False).ratio()


def _rows(one: list[Turn], other: list[Turn]) -> list[AlignedTurn]:
    rows = []
    for place in range(max(len(one), len(other))):
        left = one[place] if place < len(one) else None
        right = other[place] if place < len(other) else None
        if left and right and left.role == right.role:
            rows.append(AlignedTurn(left.role, left, right))
            continue
        if left:
            rows.append(AlignedTurn(left.role, left, None))
        if right:
            rows.append(AlignedTurn(right.role, None, right))
    return rows
