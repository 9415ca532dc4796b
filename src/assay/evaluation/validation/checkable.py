"""Expectations that nothing in a conversation could decide."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from assay.contracts.agent import AgentCard, Tool
from assay.contracts.dataset import (
    DatasetFinding,
    DatasetRule,
    Expectation,
    OutcomeCheck,
    SaysCheck,
    Scenario,
    ToolCheck,
)
from assay.evaluation.validation.attempts import Attempt
from assay.evaluation.validation.findings import Severity, each, of_expectation

INNER = re.compile(
    r"\b(?:agent|assistant|bot|it|and|also) "
    r"(?:(?:must|should|shall|will|always|never|fully|clearly|really|truly|does not|do not|must not|should not) )*"
    r"(thinks?|understands?|knows?|feels?|believes?|intends?|realises?|realizes?|is aware|be aware|considers?|"
    r"empathi[sz]es?)\b",
    re.IGNORECASE,
)
AFTERWARDS = re.compile(
    r"\b(?:user|customer|caller|client|person)s? (?:then |later |finally )?"
    r"((?:is|are|feels?|leaves?|ends? up|will be|becomes?) "
    r"(?:\w+ )?(?:happy|satisfied|content|pleased|heard|delighted|valued|understood|reassured|impressed|loyal)|"
    r"(?:enjoys?|comes? back|returns? as|recommends?))\b",
    re.IGNORECASE,
)
SHOWN = re.compile(
    r"\b(says?|asks?|tells?|calls?|writes?|explains?|names?|offers?|gives?|shows?|states?|confirms?|repeats?|mentions?|"
    r"thanks?|summari[sz]es?|acknowledges?|apologi[sz]es?|refers?|lists?|quotes?)\b",
    re.IGNORECASE,
)


def not_checkable(
    scenarios: Sequence[Scenario], card: AgentCard | None, attempts: Mapping[str, Attempt] | None
) -> Iterator[DatasetFinding]:
    """A check that can never, or must always, find what it looks for; or what goes on where no transcript reaches."""
    tools = {tool.name: tool for tool in card.tools} if card else {}
    for scenario, expectation in each(scenarios):
        attempt = (attempts or {}).get(scenario.scenario_id)
        match expectation.check:
            case ToolCheck() as check if card is not None:
                found = _tool(check, tools)
            case OutcomeCheck() if attempt is not None and not attempt.failed and not attempt.shows_state:
                found = (
                    "error",
                    "the agent shows no outcome to look at",
                    "Check what it says or which tool it calls, or have the connector return its state",
                )
            case SaysCheck(pattern=pattern) if re.search(pattern, ""):
                found = (
                    "error" if expectation.kind == "must_not" else "warning",
                    f"{pattern!r} matches whatever the agent says",
                    "Write a pattern that some answers match and others do not",
                )
            case None:
                found = _unseen(expectation)
            case _:
                found = None
        if found:
            severity, message, fix = found
            yield of_expectation(DatasetRule.NOT_CHECKABLE, severity, scenario, expectation, message, fix)


Found = tuple[Severity, str, str] | None
"""Severity, message and fix; None: it can be checked."""


def _tool(check: ToolCheck, tools: Mapping[str, Tool]) -> Found:
    if not tools:
        return "warning", "the card names no tool at all", f"Put {check.tool} on the card, or check what the agent says"
    if check.tool not in tools:
        return "error", f"the agent has no tool {check.tool!r}", f"Use one of {', '.join(sorted(tools))}"
    schema = tools[check.tool].parameters
    known = schema.get("properties")
    if not isinstance(known, dict) or not known:
        return None
    for name, value in check.arguments.items():
        if name not in known:
            return (
                "error" if schema.get("additionalProperties") is False else "warning",
                f"{check.tool} takes no argument {name!r}",
                f"Use one of {', '.join(sorted(known))}",
            )
        described = known[name]
        allowed = described.get("enum") if isinstance(described, dict) else None
        if isinstance(allowed, list) and value not in allowed:
            listed = ", ".join(json.dumps(item) for item in allowed)
            return "error", f"{check.tool} takes no {name} {json.dumps(value)}", f"Use one of {listed}"
    return None


def _unseen(expectation: Expectation) -> Found:
    if match := AFTERWARDS.search(expectation.text):
        return (
            "warning",
            f"{match.group(1)!r} happens to the user, and no transcript of the agent shows it",
            "Say what the agent says or does that is to bring it about",
        )
    if (match := INNER.search(expectation.text)) and not SHOWN.search(expectation.text):
        return (
            "warning",
            f"{match.group(1)!r} happens inside the agent, and no transcript shows it",
            "Say what the agent then says or does",
        )
    return None
