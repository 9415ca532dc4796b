"""Adding up what calls took."""

from collections.abc import Sequence
from typing import TypeVar

from assay.contracts.stage import Usage

N = TypeVar("N")


def add_usage(*parts: Usage) -> Usage:
    """The sum. Tokens and cost are unknown only where no part knows them."""
    return Usage.model_construct(
        calls=sum(part.calls for part in parts),
        failed_calls=sum(part.failed_calls for part in parts),
        input_tokens=_sum([part.input_tokens for part in parts]),
        output_tokens=_sum([part.output_tokens for part in parts]),
        cost_usd=_sum([part.cost_usd for part in parts]),
        latency_s=sum(part.latency_s for part in parts),
    )


def _sum(values: Sequence[N | None]) -> N | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None  # type: ignore[call-overload]
