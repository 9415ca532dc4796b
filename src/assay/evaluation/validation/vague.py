"""Expectations in which no two readers would see the same thing. The rule knows English only."""

import re
from collections.abc import Iterator, Sequence

from assay.contracts.dataset import DatasetFinding, DatasetRule, Scenario
from assay.evaluation.similarity import words
from assay.evaluation.validation.findings import each, of_expectation

VAGUE = re.compile(
    r"\b(good(?! (?:morning|afternoon|evening|night|day|bye|will))|(?<!as )well|nice(?:ly)?|great|appropriate(?:ly)?|"
    r"proper(?:ly)?|reasonabl[ey]|adequate(?:ly)?|suitabl[ey]|sensibl[ey]|accordingly|relevant|useful|meaningful(?:ly)?|"
    r"(?:as|if|where|when|whenever) (?:needed|necessary|appropriate|required|possible|applicable)|accurate(?:ly)?|"
    r"correctly|(?<=\bthe )correct|(?<=\ba )correct|(?<=\bis )correct|(?<=\bare )correct|helpful(?:ly)?|"
    r"professional(?:ly)?|user.friendly|high.quality|satisfactor(?:y|ily)|effective(?:ly)?|efficient(?:ly)?|smooth(?:ly)?|seamless(?:ly)?|"
    r"sufficient(?:ly)?|optimal(?:ly)?|best possible|its best|right thing|right way|in the right manner)\b",
    re.IGNORECASE,
)
BROAD = re.compile(
    r"\b(acts?|assists?|behaves?|deals? with|handles?|helps?|manages?|performs?|reacts?|replies|reply|resolves?|"
    r"responds?|serves?|solves?|supports?|treats?|works?)\b",
    re.IGNORECASE,
)
"""Verbs that say of no deed which one it was."""
SPELT_OUT = re.compile(
    r"\d|[\"“”„«»`]|:|\bby \w+ing\b|\b(such as|for example|that is|namely|e\.g\.|i\.e\.)", re.IGNORECASE
)
"""Signs that the expectation goes on to say what is meant."""
EMPTY = frozenset(
    words(
        "acts act answers answer assists assist assistance behaves behave case cases communicates concern concerns "
        "conversation deals deal does everything experience gives give handles handle helps help information inquiry "
        "issue issues manages manage manner matter needs performs perform problem problems process provides provide "
        "quality query queries question questions reacts react replies reply request requests resolves resolve "
        "responds respond response responses serves serve service situation solution solves solve something support "
        "supports thing things tone treats treat way works work"
    )
)
"""Words that stand in any expectation and tell nothing."""
OBSERVABLE = 3
"""Words of content from which an expectation with a vague word in it still names something that can be seen."""


def vague(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """Nothing in it that can be seen in a transcript; expectations with a check are decided by it, so they pass."""
    for scenario, expectation in each(scenarios):
        if expectation.check is None and (word := _vague_word(expectation.text)):
            yield of_expectation(
                DatasetRule.VAGUE,
                "warning",
                scenario,
                expectation,
                f"{word!r} means something else to everyone",
                "Say what the agent does or says when it is met",
            )


def _vague_word(text: str) -> str:
    """The word that makes it vague; empty: it says what is to be seen."""
    if SPELT_OUT.search(text):
        return ""
    loose = VAGUE.search(text)
    broad = BROAD.search(text)
    if loose is None and broad is None:
        return ""
    content = [word for word in words(VAGUE.sub(" ", text)) if word not in EMPTY]
    if loose and (len(content) < OBSERVABLE or broad):
        return loose.group(0)
    if broad and not content:
        return broad.group(0)
    return ""
