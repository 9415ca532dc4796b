"""Numbers as they are shown: never without their interval and n, and too little data in words."""

from typing import Literal

from assay.contracts.base import Contract, Finite


class Estimate(Contract):
    """A number with its interval."""

    kind: Literal["estimate"] = "estimate"
    value: Finite
    low: Finite
    high: Finite
    n: int
    clusters: int | None
    """What the interval takes as independent; None: not clustered."""
    clustered_by: str = "scenarios"
    confidence: float = 0.95
    method: str


class Insufficient(Contract):
    """Too little data is an answer."""

    kind: Literal["insufficient"] = "insufficient"
    reason: str
    n: int
    clusters: int | None = None


Quantity = Estimate | Insufficient
