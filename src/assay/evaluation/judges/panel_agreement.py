"""How far judges agree who ruled on the same conversations: a matrix of judge against judge, and all together."""

from collections.abc import Sequence
from itertools import combinations

from assay.contracts.judge_audit import JudgeAgreement, JudgeMatch
from assay.contracts.judgment import Judging
from assay.errors import BadInput
from assay.evaluation.judges.labels import RULED, judged_verdicts
from assay.evaluation.results import TrialResult, quantity

Item = tuple[str, str]
"""Conversation and expectation."""


def judge_agreement(judgings: Sequence[tuple[Judging, Sequence[TrialResult]]]) -> JudgeAgreement:
    """Cohen's kappa of every pair and Krippendorff's alpha of all, clustered by scenario; code's rulings do not count.

    Raises BadInput for fewer than two judgings, or where no ruling is common to two of them.
    """
    import numpy as np

    from assay.statistics.agreement import cohen_kappa, krippendorff_alpha

    if len(judgings) < 2:
        raise BadInput("judging: give two judgings or more of the same conversations")
    rulings = [_rulings(results) for _, results in judgings]
    scenario = {
        result.conversation.conversation_id: result.judgment.scenario_id
        for _, results in judgings
        for result in results
    }
    items = sorted({item for said in rulings for item in said})
    table = [[said.get(item) for item in items] for said in rulings]
    if not any(sum(cell is not None for cell in column) > 1 for column in zip(*table, strict=True)):
        raise BadInput("judging: no expectation of the same conversation was ruled on by a judge in two of them")
    clusters = np.array([scenario[name] for name, _ in items], dtype=object)
    names = _names([judging for judging, _ in judgings])
    matches = []
    for one, other in combinations(range(len(judgings)), 2):
        both = [place for place in range(len(items)) if table[one][place] and table[other][place]]
        same = [table[one][place] == table[other][place] for place in both]
        kappa = cohen_kappa(
            [table[one][place] for place in both], [table[other][place] for place in both], clusters=clusters[both]
        )
        matches.append(
            JudgeMatch(
                first=names[one],
                second=names[other],
                rulings=len(both),
                same=sum(same) / len(same) if same else None,
                kappa=quantity(kappa),
            )
        )
    return JudgeAgreement(
        judges=tuple(names),
        rulings=len(items),
        alpha=quantity(krippendorff_alpha(table, clusters=clusters)),
        matches=tuple(matches),
    )


def _rulings(results: Sequence[TrialResult]) -> dict[Item, str]:
    return {
        (result.conversation.conversation_id, verdict.expectation_id): verdict.ruling.value
        for result in results
        for verdict in judged_verdicts(result)
        if verdict.ruling in RULED
    }


def _names(judgings: Sequence[Judging]) -> list[str]:
    """The judge where that tells them apart, else with its judging's id."""
    judges = [judging.judge for judging in judgings]
    return [
        judge if judges.count(judge) == 1 else f"{judge} ({judging.subject_id})"
        for judge, judging in zip(judges, judgings, strict=True)
    ]
