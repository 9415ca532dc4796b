"""Which topics, personas and difficulties a dataset covers, and where it has gaps."""

from collections import Counter
from collections.abc import Iterator, Sequence

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import CoverageCell, DatasetFinding, DatasetRule, Scenario
from assay.evaluation.clusters import words

VARIED = 10
"""Scenarios from which a dataset should vary its personas and difficulties."""


def coverage_cells(scenarios: Sequence[Scenario]) -> tuple[CoverageCell, ...]:
    """Topic x persona x difficulty, each cell that holds a scenario."""
    counts = Counter((scenario.topic, scenario.persona.name, scenario.difficulty) for scenario in scenarios)
    return tuple(
        CoverageCell(topic=topic, persona=persona, difficulty=difficulty, scenarios=count)
        for (topic, persona, difficulty), count in sorted(counts.items())
    )


def gaps(scenarios: Sequence[Scenario], card: AgentCard | None) -> Iterator[DatasetFinding]:
    """Topics of the card without a scenario; one persona or one difficulty for all."""
    covered = {word for scenario in scenarios for word in words(f"{scenario.topic.replace('-', ' ')} {scenario.goal}")}
    for topic in card.topics if card else ():
        named = set(words(topic.replace("-", " ")))
        if named and not named & covered:
            yield _gap(
                f"the card names the topic {topic!r}, and no scenario is about it", f"Add scenarios about {topic}"
            )
    if len(scenarios) < VARIED:
        return
    for dimension, values in (
        ("persona", {scenario.persona.name for scenario in scenarios}),
        ("difficulty", {scenario.difficulty.value for scenario in scenarios}),
    ):
        if len(values) == 1:
            yield _gap(f"every scenario has the {dimension} {min(values)!r}", f"Vary the {dimension}")


def _gap(message: str, fix: str) -> DatasetFinding:
    return DatasetFinding(rule=DatasetRule.COVERAGE, severity="warning", message=message, fix=fix)
