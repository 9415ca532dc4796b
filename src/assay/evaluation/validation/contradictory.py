"""Expectations of one scenario that no conversation can meet together."""

import itertools
import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from assay.contracts.dataset import (
    DatasetFinding,
    DatasetRule,
    Expectation,
    OutcomeCheck,
    SaysCheck,
    Scenario,
    ToolCheck,
)
from assay.evaluation.similarity import words
from assay.evaluation.validation.findings import of_scenario
from assay.evaluation.validation.wording import tokens

NEGATIONS = frozenset(["not", "never", "no", "without"])
EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a agent also an any assistant at ca can could do does did ever it its must once please shall should that the "
        "to will would",
    )
)
"""Words that change nothing of what is expected."""


def contradictory(scenarios: Sequence[Scenario]) -> Iterator[DatasetFinding]:
    for scenario in scenarios:
        for one, other in itertools.combinations(scenario.expectations, 2):
            if why := _rule_out(one, other):
                yield of_scenario(
                    DatasetRule.CONTRADICTORY,
                    "error",
                    scenario,
                    f"{one.expectation_id} and {other.expectation_id} cannot both be met: {why}",
                    "Drop one, or split the scenario",
                )


def _rule_out(one: Expectation, other: Expectation) -> str:
    """Why; empty: both can be met."""
    if one.kind == other.kind:
        return (_two_outcomes(one, other) if one.kind == "must" else "") or _opposite_words(one, other)
    must, must_not = (one, other) if one.kind == "must" else (other, one)
    return _forbidden(must, must_not) or _opposite_words(one, other)


def _two_outcomes(one: Expectation, other: Expectation) -> str:
    match one.check, other.check:
        case OutcomeCheck(path=path, equals=value), OutcomeCheck(path=same, equals=another):
            if path.strip() == same.strip() and _plain(value) != _plain(another):
                return f"{path} cannot be {value!r} and {another!r}"
    return ""


def _forbidden(must: Expectation, must_not: Expectation) -> str:
    """What meets the one check always triggers the other."""
    match must.check, must_not.check:
        case OutcomeCheck(path=path, equals=value), OutcomeCheck(path=same, equals=another):
            if path.strip() == same.strip() and _plain(value) == _plain(another):
                return f"{path} must and must not be {value!r}"
        case ToolCheck(tool=tool, arguments=wanted), ToolCheck(tool=same, arguments=banned):
            if tool == same and all(name in wanted and _plain(wanted[name]) == _plain(banned[name]) for name in banned):
                return f"every such call of {tool} is forbidden"
        case SaysCheck(pattern=wanted), SaysCheck(pattern=banned):
            if wanted.casefold() == banned.casefold():
                return f"{wanted!r} must and must not be said"
            # A pattern of plain words says itself: within other letters too, so that \b cannot tell them apart.
            literal = re.escape(wanted).replace("\\ ", " ") == wanted
            if literal and all(re.search(banned, said, re.IGNORECASE) for said in (f"x{wanted}x", f" {wanted} ")):
                return f"saying {wanted!r} is forbidden by {banned!r}"
    return ""


def _opposite_words(one: Expectation, other: Expectation) -> str:
    """The same thing expected and forbidden, by `kind` or by a word such as `never`."""
    first, second = tokens(one.text), tokens(other.text)
    if _denied(one, first) == _denied(other, second):
        return ""
    left, right = _core(first), _core(second)
    return "the same thing must and must not be done" if left and left == right else ""


def _denied(expectation: Expectation, said: list[str]) -> bool:
    negative = sum(word in NEGATIONS for word in said) % 2 == 1
    return negative != (expectation.kind == "must_not")


def _core(said: list[str]) -> list[str]:
    """The words that matter, cut to their stems; numbers, `more`, `before` and the like stay, since they do matter."""
    kept = [word for word in said if word not in EMPTY and word not in NEGATIONS]
    return sorted("".join(words(word)) or word for word in kept)


def _plain(value: JsonValue) -> JsonValue:
    """As checks compare: words without regard to case, 1 and 1.0 alike, True not 1."""
    if isinstance(value, str):
        return value.strip().casefold()
    return repr(value) if isinstance(value, bool) else value
