"""Judges against gold: how often each is right, whether order sways it, and what its mistakes do to a rate."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from assay.contracts.estimate import Estimate, Insufficient
from assay.contracts.judge_audit import (
    Correction,
    JudgeAudit,
    JudgePair,
    JudgeRecord,
    PairwiseItem,
    PairwiseVerdict,
    SubsetCounts,
)
from assay.errors import BadInput
from assay.evaluation.results import paired_quantity, quantity

if TYPE_CHECKING:
    import numpy as np


METHOD = (
    "Accuracy is the mean over items of the share of the asked orders in which the judge was right; an answer that "
    "could not be read is not right, nor is a tie. Consistency and preference are of items asked in both orders. Items "
    "at even places calibrate, those at odd places are measured, and met is `output 1 is better` in the order as "
    "given; ties and unread answers are left out of both. Differences are paired by item."
)
Answers = Mapping[str, PairwiseVerdict]
UNREAD = "unread"


def audit(items: Sequence[PairwiseItem], verdicts: Sequence[PairwiseVerdict]) -> JudgeAudit:
    """Raises BadInput for an item that a judge did not speak of, or that has no gold."""
    from assay.statistics.agreement import krippendorff_alpha

    by_judge: dict[str, dict[str, PairwiseVerdict]] = {}
    for verdict in verdicts:
        by_judge.setdefault(verdict.judge, {})[verdict.item_id] = verdict
    known = {item.item_id for item in items}
    for name, answers in by_judge.items():
        if strange := sorted(answers.keys() - known):
            raise BadInput(f"judgments: {name}: item_id {strange[0]} is not among the items: give its gold")
        if missing := sorted(known - answers.keys()):
            raise BadInput(f"judgments: {name} says nothing of item {missing[0]} ({len(missing)} in all): judge it")
    if not by_judge:
        raise BadInput("judgments: there are none")
    winners = [[by_judge[name][item.item_id].winner_ab for item in items] for name in by_judge]
    panel = (
        quantity(krippendorff_alpha(winners), clustered_by="items")
        if len(winners) > 1
        else Insufficient(reason="one judge is no panel", n=len(items))
    )
    return JudgeAudit(
        items=len(items),
        judges=tuple(_record(name, items, answers) for name, answers in by_judge.items()),
        pairs=tuple(_pair(one, other, items, by_judge) for one, other in combinations(by_judge, 2)),
        panel_alpha=panel,
        method=METHOD,
    )


def _record(name: str, items: Sequence[PairwiseItem], answers: Answers) -> JudgeRecord:
    import numpy as np

    from assay.statistics import naive_mean
    from assay.statistics.agreement import cohen_kappa
    from assay.statistics.calibration import admission, operating_point

    asked = [answers[item.item_id] for item in items]
    both = [verdict for verdict in asked if verdict.both_orders]
    given = [_answer(verdict.winner_ab) for verdict in asked]
    every = [*given, *(_answer(verdict.winner_ba) for verdict in both)]
    right = _right(items, answers)
    read = [(item.gold == "1", answers[item.item_id].winner_ab == "1") for item in items if _read(answers, item)]
    human, met = (np.array([float(row[side]) for row in read]) for side in (0, 1))
    decided = admission(operating_point(human, met))
    gold = [item.gold for item in items]
    return JudgeRecord(
        judge=name,
        n=len(items),
        unread=every.count(UNREAD),
        ties=every.count("tie"),
        both_orders=len(both),
        accuracy=quantity(naive_mean(right), clustered_by="items"),
        accuracy_tie_right=float(_right(items, answers, tie=1.0).mean()),
        accuracy_both_orders=_share(
            [
                verdict.winner_ab == verdict.winner_ba == item.gold
                for item, verdict in zip(items, asked, strict=True)
                if verdict.both_orders
            ]
        ),
        # an answer that could not be read is an answer of its own: both orders can have it in common
        order_consistency=_share([verdict.winner_ab == verdict.winner_ba for verdict in both]),
        prefers_first_shown=_share(
            [
                winner == first
                for verdict in both
                for winner, first in ((verdict.winner_ab, "1"), (verdict.winner_ba, "2"))
                if winner != "tie"
            ]
        ),
        kappa_with_gold=quantity(cohen_kappa(given, gold), clustered_by="items"),
        kappa_between_orders=quantity(
            cohen_kappa([_answer(v.winner_ab) for v in both], [_answer(v.winner_ba) for v in both]),
            clustered_by="items",
        )
        if both
        else Insufficient(reason="no item was asked in both orders", n=0),
        admitted=decided.admitted,
        admission=decided.reason,
        correction=_correction(items, answers),
        rating_auc=_auc(items, answers),
        subsets=tuple(_subset(subset, items, answers) for subset in sorted({item.subset for item in items})),
    )


def _answer(winner: str | None) -> str:
    """An answer that could not be read is a kind of its own for kappa."""
    return winner or UNREAD


def _share(holds: Sequence[bool]) -> float | None:
    return sum(holds) / len(holds) if holds else None


def _right(items: Sequence[PairwiseItem], answers: Answers, *, tie: float = 0.0) -> "np.ndarray":
    """For each item the mean over the asked orders: 1 for the right winner, `tie` for a tie, else 0."""
    import numpy as np

    def score(winner: str | None, gold: str) -> float:
        return tie if winner == "tie" else float(winner == gold)

    return np.array(
        [
            (score(verdict.winner_ab, item.gold) + score(verdict.winner_ba, item.gold)) / 2
            if verdict.both_orders
            else score(verdict.winner_ab, item.gold)
            for item in items
            for verdict in (answers[item.item_id],)
        ]
    )


def _read(answers: Answers, item: PairwiseItem) -> bool:
    """Whether the answer in the order as given names a winner."""
    return answers[item.item_id].winner_ab in ("1", "2")


def _correction(items: Sequence[PairwiseItem], answers: Answers) -> Correction:
    import numpy as np

    from assay.statistics.calibration import (
        Refused,
        operating_point,
        prediction_powered_two_samples,
        rogan_gladen,
    )

    rows = [
        (place % 2, float(item.gold == "1"), float(answers[item.item_id].winner_ab == "1"))
        for place, item in enumerate(items)
        if _read(answers, item)
    ]
    part, human, met = np.array(rows).T
    labels, judged, apparent = human[part == 0], met[part == 0], met[part == 1]
    point = operating_point(labels, judged)
    corrected = rogan_gladen(apparent, labels, judged)
    refused = corrected.reason if isinstance(corrected, Refused) else None
    return Correction(
        labels=int(labels.size),
        measured=int(apparent.size),
        sensitivity=quantity(point.sensitivity, clustered_by="items"),
        specificity=quantity(point.specificity, clustered_by="items"),
        apparent=float(apparent.mean()),
        truth=float(human[part == 1].mean()),
        rogan_gladen=None if isinstance(corrected, Refused) else _as_contract(corrected),
        refused=refused,
        prediction_powered=quantity(prediction_powered_two_samples(apparent, labels, judged), clustered_by="items"),
    )


def _as_contract(found: object) -> Estimate:
    return Estimate.model_validate(found).replace(clustered_by="items")


def _auc(items: Sequence[PairwiseItem], answers: Answers) -> "Estimate | Insufficient | None":
    from assay.statistics.calibration import auc

    rated = [
        (score, item.gold == output, item.item_id)
        for item in items
        for output, score in (("1", answers[item.item_id].score_1), ("2", answers[item.item_id].score_2))
        if score is not None
    ]
    if not rated:
        return None
    scores, better, names = zip(*rated, strict=True)
    return quantity(auc(scores, better, names), clustered_by="items")


def _subset(subset: str, items: Sequence[PairwiseItem], answers: Answers) -> SubsetCounts:
    rows = [(item.gold, answers[item.item_id]) for item in items if item.subset == subset]
    return SubsetCounts(
        subset=subset,
        n=len(rows),
        correct_ab=sum(said.winner_ab == gold for gold, said in rows),
        correct_ba=sum(said.winner_ba == gold for gold, said in rows if said.both_orders),
        correct_both=sum(said.winner_ab == said.winner_ba == gold for gold, said in rows if said.both_orders),
        same_verdict=sum(said.winner_ab == said.winner_ba for _, said in rows if said.both_orders),
    )


def _pair(one: str, other: str, items: Sequence[PairwiseItem], by_judge: Mapping[str, Answers]) -> JudgePair:
    from assay.statistics import PairedDifference, paired_by_cluster
    from assay.statistics.agreement import cohen_kappa

    names = [item.item_id for item in items]
    found = paired_by_cluster(_right(items, by_judge[other]), names, _right(items, by_judge[one]), names)
    difference = paired_quantity(found, clustered_by="items")
    p = found.p if isinstance(found, PairedDifference) else None
    winners = [[_answer(by_judge[name][item].winner_ab) for item in names] for name in (one, other)]
    agreement = quantity(cohen_kappa(*winners), clustered_by="items")
    return JudgePair(first=one, second=other, difference=difference, p=p, agreement=agreement)
