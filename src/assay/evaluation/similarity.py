"""Which texts are about the same thing: content words, TF-IDF, and groups of texts that are alike."""

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ALIKE = 0.25
"""Cosine of TF-IDF vectors from which two texts are about the same thing."""

SAME_LABEL = 0.2
OTHER_LABEL = -0.1
"""What is added to the cosine of two texts where somebody labelled both: alone it joins nothing."""

AT_ONCE = 1500
"""Texts compared each with each at once; the others join the groups that these form, or form groups of their own."""

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a about after again agent all also an and any are as at be because been before but by can could customer did
    do does done for from get got had has have he her him his how i if in into is it its just me more most must my
    never no not now of on one only or our out over said same say says she should so some such than that the their
    them then there these they this those to too up user very was we were what when where which while who why will
    with would you your
    """,
    )
)

ENDINGS = ("ations", "ation", "ings", "ing", "edly", "ied", "ies", "ed", "es", "s", "ly")
BECOMES_Y = ("ied", "ies")
UNSPACED = re.compile(r"[぀-ヿ㐀-鿿]{2,}")
"""Japanese and Chinese put no space between words: each two neighbouring characters count as one."""


def words(text: str, without: Collection[str] = ()) -> list[str]:
    """Content words, cut to a stem so that `refunded` meets `refunds`. `without`: words that say nothing here."""
    folded = text.casefold()
    said = [word for word in re.findall(r"[^\W\d_]{3,}", folded) if word not in STOP_WORDS and word not in without]
    return [stem(word) for word in said] + [
        run[place : place + 2] for run in UNSPACED.findall(folded) for place in range(len(run) - 1)
    ]


def stem(word: str) -> str:
    """A folded word's beginning that its inflected forms share; not always a word itself."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4 - (ending in BECOMES_Y) and not word.endswith("ss"):
            word = word.removesuffix(ending) + ("y" if ending in BECOMES_Y else "")
            break
    if word[-2:-1] == word[-1:] and len(word) > (5 if word[-1:] == "l" else 4) and word[-1:] in "bdglmnprt":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


def tf_idf(texts: Sequence[str], without: Collection[str] = ()) -> "np.ndarray":
    """Unit vectors, shape (texts, words)."""
    import numpy as np

    bags = [Counter(words(text, without)) for text in texts]
    vocabulary = {word: place for place, word in enumerate(sorted({word for bag in bags for word in bag}))}
    seen_in = Counter(word for bag in bags for word in bag)
    vectors = np.zeros((len(texts), max(1, len(vocabulary))), dtype=np.float32)
    for row, bag in enumerate(bags):
        for word, count in bag.items():
            weight = 1 + math.log((1 + len(texts)) / (1 + seen_in[word]))
            vectors[row, vocabulary[word]] = (1 + math.log(count)) * weight
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def grouped(
    texts: Sequence[str],
    *,
    alike: float = ALIKE,
    labels: Sequence[str | None] | None = None,
    without: Collection[str] = (),
) -> list[int]:
    """A group's number for each text, counted from 0 in the order of the groups' first texts. Deterministic.

    Average-linkage agglomeration of TF-IDF vectors, cut at `alike`. `labels`: what each text is known to be about;
    None: not known.
    """
    known: Sequence[str | None] = labels if labels is not None else [None] * len(texts)
    distinct = list(dict.fromkeys(zip(texts, known, strict=True)))
    groups: list[list[int]] = []
    left = list(range(len(distinct)))
    while left:
        block = _Block([distinct[place] for place in left[:AT_ONCE]], without)
        formed = block.agglomerate(alike)
        places = [[left[place] for place in group] for group in formed]
        rest = left[AT_ONCE:]
        for place, group in zip(rest, block.nearest([distinct[place] for place in rest], formed, alike), strict=True):
            if group is not None:
                places[group].append(place)
        groups += places
        joined = {place for group in places for place in group}
        left = [place for place in left if place not in joined]
    group_of = {distinct[place]: number for number, group in enumerate(groups) for place in group}
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group_of[item], len(numbers)) for item in zip(texts, known, strict=True)]


MEANINGS = 14
"""Dimensions of meaning: of 6 to 14 the planted themes of tests/evaluation/themes.py are found best with 14."""
NEAR = 0.65
"""Cosine distance of two groups' mean meanings up to which they are one."""


def latent(texts: Sequence[str], without: Collection[str] = ()) -> "np.ndarray":
    """Unit vectors in the MEANINGS largest directions of the texts' TF-IDF vectors, shape (texts, at most MEANINGS).

    The directions are those of at most AT_ONCE evenly spaced texts. Source: Deerwester et al. 1990.
    """
    import numpy as np

    vectors = tf_idf(texts, without)
    sample = vectors[np.unique(np.linspace(0, len(texts) - 1, AT_ONCE).astype(int))]
    directions = np.linalg.svd(sample, full_matrices=False)[2][:MEANINGS]
    return _unit(vectors @ directions.T)


