"""The Dataset Builder by rules: situations read from the card, and a chat in a few plain words. No model is called."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from assay.agents.dataset_builder.chat import BuilderChat
from assay.agents.dataset_builder.commands import HELP, understood
from assay.agents.dataset_builder.draft import Draft
from assay.agents.dataset_builder.operations import carry_out, remember
from assay.agents.dataset_builder.plan import Cell, asked_topics, cells
from assay.agents.dataset_builder.situations import MANNERS, Manner, Situation, situations
from assay.agents.dataset_builder.situations.reading import topics
from assay.contracts.agent import AgentCard
from assay.contracts.base import content_hash
from assay.contracts.dataset import Origin, Scenario
from assay.contracts.stage import Usage
from assay.evaluation.validation.duplicates import NEAR
from assay.evaluation.validation.wording import overlap, wording

RULES_VERSION = "2"


class OfflineBuilder:
    name = "offline"
    prompt_hash = content_hash(["rule-based dataset builder", RULES_VERSION])

    async def draft(
        self,
        card: AgentCard,
        brief: str,
        *,
        size: int,
        seed: int,
        existing: Sequence[Scenario] = (),
        wanted: Mapping[str, int] | None = None,
    ) -> Draft:
        about, named = asked_topics(card, brief)
        if wanted is None or brief:
            wanted = dict.fromkeys(about, 1)
        pool = _Pool(card, list(dict.fromkeys([*topics(card), *wanted])), seed, existing)
        made = pool.fill(cells(wanted, size, existing))
        return Draft(made, tuple(_notes(pool, made, size, named)), Usage())

    async def say(self, chat: BuilderChat, message: str) -> tuple[BuilderChat, str]:
        operation = understood(message)
        if operation is None:
            return remember(chat, message, HELP), HELP
        done, reply = await carry_out(chat, operation, self.draft)
        return remember(done, message, reply), reply


def _notes(pool: "_Pool", made: Sequence[Scenario], size: int, named: bool) -> Iterator[str]:
    yield "Drafted by rules from the card, without a language model: read them before you use them."
    if not named:
        yield "The brief names no topic of the card, and rules read no more from it: all topics were taken."
    if pool.invented:
        yield (
            f"These facts are invented ({', '.join(sorted(pool.invented))}): put in ones that your agent's world "
            "knows, or the calls that rest on them will fail."
        )
    if pool.repeated:
        yield f"{pool.repeated} of them bring a situation once more with another kind of user."
    if len(made) < size:
        yield f"{len(made)} of {size}: the card gives no more situations; name more topics, tools or rules on it."


class _Pool:
    """Situations by topic, each taken once before any is taken again with another kind of user."""

    def __init__(self, card: AgentCard, about: Sequence[str], seed: int, existing: Sequence[Scenario]) -> None:
        self.chance = random.Random(seed)
        self.left: dict[str, list[Situation]] = defaultdict(list)
        for situation in situations(card, about, self.chance):
            self.left[situation.topic].append(situation)
        self.used: dict[str, list[tuple[Situation, set[str]]]] = defaultdict(list)
        self.there = [wording(scenario) for scenario in existing]
        self.ids = {scenario.scenario_id for scenario in existing}
        self.manners = Counter(scenario.persona.name for scenario in existing)
        self.invented: set[str] = set()
        self.repeated = 0

    def fill(self, planned: Sequence[Cell]) -> tuple[Scenario, ...]:
        """One scenario a cell: of its topic and difficulty, else of its topic, else of any topic of the plan."""
        wanted = list(dict.fromkeys(cell.topic for cell in planned))
        made = []
        for cell in planned:
            others = [topic for topic in wanted if topic != cell.topic]
            scenario = self._fresh(cell) or self._again(cell.topic)
            scenario = scenario or next(filter(None, (self._fresh(Cell(t, cell.difficulty)) for t in others)), None)
            scenario = scenario or next(filter(None, map(self._again, others)), None)
            if scenario is None:
                break
            made.append(scenario)
        return tuple(made)

    def _fresh(self, cell: Cell) -> Scenario | None:
        left = self.left[cell.topic]
        for situation in sorted(left, key=lambda situation: situation.difficulty is not cell.difficulty):
            left.remove(situation)
            manner = situation.manner or self._rarest(MANNERS)
            if scenario := self._told(situation, manner):
                self.used[cell.topic].append((situation, {manner.persona.name}))
                return scenario
        return None

    def _again(self, topic: str) -> Scenario | None:
        for situation, manners in sorted(self.used[topic], key=lambda row: len(row[1])):
            untried = [manner for manner in MANNERS if manner.persona.name not in manners]
            while untried and situation.language == "en":
                manner = self._rarest(untried)
                untried.remove(manner)
                manners.add(manner.persona.name)
                if scenario := self._told(situation, manner):
                    self.repeated += 1
                    return scenario
        return None

    def _told(self, situation: Situation, manner: Manner) -> Scenario | None:
        """In the words of this kind of user; None: it would be a near copy of one that is there."""
        for frame in self.chance.sample(manner.openings, len(manner.openings)):
            scenario = _scenario(situation, manner, frame)
            said = wording(scenario)
            if scenario.scenario_id not in self.ids and all(overlap(said, other) < NEAR for other in self.there):
                self.there.append(said)
                self.ids.add(scenario.scenario_id)
                self.manners[manner.persona.name] += 1
                self.invented |= situation.invented
                return scenario
        return None

    def _rarest(self, manners: Sequence[Manner]) -> Manner:
        return min(manners, key=lambda manner: self.manners[manner.persona.name])


def _scenario(situation: Situation, manner: Manner, frame: str) -> Scenario:
    """In another language than English the user's words stand alone."""
    persona = manner.persona.replace(language=situation.language)
    opening = frame.format(said=situation.said) if situation.language == "en" else situation.said
    drafted = [situation.topic, situation.goal, opening, persona.name, dict(situation.facts)]
    return Scenario(
        scenario_id=f"{situation.topic[:50]}-{content_hash(drafted)[:8]}",
        topic=situation.topic,
        difficulty=situation.difficulty,
        persona=persona,
        goal=situation.goal,
        opening=opening,
        facts=situation.facts,
        expectations=situation.expectations,
        origin=Origin.DRAFTED,
    )
