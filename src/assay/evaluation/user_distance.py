"""Whether real users are like the simulated ones: how they write, compared feature by feature and all together."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assay.contracts.conversation import Turn
from assay.contracts.feedback import UserDistance
from assay.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

Turns = Sequence[Turn]

FEATURES: dict[str, Callable[[list[str]], float]] = {
    "turns a conversation": lambda said: float(len(said)),
    "words a turn": lambda said: _mean([len(text.split()) for text in said]),
    "words in the first turn": lambda said: float(len(said[0].split())),
    "questions a turn": lambda said: _mean([text.count("?") for text in said]),
    "numbers a turn": lambda said: _mean([len(re.findall(r"\d+", text)) for text in said]),
    "polite words a turn": lambda said: _mean([len(POLITE.findall(text)) for text in said]),
    "share of turns that begin in lower case": lambda said: _mean([text[:1].islower() for text in said]),
}
POLITE = re.compile(r"\b(please|thanks?|thank you|sorry|kindly|hello|hi)\b", re.IGNORECASE)


def user_distance(
    simulated: Sequence[Turns],
    real: Sequence[Turns],
    *,
    scenarios: Sequence[str] | None = None,
    users: Sequence[str] | None = None,
) -> UserDistance:
    """Kolmogorov-Smirnov for each feature, adjusted by Holm, and the kernel's distance over all of them.

    simulated, real: conversations, of which the users' turns are read; those without one are passed over. scenarios,
    users: of each conversation, which belong together; without them each is by itself.
    Raises BadInput where scenarios or users are of another number.
    Source: Gretton et al. 2012; Smirnov 1939; Holm 1979.
    """
    from assay.statistics import Insufficient
    from assay.statistics.drift import Drift, drift_over, kolmogorov_smirnov, maximum_mean_discrepancy

    one, first = _features(simulated, scenarios, "scenarios")
    other, second = _features(real, users, "users")
    counts = {"simulated": one.shape[0], "real": other.shape[0]}
    tests = {
        name: kolmogorov_smirnov(one[:, place], other[:, place], reference_clusters=first, current_clusters=second)
        for place, name in enumerate(FEATURES)
    }
    whole = maximum_mean_discrepancy(*_scaled(one, other), reference_clusters=first, current_clusters=second)
    told = {}
    for name, (drift, p) in drift_over(tests).items():
        if isinstance(drift, Drift) and p is not None:
            place = list(FEATURES).index(name)
            means = f"{one[:, place].mean():.2g} simulated, {other[:, place].mean():.2g} real"
            told[name] = f"{'differs' if p < 0.05 else 'no difference beyond chance'} ({means}, p = {p:.2g})"
        else:
            told[name] = getattr(drift, "reason", "")
    if isinstance(whole, Insufficient):
        words = f"Whether real users are like the simulated ones is not known: {whole.reason}."
        return UserDistance(**counts, p=None, words=words, features=told)
    apart = [name for name, said in told.items() if said.startswith("differs")]
    words = (
        f"Real users write otherwise than the simulated ones (p = {whole.p:.2g})"
        + (f": {', '.join(apart)}." if apart else ", though no single feature shows it.")
        if whole.p < 0.05
        else f"Real users write like the simulated ones, as far as can be seen (p = {whole.p:.2g})."
    )
    return UserDistance(**counts, p=whole.p, words=words, features=told)


def _features(
    conversations: Sequence[Turns], groups: Sequence[str] | None, name: str
) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    if groups is not None and len(groups) != len(conversations):
        raise BadInput(f"{name}: one for each of {len(conversations)} conversations is needed, not {len(groups)}")
    rows, names = [], []
    for place, turns in enumerate(conversations):
        said = [turn.text.strip() for turn in turns if turn.role == "user" and turn.text.strip()]
        if said:
            rows.append([feature(said) for feature in FEATURES.values()])
            names.append(str(place) if groups is None else groups[place])
    return np.array(rows, dtype=float).reshape(-1, len(FEATURES)), np.array(names, dtype=object)


def _scaled(one: "np.ndarray", other: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Each feature by its ranks, so that no unit outweighs the others."""
    import numpy as np
    from scipy.stats import rankdata

    both = np.vstack([one, other])
    ranks = rankdata(both, axis=0) / max(1, both.shape[0])
    return ranks[: one.shape[0]], ranks[one.shape[0] :]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
