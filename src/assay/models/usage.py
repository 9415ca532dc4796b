"""Adding up what calls took."""

from decimal import Decimal

from assay.contracts.stage import Usage


class UsageSum:
    """A running sum. Tokens and cost are unknown only where no part knows them."""

    __slots__ = ("calls", "cost_usd", "failed_calls", "input_tokens", "latency_s", "output_tokens")

    def __init__(self) -> None:
        self.calls = 0
        self.failed_calls = 0
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cost_usd: Decimal | None = None
        self.latency_s = 0.0

    def add(self, part: Usage) -> None:
        self.calls += part.calls
        self.failed_calls += part.failed_calls
        self.latency_s += part.latency_s
        self.count(part.input_tokens, part.output_tokens, part.cost_usd)

    def count(self, input_tokens: int | None, output_tokens: int | None, cost_usd: Decimal | None) -> None:
        if input_tokens is not None:
            self.input_tokens = (self.input_tokens or 0) + input_tokens
        if output_tokens is not None:
            self.output_tokens = (self.output_tokens or 0) + output_tokens
        if cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost_usd

    @property
    def total(self) -> Usage:
        return Usage.model_construct(
            calls=self.calls,
            failed_calls=self.failed_calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
            latency_s=self.latency_s,
        )


def add_usage(*parts: Usage) -> Usage:
    """The sum of a few."""
    total = UsageSum()
    for part in parts:
        total.add(part)
    return total.total


def token_metrics(name: str, usage: Usage) -> dict[str, float]:
    """`NAME_input_tokens` and `NAME_output_tokens`, each only where it is known: unknown is not 0."""
    counts = {"input": usage.input_tokens, "output": usage.output_tokens}
    return {f"{name}_{side}_tokens": float(count) for side, count in counts.items() if count is not None}
