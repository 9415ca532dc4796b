"""A fact in the pieces that a tile or a chart shows apart: number, unit, interval, how many stand behind it.

How a number is written is decided in `evaluation/facts.py`; this only takes apart what it wrote.
"""

from dataclasses import dataclass

from assay.contracts.estimate import Estimate, Insufficient
from assay.contracts.report import Fact
from assay.evaluation.facts import show_quantity, show_value


@dataclass(frozen=True, slots=True)
class Shown:
    number: str
    """Empty: there is no number to show, `note` says why."""
    unit: str
    interval: str
    """Such as `31.3 to 48.9`; empty where there is none."""
    behind: str
    """Such as `n 177 in 59 scenarios`."""
    note: str = ""


def taken_apart(fact: Fact) -> Shown:
    match fact.value:
        case Insufficient(reason=reason):
            return Shown("", "", "", "", note=reason)
        case str(words):
            return Shown("", "", "", "", note=words)
        case Estimate() as estimate:
            number, _, unit = show_value(estimate.value, fact.unit).partition(" ")
            return Shown(number, unit, _interval(estimate, fact.unit), behind(estimate))
        case value:
            number, _, unit = show_value(value, fact.unit).partition(" ")
            return Shown(number, unit, "", "")


def interval(value: float, low: float, high: float, unit: str) -> str:
    """`53.7 to 70.2 %`, as it stands within the shown quantity."""
    return _interval(Estimate(value=value, low=low, high=high, n=0, clusters=None, method=""), unit)


def _interval(estimate: Estimate, unit: str) -> str:
    shown = show_quantity(estimate, unit).removeprefix(show_value(estimate.value, unit))
    return shown.removeprefix(" (").partition(", n ")[0]


def behind(estimate: Estimate) -> str:
    if estimate.clusters is None:
        return f"n {estimate.n:,}"
    return f"n {estimate.n:,} in {estimate.clusters:,} {estimate.clustered_by}"
