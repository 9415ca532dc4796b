"""Deterministic checks: whether a thing happened in a conversation, with the words that show it."""

from collections.abc import Mapping
from typing import Any

from jmespath.exceptions import JMESPathError

from assay.contracts.conversation import Conversation, ToolCall
from assay.contracts.dataset import Expectation, OutcomeCheck, SaysCheck, ToolCheck
from assay.contracts.expressions import TooMuch, compile_path, compile_pattern, shown
from assay.contracts.judgment import Evidence, Ruling, Verdict
from assay.contracts.text import normalise


def check_verdict(expectation: Expectation, conversation: Conversation) -> Verdict | None:
    """What code says of the expectation. None: it has no check, so a judge rules.

    Abstains where the conversation does not hold what the check looks at.
    """
    match expectation.check:
        case None:
            return None
        case SaysCheck() as check:
            happened, evidence, why = _says(check, conversation, _expected(expectation))
        case ToolCheck() as check:
            happened, evidence, why = _calls(check, conversation, _expected(expectation))
        case OutcomeCheck() as check:
            happened, evidence, why = _outcome(check, conversation, _expected(expectation))
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


def _says(check: SaysCheck, conversation: Conversation, expected: str) -> Found:
    pattern = compile_pattern(check.pattern)
    for place, turn in enumerate(conversation.turns):
        if turn.role == "agent" and (words := pattern.search(turn.text)) is not None:
            quote = words or turn.text[:80]
            return True, (Evidence(turn=place, quote=quote),), f"{expected}, found “{shown(quote)}”."
    return False, (), f"{expected}, found no such words in any of its turns."


def _calls(check: ToolCheck, conversation: Conversation, expected: str) -> Found:
    near: ToolCall | None = None
    for place, turn in enumerate(conversation.turns):
        for call in turn.tool_calls:
            if call.name != check.tool:
                continue
            if call.error is None and _holds(check.arguments, call.arguments):
                return True, (Evidence(turn=place, quote=turn.text[:200]),), f"{expected}, found {_called(call)}."
            near = call
    if near is not None:
        fault = f", which failed ({near.error})" if near.error else ""
        return False, (), f"{expected}, found {_called(near)}{fault}."
    return False, (), f"{expected}, found no call of {check.tool}."


def _outcome(check: OutcomeCheck, conversation: Conversation, expected: str) -> Found:
    if conversation.outcome is None:
        return None, (), "The conversation shows no outcome, so this cannot be checked."
    try:
        found = compile_path(check.path).search(conversation.outcome)
    except TooMuch:
        return None, (), f"The outcome is too large to look through for {check.path}, so this cannot be checked."
    except (JMESPathError, RecursionError) as error:
        return None, (), f"{check.path} cannot be read from this outcome ({error}), so this cannot be checked."
    return _same(found, check.equals), (), f"{expected}, found {'nothing' if found is None else shown(found)}."


def _expected(expectation: Expectation) -> str:
    """What the check looks for, as the beginning of a sentence."""
    never = "not " if expectation.kind == "must_not" else ""
    match expectation.check:
        case SaysCheck(pattern=pattern):
            return f"Expected the agent {never}to say “{pattern}”"
        case ToolCheck(tool=tool, arguments=arguments):
            return f"Expected the agent {never}to call {tool}{f' with {_arguments(arguments)}' if arguments else ''}"
        case OutcomeCheck(path=path, equals=equals):
            return f"Expected {path} {never}to be {shown(equals)}"
        case None:
            raise ValueError("the expectation has no check")


def _holds(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Every wanted argument is given, with the same value; words without regard to case and typography."""
    return all(name in given and _same(given[name], value) for name, value in wanted.items())


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return abs(found - wanted) < 1e-9 * max(1.0, abs(wanted))
    if isinstance(found, str) and isinstance(wanted, str):
        return normalise(found).strip().casefold() == normalise(wanted).strip().casefold()
    return found == wanted


def _called(call: ToolCall) -> str:
    return f"{call.name}({_arguments(call.arguments)})"


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {shown(value)}" for name, value in arguments.items())
