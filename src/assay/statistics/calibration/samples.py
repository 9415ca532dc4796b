"""Two samples, one labelled by people and one measured by the judge, and the variance of what joins them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.clusters import LEAST, codes, words
from assay.statistics.intervals import ROUNDING, _finite

Clusters = ArrayLike | Sequence[object]


def _samples(
    measured: int, clusters: Clusters | None, labels: int, calibration_clusters: Clusters | None
) -> list[NDArray[np.intp]] | None:
    """The scenarios of both samples, numbered together; None where neither is clustered."""
    if clusters is None and calibration_clusters is None:
        return None
    if clusters is None or calibration_clusters is None:
        raise ValueError("clusters are needed of both samples, or of neither")
    both = [np.asarray(names, dtype=object).reshape(-1) for names in (clusters, calibration_clusters)]
    if both[0].size != measured or both[1].size != labels:
        raise ValueError(f"each sample needs one cluster a conversation, not {both[0].size} and {both[1].size}")
    code, _ = codes(np.concatenate(both))
    return [code[:measured], code[measured:]]


def _too_few(measured: int, labels: int, samples: list[NDArray[np.intp]] | None) -> str:
    if samples is None:
        return "" if min(measured, labels) >= 2 else f"{measured} conversations and {labels} labels; two are needed"
    fewest = min(np.unique(sample).size for sample in samples)
    return words(fewest) if fewest < LEAST else ""


def _count(samples: list[NDArray[np.intp]] | None, which: int) -> int | None:
    return None if samples is None else int(np.unique(samples[which]).size)


def _variance(
    parts: list[NDArray[np.float64]], samples: list[NDArray[np.intp]] | None, *, unbiased: bool = True
) -> tuple[float, float]:
    """Of a sum of two samples' deviations, each adding up to 0, and its degrees of freedom.

    Clustered: CR2's factor for each sample, then summed by scenario, so that one in both samples counts as one.
    """
    if samples is None:
        factors = [part.size / (part.size - 1) if unbiased else 1.0 for part in parts]
        return float(sum(factor * (part**2).sum() for factor, part in zip(factors, parts, strict=True))), float("inf")
    count = int(max(sample.max() for sample in samples)) + 1
    sums = np.zeros(count)
    for part, sample in zip(parts, samples, strict=True):
        share = np.bincount(sample, minlength=count) / part.size
        sums += np.bincount(sample, weights=part, minlength=count) / np.sqrt(np.maximum(1 - share, ROUNDING))
    return float((sums**2).sum()), min(np.unique(sample).size for sample in samples) - 1


def _unit(values: ArrayLike, name: str) -> NDArray[np.float64]:
    x = _finite(values)
    if ((x < 0) | (x > 1)).any():
        raise ValueError(f"{name} must be from 0 to 1")
    return x


def _verdicts(values: ArrayLike, name: str) -> NDArray[np.float64]:
    x = _finite(values)
    if not np.isin(x, (0.0, 1.0)).all():
        raise ValueError(f"{name} must be 0 or 1: leave out what has no verdict, and count it apart")
    return x


def _weights(weights: ArrayLike, size: int) -> NDArray[np.float64]:
    """On average 1, so that they change no scale."""
    w = _finite(weights)
    if w.size != size or (w <= 0).any():
        raise ValueError(f"weights: {size} numbers above 0 are needed, one a label")
    return w * (size / w.sum())
