"""Quantiles of a stream, in memory that does not grow with it."""

import math
from collections.abc import Mapping

ACCURACY = 0.01
"""A quantile is right to within this share of its value."""
_GROWTH = math.log((1 + ACCURACY) / (1 - ACCURACY))
LEAST = 1e-6
"""What is smaller counts as this."""


def bucket(value: float) -> int:
    """Where a value (0 or more) is counted. Source: Masson, Rim and Lee 2019, DDSketch."""
    return math.ceil(math.log(max(value, LEAST)) / _GROWTH)


def quantile(buckets: Mapping[int, int], q: float) -> float | None:
    """The value below which the share q (0 to 1) lies; None: nothing was counted."""
    total = sum(buckets.values())
    if total == 0:
        return None
    rank, seen = q * (total - 1), 0
    for place in sorted(buckets):
        seen += buckets[place]
        if seen > rank:
            return 2 * math.exp(place * _GROWTH) / (1 + math.exp(_GROWTH))
    raise AssertionError("the counts of a non-empty sketch reach every rank")
