"""Expectations that rest on what nobody in the conversation could know."""

import json
import re
from collections.abc import Iterator, Sequence

from assay.contracts.agent import AgentCard
from assay.contracts.dataset import (
    DatasetFinding,
    DatasetRule,
    Expectation,
    OutcomeCheck,
    SaysCheck,
    Scenario,
    ToolCheck,
)
from assay.evaluation.validation.findings import Severity, each, of_expectation
from assay.evaluation.validation.wording import IDENTIFIER

NUMBER = re.compile(r"(?<![\w.,-])\d{2,}(?:[.,]\d+)*")


def hidden_state(scenarios: Sequence[Scenario], card: AgentCard | None) -> Iterator[DatasetFinding]:
    """A number or an identifier that neither the user's words, nor the initial state, nor the card mention.

    Where the agent has tools over a world that is not given, they could supply anything, so nothing is said.
    """
    on_card = _of_card(card)
    for scenario, expectation in each(scenarios):
        known = f"{_of_user(scenario)} {json.dumps(scenario.initial_state, ensure_ascii=False)} {on_card}".casefold()
        unknown = sorted({claim for claim in _claims(expectation, card) if claim.casefold() not in known})
        severity = _severity(unknown, scenario, expectation, card) if unknown else None
        if severity:
            asked = ", ".join(f'"{claim}"' for claim in unknown)
            yield of_expectation(
                DatasetRule.HIDDEN_STATE,
                severity,
                scenario,
                expectation,
                f"asks for {asked}, which neither the user's facts, nor the initial state, nor the card mention",
                "Give it to the user as a fact, put it in the initial state, or name it on the card",
            )


def _severity(
    unknown: Sequence[str], scenario: Scenario, expectation: Expectation, card: AgentCard | None
) -> Severity | None:
    """How sure it is that nobody could know; None: a tool could tell.

    An agent without tools may know a plain number from its own documents; an identifier must be told to it.
    """
    if card is None:
        return "note"
    if not card.tools:
        identifier = any(IDENTIFIER.search(claim) for claim in unknown)
        return "warning" if identifier and card.system_prompt is not None else "note"
    if isinstance(expectation.check, ToolCheck):
        others = any(tool.name != expectation.check.tool for tool in card.tools)
        return None if others and scenario.initial_state is None else "warning"
    return None if scenario.initial_state is None else "note"


def _claims(expectation: Expectation, card: AgentCard | None) -> list[str]:
    """What the expectation names of the world; for an agent without tools all its numbers, which none could look up."""
    match expectation.check:
        case ToolCheck(arguments=arguments):
            named = " ".join(str(value) for value in arguments.values() if isinstance(value, str | int))
        case OutcomeCheck(path=path, equals=equals):
            named = f"{path} {equals}" if isinstance(equals, str) else path
        case SaysCheck(pattern=pattern):
            named = pattern
        case None:
            named = ""
    claims = IDENTIFIER.findall(f"{expectation.text} {named}")
    if card is not None and not card.tools:
        claims += NUMBER.findall(expectation.text)
    return claims


def _of_user(scenario: Scenario) -> str:
    return " ".join([scenario.goal, scenario.opening or "", scenario.persona.description, *scenario.facts.values()])


def _of_card(card: AgentCard | None) -> str:
    if card is None:
        return ""
    tools = " ".join(f"{tool.name} {tool.description} {json.dumps(tool.parameters)}" for tool in card.tools)
    return " ".join([card.description, card.system_prompt or "", *card.known_limits, *card.topics, tools])
