"""Texts as the words that rules compare."""

import itertools
import re
from collections.abc import Sequence

from assay.contracts.dataset import Scenario

# Scripts without blanks between words: each of their characters counts as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+")
_NOT = re.compile(r"(?<=\w)n['’]t\b|(?<=can)not\b", re.IGNORECASE)
IDENTIFIER = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9][A-Z0-9-]{3,}\b|\b\d{5,}\b"
)
"""What names one thing of the world: an order number, a code, an address of e-mail."""


def tokens(text: str) -> list[str]:
    """Words without regard to case; `can't` is `ca`, `not`."""
    return _WORD.findall(_NOT.sub(" not", text.casefold()))


def bare(text: str) -> str:
    """The text without regard to case, punctuation and blanks."""
    return " ".join(_WORD.findall(text.casefold()))


def wording(scenario: Scenario) -> frozenset[str]:
    """Pairs of neighbouring words of what the user wants, says and knows."""
    said = tokens(f"{scenario.goal} {scenario.opening or ''} {' '.join(scenario.facts.values())}")
    return frozenset(" ".join(pair) for pair in itertools.pairwise(said))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity, 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 0.0


def shared_run(wanted: Sequence[str], told: Sequence[str], least: int = 1) -> list[str]:
    """The longest run of words that both hold; of several the first in `wanted`. Empty: none is `least` words long."""
    runs = {tuple(told[start : start + least]) for start in range(len(told) - least + 1)}
    if not any(tuple(wanted[start : start + least]) in runs for start in range(len(wanted) - least + 1)):
        return []
    best_end, best = 0, 0
    lengths = [0] * (len(told) + 1)
    for place, word in enumerate(wanted, start=1):
        above = 0
        for column, other in enumerate(told, start=1):
            lengths[column], above = (above + 1 if word == other else 0), lengths[column]
            if lengths[column] > best:
                best_end, best = place, lengths[column]
    return list(wanted[best_end - best : best_end])
