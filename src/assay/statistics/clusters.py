"""What a cluster is: the scenario. Every clustered number derives its clusters here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.estimate import LEAST


def codes(labels: ArrayLike | Sequence[object]) -> tuple[NDArray[np.intp], int]:
    """Labels as integers from 0, and how many there are."""
    array = np.asarray(labels, dtype=object)
    if array.size == 0:
        return np.zeros(0, dtype=np.intp), 0
    _, inverse = np.unique(array.astype(str), return_inverse=True)
    return inverse.astype(np.intp).reshape(-1), int(inverse.max()) + 1


def means(values: NDArray[np.float64], code: NDArray[np.intp], clusters: int) -> NDArray[np.float64]:
    """The mean of each cluster."""
    return np.bincount(code, weights=values, minlength=clusters) / np.bincount(code, minlength=clusters)


def words(clusters: int) -> str:
    """How few clusters there are, for people."""
    return f"{clusters} scenario{'' if clusters == 1 else 's'}; a clustered interval needs {LEAST}"
