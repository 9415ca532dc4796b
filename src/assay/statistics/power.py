"""How much data a difference needs, and what difference the data there is can show."""

import math
from dataclasses import dataclass

TYPICAL_SD = 0.45
"""Standard deviation of a scenario's difference in pass rate where no earlier run tells: two versions at 70 %, three
trials each, half of the scenarios' variance shared."""


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest difference that is found with the stated power; None: too few scenarios to say."""

    difference: float | None
    how: str


def scenarios_for_paired(difference: float, *, variance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Scenarios for a paired test to find `difference`, when the scenarios' differences have this variance.

    Source: Miller 2024 (arXiv 2411.00640), equation 9. Raises ValueError where difference is not above 0.
    """
    if difference <= 0:
        raise ValueError(f"difference must be above 0, not {difference}")
    return max(5, math.ceil(variance * (_z(1 - alpha / 2) + _z(power)) ** 2 / difference**2))


def detectable_difference(
    scenarios: int, *, sd: float = TYPICAL_SD, alpha: float = 0.05, power: float = 0.8
) -> Detectable:
    """The smallest difference in pass rate that this many scenarios show, paired, `power` of the time."""
    if scenarios < 5:
        return Detectable(None, f"{scenarios} scenarios; a comparison needs at least 5")
    difference = min(1.0, (_z(1 - alpha / 2) + _z(power)) * sd / math.sqrt(scenarios))
    return Detectable(
        difference,
        f"{scenarios} scenarios show a difference of {100 * difference:.0f} points {100 * power:.0f} % of the time",
    )


def _z(p: float) -> float:
    from scipy import special

    return float(special.ndtri(p))
