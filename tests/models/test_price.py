"""Prices come from the list that is installed, and what is not known is None."""

from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from assay.models import price


@pytest.mark.parametrize("model", ["openai:gpt-5-mini", "anthropic:claude-haiku-4-5", "google:gemini-2.5-pro"])
@pytest.mark.parametrize("tokens", [(0, 0, 0), (1200, 80, 0), (1200, 80, 1024), (300_000, 80, 0), (1, 5_000, 1)])
def test_a_price_is_what_the_list_says_also_over_a_tier_and_from_the_cache(model, tokens):
    provider, _, name = model.partition(":")
    read, written, cached = tokens
    usage = Usage(input_tokens=read, output_tokens=written, cache_read_tokens=cached)
    listed = calc_price(usage, name, provider_id=provider).total_price
    assert price(model, read, written, cached_tokens=cached) == listed


def test_what_is_not_known_has_no_price():
    assert price("openai:stub", 1, 1) is None
    assert price("openai:gpt-5-mini", None, 1) is None
    assert price("openai:gpt-5-mini", 1, None) is None
    assert price("nobody:gpt-5-mini", 1, 1) is None


def test_at_an_unknown_address_only_openais_own_models_have_a_price():
    here = "http://127.0.0.1:8000/v1"
    assert price("openai:gpt-5-mini", 1_000_000, 0, base_url=here) == Decimal("0.25")
    assert price("openai:anthropic/claude-haiku-4-5", 1_000_000, 0, base_url=here) == Decimal(1)
    assert price("openai:llama-3.1-8b", 1, 1, base_url=here) is None
    assert price("openai:gpt-oss-20b", 1, 1, base_url=here) is None
    assert price("openai:llama-3.1-8b-instant", 1_000_000, 0, base_url="https://api.groq.com/openai/v1")
