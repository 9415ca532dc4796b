"""How a number is shown, and the rule that prose speaks of computed numbers only."""

import re
from collections.abc import Iterable, Sequence

from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.report import Fact
from assay.errors import BadInput

REFERENCE = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")
WORDS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "half",
    "third",
    "quarter",
    "twice",
    "thrice",
    "double",
    "triple",
    "dozen",
    "percent",
]
NUMBER = re.compile(rf"(?<![\w.])[-+]?\d[\d.,]*(?:\s?%)?|\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
NO_NUMBERS = (
    re.compile(r"`[^`]*`"),  # ids and code
    re.compile(r"\bpass[\^@]\w+", re.IGNORECASE),
    re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
    re.compile(r"\b[A-Za-z_-]+@[\w.-]+"),  # agent@version
    re.compile(r"^\s*\d+\.\s", re.MULTILINE),  # a numbered list
    re.compile(r"\b[A-Za-z]+[-_]?\d[\w-]*\b"),  # v2, gpt-4o
)


def show(fact: Fact) -> str:
    """The fact's value as every report, table and narrative writes it."""
    return show_value(fact.value, fact.unit)


def show_value(value: Quantity | int | float | str, unit: str) -> str:
    match value:
        case Estimate() | Insufficient():
            return show_quantity(value, unit)
        case str():
            return value
        case _:
            return _number(float(value), unit) + _unit(unit)


def show_quantity(value: Quantity, unit: str) -> str:
    """With its interval and n, such as `62.5 % (53.7 to 70.2 %, n 120, 40 scenarios)`; too little data in words."""
    if isinstance(value, Insufficient):
        return f"too little data ({value.reason})"
    clusters = f", {value.clusters} {value.clustered_by}" if value.clusters is not None else ""
    interval = f"{_number(value.low, unit)} to {_number(value.high, unit)}{_unit(unit)}"
    return f"{_number(value.value, unit)}{_unit(unit)} ({interval}, n {value.n}{clusters})"


def _number(value: float, unit: str) -> str:
    match unit:
        case "share":
            return f"{100 * value:.1f}"
        case "difference":
            return f"{100 * value:+.1f}"
        case "seconds":
            return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"
        case "usd":
            return f"{value:.2f}" if abs(value) >= 1 or value == 0 else f"{value:.2g}"
        case "tokens":
            return f"{value:,.0f}"
        case "score":
            return f"{value:.3g}"
        case _:
            return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _unit(unit: str) -> str:
    return {"share": " %", "difference": " points", "seconds": " s", "usd": " USD", "tokens": " tokens"}.get(unit, "")


def fill(text: str, facts: Sequence[Fact]) -> str:
    """Puts each `{fact_id}`'s value in. Raises BadInput for an id that is no fact's."""
    known = {fact.fact_id: fact for fact in facts}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in known:
            raise BadInput(f"narrative: {{{name}}} is no fact of this report: use one of {_some(known)}")
        return show(known[name])

    return REFERENCE.sub(value, text)


def stray_numbers(text: str) -> list[str]:
    """Numbers in the prose that are no reference to a fact: made up, or copied where they can go stale.

    Dates, ids in backticks, agent versions, `pass^k` and list numbers are not numbers in this sense.
    """
    plain = REFERENCE.sub(" ", text)
    for pattern in NO_NUMBERS:
        plain = pattern.sub(" ", plain)
    return [match.group(0) for match in NUMBER.finditer(plain)]


def refuse_stray(text: str, facts: Sequence[Fact]) -> None:
    """Raises BadInput when the prose holds a number that no fact stands behind."""
    stray = stray_numbers(text)
    if stray:
        raise BadInput(
            f"narrative: {', '.join(dict.fromkeys(stray))} is no computed number: write the fact's id in braces, "
            f"such as {_some(fact.fact_id for fact in facts)}"
        )
    fill(text, facts)


def _some(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in list(names)[:6])
