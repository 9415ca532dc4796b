"""Last words of an agent's client that say only that its allowance is spent: a plan's limit, a quota, credits.

No list of sentences: each clause is made of few kinds of words. One kind of clause says that an allowance (limit,
quota, credits, ...) is spent (reached, used up, none left, ...), the other when it renews or what to do about it, and
there is nothing else. An answer to a user speaks of the user's matter, so what shares a word with the conversation or
the scenario is none; and a spent allowance does not stop one conversation, so one alone is none either.
"""

import re
from collections.abc import Mapping, Sequence

from assay.contracts.conversation import CallFailed, Conversation, FailureCause
from assay.contracts.dataset import Scenario
from assay.contracts.text import normalise

LONGEST = 160
"""Characters of a client's last words."""
LEAST = 3
"""Conversations of as many scenarios that must end so."""

CLAUSES = re.compile(r"[.!;\n|·∙•—]+|:(?!\d)|, | - ")
ALLOWANCE = re.compile(r"\b(?:limits?|quotas?|allowances?|credits?|budget|usage|balance)\b")
SPENT = re.compile(
    r"\b(?:reached|hit|exceeded|spent|exhausted|depleted|consumed|expended|gone|insufficient|used up|run out|ran out|"
    r"out of|too low|no (?:more )?\w+(?: \w+)? (?:left|remaining)|zero)\b"
)
RENEWAL = re.compile(
    r"\b(?:resets?|renews?|refreshes|replenishes|try again|retry|come back|top up|add|buy|upgrade|purchase)\b"
)
AROUND = frozenset(
    re.findall(
        r"\S+",
        """
    a about after again all am an and api are at account before by come current currently day days daily for free friday
    go gmt has have hour hours hourly in is it it's its left message messages minute minutes model monday month monthly
    more no not now of on or plan plans please pm pro remaining request requests saturday session sunday that the this
    thursday time to today token tokens tomorrow tuesday until utc wednesday week weekly with year you you've your
    continue been
    """,
    )
)
"""Words that may stand beside them: whose allowance it is, for how long, until when."""


def spent_allowance(
    conversations: Sequence[Conversation], scenarios: Sequence[Scenario] = ()
) -> Mapping[str, CallFailed]:
    """By conversation id, the conversations that a spent allowance ended; empty where too few end so to be one."""
    about = {scenario.scenario_id: scenario.model_dump_json() for scenario in scenarios}
    found = {}
    ended = set()
    for conversation in conversations:
        words = _last_words(conversation)
        matter = _matter(conversation) + about.get(conversation.scenario_id, "")
        if words and says_spent(words, matter):
            place = len(conversation.turns) - 1
            detail = f"turn {place} (agent) says only that an allowance is spent: {words}"
            found[conversation.conversation_id] = CallFailed(cause=FailureCause.RATE_LIMIT, detail=detail)
            ended.add(conversation.scenario_id)
    return found if len(ended) >= LEAST else {}


def says_spent(text: str, matter: str = "") -> bool:
    """Whether a text says that an allowance is spent and nothing else. `matter`: what the conversation is about."""
    plain = " ".join(normalise(text).casefold().split())
    if not plain or len(plain) > LONGEST or "?" in plain:
        return False
    plain = re.sub(r"\([^)]*\)", "", plain)
    if any(re.search(rf"\b{word}\b", matter, re.IGNORECASE) for word in ALLOWANCE.findall(plain)):
        return False
    spent = False
    for clause in filter(None, (part.strip() for part in CLAUSES.split(plain))):
        if ALLOWANCE.search(clause) and SPENT.search(clause):
            spent = True
        elif not RENEWAL.search(clause):
            return False
        rest = RENEWAL.sub(" ", SPENT.sub(" ", ALLOWANCE.sub(" ", clause)))
        if any(word not in AROUND for word in re.findall(r"[^\W\d_]+(?:'\w+)?", rest.replace("'s ", " "))):
            return False
    return spent


def _last_words(conversation: Conversation) -> str:
    last = conversation.turns[-1] if conversation.turns else None
    return last.text.strip() if last is not None and last.role == "agent" and not last.tool_calls else ""


def _matter(conversation: Conversation) -> str:
    said = [turn.text for turn in conversation.turns if turn.role == "user"]
    return " ".join([*said, *(str(call.result) for turn in conversation.turns for call in turn.tool_calls)])
