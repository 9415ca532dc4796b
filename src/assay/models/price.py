"""What tokens cost, by the price list that genai-prices ships. Nothing is fetched."""

import time
from decimal import Decimal
from functools import lru_cache
from typing import Any

SHORT, LONG = 1_000, 10_000_000
"""Tokens below and above every tier of a price list."""


def price(
    model: str,
    input_tokens: int | None,
    output_tokens: int | None,
    *,
    cached_tokens: int = 0,
    base_url: str | None = None,
) -> Decimal | None:
    """In USD, of `provider:model`. None: the tokens or the model's price are not known.

    cached_tokens: those of the input that the provider read from its cache. base_url: of an `openai:` model that is
    served elsewhere; at an address that nobody sells under, only OpenAI's own models and `provider/model` have a price,
    since a model with open weights costs there what the machine costs.
    """
    if input_tokens is None or output_tokens is None:
        return None
    cached_tokens = min(cached_tokens, input_tokens)
    rates = _rates(model, base_url, int(time.time() // 3600))
    match rates:
        case None:
            return None
        case fresh, cached, written:
            return fresh * (input_tokens - cached_tokens) + cached * cached_tokens + written * output_tokens
        case _:
            return _listed(model, base_url, input_tokens, output_tokens, cached_tokens)


@lru_cache(maxsize=256)
def _rates(model: str, base_url: str | None, hour: int) -> tuple[Decimal, Decimal, Decimal] | tuple[()] | None:
    """USD for one token: fresh input, cached input, output. Empty: it has tiers, so each call is looked up.

    Kept because the price list takes 0.07 ms a call, half of what the call itself takes. `hour`: some prices change
    with the time of day.
    """
    del hour
    asked = [(SHORT, 0, 0), (SHORT, 0, SHORT), (0, SHORT, 0), (LONG, 0, 0), (LONG, SHORT, 0), (0, 0, 0)]
    found = [_listed(model, base_url, *tokens) for tokens in asked]
    if any(usd is None for usd in found):
        return None
    fresh, cached, written, long, long_written, free = (usd or Decimal(0) for usd in found)
    factor = LONG // SHORT
    if long != fresh * factor or long_written != long + written or free:
        return ()
    return fresh / SHORT, cached / SHORT, written / SHORT


def _listed(
    model: str, base_url: str | None, input_tokens: int, output_tokens: int, cached_tokens: int
) -> Decimal | None:
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_tokens)
    provider, _, name = model.partition(":")
    for seller in _sellers(provider, name, base_url):
        try:
            return calc_price(usage, name, **seller).total_price
        except (LookupError, ValueError):
            continue
    return None


def _sellers(provider: str, name: str, base_url: str | None) -> list[dict[str, Any]]:
    """Whose price lists to look in, best first."""
    if base_url is None:
        return [{"provider_id": provider}]
    elsewhere = {"provider_api_url": base_url}
    if "/" in name:
        return [elsewhere, {"provider_id": "litellm"}]
    return [elsewhere] if name.startswith("gpt-oss") else [elsewhere, {"provider_id": "openai"}]
