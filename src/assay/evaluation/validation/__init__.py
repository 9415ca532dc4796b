"""What validation says of a dataset: every rule, the score and whether the gate may open."""

from collections.abc import Mapping, Sequence

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, DatasetFinding, DatasetReport
from assay.evaluation.validation.attempts import Attempt, unsolvable
from assay.evaluation.validation.checkable import not_checkable
from assay.evaluation.validation.contradictory import contradictory
from assay.evaluation.validation.coverage import coverage_cells, gaps, off_topic
from assay.evaluation.validation.duplicates import duplicates, near_duplicates
from assay.evaluation.validation.hidden_state import hidden_state
from assay.evaluation.validation.leaks import leaks
from assay.evaluation.validation.size import too_small
from assay.evaluation.validation.subjects import about_the_user, known_answers
from assay.evaluation.validation.vague import vague

WHOLE = 0.1
"""What each error of the dataset as a whole takes off the score."""


def validate(
    dataset: Dataset,
    card: AgentCard | None,
    *,
    threshold: float,
    attempts: Mapping[str, Attempt] | None = None,
    detectable_difference: float | None = None,
    detectable_how: str = "",
) -> DatasetReport:
    """Every rule over every scenario.

    card: None: rules about tools and topics do not apply. attempts: what a reference attempt showed, by scenario.
    detectable_difference: what the planner says this many scenarios can show; None: too few to say.
    """
    scenarios = dataset.scenarios
    findings: list[DatasetFinding] = [
        *duplicates(scenarios),
        *near_duplicates(scenarios),
        *vague(scenarios),
        *about_the_user(scenarios),
        *known_answers(scenarios),
        *contradictory(scenarios),
        *not_checkable(scenarios, card, attempts),
        *leaks(scenarios),
        *hidden_state(scenarios, card),
        *unsolvable(scenarios, attempts),
        *gaps(scenarios, card),
        *too_small(len(scenarios), detectable_difference, detectable_how),
    ]
    expectations = [expectation for scenario in scenarios for expectation in scenario.expectations]
    score = _score(dataset, findings)
    return DatasetReport(
        dataset=dataset.ref,
        scenarios=len(scenarios),
        expectations=len(expectations),
        checked_by_code=sum(expectation.check is not None for expectation in expectations) / len(expectations),
        coverage=coverage_cells(scenarios),
        findings=tuple(sorted(findings, key=lambda finding: ("error", "warning", "note").index(finding.severity))),
        score=score,
        threshold=threshold,
        passed=score >= threshold and not off_topic(scenarios, card),
        detectable_difference=detectable_difference,
        detectable_how=detectable_how,
    )


def _score(dataset: Dataset, findings: Sequence[DatasetFinding]) -> float:
    """As `DatasetReport.score` says."""
    flawed = {name for finding in findings if finding.severity != "note" for name in finding.scenario_ids}
    whole = sum(finding.severity == "error" and not finding.scenario_ids for finding in findings)
    sound = sum(scenario.scenario_id not in flawed for scenario in dataset.scenarios) / len(dataset.scenarios)
    return max(0.0, round(sound - WHOLE * whole, 6))


__all__ = ["Attempt", "validate"]
