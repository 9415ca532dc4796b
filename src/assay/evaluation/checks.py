"""Deterministic checks: whether a thing happened in a conversation, with the words that show it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from assay.contracts.conversation import Conversation, ToolCall
from assay.contracts.dataset import Expectation, OutcomeCheck, SaysCheck, ToolCheck
from assay.contracts.judgment import Evidence, Ruling, Verdict

LONGEST = 20_000
"""Characters of a turn that a pattern is searched in, so that no transcript can stall a check."""


def check_verdict(expectation: Expectation, conversation: Conversation) -> Verdict | None:
    """What code says of the expectation. None: it has no check, so a judge rules.

    Abstains where the conversation does not hold what the check looks at.
    """
    match expectation.check:
        case None:
            return None
        case SaysCheck() as check:
            happened, evidence, why = _says(check, conversation)
        case ToolCheck() as check:
            happened, evidence, why = _calls(check, conversation)
        case OutcomeCheck() as check:
            happened, evidence, why = _outcome(check, conversation)
    if happened is None:
        ruling, confidence = Ruling.ABSTAINED, 0.0
    else:
        ruling = Ruling.MET if happened == (expectation.kind == "must") else Ruling.NOT_MET
        confidence = 1.0
    return Verdict(
        expectation_id=expectation.expectation_id,
        rationale=why,
        evidence=evidence,
        ruling=ruling,
        confidence=confidence,
        source="code",
        judge=f"check:{expectation.check.kind}",
    )


Found = tuple[bool | None, tuple[Evidence, ...], str]
"""Whether it happened (None: it cannot be told), where, and why in words."""


def _says(check: SaysCheck, conversation: Conversation) -> Found:
    pattern = _compiled(check.pattern)
    for place, turn in enumerate(conversation.turns):
        if turn.role == "agent" and (match := pattern.search(turn.text[:LONGEST])):
            quote = match.group(0) or turn.text[:80]
            return True, (Evidence(turn=place, quote=quote),), f"The agent said {quote!r}."
    return False, (), f"The agent said nothing that matches {check.pattern!r}."


def _calls(check: ToolCheck, conversation: Conversation) -> Found:
    near: ToolCall | None = None
    for place, turn in enumerate(conversation.turns):
        for call in turn.tool_calls:
            if call.name != check.tool:
                continue
            if call.error is None and _holds(check.arguments, call.arguments):
                return True, (Evidence(turn=place, quote=turn.text[:200]),), f"The agent called {_shown(call)}."
            near = call
    if near is not None:
        fault = f", which failed ({near.error})" if near.error else ""
        return False, (), f"The agent called {_shown(near)}{fault}; {check.tool} with {check.arguments} was looked for."
    return False, (), f"The agent never called {check.tool}."


def _outcome(check: OutcomeCheck, conversation: Conversation) -> Found:
    if conversation.outcome is None:
        return None, (), "The conversation shows no outcome, so this cannot be checked."
    found = _path(check.path).search(conversation.outcome)
    happened = _same(found, check.equals)
    shown = f"{found!r}" if len(repr(found)) < 200 else f"{repr(found)[:200]}…"
    return happened, (), f"The outcome's {check.path} is {shown}; {check.equals!r} was looked for."


def _holds(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Every wanted argument is given, with the same value; words without regard to case."""
    return all(name in given and _same(given[name], value) for name, value in wanted.items())


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return abs(found - wanted) < 1e-9 * max(1.0, abs(wanted))
    if isinstance(found, str) and isinstance(wanted, str):
        return found.strip().casefold() == wanted.strip().casefold()
    return found == wanted


def _shown(call: ToolCall) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    return f"{call.name}({arguments})"


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@lru_cache(maxsize=4096)
def _path(path: str) -> Any:
    import jmespath

    return jmespath.compile(path)