def merged_by_meaning(
    texts: Sequence[str],
    groups: Sequence[int],
    *,
    labels: Sequence[str | None] | None = None,
    without: Collection[str] = (),
) -> list[int]:
    """The groups with those of like meaning made one, numbered from 0 in the order of their first texts.

    Meaning is latent: the largest directions of the TF-IDF vectors, in which texts are near that share no word but
    words that stand together elsewhere. Average linkage of the groups' means; labels as in `grouped`.
    Source: Deerwester et al. 1990, latent semantic analysis.
    """
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    numbers = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    code = np.array([numbers[group] for group in groups])
    if len(numbers) < 2:
        return code.tolist()
    meaning = latent(texts, without)
    means = np.zeros((len(numbers), meaning.shape[1]))
    np.add.at(means, code, meaning)
    means = _unit(means)
    distance = 1 - means @ means.T
    known: Sequence[str | None] = labels if labels is not None else [None] * len(texts)
    topics = [
        Counter(k for k, own in zip(known, code, strict=True) if own == place and k) for place in range(len(means))
    ]
    of = np.array([topic.most_common(1)[0][0] if topic else "" for topic in topics], dtype=object)
    both = (of != "")[:, None] & (of != "")[None, :]
    distance -= np.where(both, np.where(of[:, None] == of[None, :], SAME_LABEL, OTHER_LABEL), 0.0)
    distance = np.clip((distance + distance.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    merged = fcluster(linkage(squareform(distance, checks=False), "average"), NEAR, "distance")[code]
    order = {group: place for place, group in enumerate(dict.fromkeys(merged.tolist()))}
    return [order[group] for group in merged.tolist()]


def _unit(rows: "np.ndarray") -> "np.ndarray":
    import numpy as np

    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms)


class _Block:
    """Some labelled texts, compared each with each."""

    def __init__(self, items: Sequence[tuple[str, str | None]], without: Collection[str]) -> None:
        self.items = items
        self.without = without

    def agglomerate(self, alike: float) -> list[list[int]]:
        """Places of texts that belong together, the earliest first."""
        import numpy as np

        count = len(self.items)
        vectors = tf_idf([text for text, _ in self.items], self.without)
        similar = vectors @ vectors.T + self._bonus(self.items)
        np.fill_diagonal(similar, -np.inf)
        members = {place: [place] for place in range(count)}
        # each row's best partner is kept, so that a merge looks at few rows and not at all pairs again
        partner = similar.argmax(axis=1)
        best = similar[np.arange(count), partner]
        while len(members) > 1:
            a = int(best.argmax())
            if best[a] < alike:
                break
            a, b = sorted((a, int(partner[a])))
            sizes = len(members[a]), len(members[b])
            merged = (sizes[0] * similar[a] + sizes[1] * similar[b]) / sum(sizes)
            similar[a], similar[:, a] = merged, merged
            similar[a, a] = -np.inf
            similar[b], similar[:, b] = -np.inf, -np.inf
            members[a] += members.pop(b)
            best[b] = -np.inf
            nearer = np.flatnonzero(similar[:, a] > best)
            partner[nearer], best[nearer] = a, similar[nearer, a]
            for row in {a, *np.flatnonzero((partner == a) | (partner == b)).tolist()} & members.keys():
                partner[row] = similar[row].argmax()
                best[row] = similar[row, partner[row]]
        return sorted((sorted(places) for places in members.values()), key=min)

    def nearest(
        self, others: Sequence[tuple[str, str | None]], groups: Sequence[Sequence[int]], alike: float
    ) -> list[int | None]:
        """The group that each of the others is most alike to on average; None: to none enough."""
        import numpy as np

        found: list[int | None] = []
        for start in range(0, len(others), AT_ONCE):
            some = others[start : start + AT_ONCE]
            vectors = tf_idf([text for text, _ in (*self.items, *some)], self.without)
            similar = vectors[len(self.items) :] @ vectors[: len(self.items)].T + self._bonus(some)
            means = np.stack([similar[:, list(group)].mean(axis=1) for group in groups], axis=1)
            best = means.argmax(axis=1)
            found += [int(b) if row[b] >= alike else None for row, b in zip(means, best, strict=True)]
        return found

    def _bonus(self, others: Sequence[tuple[str, str | None]]) -> "np.ndarray":
        """Shape (others, items): what the labels add."""
        import numpy as np

        ours = np.array([label or "" for _, label in self.items], dtype=object)
        theirs = np.array([label or "" for _, label in others], dtype=object)
        both = (theirs != "")[:, None] & (ours != "")[None, :]
        same = theirs[:, None] == ours[None, :]
        return np.where(both, np.where(same, SAME_LABEL, OTHER_LABEL), 0.0).astype(np.float32)
