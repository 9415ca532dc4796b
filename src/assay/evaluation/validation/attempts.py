"""What a reference attempt showed of each scenario."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assay.contracts.dataset import DatasetFinding, DatasetRule, Scenario
from assay.contracts.judgment import Ruling
from assay.evaluation.validation.findings import of_scenario


@dataclass(frozen=True, slots=True)
class Attempt:
    """One conversation played to see whether a scenario can be solved."""

    rulings: Mapping[str, Ruling]
    """What the checks said, by expectation id; expectations without a check are not in it."""
    shows_state: bool
    """The agent showed an outcome."""
    failed: bool
    """It ended in an error, so it says nothing."""


def unsolvable(scenarios: Sequence[Scenario], attempts: Mapping[str, Attempt] | None) -> Iterator[DatasetFinding]:
    """Scenarios of which the reference attempt met nothing. A note only: the agent may be what is at fault."""
    for scenario in scenarios:
        attempt = (attempts or {}).get(scenario.scenario_id)
        if attempt is None:
            continue
        if attempt.failed:
            yield of_scenario(
                DatasetRule.UNSOLVABLE,
                "note",
                scenario,
                "the reference attempt ended in an error, so nothing is known of it",
                "Probe the agent (`assay agent probe`), then validate again",
            )
            continue
        required = [
            attempt.rulings.get(expectation.expectation_id)
            for expectation in scenario.expectations
            if expectation.kind == "must" and expectation.check is not None
        ]
        if required and all(ruling is Ruling.NOT_MET for ruling in required):
            yield of_scenario(
                DatasetRule.UNSOLVABLE,
                "note",
                scenario,
                "the reference attempt met none of what the agent must do",
                "Look whether it can be solved at all with these facts and tools; if it can, the agent fails here",
            )
