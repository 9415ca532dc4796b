"""What a reference attempt showed of each scenario."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.contracts.conversation import CallFailed
from assay.contracts.dataset import DatasetFinding, DatasetRule, Scenario
from assay.contracts.judgment import Ruling


@dataclass(frozen=True, slots=True)
class Attempt:
    """One conversation played to see whether a scenario can be solved."""

    rulings: Mapping[str, Ruling]
    """What the checks said, by expectation id; expectations without a check are not in it."""
    shows_state: bool
    """The agent showed an outcome."""
    failed: bool
    """It ended in an error, so it says nothing."""
    error: CallFailed | None = None
    """Why it failed; None: it did not."""
    side: Literal["agent", "user_simulator", "conversation"] = "agent"
    """Whose the error was."""


def unsolvable(scenarios: Sequence[Scenario], attempts: Mapping[str, Attempt] | None) -> Iterator[DatasetFinding]:
    """Scenarios of which the reference attempt met nothing. A note only: the agent may be what is at fault."""
    tried = [(scenario, attempt) for scenario in scenarios if (attempt := (attempts or {}).get(scenario.scenario_id))]
    if broken := tuple(scenario.scenario_id for scenario, attempt in tried if attempt.failed):
        yield DatasetFinding(
            rule=DatasetRule.UNSOLVABLE,
            severity="note",
            scenario_ids=broken,
            message=f"reference attempts that ended in an error, so that nothing is known of them: {len(broken)}",
            fix="Probe the agent (`assay agent probe`), then validate again",
        )
    if unmet := tuple(scenario.scenario_id for scenario, attempt in tried if _met_nothing(scenario, attempt)):
        yield DatasetFinding(
            rule=DatasetRule.UNSOLVABLE,
            severity="note",
            scenario_ids=unmet,
            message=f"reference attempts that met none of what the agent must do: {len(unmet)}",
            fix="Look whether they can be solved at all with these facts and tools; if they can, the agent fails here",
        )


def _met_nothing(scenario: Scenario, attempt: Attempt) -> bool:
    """Of what it must do and a check decides, everything was ruled not met."""
    rulings = [
        attempt.rulings.get(expectation.expectation_id)
        for expectation in scenario.expectations
        if expectation.kind == "must" and expectation.check is not None
    ]
    return not attempt.failed and bool(rulings) and all(ruling is Ruling.NOT_MET for ruling in rulings)
