"""Failures and complaints that are alike, found by what was not met and by their words."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.contracts.analytics import FailureCluster
from assay.contracts.dataset import Scenario
from assay.contracts.feedback import ComplaintCluster, Feedback
from assay.contracts.judgment import Ruling
from assay.evaluation.results import TrialResult

if TYPE_CHECKING:
    import numpy as np

ALIKE = 0.35
"""Cosine of TF-IDF vectors from which two texts are about the same thing."""

COVERED = 0.22
"""The same, between a complaint and a scenario that tests it."""

STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "again",
        "agent",
        "all",
        "also",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "but",
        "by",
        "can",
        "could",
        "customer",
        "did",
        "do",
        "does",
        "done",
        "for",
        "from",
        "get",
        "got",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "me",
        "more",
        "most",
        "must",
        "my",
        "never",
        "no",
        "not",
        "now",
        "of",
        "on",
        "one",
        "only",
        "or",
        "our",
        "out",
        "over",
        "said",
        "same",
        "say",
        "says",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "up",
        "user",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)


def failure_clusters(failing: Sequence[TrialResult]) -> tuple[FailureCluster, ...]:
    """Failed conversations grouped by the unmet expectations' words; the largest group first.

    Each conversation belongs to one cluster: that of its first unmet expectation. Deterministic.
    """
    firsts: list[tuple[TrialResult, str, str]] = []
    for result in failing:
        unmet = [v.expectation_id for v in result.judgment.verdicts if v.ruling is Ruling.NOT_MET]
        texts = _expectation_texts(result)
        first = unmet[0] if unmet else "unknown"
        firsts.append((result, first, texts.get(first, first.replace("-", " "))))
    wordings = sorted({text for _, _, text in firsts})
    label = dict(zip(wordings, grouped(wordings), strict=True))
    groups: dict[int, list[tuple[TrialResult, str, str]]] = defaultdict(list)
    for row in firsts:
        groups[label[row[2]]].append(row)
    clusters = []
    for rows in groups.values():
        common = Counter(text for _, _, text in rows).most_common(1)[0][0]
        topics = Counter(result.scenario.topic for result, _, _ in rows if result.scenario)
        where = ", ".join(f"{topic} ({count})" for topic, count in topics.most_common(3))
        clusters.append(
            FailureCluster(
                name=_name(common),
                description=f"Not met: {common}" + (f" Topics: {where}." if where else ""),
                conversations=len(rows),
                share_of_failures=len(rows) / len(failing),
                conversation_ids=tuple(result.conversation.conversation_id for result, _, _ in rows)[:20],
                expectation_ids=tuple(sorted({name for _, name, _ in rows})),
            )
        )
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.conversations, cluster.name)))


def complaint_clusters(complaints: Sequence[Feedback], scenarios: Sequence[Scenario]) -> tuple[ComplaintCluster, ...]:
    """Negative feedback grouped by its words; the largest group first. Items without words are a group of their own."""
    if not complaints:
        return ()
    spoken = [item for item in complaints if words(item.comment or "")]
    texts = [item.comment or "" for item in spoken]
    groups: dict[int, list[Feedback]] = defaultdict(list)
    for item, label in zip(spoken, grouped(texts), strict=True):
        groups[label].append(item)
    known = [_scenario_text(scenario) for scenario in scenarios]
    clusters = [_complaint(items, len(complaints), known) for items in groups.values()]
    silent = [item for item in complaints if not words(item.comment or "")]
    if silent:
        clusters.append(
            ComplaintCluster(
                name="no comment",
                description="Rated badly without a word.",
                items=len(silent),
                share_of_negative=len(silent) / len(complaints),
                feedback_ids=tuple(item.feedback_id for item in silent),
                conversation_ids=tuple(item.conversation_id for item in silent if item.conversation_id),
                in_dataset=True,
            )
        )
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.items, cluster.name)))


def _complaint(items: Sequence[Feedback], all_negative: int, known: Sequence[str]) -> ComplaintCluster:
    comments = [item.comment or "" for item in items]
    common = Counter(word for comment in comments for word in set(words(comment)))
    typical = max(
        comments, key=lambda comment: sum(common[word] for word in set(words(comment))) / (1 + len(words(comment)))
    )
    return ComplaintCluster(
        name=", ".join(word for word, _ in common.most_common(3)),
        description=typical.strip(),
        items=len(items),
        share_of_negative=len(items) / all_negative,
        feedback_ids=tuple(item.feedback_id for item in items),
        conversation_ids=tuple(item.conversation_id for item in items if item.conversation_id),
        in_dataset=covered(" ".join(comments), known),
    )


def covered(text: str, known: Sequence[str]) -> bool:
    """Some known text is about the same thing."""
    if not known or not words(text):
        return False
    vectors = tf_idf([text, *known])
    return bool((vectors[1:] @ vectors[0]).max() >= COVERED)


def grouped(texts: Sequence[str]) -> list[int]:
    """A group's number for each text: average-linkage agglomeration of TF-IDF vectors, cut at `ALIKE`."""
    import numpy as np

    if len(texts) < 2:
        return [0] * len(texts)
    vectors = tf_idf(texts)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1.0)
    members: dict[int, list[int]] = {place: [place] for place in range(len(texts))}
    while len(members) > 1:
        flat = int(similar.argmax())
        a, b = divmod(flat, len(texts))
        if similar[a, b] < ALIKE:
            break
        sizes = len(members[a]), len(members[b])
        merged = (sizes[0] * similar[a] + sizes[1] * similar[b]) / sum(sizes)
        merged[a] = merged[b] = -1.0
        merged[similar[a] == -1.0] = -1.0
        similar[a], similar[:, a] = merged, merged
        similar[b], similar[:, b] = -1.0, -1.0
        members[a] += members.pop(b)
    labels = [0] * len(texts)
    for label, places in enumerate(sorted(members.values(), key=min)):
        for place in places:
            labels[place] = label
    return labels


def tf_idf(texts: Sequence[str]) -> "np.ndarray":
    """Unit vectors, shape (texts, words)."""
    import numpy as np

    bags = [Counter(words(text)) for text in texts]
    vocabulary = {word: place for place, word in enumerate(sorted({word for bag in bags for word in bag}))}
    seen_in = Counter(word for bag in bags for word in bag)
    vectors = np.zeros((len(texts), max(1, len(vocabulary))))
    for row, bag in enumerate(bags):
        for word, count in bag.items():
            vectors[row, vocabulary[word]] = count * (1 + math.log((1 + len(texts)) / (1 + seen_in[word])))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def words(text: str) -> list[str]:
    """Content words, cut to their stem's first letters so that `refunded` meets `refunds`."""
    found = re.findall(r"[^\W\d_]{3,}", text.casefold())
    return [_stem(word) for word in found if word not in STOP_WORDS]


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "edly", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word


def _expectation_texts(result: TrialResult) -> dict[str, str]:
    if result.scenario is None:
        return {verdict.expectation_id: verdict.rationale for verdict in result.judgment.verdicts}
    return {
        expectation.expectation_id: expectation.text if expectation.kind == "must" else f"Must not: {expectation.text}"
        for expectation in result.scenario.expectations
    }


def _scenario_text(scenario: Scenario) -> str:
    expected = " ".join(expectation.text for expectation in scenario.expectations)
    return f"{scenario.topic.replace('-', ' ')} {scenario.goal} {scenario.opening or ''} {expected}"


def _name(text: str) -> str:
    plain = text.removeprefix("The agent ").removeprefix("Must not: The agent ").rstrip(".")
    return plain if len(plain) <= 70 else plain[:67].rsplit(" ", 1)[0] + "…"
