"""What may happen between a user and an agent, read from the agent's card by rules."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from assay.agents.dataset_builder.situations import reading
from assay.agents.dataset_builder.situations.errands import known_for, of_errand
from assay.agents.dataset_builder.situations.limits import of_limit
from assay.agents.dataset_builder.situations.manners import MANNERS, Manner
from assay.agents.dataset_builder.situations.rules import of_rule
from assay.agents.dataset_builder.situations.situation import Situation
from assay.agents.dataset_builder.situations.twists import of_topic
from assay.contracts.agent import AgentCard


def situations(card: AgentCard, topics: Sequence[str], chance: random.Random) -> Iterator[Situation]:
    """Of each topic those that stand on the card's own rules, limits and tools first."""
    errands = reading.errands(card, topics)
    known = {errand.topic: known_for(errand, chance) for errand in reversed(errands)}
    for situation in _any_tool(card, topics, chance):
        yield _informed(situation, known.get(situation.topic, {}))
    for errand in errands:
        others = [other for other in errands if other.topic != errand.topic and other.changes]
        chance.shuffle(others)
        yield from of_errand(errand, others, chance)
    for place, topic in enumerate(topics):
        for situation in of_topic(topic, place):
            yield _informed(situation, known.get(topic, {}))


def _any_tool(card: AgentCard, topics: Sequence[str], chance: random.Random) -> Iterator[Situation]:
    for rule in reading.rules(card, topics):
        yield from of_rule(rule, card, chance)
    for place, limit in enumerate(card.known_limits):
        yield of_limit(limit, place, topics, chance)


def _informed(situation: Situation, known: dict[str, str]) -> Situation:
    """With what the topic's tool needs, or the agent would ask for it and never come to the point."""
    return replace(situation, facts={**known, **situation.facts}, invented=frozenset(known))


__all__ = ["MANNERS", "Manner", "Situation", "situations"]
