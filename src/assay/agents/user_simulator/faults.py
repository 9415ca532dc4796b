"""The user simulator's own mistakes, found by rules, so that the agent is not blamed for them."""

import re
from collections.abc import Iterator, Sequence

from assay.contracts.conversation import SimulatorFault, SimulatorFaultKind, StopReason, Turn
from assay.contracts.dataset import Expectation, SaysCheck, Scenario

IS_MACHINE = re.compile(
    r"\bas an? (ai|artificial intelligence|language model|llm)\b"
    r"|\bi(?: a|')m an? (ai|language model|chatbot|simulated user)\b"
    r"|\bmy (system )?prompt\b",
    re.IGNORECASE,
)
AS_AGENT = re.compile(
    r"\b(how (can|may) i (help|assist) you|thank you for (contacting|reaching out)|"
    r"i(?:'ve| have) (processed|issued|approved) (your|the) (refund|request|return|cancellation)|"
    r"is there anything else i can (help|assist|do)|please provide (me with )?your (order|e-?mail|user|booking))\b",
    re.IGNORECASE,
)
LEAK = 6
"""Words in a row that an expectation and the user share before it is no accident."""


def find_faults(scenario: Scenario, turns: Sequence[Turn], stop_reason: StopReason) -> tuple[SimulatorFault, ...]:
    """Left the persona, leaked an expectation, spoke as the agent, ended early; at most one of a kind a turn."""
    return (*_in_turns(scenario, turns), *_at_end(turns, stop_reason))


def _in_turns(scenario: Scenario, turns: Sequence[Turn]) -> Iterator[SimulatorFault]:
    secret = _secret(scenario)
    for place, turn in enumerate(turns):
        if turn.role != "user":
            continue
        if match := IS_MACHINE.search(turn.text):
            yield _fault(SimulatorFaultKind.LEFT_PERSONA, place, f"spoke of itself as a machine: {match.group(0)!r}")
        if match := AS_AGENT.search(turn.text):
            yield _fault(SimulatorFaultKind.SPOKE_AS_AGENT, place, f"spoke as the agent: {match.group(0)!r}")
        heard = {gram for earlier in turns[:place] if earlier.role == "agent" for gram in _grams(earlier.text)}
        if leaked := next((gram for gram in _grams(turn.text) if gram in secret and gram not in heard), None):
            yield _fault(SimulatorFaultKind.LEAKED_EXPECTATION, place, f"said what is expected: {' '.join(leaked)!r}")


def _at_end(turns: Sequence[Turn], stop_reason: StopReason) -> Iterator[SimulatorFault]:
    if stop_reason not in (StopReason.GOAL_REACHED, StopReason.GAVE_UP):
        return
    answers = [turn for turn in turns if turn.role == "agent"]
    if not answers:
        yield _fault(SimulatorFaultKind.ENDED_EARLY, max(0, len(turns) - 1), "left before the agent said anything")
    elif stop_reason is StopReason.GOAL_REACHED and _asks_for_something(answers[-1].text):
        yield _fault(
            SimulatorFaultKind.ENDED_EARLY, len(turns) - 1, "was content while the agent still waited for an answer"
        )


def _asks_for_something(text: str) -> bool:
    """The agent's last sentence asks for what it needs to go on; an offer of more help is no such question."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]
    if not sentences or not sentences[-1].endswith("?"):
        return False
    return re.search(r"anything else|further|help you|what can i do", sentences[-1], re.IGNORECASE) is None


def _secret(scenario: Scenario) -> set[tuple[str, ...]]:
    """Runs of words that only the expectations hold."""
    told = " ".join([scenario.goal, scenario.opening or "", scenario.persona.description, *scenario.facts.values()])
    known = set(_grams(told))
    return {gram for expectation in scenario.expectations for gram in _grams(_words_of(expectation))} - known


def _words_of(expectation: Expectation) -> str:
    pattern = expectation.check.pattern if isinstance(expectation.check, SaysCheck) else ""
    return f"{expectation.text} {re.sub(r'[^A-Za-z0-9 ]', ' ', pattern)}"


def _grams(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return zip(*(words[start:] for start in range(LEAK)), strict=False)


def _fault(kind: SimulatorFaultKind, turn: int, detail: str) -> SimulatorFault:
    return SimulatorFault(kind=kind, turn=turn, detail=detail)
