"""Judges held against gold labels: pairs of outputs of which people said which is better."""

from typing import Any, Literal

from pydantic import model_validator

from assay.contracts.base import Contract, Document, Finite, Share, Text
from assay.contracts.estimate import Estimate, Quantity

Side = Literal["1", "2"]
Winner = Literal["1", "2", "tie"]


class PairwiseItem(Contract):
    """A pair of outputs. `gold`: the one that people found better."""

    item_id: Text
    subset: str = ""
    gold: Side


class PairwiseVerdict(Contract):
    """What one judge said of one item. Winners are the original outputs' numbers, also in the swapped order."""

    item_id: Text
    judge: Text
    winner_ab: Winner | None = None
    """None: the answer could not be read."""
    winner_ba: Winner | None = None
    """Left out: the judge was not asked in this order (see `both_orders`)."""
    both_orders: bool
    """Whether the judge was asked in both orders; by default whether `winner_ba` is given, be it as null."""
    score_1: Finite | None = None
    score_2: Finite | None = None
    """Ratings of the two outputs by themselves; None: not rated, or not to be read."""

    @model_validator(mode="before")
    @classmethod
    def orders_asked(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "both_orders" not in fields:
            return {**fields, "both_orders": "winner_ba" in fields}
        return fields


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
    """Of the items that were asked in both orders, as are the two that follow."""
    correct_both: int
    same_verdict: int


class JudgeRecord(Contract):
    judge: str
    n: int
    unread: int
    """Answers, of the orders that were asked, that could not be read: neither right nor dropped."""
    ties: int
    """Answers, of the orders that were asked, that found both outputs equal."""
    both_orders: int
    """Items that were asked in both orders."""
    accuracy: Quantity
    """Mean over items of the share of the asked orders with the right winner; a tie is not right."""
    accuracy_tie_right: Share
    """The same if a tie counts as right, as some published figures have it."""
    accuracy_both_orders: Share | None
    """Right in both orders; None: no item was asked in both, as with the two that follow."""
    order_consistency: Share | None
    """The same answer in both orders; one that could not be read is an answer of its own."""
    prefers_first_shown: Share | None
    """Of the answers that are no tie: how often the output that was shown first wins. Unread ones have no winner."""
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
