"""What a conversation came to and took: each quantity is one entry of `MEASURES`.

Reports, the comparison, the chats' tables, guardrails, the API and the page loop over the table, so that a new measure
is one entry and all of them agree on its name, its unit and its direction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.contracts.conversation import Conversation, Turn
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import Judgment
from assay.errors import BadInput

Unit = Literal["share", "seconds", "tokens", "usd", "count", "score"]


@dataclass(frozen=True, slots=True)
class Observed:
    """One conversation with all that is known of it."""

    conversation: Conversation
    judgment: Judgment | None = None
    """None: it was not judged."""
    feedback: Sequence[Feedback] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity of a conversation."""

    name: str
    """As in contracts, SQL columns and JSON."""
    label: str
    """As in tables, without the side; in prose the first letter is small."""
    unit: Unit
    better: Literal["higher", "lower"]
    read: Callable[[Observed], float | None]
    """None: not known, also where any part of it is not: half a sum misleads."""
    about: str = ""
    """How it comes from the turns, where the label does not say so."""
    compared: bool = True
    """Whether comparisons and the chats' tables hold it."""
    reported: bool = True
    """Whether an analytics report holds its mean."""
    limit: float | None = None
    """Of a guardrail that sets none: the most that a conversation may count for. None: a share, which has no limit."""
    over_limit: bool = False
    """True: the share of conversations over the limit, which is in the unit of what is read."""
    judged: bool = False
    """True: it is the judge's ruling, 1 or 0, which a certificate corrects."""

    def of(self, conversation: Conversation) -> float | None:
        """Of the conversation alone, without judgment and feedback."""
        return self.read(Observed(conversation))

    @property
    def prose(self) -> str:
        """The label within a sentence."""
        return f"{self.label[0].lower()}{self.label[1:]}"


def agent_turns(conversation: Conversation) -> list[Turn]:
    return [turn for turn in conversation.turns if turn.role == "agent"]


def _total(values: Sequence[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    total = _total(values)
    return None if total is None else total / len(values)


def _latency(seen: Observed) -> float | None:
    return _mean([turn.latency_s for turn in agent_turns(seen.conversation)])


def _slowest(seen: Observed) -> float | None:
    known = [turn.latency_s for turn in agent_turns(seen.conversation) if turn.latency_s is not None]
    return max(known, default=None)


def _input_tokens(seen: Observed) -> float | None:
    return _total([turn.input_tokens for turn in agent_turns(seen.conversation)])


def _output_tokens(seen: Observed) -> float | None:
    return _total([turn.output_tokens for turn in agent_turns(seen.conversation)])


def _cost(seen: Observed) -> float | None:
    costs = [turn.cost_usd for turn in agent_turns(seen.conversation)]
    known = [cost for cost in costs if cost is not None]
    return float(sum(known)) if known and len(known) == len(costs) else None


def _turns(seen: Observed) -> float:
    return float(len(agent_turns(seen.conversation)))


def _quality(seen: Observed) -> float | None:
    passed = None if seen.judgment is None else seen.judgment.passed
    return None if passed is None else float(passed)


def _feedback(seen: Observed) -> float | None:
    """Share of the items on it that are not negative."""
    negative = [item.negative for item in seen.feedback if item.negative is not None]
    return 1 - sum(negative) / len(negative) if negative else None


def _errors(seen: Observed) -> float:
    return float(seen.conversation.error is not None)


LATENCY = Measure(
    "latency_s", "Answer time", "seconds", "lower", _latency, "mean of the agent's turns", reported=False, limit=60.0
)
OUTPUT_TOKENS = Measure(
    "output_tokens", "Output tokens a conversation", "tokens", "lower", _output_tokens, limit=10_000
)
COST = Measure("cost_usd", "Cost a conversation", "usd", "lower", _cost, limit=10.0)
TURNS = Measure("agent_turns", "Agent turns a conversation", "count", "lower", _turns, limit=50)

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("quality", "Judged quality", "share", "higher", _quality, compared=False, reported=False, judged=True),
        Measure("feedback", "Users' feedback", "share", "higher", _feedback, compared=False, reported=False),
        Measure("errors", "Errors", "share", "lower", _errors, compared=False, reported=False),
        Measure(
            "slow",
            "Slow answers",
            "share",
            "lower",
            _slowest,
            compared=False,
            reported=False,
            limit=10.0,
            over_limit=True,
        ),
        LATENCY,
        TURNS,
        Measure(
            "input_tokens",
            "Input tokens a conversation",
            "tokens",
            "lower",
            _input_tokens,
            compared=False,
            limit=100_000,
        ),
        OUTPUT_TOKENS,
        COST,
    )
}


def compared() -> tuple[Measure, ...]:
    """What a comparison sets side by side, and the chats' tables hold."""
    return tuple(measure for measure in MEASURES.values() if measure.compared)


def reported() -> tuple[Measure, ...]:
    """Whose means an analytics report holds."""
    return tuple(measure for measure in MEASURES.values() if measure.reported)


def measure_named(name: str, field: str) -> Measure:
    """Raises BadInput for a name that the table does not have. `field`: where it was given."""
    if name not in MEASURES:
        raise BadInput(f"{field}: there is no measure `{name}`: use one of {', '.join(MEASURES)}")
    return MEASURES[name]
