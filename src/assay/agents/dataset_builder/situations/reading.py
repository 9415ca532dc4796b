"""What an agent's card says that a scenario can be made of: errands for its tools, rules and limits."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from assay.agents.dataset_builder.situations.senses import in_common
from assay.agents.dataset_builder.situations.verbs import CREATES, GIVES, LOOKS, VERBS
from assay.contracts.agent import AgentCard, Tool
from assay.contracts.base import JsonObject
from assay.evaluation.slugs import slug

MOST_NEEDED = 3
"""Arguments of a tool that a user is made to know."""
MOST_ALIKE = 2
"""Rules of one kind and topic."""
FREE_TEXT = frozenset(
    {"body", "comment", "content", "description", "input", "message", "note", "notes", "prompt", "query", "question"}
    | {"summary", "text", "thought"}
)
"""Arguments that the agent words itself."""


@dataclass(frozen=True, slots=True)
class Needed:
    """An argument of a tool that the user has to tell."""

    name: str
    schema: JsonObject

    @property
    def plain(self) -> str:
        return " ".join(_parts(self.name))


@dataclass(frozen=True, slots=True)
class Errand:
    """What a user may want of a tool."""

    tool: Tool
    topic: str
    wish: str
    """After `I want to`, such as `cancel my order`."""
    needed: tuple[Needed, ...]
    changes: bool
    """It changes the world, as far as its name tells."""


class RuleKind(StrEnum):
    LIMIT = "limit"
    """A number that must be kept to."""
    FORBIDS = "forbids"
    HANDS_OVER = "hands_over"
    FIRST = "first"
    """One thing before another."""
    REQUIRES = "requires"


@dataclass(frozen=True, slots=True)
class Rule:
    """A sentence of the agent's instructions that binds it."""

    text: str
    kind: RuleKind
    topic: str
    number: float | None = None
    unit: str = ""
    deed: str = ""
    """What is forbidden, as a verb in its base form with what follows; empty: the sentence does not put it so."""


KINDS = (
    (
        RuleKind.LIMIT,
        re.compile(
            r"\b(?:within|after|before|up to|at most|at least|(?:no )?(?:more|less|older|longer) than|above|over|below|"
            r"under|maximum of|minimum of)\s+(?P<number>\d+(?:[.,]\d+)*)\s*(?P<unit>%|[A-Za-z€$£]+)?",
            re.IGNORECASE,
        ),
    ),
    (
        RuleKind.HANDS_OVER,
        re.compile(r"\b(hand(?:s|ed)? over|transfer|escalate|colleague|human agent|supervisor)\b", re.IGNORECASE),
    ),
    (
        RuleKind.FIRST,
        re.compile(
            r"\b(ask|obtain|verify|confirm|check|collect|require|list)\w*\b.+\b(before|first)\b|\bmust first\b",
            re.IGNORECASE,
        ),
    ),
    (
        RuleKind.FORBIDS,
        re.compile(
            r"\b(?:never|do not|don['’]t|must not|may not|can ?not|can['’]t|should not|not allowed to|no longer)\s+"
            r"(?P<deed>[^.;:,]+)",
            re.IGNORECASE,
        ),
    ),
    (RuleKind.REQUIRES, re.compile(r"\b(only|must|always|shall|have to|should|promise nothing)\b", re.IGNORECASE)),
)
"""The first that fits is the rule's kind."""


def topics(card: AgentCard) -> list[str]:
    """The card's own, as slugs; without any what its tools are for."""
    named = [slug(topic, "general") for topic in card.topics]
    return list(
        dict.fromkeys(named or [slug(" ".join(_parts(tool.name)), "general") for tool in card.tools] or ["general"])
    )


def errands(card: AgentCard, about: Sequence[str]) -> list[Errand]:
    """One for each tool that belongs to a topic; tools that no user would ask for by topic are left out."""
    found = []
    for tool in card.tools:
        said = " ".join(_parts(tool.name))
        topic = closest(f"{said} {said} {said} {tool.description}", about)
        if topic is not None:
            needed = tuple(_needed(tool))
            found.append(Errand(tool, topic, _wish(tool, needed), needed, _parts(tool.name)[0] not in LOOKS))
    return found


