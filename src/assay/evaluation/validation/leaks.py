"""Scenarios whose user says what the agent is expected to find: an agent that parrots would pass."""

import re
from collections.abc import Iterator, Sequence

from assay.contracts.dataset import DatasetFinding, DatasetRule, Expectation, SaysCheck, Scenario
from assay.evaluation.similarity import words
from assay.evaluation.validation.findings import Severity, each, of_expectation
from assay.evaluation.validation.wording import IDENTIFIER, shared_run, tokens

SAYING = re.compile(
    r"\b(?:says?|tells?|explains?|informs?|mentions?|states?|names?|answers?|points? out|warns?|confirms?|quotes?|"
    r"replies|reveals?|discloses?|makes? (?:it )?clear)\b(?:[^.;]*?\bthat\b|\s*:|\s)\s*(?P<said>.+)",
    re.IGNORECASE | re.DOTALL,
)
QUESTION = re.compile(
    r"(?:(?:the )?(?:user|customer) )?(?:when|what|which|whether|how|why|where|who|if)\b", re.IGNORECASE
)
WISH = re.compile(
    r"\?|\b(?:want|would like|wish|need|please|can you|could you|tell me|let me know|help|hope|wonder|how|when|"
    r"whether)\b",
    re.IGNORECASE,
)
"""A sentence that asks gives nothing away by its words alone."""
ECHO = re.compile(r"\b(?:confirms?|repeats?|reads? back|summari[sz]es?|acknowledges?)\b", re.IGNORECASE)
"""The agent is to say what the user told it, so the user's facts may well hold it."""
RUN = 5
"""Words in a row that the user's words and an expectation share before it is no accident."""
MOST = 0.7
"""Share of what is to be said that such a run must make up: naming the same thing is not telling the answer."""
CONTENT = 3
"""Content words and numbers that a statement of the user must share, in whatever order."""
LONGEST = 2000
"""Characters that a pattern is searched in, so that no pattern can stall the validation."""


def leaks(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    """What the agent must do or say stands in the goal, the opening or the facts.

    What it must not do may stand there: users press for what is forbidden.
    """
    for scenario, expectation in each(scenarios):
        if expectation.kind == "must" and (found := _given_away(scenario, expectation)):
            severity, shown = found
            yield of_expectation(
                DatasetRule.LEAKS_ANSWER,
                severity,
                scenario,
                expectation,
                f"the user's own words hold {shown!r}",
                "Reword the goal, the opening or the facts, so that the agent has to find it",
            )


def _given_away(scenario: Scenario, expectation: Expectation) -> tuple[Severity, str] | None:
    """(how bad, the words); None: nothing is given away."""
    told = [scenario.goal, scenario.opening or "", *scenario.facts.values()]
    said = _said(expectation.text)
    if run := _most_of(said or expectation.text, told):
        speaks_of_agent = any(re.search(r"\bthe agent\b", part, re.IGNORECASE) for part in told)
        return ("error" if said or speaks_of_agent else "note"), run
    if said and (stated := _stated(said, [scenario.opening or "", *scenario.facts.values()])):
        return "warning", stated
    if isinstance(expectation.check, SaysCheck):
        return _matched(expectation, expectation.check.pattern, scenario)
    return None


def _said(text: str) -> str:
    """What the agent is to say; empty: it is to do something, or to answer a question that the user may well ask."""
    match = SAYING.search(text)
    return "" if match is None or QUESTION.match(match["said"]) else match["said"]


def _most_of(expected: str, told: Sequence[str]) -> str:
    wanted = tokens(re.sub(r"^\s*the agent (?:must |should )?", "", expected, flags=re.IGNORECASE))
    for part in told:
        run = shared_run(wanted, tokens(part), RUN)
        if run and len(run) >= MOST * len(wanted):
            return " ".join(run)
    return ""


def _stated(said: str, told: Sequence[str]) -> str:
    """The sentence in which the user states all that matters of it."""
    wanted = _content(said)
    if len(wanted) < CONTENT:
        return ""
    for sentence in re.split(r"(?<=[.!?])\s+", " ".join(told)):
        if not WISH.search(sentence) and wanted <= _content(sentence):
            return sentence.strip()
    return ""


def _content(text: str) -> set[str]:
    return {*words(text), *re.findall(r"\d+", text)}


def _matched(expectation: Expectation, pattern: str, scenario: Scenario) -> tuple[Severity, str] | None:
    """A phrase that the check looks for; one word alone, or the user's own number, is no answer."""
    places: list[tuple[Severity, str]] = [("warning", f"{scenario.goal} {scenario.opening or ''}")]
    if not ECHO.search(expectation.text):
        places.append(("note", " ".join(scenario.facts.values())))
    for severity, told in places:
        match = re.search(pattern, told[:LONGEST], re.IGNORECASE)
        phrase = match.group(0).strip() if match else ""
        if (len(tokens(phrase)) > 1 or re.search(r"\d", phrase)) and not IDENTIFIER.search(phrase.upper()):
            return severity, phrase
    return None
