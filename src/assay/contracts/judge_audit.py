"""Judges held against gold labels: pairs of outputs of which people said which is better."""

from typing import Literal

from assay.contracts.base import Contract, Document, Finite, Share, Text
from assay.contracts.estimate import Estimate, Quantity

Side = Literal["1", "2"]


class PairwiseItem(Contract):
    """A pair of outputs. `gold`: the one that people found better."""

    item_id: Text
    subset: str = ""
    gold: Side


class PairwiseVerdict(Contract):
    """What one judge said of one item. Winners are the original outputs' numbers, also in the swapped order."""

    item_id: Text
    judge: Text
    winner_ab: Side | None = None
    """None: the answer could not be read."""
    winner_ba: Side | None = None
    score_1: Finite | None = None
    score_2: Finite | None = None
    """Ratings of the two outputs by themselves; None: not rated, or not to be read."""


class Correction(Contract):
    """The share of items whose output 1 is better, as the judge sees it and as it is: on the half that was measured."""

    labels: int
    """Of the half that calibrates."""
    measured: int
    sensitivity: Quantity
    specificity: Quantity
    apparent: Share
    truth: Share
    """Known here because all items have gold."""
    rogan_gladen: Estimate | None
    refused: str | None
    """Why Rogan-Gladen cannot be trusted, in words; None: it can."""
    prediction_powered: Quantity


class SubsetCounts(Contract):
    subset: str
    n: int
    correct_ab: int
    correct_ba: int
    correct_both: int
    same_verdict: int


class JudgeRecord(Contract):
    judge: str
    n: int
    unread: int
    """Answers, of both orders, that could not be read: neither right nor dropped."""
    accuracy: Quantity
    """Mean of both orders."""
    accuracy_both_orders: Share
    order_consistency: Share
    """Same winner in both orders."""
    prefers_first_shown: Share
    kappa_with_gold: Quantity
    """Cohen's, in the order as given."""
    kappa_between_orders: Quantity
    admitted: bool
    admission: str
    """Whether the judge may gate, and why, in words."""
    correction: Correction
    rating_auc: Quantity | None
    """Chance that the better output is rated higher; None: the judge gives no ratings."""
    subsets: tuple[SubsetCounts, ...]


class JudgePair(Contract):
    """Two judges on the same items: first minus second in accuracy, paired, and how far they agree."""

    first: str
    second: str
    difference: Quantity
    p: float | None
    agreement: Quantity
    """Cohen's kappa of their winners, in the order as given."""


class JudgeMatch(Contract):
    """Two judges on the same rulings."""

    first: str
    second: str
    rulings: int
    same: Share | None
    """Share of rulings alike; None: they have none in common."""
    kappa: Quantity
    """Cohen's, clustered by scenario."""


class JudgeAgreement(Document):
    """Judges who ruled on the same conversations."""

    judges: tuple[str, ...]
    rulings: int
    alpha: Quantity
    """Krippendorff's, of all together, clustered by scenario."""
    matches: tuple[JudgeMatch, ...]


class JudgeAudit(Document):
    items: int
    judges: tuple[JudgeRecord, ...]
    pairs: tuple[JudgePair, ...]
    panel_alpha: Quantity
    """Krippendorff's alpha of all judges together, in the order as given."""
    method: str
