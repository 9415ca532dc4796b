"""Which topics, personas and difficulties a dataset covers, and where it has gaps."""

from collections import Counter
from collections.abc import Iterator, Sequence

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import CoverageCell, DatasetFinding, DatasetRule, Scenario
from assay.evaluation.similarity import words
from assay.evaluation.validation.findings import of_dataset
from assay.evaluation.validation.wording import tokens

VARIED = 10
"""Scenarios from which a dataset should vary its personas and difficulties."""


def coverage_cells(scenarios: Sequence[Scenario]) -> tuple[CoverageCell, ...]:
    """Topic x persona x difficulty, each cell that holds a scenario."""
    counts = Counter((scenario.topic, scenario.persona.name, scenario.difficulty) for scenario in scenarios)
    return tuple(
        CoverageCell(topic=topic, persona=persona, difficulty=difficulty, scenarios=count)
        for (topic, persona, difficulty), count in sorted(counts.items())
    )


def uncovered(topics: Sequence[str], scenarios: Sequence[Scenario]) -> list[str]:
    """The topics that no scenario is about: none is named so, and none holds all of the topic's words."""
    named = {_plain(scenario.topic) for scenario in scenarios}
    said = [f"{_plain(s.topic)} {s.goal} {s.opening or ''}" for s in scenarios]
    about = [{*words(text), *tokens(text)} for text in said]
    return [
        topic
        for topic in topics
        if _plain(topic) not in named and not any(_words(_plain(topic)) <= spoken for spoken in about)
    ]


def off_topic(scenarios: Sequence[Scenario], card: AgentCard | None) -> bool:
    """Whether no scenario is about any topic of the card: such a dataset tests another agent, whatever it scores."""
    topics = card.topics if card else ()
    return bool(topics) and len(uncovered(topics, scenarios)) == len(topics)


def gaps(scenarios: Sequence[Scenario], card: AgentCard | None) -> Iterator[DatasetFinding]:
    """Topics of the card without a scenario; one persona or one difficulty for all."""
    topics = card.topics if card else ()
    missing = uncovered(topics, scenarios)
    if 2 * len(missing) > len(topics):
        yield of_dataset(
            DatasetRule.COVERAGE,
            "error",
            f"no scenario is about {len(missing)} of the card's {len(topics)} topics: {', '.join(missing)}",
            "Add scenarios about them, or take topics off the card that users do not bring",
        )
    else:
        for topic in missing:
            yield of_dataset(
                DatasetRule.COVERAGE,
                "warning",
                f"the card names the topic {topic!r}, and no scenario is about it",
                f"Add scenarios about {topic}",
            )
    if len(scenarios) < VARIED:
        return
    for dimension, values in (
        ("persona", {scenario.persona.name for scenario in scenarios}),
        ("difficulty", {scenario.difficulty.value for scenario in scenarios}),
    ):
        if len(values) == 1:
            yield of_dataset(
                DatasetRule.COVERAGE,
                "warning",
                f"every scenario has the {dimension} {min(values)!r}",
                f"Vary the {dimension}",
            )


def _words(topic: str) -> set[str]:
    """Its stems; of one too short to have any, such as `UI`, its words."""
    return {*words(topic)} or {*tokens(topic)}


def _plain(topic: str) -> str:
    return " ".join(topic.casefold().replace("-", " ").replace("_", " ").split())
