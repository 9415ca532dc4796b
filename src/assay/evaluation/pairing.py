"""Two sides of a comparison, paired by scenario: differences, flips, costs."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assay.contracts.comparison import (
    CostDifference,
    Flip,
    PairedResult,
    SliceDifference,
    Unpaired,
    UnpairedSlice,
)
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.judgment import Ruling
from assay.evaluation.measures import Measure, compared
from assay.evaluation.results import TrialResult, paired_quantity, passes, scores, slice_of
from assay.evaluation.vacuous import vacuous_passes
from assay.statistics import Insufficient as TooLittle

if TYPE_CHECKING:
    import numpy as np

    Arrays = Callable[[Sequence[TrialResult]], tuple[np.ndarray, np.ndarray]]

Results = Sequence[TrialResult]


def compare_passes(champion: Results, challenger: Results, *, confidence: float) -> PairedResult:
    """Challenger minus champion in pass rate, with every test that a reader may ask for."""
    from assay.statistics import mcnemar_exact

    result = _paired(champion, challenger, passes, confidence)
    pairs = matched(champion, challenger)
    challenger_only = sum(bool(b.judgment.passed) and not a.judgment.passed for a, b in pairs)
    champion_only = sum(bool(a.judgment.passed) and not b.judgment.passed for a, b in pairs)
    return result.replace(
        mcnemar_p=mcnemar_exact(champion_only, challenger_only) if pairs else None,
        challenger_only=challenger_only,
        champion_only=champion_only,
    )


def compare_scores(champion: Results, challenger: Results, *, confidence: float) -> PairedResult:
    """Challenger minus champion in mean score."""
    return _paired(champion, challenger, scores, confidence)


def _paired(champion: Results, challenger: Results, arrays: "Arrays", confidence: float) -> PairedResult:
    from assay.statistics import paired_by_cluster, scenario_differences, sign_flip_test

    before, before_scenarios = arrays(champion)
    after, after_scenarios = arrays(challenger)
    found = paired_by_cluster(before, before_scenarios, after, after_scenarios, confidence=confidence)
    if isinstance(found, TooLittle):
        return PairedResult(difference=Insufficient.model_validate(found), p=None)
    differences, _ = scenario_differences(before, before_scenarios, after, after_scenarios)
    return PairedResult(
        difference=paired_quantity(found, confidence), p=found.p, se=found.se, p_permutation=sign_flip_test(differences)
    )


def matched(champion: Results, challenger: Results) -> list[tuple[TrialResult, TrialResult]]:
    """Judged trials of one scenario matched by their rank, so that trials 0, 1 can meet trials 2, 3."""
    sides = (_by_scenario(champion), _by_scenario(challenger))
    return [
        pair
        for scenario in sorted(sides[0].keys() & sides[1].keys())
        for pair in zip(sides[0][scenario], sides[1][scenario], strict=False)
        if pair[0].judged and pair[1].judged
    ]


def _by_scenario(results: Results) -> dict[str, list[TrialResult]]:
    grouped: dict[str, list[TrialResult]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.judgment.trial):
        grouped[result.judgment.scenario_id].append(result)
    return grouped


def compare_slices(
    champion: Results, challenger: Results, dimensions: Sequence[str], *, alpha: float
) -> tuple[SliceDifference, ...]:
    """The difference in every slice; p adjusted by Holm over all of them.

    A slice that holds everything would repeat the overall test and is left out; slices of the same scenarios are one
    test.
    """
    from assay.statistics import holm, paired_by_cluster

    rows: list[tuple[str, str, Quantity, float | None]] = []
    inside: list[frozenset[str]] = []
    everything = _scenarios((*champion, *challenger))
    for dimension in dimensions:
        values = {slice_of(result, dimension) for result in (*champion, *challenger)} - {None}
        for value in sorted(map(str, values)):
            sides = [[r for r in side if slice_of(r, dimension) == value] for side in (champion, challenger)]
            scenarios = _scenarios((*sides[0], *sides[1]))
            if scenarios == everything:
                continue
            inside.append(scenarios)
            found = paired_by_cluster(*passes(sides[0]), *passes(sides[1]), confidence=1 - alpha)
            if isinstance(found, TooLittle):
                rows.append((dimension, value, Insufficient.model_validate(found), None))
            else:
                rows.append((dimension, value, paired_quantity(found, 1 - alpha), found.p))
    tests = {scenarios: p for scenarios, (*_, p) in zip(inside, rows, strict=True) if p is not None}
    adjusted = dict(zip(tests, holm(list(tests.values())), strict=True))
    slices = []
    for scenarios, (dimension, value, difference, p) in zip(inside, rows, strict=True):
        p_holm = None if p is None else min(1.0, adjusted[scenarios])
        lost = isinstance(difference, Estimate) and difference.value < 0
        slices.append(
            SliceDifference(
                dimension=dimension,
                value=value,
                difference=difference,
                p_holm=p_holm,
                worse=lost and p_holm is not None and p_holm <= alpha,
            )
        )
    return tuple(slices)


def _scenarios(results: Results) -> frozenset[str]:
    return frozenset(result.judgment.scenario_id for result in results)


def judged_scenarios(results: Results) -> frozenset[str]:
    """The scenarios with at least one verdict."""
    return _scenarios([result for result in results if result.judged])


def shared(champion: Results, challenger: Results) -> tuple[list[TrialResult], list[TrialResult]]:
    """The judged conversations of both sides whose scenario has a verdict on both."""
    both = judged_scenarios(champion) & judged_scenarios(challenger)
    one, other = ([r for r in side if r.judged and r.judgment.scenario_id in both] for side in (champion, challenger))
    return one, other


def find_unpaired(champion: Results, challenger: Results, dimensions: Sequence[str]) -> Unpaired | None:
    """What has no partner on the other side, and the slices in which nothing has. None: everything has one."""
    judged = [[result for result in side if result.judged] for side in (champion, challenger)]
    paired = shared(champion, challenger)
    alone = [len(side) - len(with_partner) for side, with_partner in zip(judged, paired, strict=True)]
    if not any(alone):
        return None
    slices = []
    for dimension in dimensions:
        values = [{slice_of(result, dimension) for result in side} for side in (*judged, *paired)]
        for value in sorted(map(str, (values[0] & values[1]) - values[2] - values[3] - {None})):
            one, other = ([r for r in side if slice_of(r, dimension) == value] for side in judged)
            slices.append(
                UnpairedSlice(
                    dimension=dimension,
                    value=value,
                    champion_passed=_passed(one),
                    champion=len(one),
                    challenger_passed=_passed(other),
                    challenger=len(other),
                )
            )
    return Unpaired(
        champion=alone[0],
        champion_of=len(judged[0]),
        challenger=alone[1],
        challenger_of=len(judged[1]),
        slices=tuple(slices),
    )


def _passed(results: Results) -> int:
    return sum(bool(result.judgment.passed) for result in results)


def find_flips(champion: Results, challenger: Results) -> tuple[Flip, ...]:
    """Matched trials that one side passed and the other did not, what broke first."""
    flips = []
    vacuous = {row.conversation_id for side in (champion, challenger) for row in vacuous_passes(side)}
    for before, after in matched(champion, challenger):
        if before.judgment.passed == after.judgment.passed:
            continue
        broken = bool(before.judgment.passed)
        flips.append(
            Flip(
                scenario_id=before.judgment.scenario_id,
                trial=after.judgment.trial,
                direction="broken" if broken else "fixed",
                champion_conversation=before.conversation.conversation_id,
                challenger_conversation=after.conversation.conversation_id,
                reason=_why(after if broken else before),
                vacuous=(before if broken else after).conversation.conversation_id in vacuous,
            )
        )
    return tuple(sorted(flips, key=lambda flip: (flip.direction, flip.scenario_id, flip.trial)))


def _why(result: TrialResult) -> str:
    """What was expected and not met first, and what was found instead."""
    unmet = [verdict for verdict in result.judgment.verdicts if verdict.ruling is Ruling.NOT_MET]
    if not unmet:
        return result.judgment.rationale
    expected = result.scenario.expectations if result.scenario else ()
    wanted = next((e for e in expected if e.expectation_id == unmet[0].expectation_id), None)
    if wanted is None:
        return unmet[0].rationale
    return f"{wanted.kind.replace('_', ' ').capitalize()}: {wanted.text} Found: {unmet[0].rationale}"


def compare_costs(champion: Results, challenger: Results, *, confidence: float) -> tuple[CostDifference, ...]:
    """Per conversation: agent latency a turn, output tokens, cost and agent turns."""
    return tuple(
        CostDifference.model_validate(_cost(measure, champion, challenger, confidence)) for measure in compared()
    )


def _cost(measure: Measure, champion: Results, challenger: Results, confidence: float) -> dict:
    from assay.statistics import paired_by_cluster

    before, after = _measured(champion, measure), _measured(challenger, measure)
    found = paired_by_cluster(*before, *after, confidence=confidence)
    return {
        "measure": measure.name,
        "champion": float(before[0].mean()) if before[0].size else None,
        "challenger": float(after[0].mean()) if after[0].size else None,
        "difference": paired_quantity(found, confidence),
    }


def _measured(results: Results, measure: Measure) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    known = [(value, r.judgment.scenario_id) for r in results if (value := measure.of(r.conversation)) is not None]
    return np.array([v for v, _ in known], dtype=float), np.array([s for _, s in known], dtype=object)
