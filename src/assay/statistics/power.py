"""How much data a difference needs, and what difference the data there is can show."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes
from assay.statistics.estimate import Insufficient

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


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """What the difference of two sides varies by. Variances of passes, so from 0 to 1."""

    between: float
    """Of the scenarios' true differences."""
    champion_within: float
    challenger_within: float
    """Of one trial around its scenario's rate, averaged over scenarios."""
    scenarios: int

    def of_difference(self, trials: int) -> float:
        """Of one scenario's difference with so many trials a side. Source: Miller 2024, equation 9."""
        return self.between + (self.champion_within + self.challenger_within) / trials


def variance_components(
    champion: ArrayLike, champion_clusters: ArrayLike, challenger: ArrayLike, challenger_clusters: ArrayLike
) -> VarianceComponents | Insufficient:
    """Components from an earlier comparison; arrays of shape (n,) as in `paired_by_cluster`.

    Within: the unbiased variance of a scenario's trials, averaged over scenarios with two trials or more. Between: the
    variance of the scenarios' mean differences less what the trials account for, and not below 0. Insufficient under
    5 common scenarios or where no scenario has two trials on either side. Source: Miller 2024 (arXiv 2411.00640).
    """
    before, after = (np.asarray(side, dtype=float).reshape(-1) for side in (champion, challenger))
    labels = np.concatenate([np.asarray(side, dtype=object) for side in (champion_clusters, challenger_clusters)])
    code, count = codes(labels)
    sides = [_moments(before, code[: before.size], count), _moments(after, code[before.size :], count)]
    common = (sides[0].size > 0) & (sides[1].size > 0)
    scenarios = int(common.sum())
    if scenarios < LEAST:
        return Insufficient(f"{scenarios} scenarios on both sides; planning needs {LEAST}", scenarios, scenarios)
    within = []
    for side in sides:
        repeated = common & (side.size >= 2)
        if not repeated.any():
            return Insufficient("no scenario was played twice: what trials vary by is not known", scenarios)
        within.append(float(side.variance[repeated].mean()))
    differences = (sides[1].mean - sides[0].mean)[common]
    noise = float((within[0] / sides[0].size[common] + within[1] / sides[1].size[common]).mean())
    return VarianceComponents(
        between=max(0.0, float(differences.var(ddof=1) - noise)),
        champion_within=within[0],
        challenger_within=within[1],
        scenarios=scenarios,
    )


@dataclass(frozen=True, slots=True)
class _Moments:
    """Of each scenario's trials, shape (scenarios,). The variance is unbiased and 0 where there is one trial."""

    size: NDArray[np.intp]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def _moments(values: NDArray[np.float64], code: NDArray[np.intp], count: int) -> _Moments:
    size = np.bincount(code, minlength=count)
    mean = np.bincount(code, weights=values, minlength=count) / np.maximum(1, size)
    squares = np.bincount(code, weights=(values - mean[code]) ** 2, minlength=count)
    return _Moments(size, mean, squares / np.maximum(1, size - 1))


def labels_for_admission(rate: float, *, level: float = 0.80, confidence: float = 0.95) -> int | None:
    """Labels of one kind that a judge of this rate needs until Wilson's lower bound reaches the level.

    None: no number will do, because the rate is not above the level. Source: Wilson 1927, solved for n.
    """
    if rate <= level:
        return None
    z = _z(1 - (1 - confidence) / 2)
    return math.ceil(z * z * level * (1 - level) / (rate - level) ** 2)
