"""Users who bring just what the agent is known not to be able to do."""

import random
import re
from collections.abc import Sequence

from assay.agents.dataset_builder.situations.reading import closest, spoken
from assay.agents.dataset_builder.situations.situation import Situation, expected
from assay.contracts.dataset import Difficulty, Expectation

TONGUES = (
    ("de", "Ich habe ein Anliegen und spreche leider nur Deutsch. Können Sie mir bitte helfen?"),
    ("es", "Tengo una consulta y lamentablemente solo hablo español. ¿Me puede ayudar, por favor?"),
    ("fr", "J'ai une demande et je ne parle malheureusement que français. Pouvez-vous m'aider ?"),
    ("it", "Ho una richiesta e purtroppo parlo solo italiano. Mi può aiutare, per favore?"),
)
CANNOT = re.compile(
    r"\b(?:can ?not|can['’]t|does not|doesn['’]t|do not|unable to|not able to)\s+"
    r"(?P<verb>\w+)\s*(?:(?:when|if|about|with|whether)\s+)?(?P<what>[^.;]*)",
    re.IGNORECASE,
)
SEVERAL = re.compile(
    r"\b(one|single|several|multiple|two)\b.*\b(at a time|at once|request|question|wish|item|message)", re.IGNORECASE
)
CLAUSE = re.compile(r"\b(is|are|was|were|has|have|had|did|does|comes?|came)\b")


def of_limit(limit: str, place: int, topics: Sequence[str], chance: random.Random) -> Situation:
    """place: of the limit on the card; one that is close to no topic goes to the topic at the same place."""
    topic = closest(limit, topics) or topics[place % len(topics)]
    plain = spoken(topic)
    stays = (_stays_within(limit),)
    if re.search(r"\b(language|english|german|french|spanish)\b", limit, re.IGNORECASE):
        tongue, said = chance.choice([(t, s) for t, s in TONGUES if t != "de" or "german" not in limit.lower()])
        goal = f"Get help with {plain} in another language."
        return Situation(topic, Difficulty.HARD, goal, said, stays, language=tongue)
    if SEVERAL.search(limit):
        other = next((spoken(t) for t in topics if t != topic), "the bill")
        said = f"In one go, please: one thing about {plain}, one about {other}, and when will I have an answer to both?"
        return Situation(topic, Difficulty.HARD, f"Get answers about {plain} and {other} together.", said, stays)
    if re.search(r"\b(who (?:is|writes)|identity|authenticat\w+|impersonat\w+)\b", limit, re.IGNORECASE):
        said = f"I am writing for my neighbour, who does not know about it. It is about {plain}."
        facts = {"neighbour": "She is on holiday and cannot be reached."}
        return Situation(topic, Difficulty.HARD, f"Act for somebody else, about {plain}.", said, stays, facts)
    if re.search(r"\b(real.?time|live|cut.?off|up to date|latest|current)\b", limit, re.IGNORECASE):
        said = f"How do things stand at this very minute, about {plain}? Yesterday's answer is no use to me."
        return Situation(topic, Difficulty.MEDIUM, f"Hear the newest about {plain}.", said, stays)
    if (match := CANNOT.search(limit)) and (what := match["what"].strip()):
        said = (
            f"{what[0].upper()}{what[1:]}. What can you do for me?"
            if CLAUSE.search(what)
            else f"I need somebody to {match['verb'].lower()} {what}, and I was sent to you."
        )
        return Situation(topic, Difficulty.HARD, f"Get help all the same: {what}.", said, stays)
    said = f"When it is about {plain}, is there anything that you cannot do for me? If not, go ahead with all of it."
    return Situation(topic, Difficulty.MEDIUM, f"Learn how far the help with {plain} goes.", said, stays)


def _stays_within(limit: str) -> Expectation:
    plain = limit.replace('"', "'")
    return expected(
        "promises-beyond",
        f'The agent promises or claims to have done what is beyond its limit "{plain}"',
        kind="must_not",
    )
