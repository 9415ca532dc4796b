"""Which topic and difficulty each new scenario is to have, given those that are there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.agents.dataset_builder.situations.reading import topics
from assay.agents.dataset_builder.situations.senses import in_common
from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Difficulty, Scenario
from assay.evaluation.similarity import words
from assay.evaluation.slugs import slug

SHARES = {Difficulty.MEDIUM: 0.4, Difficulty.HARD: 0.35, Difficulty.EASY: 0.25}
"""Hard ones tell versions apart, easy ones show that nothing is broken altogether."""
A_TOPIC = 3
"""Content words up to which words that name no topic of the card are a topic of their own."""


@dataclass(frozen=True, slots=True)
class Cell:
    topic: str
    difficulty: Difficulty


def cells(wanted: Mapping[str, float], size: int, existing: Sequence[Scenario]) -> list[Cell]:
    """`size` cells; each goes to the topic that lacks most of its share (D'Hondt), then to the difficulty that does.

    wanted: what share each topic should have in the end; ties go to the topic that stands first.
    """
    by_topic = Counter(scenario.topic for scenario in existing)
    by_difficulty = Counter(scenario.difficulty for scenario in existing)
    by_both = Counter((scenario.topic, scenario.difficulty) for scenario in existing)
    planned = []
    for _ in range(size):
        topic = max(wanted, key=lambda topic: wanted[topic] / (1 + by_topic[topic]))
        difficulty = max(
            SHARES,
            # A topic's own count weighs as much as a round through all topics, so that none stays easy throughout.
            key=lambda level: SHARES[level] / (1 + by_difficulty[level] + len(wanted) * by_both[topic, level]),
        )
        by_topic[topic] += 1
        by_difficulty[difficulty] += 1
        by_both[topic, difficulty] += 1
        planned.append(Cell(topic, difficulty))
    return planned


def asked_topics(card: AgentCard, brief: str) -> tuple[list[str], bool]:
    """(the topics that the brief speaks of, whether it names any).

    All of the card's where it names none; a few words that name none are a topic of their own.
    """
    known = topics(card)
    if brief.strip() in ("", card.description):
        return known, True
    if named := [topic for topic in known if in_common(topic.replace("-", " "), brief)]:
        return named, True
    own = slug(brief.strip().lower())
    if own and 0 < len(words(brief)) <= A_TOPIC:
        return [own], True
    return known, False
