"""Tokens, as each protocol counts them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_TOKENS = 2**53


@dataclass(frozen=True, slots=True)
class Tokens:
    """None: the server does not say, or not in a way that can be counted."""

    input: int | None = None
    """With those that came from a cache."""
    output: int | None = None
    """With those of the reasoning."""
    cached: int | None = None
    """Of the input."""

    def __or__(self, later: "Tokens") -> "Tokens":
        """What the later count says, and where it says nothing what this one does."""
        return Tokens(
            input=self.input if later.input is None else later.input,
            output=self.output if later.output is None else later.output,
            cached=self.cached if later.cached is None else later.cached,
        )


def read_count(count: object) -> int | None:
    """A count of tokens. None: it is none."""
    if isinstance(count, bool) or not isinstance(count, int | float):
        return None
    return int(count) if 0 <= count <= MOST_TOKENS else None


def read_usage(answer: object) -> Tokens:
    """The counts in an answer, a chunk of a stream or a `usage` object itself."""
    if not isinstance(answer, Mapping):
        return Tokens()
    for key in ("usage", "usageMetadata", "usage_metadata", "x_groq"):
        if isinstance(answer.get(key), Mapping) and (tokens := _tokens(answer[key])):
            return tokens
    return _tokens(answer) or Tokens()


_INPUT = (
    *("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count"),
    *("inputTokens", "promptTokens", "prompt_eval_count"),
)
_OUTPUT = ("completion_tokens", "output_tokens", "outputTokens", "completionTokens", "eval_count")
_GEMINI_OUTPUT = ("candidatesTokenCount", "candidates_token_count", "thoughtsTokenCount", "thoughts_token_count")
_CACHED = ("cachedContentTokenCount", "cached_content_token_count", "cacheReadInputTokens", "prompt_cache_hit_tokens")
_ANTHROPIC_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")


def _tokens(usage: Mapping[str, Any]) -> Tokens | None:
    if isinstance(usage.get("tokens"), Mapping):  # Cohere
        return _tokens(usage["tokens"])
    if isinstance(usage.get("usage"), Mapping):  # Groq's streams
        return _tokens(usage["usage"])
    read, written = _first(usage, _INPUT), _first(usage, _OUTPUT)
    if written is None and any(name in usage for name in _GEMINI_OUTPUT):
        written = sum(read_count(usage.get(name)) or 0 for name in _GEMINI_OUTPUT)
    cached = _first(usage, _CACHED)
    for name in ("prompt_tokens_details", "input_tokens_details", "input_token_details"):
        details = usage.get(name)
        if isinstance(details, Mapping):
            cached = _first(details, ("cached_tokens", "cache_read")) if cached is None else cached
    if any(name in usage for name in _ANTHROPIC_CACHE):
        # Anthropic counts what it reads from and writes to its cache beside `input_tokens`
        cached = read_count(usage.get("cache_read_input_tokens"))
        read = (read or 0) + sum(read_count(usage.get(name)) or 0 for name in _ANTHROPIC_CACHE)
    if read is None and written is None:
        return None
    return Tokens(read, written, cached)


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := read_count(usage.get(name))) is not None), None)
