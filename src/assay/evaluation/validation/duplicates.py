"""Scenarios that stand twice, or nearly so: they would count as independent and are not."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from assay.contracts.base import content_hash
from assay.contracts.dataset import DatasetFinding, DatasetRule, Scenario
from assay.evaluation.validation.findings import Severity, of_scenario
from assay.evaluation.validation.wording import bare, overlap, wording

NEAR = 0.8
"""Jaccard similarity of the word pairs from which two scenarios are nearly the same."""
BANDS, ROWS = 25, 5
"""Of the MinHash index: a pair at `NEAR` is missed once in 20,000; what is found too much, the exact overlap drops."""
FEW = 4
"""Word pairs below which a text is too short to be near another."""


def duplicates(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """The same persona, goal, opening, facts and state under several ids."""
    groups: dict[str, list[str]] = defaultdict(list)
    for scenario in scenarios:
        groups[_substance(scenario)].append(scenario.scenario_id)
    for first, *again in groups.values():
        if again:
            yield DatasetFinding(
                rule=DatasetRule.DUPLICATE,
                severity="error",
                scenario_ids=tuple(again),
                message=f"{first} again: same persona, goal, opening, facts and state",
                fix="Keep one: trials repeat a scenario, the dataset should not",
            )


def near_duplicates(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """Nearly the same words, found by MinHash (Broder 1997), the pair's true similarity then computed."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    seen: dict[str, tuple[Scenario, frozenset[str], str]] = {}
    for scenario in scenarios:
        pairs = wording(scenario)
        if len(pairs) < FEW:
            continue
        substance = _substance(scenario)
        sketch = MinHash(num_perm=BANDS * ROWS, seed=1)
        sketch.update_batch([pair.encode() for pair in sorted(pairs)])
        for name in sorted(map(str, index.query(sketch))):
            other, other_pairs, other_substance = seen[name]
            alike = overlap(pairs, other_pairs)
            if alike < NEAR or substance == other_substance or _contrast(scenario, other):
                continue
            # Another kind of user takes another way through the same wish, so it is no more than worth a look.
            severity: Severity = "warning" if scenario.persona.name == other.persona.name else "note"
            yield of_scenario(
                DatasetRule.NEAR_DUPLICATE,
                severity,
                scenario,
                f"shares {100 * alike:.0f} % of its wording with {name}",
                "Make it a situation of its own, or drop it: near copies make intervals too narrow",
            )
            break
        index.insert(scenario.scenario_id, sketch)
        seen[scenario.scenario_id] = (scenario, pairs, substance)


def _contrast(one: Scenario, other: Scenario) -> bool:
    """The same words in another world, with other behaviour expected: day 29 and day 31 of a 30-day rule."""
    return one.initial_state != other.initial_state and _expected(one) != _expected(other)


def _expected(scenario: Scenario) -> set[tuple[str, str, str]]:
    return {
        (expectation.kind, bare(expectation.text), content_hash(expectation.check))
        for expectation in scenario.expectations
    }


def _substance(scenario: Scenario) -> str:
    return content_hash(
        [
            bare(scenario.goal),
            bare(scenario.opening or ""),
            sorted(f"{bare(name)}={bare(value)}" for name, value in scenario.facts.items()),
            scenario.initial_state,
            scenario.persona.name,
        ]
    )
