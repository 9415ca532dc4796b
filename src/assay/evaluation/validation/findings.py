"""How a rule says what it found, and what rules walk over."""

from collections.abc import Iterator, Sequence
from typing import Literal

from assay.contracts.dataset import DatasetFinding, DatasetRule, Expectation, Scenario

Severity = Literal["error", "warning", "note"]


def each(scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Expectation]]:
    return ((scenario, expectation) for scenario in scenarios for expectation in scenario.expectations)


def of_scenario(rule: DatasetRule, severity: Severity, scenario: Scenario, message: str, fix: str) -> DatasetFinding:
    return DatasetFinding(rule=rule, severity=severity, scenario_ids=(scenario.scenario_id,), message=message, fix=fix)


def of_expectation(
    rule: DatasetRule, severity: Severity, scenario: Scenario, expectation: Expectation, message: str, fix: str
) -> DatasetFinding:
    return of_scenario(rule, severity, scenario, f"{expectation.expectation_id}: {message}", fix)


def of_dataset(rule: DatasetRule, severity: Severity, message: str, fix: str) -> DatasetFinding:
    return DatasetFinding(rule=rule, severity=severity, message=message, fix=fix)
