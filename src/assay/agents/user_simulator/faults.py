"""The user simulator's own mistakes, found by rules, so that the agent is not blamed for them.

Most rules compare the user's turn with what else is known: the agent's words, the user's facts, what is expected.
They are checked on labelled conversations of a small model in tests/agents/test_simulator_faults.py.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from assay.agents.user_simulator.asked import asked_facts, is_identifier, letters, open_questions, signs, tells, told
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
    r"is there anything else i can (help|assist|do)|please provide (me with )?your (order|e-?mail|user|booking))\b"
    # the first person offers or refuses help to the other side
    r"|\b(i|we)\b[^.?!]{0,40}\b(assist|help) you\b"
    r"|\bi(?: a|')m (always )?here to (help|assist|support|listen)\b|\bsorry to hear that you\b"
    r"|\b(i|we)\b[^.?!]{0,30}\b(can|can't|cannot|could|will|unable to|able to) (assist|help) with (that|this|your)\b",
    re.IGNORECASE,
)
DENIES = re.compile(
    r"\b(don't|do not|didn't|can't|cannot|can not|couldn't|no longer) (know|have|remember|recall|find|provide|give)\b"
    r"|\b(no|not sure|unsure|without)\b",
    re.IGNORECASE,
)
INVENTABLE = re.compile(
    r"\b[\w.+-]+@[\w-]+\.\w+"
    r"|\b(?=\w*\d\w*\d\w*\d)(?:\d{5,}|[a-z]+[\w-]*\d[\w-]*|\d[\w-]*[a-z][\w-]*)\b",
    re.IGNORECASE,
)
"""What nobody makes up by accident: addresses, and words with three digits or more."""
RUN = 6
"""Words in a row that two texts share before it is no accident."""
ECHOED = 0.5
"""Share of a user's turn that the agent has said before, in runs of so many words, from which it is an echo."""
SENTENCE = 4
"""Words from which saying the same again is a repetition and no short answer."""
OVER_AND_OVER = 3
"""Times that a sentence may not stand in one turn."""
PATIENCE = 3
"""Answers of the agent before a user may give up on a question."""


def find_faults(scenario: Scenario, turns: Sequence[Turn], stop_reason: StopReason) -> tuple[SimulatorFault, ...]:
    """Every fault that the rules find; at most one of a kind a turn."""
    return (*_in_turns(scenario, turns), *_at_end(scenario, turns, stop_reason))


def faults_of_turn(scenario: Scenario, turns: Sequence[Turn], place: int) -> Iterator[SimulatorFault]:
    """What is wrong with one turn of the user's, given those before it."""
    text, before = turns[place].text, turns[:place]
    theirs = [turn.text for turn in before if turn.role == "agent"]
    mine = [turn.text for turn in before if turn.role == "user"]
    if match := IS_MACHINE.search(text):
        yield _fault(SimulatorFaultKind.LEFT_PERSONA, place, f"spoke of itself as a machine: {match.group(0)!r}")
    if match := AS_AGENT.search(text):
        yield _fault(SimulatorFaultKind.SPOKE_AS_AGENT, place, f"spoke as the agent: {match.group(0)!r}")
    elif name := _asks_for_own(scenario, text):
        yield _fault(SimulatorFaultKind.SPOKE_AS_AGENT, place, f"asked the agent for its own {name}")
    heard = {gram for said in theirs for gram in _grams(said)}
    leaked = next((gram for gram in _grams(text) if gram in _secret(scenario) and gram not in heard), None)
    if leaked:
        yield _fault(SimulatorFaultKind.LEAKED_EXPECTATION, place, f"said what is expected: {' '.join(leaked)!r}")
    if echoed := _echo(scenario, text, mine, heard):
        yield _fault(SimulatorFaultKind.ECHOED_AGENT, place, f"said the agent's words: {echoed!r}")
    if name := _withheld(scenario, text, mine, theirs):
        yield _fault(
            SimulatorFaultKind.WITHHELD_FACT,
            place,
            f"did not tell the {name}, which the agent asked for and which is known",
        )
    if invented := _invented(scenario, text, theirs):
        yield _fault(SimulatorFaultKind.INVENTED_FACT, place, f"made up {invented!r}")
    if _repeats(scenario, text, mine, theirs):
        yield _fault(SimulatorFaultKind.REPEATED_ITSELF, place, "said the same as before, to another answer")
    elif sentence := _over_and_over(text):
        yield _fault(SimulatorFaultKind.REPEATED_ITSELF, place, f"said over and over: {sentence[:80]!r}")


