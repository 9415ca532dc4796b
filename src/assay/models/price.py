"""What tokens cost, by the price list that genai-prices ships. Nothing is fetched."""

from decimal import Decimal
from functools import lru_cache


def price(model: str, input_tokens: int | None, output_tokens: int | None) -> Decimal | None:
    """In USD. None: the tokens or the model's price are not known."""
    if input_tokens is None or output_tokens is None:
        return None
    rates = _rates(model)
    return None if rates is None else rates[0] * input_tokens + rates[1] * output_tokens


@lru_cache(maxsize=64)
def _rates(model: str) -> tuple[Decimal, Decimal] | None:
    """USD for one input and for one output token."""
    from genai_prices import Usage, calc_price

    provider, _, name = model.partition(":")
    million = 1_000_000
    try:
        both = [
            calc_price(Usage(input_tokens=read, output_tokens=written), name or provider, provider_id=provider or None)
            for read, written in ((million, 0), (0, million))
        ]
    except (LookupError, ValueError):
        return None
    return both[0].total_price / million, both[1].total_price / million
