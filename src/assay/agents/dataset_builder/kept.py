"""The scenarios that are there, and why another may not join them."""

import re
from collections.abc import Iterable

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import Dataset, Scenario
from assay.evaluation.similarity import words
from assay.evaluation.validation import validate
from assay.evaluation.validation.duplicates import NEAR
from assay.evaluation.validation.wording import overlap, wording

SAME_WORDS = 0.8
"""Jaccard similarity of the content words and numbers of goal and opening from which two are one situation."""
FEW = 4
"""Content words below which that says nothing."""


class Kept:
    """Remembers wordings, so that a new scenario costs no second look at all the others."""

    def __init__(self, scenarios: Iterable[Scenario] = ()) -> None:
        self.scenarios: list[Scenario] = []
        self._ids: set[str] = set()
        self._wordings: list[tuple[frozenset[str], frozenset[str]]] = []
        for scenario in scenarios:
            self.add(scenario)

    def add(self, scenario: Scenario) -> None:
        self.scenarios.append(scenario)
        self._ids.add(scenario.scenario_id)
        self._wordings.append((wording(scenario), _content(scenario)))

    def copies(self, scenario: Scenario) -> bool:
        """It is there already, or nearly so."""
        if scenario.scenario_id in self._ids:
            return True
        pairs, content = wording(scenario), _content(scenario)
        return any(
            overlap(pairs, other_pairs) >= NEAR
            or (min(len(content), len(others)) >= FEW and overlap(content, others) >= SAME_WORDS)
            for other_pairs, others in self._wordings
        )

    def flaw(self, scenario: Scenario, card: AgentCard, *, strict: bool) -> str:
        """Why it may not join; empty: it may. strict: for warnings of validation too, not for errors alone."""
        if self.copies(scenario):
            return "it is there already, or nearly so"
        report = validate(Dataset(name="drafts", scenarios=(scenario,)), card, threshold=0.0)
        return next(
            (
                finding.message
                for finding in report.findings
                if finding.scenario_ids and (finding.severity == "error" or (strict and finding.severity == "warning"))
            ),
            "",
        )


def _content(scenario: Scenario) -> frozenset[str]:
    said = f"{scenario.goal} {scenario.opening or ''}"
    return frozenset([*words(said), *re.findall(r"\d+", said)])
