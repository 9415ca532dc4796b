"""What may happen between a user and an agent, read from the agent's card by rules."""

import random
from collections.abc import Iterator, Sequence

from assay.agents.dataset_builder.situations import reading
from assay.agents.dataset_builder.situations.errands import of_errand
from assay.agents.dataset_builder.situations.limits import of_limit
from assay.agents.dataset_builder.situations.manners import MANNERS, Manner
from assay.agents.dataset_builder.situations.rules import of_rule
from assay.agents.dataset_builder.situations.situation import Situation
from assay.agents.dataset_builder.situations.twists import of_topic
from assay.contracts.agent import AgentCard


def situations(card: AgentCard, topics: Sequence[str], chance: random.Random) -> Iterator[Situation]:
    """Of each topic those that stand on the card's own rules, limits and tools first."""
    for rule in reading.rules(card, topics):
        yield from of_rule(rule, card, chance)
    for place, limit in enumerate(card.known_limits):
        yield of_limit(limit, place, topics, chance)
    errands = reading.errands(card, topics)
    for errand in errands:
        others = [other for other in errands if other.topic != errand.topic and other.changes]
        chance.shuffle(others)
        yield from of_errand(errand, others, chance)
    for place, topic in enumerate(topics):
        yield from of_topic(topic, place)


__all__ = ["MANNERS", "Manner", "Situation", "situations"]