def rules(card: AgentCard, about: Sequence[str]) -> list[Rule]:
    """The sentences of the system prompt that bind the agent, each under the topic that it is closest to.

    Of a topic and kind at most `MOST_ALIKE`: users run into the others in the same way. A sentence that is close to
    no topic is one of any topic if it says by itself what a user could want against it.
    """
    found: list[Rule] = []
    for place, sentence in enumerate(_sentences(card.system_prompt or "")):
        rule = _rule(sentence)
        if rule is None:
            continue
        topic = closest(sentence, about)
        if topic is None and (rule.kind is RuleKind.LIMIT or rule.kind is RuleKind.HANDS_OVER or rule.deed):
            topic = about[place % len(about)]
        if topic is not None and sum((topic, rule.kind) == (one.topic, one.kind) for one in found) < MOST_ALIKE:
            found.append(replace(rule, topic=topic))
    return found


def _rule(sentence: str) -> Rule | None:
    """Under no topic yet; None: it does not bind."""
    for kind, pattern in KINDS:
        if match := pattern.search(sentence):
            said = match.groupdict()
            number = float(said["number"].replace(",", "")) if said.get("number") else None
            return Rule(sentence, kind, "", number, said.get("unit") or "", _deed(said.get("deed") or ""))
    return None


def spoken(topic: str) -> str:
    """The topic as it stands after `about`."""
    return topic.replace("-", " ").removeprefix("about ")


def closest(text: str, about: Sequence[str]) -> str | None:
    """The topic that shares most words or senses with the text; None: none shares any."""
    rated = [(in_common(topic.replace("-", " "), text), topic) for topic in about]
    best = max(rated, key=lambda row: row[0], default=(0, None))
    return best[1] if best[0] else None


def _sentences(text: str) -> Iterator[str]:
    """Of a length that an expectation can quote, without the marks of lists."""
    for line in text.split("\n"):
        for sentence in re.split(r"(?<=[.!?])\s+", re.sub(r"^\s*(?:[-*•#>]+|\d+[.)])\s*", "", line)):
            plain = sentence.strip().replace('"', "'")
            if 15 <= len(plain) <= 240:
                yield plain


def _deed(phrase: str) -> str:
    """The phrase if it begins with a verb's base form, as the user would say it to the agent."""
    phrase = re.sub(r"\b(?:the |a )?(?:user|customer)s?['’]s?\b", "my", phrase.strip())
    phrase = re.sub(r"\b(?:the |a |an )?(?:user|customer)s?\b", "me", phrase)
    first = phrase.split(" ", 1)[0].lower() if phrase else ""
    return phrase if first in VERBS and " " in phrase else ""


def _parts(name: str) -> list[str]:
    """`getUserDetails` and `get_user_details` as their words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [part.lower() for part in re.split(r"[\W_]+", spaced) if part] or [name]


def _wish(tool: Tool, needed: Sequence[Needed]) -> str:
    verb, *rest = _parts(tool.name)
    if verb not in VERBS:
        return f"ask about {' '.join([verb, *rest])}"
    said = "get" if verb in GIVES else LOOKS.get(verb, verb)
    if not rest:
        return f"{said} something"
    thing = " ".join(rest)
    if rest[0] in ("to", "by", "for", "from", "with", "in", "on", "all", "my"):
        return f"{said} {thing}"
    if verb in LOOKS and not any(rest[0] in one.plain.split() for one in needed):
        return f"{said} the {thing}"
    if verb not in CREATES | GIVES:
        return f"{said} my {thing}"
    if re.search(r"(?<!s)s$", rest[-1]):
        return f"{said} {thing}"
    return f"{said} {'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _needed(tool: Tool) -> Iterator[Needed]:
    """What the user has to tell, required arguments first."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return
    required: Any = tool.parameters.get("required")
    first = [name for name in properties if isinstance(required, list) and name in required]
    names = [*first, *(name for name in properties if name not in first)] if first else list(properties)
    tellable = [
        Needed(name, schema)
        for name in (first or names)
        if isinstance(schema := properties[name], dict)
        and schema.get("type") not in ("array", "object", "boolean")
        and _parts(name)[-1] not in FREE_TEXT
    ]
    yield from tellable[:MOST_NEEDED]
