"""How a number is shown, and the rule that prose speaks of computed numbers only."""

import math
import re
from collections.abc import Collection, Iterable, Sequence

from assay.contracts.base import content_hash
from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.report import Fact
from assay.errors import BadInput
from assay.evaluation.numerals import numerals

REFERENCE = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")
BRACES = re.compile(r"\{[^{}\n]*\}")
UNITS = {"share": " %", "difference": " points", "seconds": " s", "usd": " USD", "tokens": " tokens"}


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
            return _number(float(value), unit) + UNITS.get(unit, "")


def show_quantity(value: Quantity, unit: str) -> str:
    """With its interval and n, such as `62.5 % (53.7 to 70.2 %, n 120, 40 scenarios)`; too little data in words.

    An interval that is not of 95 % says so.
    """
    if isinstance(value, Insufficient):
        return f"too little data ({value.reason})"
    clusters = f", {value.clusters} {value.clustered_by}" if value.clusters is not None else ""
    level = "" if math.isclose(value.confidence, 0.95) else f"{100 * value.confidence:.4g} % interval "
    word = UNITS.get(unit, "")
    interval = f"{level}{_number(value.low, unit)} to {_number(value.high, unit)}{word}"
    return f"{_number(value.value, unit)}{word} ({interval}, n {value.n}{clusters})"


def _number(value: float, unit: str) -> str:
    match unit:
        case "share":
            text = f"{100 * value:.1f}"
        case "difference":
            text = f"{100 * value:+.1f}"
        case "seconds" | "usd":
            text = _significant(value, least=2)
        case "tokens":
            text = f"{value:,.0f}"
        case "score":
            text = "<0.001" if 0 < value < 0.001 else f"{value:,.3f}".rstrip("0").rstrip(".")
        case _:
            text = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return text if re.search(r"[1-9]", text) else text.lstrip("+-")


def _significant(value: float, least: int) -> str:
    """Two digits that count at the least, so that 0.00042 USD does not read as nothing; never an exponent."""
    size = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(12, max(least, 1 - size))}f}"


def slice_fact_id(dimension: str, value: str) -> str:
    """The id of a slice's fact."""
    return f"slice.{dimension}.{fact_key(value)}"


def fact_key(value: str) -> str:
    """A topic or another name as a part of a fact's id: itself where an id can hold it, else with a hash behind."""
    plain = re.sub(r"[^a-z0-9_.-]+", "-", value.lower())
    return plain if plain == value else f"{plain[:64]}.{content_hash(value)[:8]}"


def fill(text: str, facts: Sequence[Fact]) -> str:
    """Puts each `{fact_id}`'s value in. Raises BadInput for braces that hold no fact's id."""
    known = {fact.fact_id: fact for fact in facts}

    def value(match: re.Match[str]) -> str:
        name = match.group(0)[1:-1].strip()
        if name not in known:
            raise BadInput(f"narrative: {{{name}}} is no fact of this report: use one of {_some(known)}")
        return show(known[name])

    return BRACES.sub(value, text)


def spoken_of(text: str, facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """The facts that the prose refers to, in the facts' order."""
    named = set(REFERENCE.findall(text))
    return tuple(fact for fact in facts if fact.fact_id in named)


def stray_numbers(
    text: str, facts: Sequence[Fact] = (), names: Collection[str] = (), sources: Collection[str] = ()
) -> list[str]:
    """Numbers in the prose that are no reference to a fact: made up, or copied where they can go stale.

    Dates, ids in backticks, agent versions, `pass^k` and list numbers are not numbers in this sense, nor are the
    `names` (scenarios, topics, clusters) and what the facts' labels are called by, nor what is quoted word for word
    from the `sources` (what a judge or a user said).
    """
    called = {part for fact in facts for part in (fact.label, fact.label.partition(": ")[2]) if part}
    mixed = {word for label in called for word in re.findall(r"\d+[a-z]+|[a-z]+\^\d+", label)}
    return numerals(BRACES.sub(" ", text), {*names, *called, *mixed}, sources)


def refuse_stray(text: str, facts: Sequence[Fact], names: Collection[str] = (), sources: Collection[str] = ()) -> None:
    """Raises BadInput when the prose holds a number that no fact stands behind, or names a fact that is none."""
    stray = stray_numbers(text, facts, names, sources)
    if stray:
        raise BadInput(
            f"narrative: {', '.join(dict.fromkeys(stray))} is no computed number: write the fact's id in braces, "
            f"such as {_some(fact.fact_id for fact in facts)}; put names and ids in backticks"
        )
    fill(text, facts)


def _some(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in list(names)[:6]) or "none: there are no facts"
