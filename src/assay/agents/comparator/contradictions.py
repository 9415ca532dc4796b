"""Prose that says the opposite of the verdict."""

import re

from assay.contracts.comparison import Recommendation

BETTER = r"better|outperforms?|outperformed|superior|improves?|improved|improvement|beats|wins"
WORSE = r"worse|underperforms?|underperformed|inferior|regressed|degrades?|degraded|loses"
OPEN = re.compile(
    r"\b(not|no|nor|neither|never|nothing|whether|if|cannot|may|might|could|would|unclear|unknown|inconclusive|"
    r"enough|evidence|too little)\b|n't\b|n’t\b",
    re.IGNORECASE,
)
"""A sentence with such a word leaves it open, or denies it."""
A_PART = re.compile(r"`[^`]*`|\{slice[^}]*\}|\b(in|on|for|at) (the )?(slices?|topics?|scenarios?)\b", re.IGNORECASE)
"""A sentence about a part says nothing of the whole."""


def against_verdict(text: str, recommendation: Recommendation, champion: str, challenger: str) -> str | None:
    """The first sentence that claims of the whole what the verdict does not; None: there is none."""
    for name, role in ((champion, "champion"), (challenger, "challenger")):
        text = text.replace(f"`{name}`", role).replace(name, role)
    others = [value.value for value in Recommendation if value is not recommendation]
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
        if OPEN.search(sentence):
            continue
        if any(word in sentence for word in others):
            return f"{sentence.strip()!r} is another verdict than {recommendation.value}"
        if not A_PART.search(sentence) and _claims(sentence) not in (None, recommendation):
            return f"{sentence.strip()!r} says more than the verdict, which is {recommendation.value}"
    return None


def _claims(sentence: str) -> Recommendation | None:
    """Which verdict a plain claim comes to: that of its subject, the side that is named first."""
    side = re.search(r"\b(challenger|champion)\b", sentence, re.IGNORECASE)
    better, worse = re.search(rf"\b({BETTER})\b", sentence, re.I), re.search(rf"\b({WORSE})\b", sentence, re.I)
    if side is None or (better is None) == (worse is None):
        return None
    challenger_wins = (side.group().casefold() == "challenger") == (better is not None)
    return Recommendation.PROMOTE if challenger_wins else Recommendation.REJECT
