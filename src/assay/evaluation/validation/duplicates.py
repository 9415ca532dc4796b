"""Scenarios that stand twice, or nearly so: they would count as independent and are not."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from assay.contracts.base import content_hash
from assay.contracts.dataset import DatasetFinding, DatasetRule, Scenario

NEAR = 0.8
"""Jaccard similarity of the word pairs from which two scenarios are nearly the same."""
PERMUTATIONS = 128


def duplicates(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """The same goal, opening, facts and state under several ids."""
    groups: dict[str, list[str]] = defaultdict(list)
    for scenario in scenarios:
        groups[_substance(scenario)].append(scenario.scenario_id)
    for names in groups.values():
        if len(names) > 1:
            yield DatasetFinding(
                rule=DatasetRule.DUPLICATE,
                severity="error",
                scenario_ids=tuple(names[1:]),
                message=f"{', '.join(names[1:])} is {names[0]} again",
                fix="Keep one: trials repeat a scenario, the dataset should not",
            )


def near_duplicates(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """Nearly the same words, found by MinHash (Broder 1997), the pair's true similarity then computed."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=NEAR - 0.1, num_perm=PERMUTATIONS)
    seen: dict[str, tuple[frozenset[str], str]] = {}
    for scenario in scenarios:
        shingles = wording(scenario)
        if len(shingles) < 4:
            continue
        sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update_batch([shingle.encode() for shingle in sorted(shingles)])
        for name in sorted(map(str, index.query(sketch))):
            other, substance = seen[name]
            alike = overlap(shingles, other)
            if alike >= NEAR and substance != _substance(scenario):
                yield DatasetFinding(
                    rule=DatasetRule.NEAR_DUPLICATE,
                    severity="warning",
                    scenario_ids=(scenario.scenario_id,),
                    message=f"shares {100 * alike:.0f} % of its wording with {name}",
                    fix="Make it a situation of its own, or drop it: near copies make intervals too narrow",
                )
                break
        index.insert(scenario.scenario_id, sketch)
        seen[scenario.scenario_id] = (shingles, _substance(scenario))


def _substance(scenario: Scenario) -> str:
    return content_hash(
        [
            _bare(scenario.goal),
            _bare(scenario.opening or ""),
            sorted(f"{key}={_bare(value)}" for key, value in scenario.facts.items()),
            scenario.initial_state,
            scenario.persona.name,
        ]
    )


def wording(scenario: Scenario) -> frozenset[str]:
    """Pairs of neighbouring words of what the user wants, says and knows."""
    said = _bare(f"{scenario.goal} {scenario.opening or ''} {' '.join(scenario.facts.values())}").split()
    return frozenset(" ".join(pair) for pair in itertools.pairwise(said))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity, 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 0.0


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
