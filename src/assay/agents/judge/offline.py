"""The judge by rules: it rules where words show it plainly, with low confidence, and abstains elsewhere."""

import re
from collections.abc import Sequence

from assay.agents.judge import Ruled
from assay.contracts.base import content_hash
from assay.contracts.conversation import Conversation, Turn
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import Evidence, Ruling, Verdict
from assay.contracts.stage import Usage
from assay.evaluation.clusters import words

RULES_VERSION = "1"

SHOWN = 0.6
"""Share of an expectation's content words that one agent turn must hold to show that the thing was done."""

HINTED = 0.34
"""Under this share no turn speaks of the thing at all."""

SURE, UNSURE = 0.6, 0.4
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
    if not turns:
        return None, 0.0, (), "the agent said nothing."
    for named, shown in MANNERS.items():
        if named.search(expectation.text):
            for place, turn in turns:
                if match := shown.search(turn.text):
                    return True, SURE, (Evidence(turn=place, quote=match.group(0)),), "the agent's words show it."
            return False, UNSURE, (), "none of the agent's words show it."
    wanted = set(words(SUBJECT.sub("", expectation.text)))
    if not wanted:
        return None, 0.0, (), "the expectation names nothing that words could show."
    place, turn, share = max(
        ((place, turn, len(wanted & _said(turn)) / len(wanted)) for place, turn in turns), key=lambda row: row[2]
    )
    if share >= SHOWN:
        return True, SURE, (Evidence(turn=place, quote=_sentence(turn, wanted)),), f"turn {place} speaks of it."
    if share < HINTED:
        return False, UNSURE, (), "no turn of the agent speaks of it."
    return None, 0.0, (), "some of its words are there, which does not tell."


def _said(turn: Turn) -> set[str]:
    """The content words of a turn and of the tools that it called."""
    calls = " ".join(
        f"{call.name.replace('_', ' ')} {' '.join(map(str, call.arguments.values()))}" for call in turn.tool_calls
    )
    return set(words(f"{turn.text} {calls}"))


def _sentence(turn: Turn, wanted: set[str]) -> str:
    """The sentence of the turn that holds most of the words."""
    sentences = re.split(r"(?<=[.!?])\s+", turn.text) or [turn.text]
    return max(sentences, key=lambda sentence: len(wanted & set(words(sentence))))