def leaves_early(scenario: Scenario, turns: Sequence[Turn], stop_reason: StopReason | None) -> str | None:
    """Why it is too early to leave after these turns; None: it is not."""
    if stop_reason not in (StopReason.GOAL_REACHED, StopReason.GAVE_UP):
        return None
    theirs = [turn.text for turn in turns if turn.role == "agent"]
    if not theirs:
        return "left before the agent said anything"
    last = theirs[-1]
    mine = [turn.text for turn in turns if turn.role == "user"]
    waits = open_questions(last) or [
        name for name in asked_facts(scenario.facts, last) if not told(scenario.facts, name, mine[:-1])
    ]
    if not waits:
        return None
    if stop_reason is StopReason.GOAL_REACHED:
        return "was content while the agent still waited for an answer"
    circles = letters(last) in map(letters, theirs[:-1])
    if len(theirs) < PATIENCE and not circles:
        return "gave up while the agent still waited for an answer"
    return None


def _in_turns(scenario: Scenario, turns: Sequence[Turn]) -> Iterator[SimulatorFault]:
    for place, turn in enumerate(turns):
        if turn.role == "user":
            yield from faults_of_turn(scenario, turns, place)


def _at_end(scenario: Scenario, turns: Sequence[Turn], stop_reason: StopReason) -> Iterator[SimulatorFault]:
    if why := leaves_early(scenario, turns, stop_reason):
        yield _fault(SimulatorFaultKind.ENDED_EARLY, max(0, len(turns) - 1), why)


def _asks_for_own(scenario: Scenario, text: str) -> str | None:
    """A fact of the user's that the user asks the agent for, as only the agent would."""
    asked = " ".join([*open_questions(text), *re.findall(r"[^.!?]*\bplease\b[^.!?]*", text, re.IGNORECASE)]).casefold()
    return next((name for name in scenario.facts if any(f"your {sign}" in asked for sign in signs(name)[:3])), None)


def _echo(scenario: Scenario, text: str, mine: Sequence[str], heard: set[tuple[str, ...]]) -> str | None:
    """The turn where most of it are the agent's own words, which the user has neither said before nor was given."""
    own = {gram for said in [*mine, _given(scenario)] for gram in _grams(said)}
    count = len(_words(text))
    covered: set[int] = set()
    for start, gram in enumerate(_grams(text)):
        if gram in heard and gram not in own:
            covered |= set(range(start, start + RUN))
    return text[:80] if count and len(covered) >= ECHOED * count else None


def _withheld(scenario: Scenario, text: str, mine: Sequence[str], theirs: Sequence[str]) -> str | None:
    """A fact that the agent has just asked for, that the user knows and neither tells nor has told.

    What is no number or address may be told in words that no rule knows, so it counts only where it is denied.
    """
    if not theirs:
        return None
    facts = scenario.facts
    asked = asked_facts(facts, theirs[-1])
    if any(tells(facts[name], text) or told(facts, name, mine) for name in asked):
        return None
    said, denies = text.casefold(), DENIES.search(text) is not None
    return next(
        (n for n in asked if is_identifier(facts[n]) or (denies and any(sign in said for sign in signs(n)[:3]))), None
    )


def _invented(scenario: Scenario, text: str, theirs: Sequence[str]) -> str | None:
    known = letters(" ".join([_given(scenario), *theirs]))
    found = (match.group() for match in INVENTABLE.finditer(text))
    return next((word for word in found if letters(word) not in known), None)


def _repeats(scenario: Scenario, text: str, mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """The same sentence again, though the agent does not go in circles. To tell a fact again is no repetition."""
    if len(_words(text)) < SENTENCE or any(tells(value, text) for value in scenario.facts.values()):
        return False
    circles = bool(theirs) and letters(theirs[-1]) in map(letters, theirs[:-1])
    return letters(text) in map(letters, mine) and not circles


def _over_and_over(text: str) -> str | None:
    """A sentence that stands in the turn three times or more."""
    counted = Counter(letters(sentence) for sentence in re.split(r"[.!?\n]+", text) if len(_words(sentence)) > 1)
    return next((sentence for sentence, count in counted.items() if count >= OVER_AND_OVER), None)


def _secret(scenario: Scenario) -> set[tuple[str, ...]]:
    """Runs of words that only the expectations hold."""
    known = set(_grams(_given(scenario)))
    return {gram for expectation in scenario.expectations for gram in _grams(_words_of(expectation))} - known


def _given(scenario: Scenario) -> str:
    """All that the simulator was told."""
    facts = [f"{name} {value}" for name, value in scenario.facts.items()]
    return " \n ".join([scenario.goal, scenario.opening or "", scenario.persona.description, *facts])


def _words_of(expectation: Expectation) -> str:
    pattern = expectation.check.pattern if isinstance(expectation.check, SaysCheck) else ""
    return f"{expectation.text} {re.sub(r'[^A-Za-z0-9 ]', ' ', pattern)}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _grams(text: str) -> Iterator[tuple[str, ...]]:
    said = _words(text)
    return zip(*(said[start:] for start in range(RUN)), strict=False)


def _fault(kind: SimulatorFaultKind, turn: int, detail: str) -> SimulatorFault:
    return SimulatorFault(kind=kind, turn=turn, detail=detail)
