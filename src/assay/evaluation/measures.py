"""What a conversation took: each quantity is defined once, with its name, unit and direction.

Reports, the comparison, the chats' tables, guardrails and monitors take it from here, so that they agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.contracts.conversation import Conversation, Turn

Unit = Literal["share", "seconds", "tokens", "usd", "count", "score"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity of a conversation."""

    name: str
    """As in contracts, SQL columns and JSON."""
    label: str
    """As in tables and prose, without the side."""
    unit: Unit
    better: Literal["higher", "lower"]
    of: Callable[[Conversation], float | None]
    """None: not known, also where any part of it is not: half a sum misleads."""


def agent_turns(conversation: Conversation) -> list[Turn]:
    return [turn for turn in conversation.turns if turn.role == "agent"]


def _total(values: Sequence[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    total = _total(values)
    return None if total is None else total / len(values)


def _latency(conversation: Conversation) -> float | None:
    return _mean([turn.latency_s for turn in agent_turns(conversation)])


def _slowest(conversation: Conversation) -> float | None:
    known = [turn.latency_s for turn in agent_turns(conversation) if turn.latency_s is not None]
    return max(known, default=None)


def _input_tokens(conversation: Conversation) -> float | None:
    return _total([turn.input_tokens for turn in agent_turns(conversation)])


def _output_tokens(conversation: Conversation) -> float | None:
    return _total([turn.output_tokens for turn in agent_turns(conversation)])


def _cost(conversation: Conversation) -> float | None:
    costs = [turn.cost_usd for turn in agent_turns(conversation)]
    known = [cost for cost in costs if cost is not None]
    return float(sum(known)) if known and len(known) == len(costs) else None


def _turns(conversation: Conversation) -> float:
    return float(len(agent_turns(conversation)))


LATENCY = Measure("latency_s", "Answer time", "seconds", "lower", _latency)
SLOWEST = Measure("slowest_s", "Slowest answer", "seconds", "lower", _slowest)
INPUT_TOKENS = Measure("input_tokens", "Input tokens a conversation", "tokens", "lower", _input_tokens)
OUTPUT_TOKENS = Measure("output_tokens", "Output tokens a conversation", "tokens", "lower", _output_tokens)
COST = Measure("cost_usd", "Cost a conversation", "usd", "lower", _cost)
TURNS = Measure("agent_turns", "Agent turns a conversation", "count", "lower", _turns)

COMPARED = (LATENCY, OUTPUT_TOKENS, COST, TURNS)
"""What a comparison sets side by side, and the chats' tables hold."""

MEASURES = {measure.name: measure for measure in (LATENCY, SLOWEST, INPUT_TOKENS, OUTPUT_TOKENS, COST, TURNS)}
