"""The judge by rules: it rules where words show plainly that a thing happened, with low confidence.

Words that are missing prove nothing: "until 11 am" may be said in many ways, and no word shows that an agent stayed
polite. So it abstains wherever it does not see the thing happen, except for an agent that said and did nothing.
"""

import re
from collections.abc import Sequence

from assay.agents.judge import Ruled
from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, Turn
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Evidence, Ruling, Verdict
from assay.contracts.stage import Usage
from assay.contracts.text import normalise
from assay.evaluation.clusters import words

RULES_VERSION = "2"

SHOWN = 0.6
"""Share of an expectation's content words that one sentence or tool call of the agent must hold to show it."""

SURE = 0.6
"""Confidence: words alone never prove much."""

SUBJECT = re.compile(
    r"^(the )?(agent|assistant|bot|it)\s+(must|should|does|do|is|has|will|may)?\s*(not\s+)?", re.IGNORECASE
)

MANNERS = {
    re.compile(r"\b(sorry|apolog)", re.IGNORECASE): re.compile(r"\b(sorry|apolog\w+|regret)\b", re.IGNORECASE),
    re.compile(r"\b(thank|grateful)", re.IGNORECASE): re.compile(r"\b(thank\w*|grateful)\b", re.IGNORECASE),
    re.compile(r"\b(greet|welcome)", re.IGNORECASE): re.compile(
        r"\b(hello|hi|welcome|good (morning|day|evening))\b", re.IGNORECASE
    ),
    re.compile(r"\b(asks?|question)\b", re.IGNORECASE): re.compile(r"\?"),
    re.compile(r"\b(rude|insult|curs|swear)", re.IGNORECASE): re.compile(
        r"\b(stupid|idiot|shut up|damn|hell|nonsense)\b", re.IGNORECASE
    ),
    re.compile(r"\b(blam)", re.IGNORECASE): re.compile(
        r"\b(your (own )?fault|you should have|because of you)\b", re.IGNORECASE
    ),
}
"""Manners that an expectation names, and the words that show them."""

EXACT = re.compile(r"\d+(?:[.,:]\d+)*")
"""Numbers: a sentence shows a thing only with each of its own."""

NEGATION = re.compile(r"\b(?:not|no|never|none|cannot|without|unable|neither|nor)\b|n't\b", re.IGNORECASE)


class OfflineJudge:
    name = "offline"
    prompt_hash = content_hash(["rule-based judge", RULES_VERSION])

    async def rule(
        self,
        conversation: Conversation,
        expectations: Sequence[Expectation],
        *,
        scenario: Scenario | None,
        rubric: str,
        votes: int,
        seed: int,
    ) -> Ruled:
        """Rules do not vote: however many votes are asked for, they are all this one."""
        del scenario, rubric, votes, seed
        return Ruled(tuple(_verdict(expectation, conversation) for expectation in expectations), Usage())


def _verdict(expectation: Expectation, conversation: Conversation) -> Verdict:
    happened, confidence, evidence, why = _happened(expectation, conversation)
    if happened is None:
        ruling = Ruling.ABSTAINED
    else:
        ruling = Ruling.MET if happened == (expectation.kind == "must") else Ruling.NOT_MET
    return Verdict(
        expectation_id=expectation.expectation_id,
        rationale=f"By rules, not by a model: {why}",
        evidence=evidence,
        ruling=ruling,
        confidence=confidence,
        source="offline_judge",
        judge="offline",
    )


Found = tuple[bool | None, float, tuple[Evidence, ...], str]


def _happened(expectation: Expectation, conversation: Conversation) -> Found:
    """Whether the agent did the thing that the expectation speaks of; None: words do not tell."""
    turns = [(place, turn) for place, turn in enumerate(conversation.turns) if turn.role == "agent"]
    if not any(turn.text.strip() or turn.tool_calls for _, turn in turns):
        return False, SURE, (), "the agent said nothing and did nothing."
    text = SUBJECT.sub("", normalise(expectation.text))
    manners = [(named, shown) for named, shown in MANNERS.items() if named.search(text)]
    wanted = {word for word in words(text) if not any(named.search(word) for named, _ in manners)}
    exact = set(EXACT.findall(text.casefold()))
    if not wanted and not exact and not manners:
        return None, 0.0, (), "the expectation names nothing that words could show."
    for place, turn in turns:
        for sentence, quote in _sentences(turn):
            plain = normalise(sentence)
            if all(shown.search(plain) for _, shown in manners) and _speaks_of(plain, wanted, exact, text):
                return True, SURE, (Evidence(turn=place, quote=quote),), f"turn {place} speaks of it."
    return None, 0.0, (), "no single sentence shows it, which does not tell."


def _speaks_of(sentence: str, wanted: set[str], exact: set[str], text: str) -> bool:
    """Most content words, every number, and the same side of a negation."""
    if bool(NEGATION.search(sentence)) != bool(NEGATION.search(text)):
        return False
    if not exact <= set(EXACT.findall(sentence.casefold())):
        return False
    return not wanted or len(wanted & set(words(sentence))) >= SHOWN * len(wanted)


def _sentences(turn: Turn) -> list[tuple[str, str]]:
    """(words, quote) of each sentence of the turn, and of each tool call that did not fail."""
    said = [(part, part) for part in re.split(r"(?<=[.!?])\s+|\n+", turn.text) if part.strip()]
    calls = [
        (f"{call.name.replace('_', ' ')} {' '.join(map(str, call.arguments.values()))}", turn.text[:200])
        for call in turn.tool_calls
        if call.error is None
    ]
    return [*said, *calls]
