"""How much data a difference needs, and what difference the data there is can show."""

import math
from dataclasses import dataclass

from assay.statistics.clusters import LEAST

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

    Source: Miller 2024 (arXiv 2411.00640), equation 9; Guenther 1981 for what Student's t needs beyond the normal.
    Raises ValueError where difference is not above 0 or variance is below 0.
    """
    if difference <= 0:
        raise ValueError(f"difference must be above 0, not {difference}")
    if variance < 0:
        raise ValueError(f"variance must not be below 0, not {variance}")
    normal = variance * (_z(1 - alpha / 2) + _z(power)) ** 2 / difference**2
    return max(LEAST, math.ceil(normal + _beyond_normal(alpha)))


def detectable_difference(
    scenarios: int, *, sd: float = TYPICAL_SD, alpha: float = 0.05, power: float = 0.8
) -> Detectable:
    """The smallest difference in pass rate that this many scenarios show, paired, `power` of the time.

    The inverse of scenarios_for_paired with the variance sd^2.
    """
    if scenarios < LEAST:
        return Detectable(None, f"{scenarios} scenarios; a comparison needs at least {LEAST}")
    normal = max(1.0, scenarios - _beyond_normal(alpha))
    difference = min(1.0, (_z(1 - alpha / 2) + _z(power)) * sd / math.sqrt(normal))
    return Detectable(
        difference,
        f"{scenarios} scenarios show a difference of {100 * difference:.0f} points {100 * power:.0f} % of the time",
    )


def _beyond_normal(alpha: float) -> float:
    """Scenarios that Student's t needs more than the normal does, to a close approximation: 2 at alpha 0.05."""
    return _z(1 - alpha / 2) ** 2 / 2


def _z(p: float) -> float:
    from scipy import special

    return float(special.ndtri(p))
