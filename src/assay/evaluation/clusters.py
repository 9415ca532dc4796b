"""Failures and complaints that are alike, found by what was not met and by their words."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from assay.contracts.analytics import FailureCluster
from assay.contracts.dataset import Scenario
from assay.contracts.feedback import ComplaintCluster, Feedback
from assay.contracts.judgment import Ruling
from assay.evaluation.results import TrialResult
from assay.evaluation.similarity import grouped, merged_by_meaning, stem, words

NAME = 80
"""Characters of a cluster's name, at most."""

SPLIT_FROM = 10
SPLIT_SHARE = 0.5
"""One expectation that all scenarios share explains nothing: with so many conversations, and more than this share of
the failures, its cluster is split by topic."""

CLOSE = 0.22
"""From which two complaints are alike: they are short, and their topics help (see `similarity`)."""

COVERED = 0.5
"""Share of a complaint's own words, weighed by how rare they are, that one scenario must hold to be a test of it."""

SAYS_LITTLE = frozenset(
    re.findall(
        r"\w+",
        """
        answer answered answers ask asked asking asks assistant back bot chat came come comes help helped kept keeps
        know
        known knows like need needed nothing please tell telling told tells took want wanted wants thing things time
        times two three four five six seven eight nine ten
        """,
    )
)
"""Words of complaints about any agent."""


@dataclass(frozen=True, slots=True)
class _Unmet:
    """One expectation that one conversation did not meet."""

    expectation_id: str
    kind: str
    text: str


def failure_clusters(failing: Sequence[TrialResult]) -> tuple[FailureCluster, ...]:
    """Failed conversations grouped by what was not met; the largest group first.

    Expectations of one kind (must, must not) whose words are alike are one thing. Each conversation belongs to one
    cluster: of the things that it did not meet, the one that most failed conversations share. Deterministic, and
    independent of the order of `failing`.
    """
    failing = sorted(failing, key=lambda result: (result.judgment.scenario_id, result.judgment.trial))
    unmet = [_unmet(result) for result in failing]
    thing_of = _things(sorted({item for items in unmet for item in items}, key=lambda item: (item.kind, item.text)))
    left = set(range(len(failing)))
    clusters: list[FailureCluster] = []
    while left:
        counts = Counter(thing for place in left for thing in {thing_of[item] for item in unmet[place]})
        thing = max(counts, key=lambda thing: (counts[thing], -thing))
        inside = sorted(place for place in left if any(thing_of[item] == thing for item in unmet[place]))
        rows = [(failing[place], next(i for i in unmet[place] if thing_of[i] == thing)) for place in inside]
        clusters += [_failures(part, topic, len(failing)) for topic, part in _split(rows, len(failing))]
        left -= set(inside)
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.conversations, cluster.name)))


def _unmet(result: TrialResult) -> list[_Unmet]:
    expected = {e.expectation_id: e for e in result.scenario.expectations} if result.scenario else {}
    found = []
    for verdict in result.judgment.verdicts:
        if verdict.ruling is Ruling.NOT_MET:
            known = expected.get(verdict.expectation_id)
            kind, text = (known.kind, known.text) if known else ("must", verdict.expectation_id.replace("-", " "))
            found.append(_Unmet(verdict.expectation_id, kind, text))
    return found or [_Unmet("unknown", "must", "every expectation is met")]


def _things(items: Sequence[_Unmet]) -> dict[_Unmet, int]:
    """A number for each group of expectations that are about the same thing."""
    thing_of: dict[_Unmet, int] = {}
    for kind in sorted({item.kind for item in items}):
        own = [item for item in items if item.kind == kind]
        start = len(set(thing_of.values()))
        for item, group in zip(own, grouped([item.text for item in own]), strict=True):
            thing_of[item] = start + group
    return thing_of


Row = tuple[TrialResult, _Unmet]


def _split(rows: Sequence[Row], all_failing: int) -> list[tuple[str | None, list[Row]]]:
    """The rows whole, or by topic where one expectation stands behind most failures of many topics."""
    topics = {result.scenario.topic if result.scenario else None for result, _ in rows}
    one_text = len({item.text for _, item in rows}) == 1
    if not one_text or len(topics) < 2 or len(rows) < SPLIT_FROM or len(rows) <= SPLIT_SHARE * all_failing:
        return [(None, list(rows))]
    parts: dict[str | None, list[Row]] = defaultdict(list)
    for result, item in rows:
        parts[result.scenario.topic if result.scenario else None].append((result, item))
    return [*parts.items()]


def _failures(rows: Sequence[Row], topic: str | None, all_failing: int) -> FailureCluster:
    texts = Counter(item.text for _, item in rows)
    kind = rows[0][1].kind
    topics = Counter(result.scenario.topic for result, _ in rows if result.scenario)
    verdicts = rows[0][0].judgment.verdicts
    example = next((v.rationale for v in verdicts if v.expectation_id == rows[0][1].expectation_id), None)
    wordings = sorted(texts, key=lambda text: (-texts[text], text))[:3]
    said = [f"{'Must' if kind == 'must' else 'Must not'}: {' / '.join(wordings)}"]
    if topics and topic is None:
        said.append("Topics: " + ", ".join(f"{name} ({count})" for name, count in topics.most_common(3)) + ".")
    if tools := Counter(last for result, _ in rows if (last := _last_tool(result))):
        said.append("Last tool called: " + ", ".join(f"{name} ({n})" for name, n in tools.most_common(3)) + ".")
    if example:
        said.append(f"For example: {_cut(example, 200)}")
    return FailureCluster(
        name=_failure_name(wordings[0], kind, topic, len(texts) > 1),
        description=" ".join(said),
        conversations=len(rows),
        share_of_failures=len(rows) / all_failing,
        conversation_ids=tuple(result.conversation.conversation_id for result, _ in rows)[:20],
        expectation_ids=tuple(sorted({item.expectation_id for _, item in rows})),
    )


def _last_tool(result: TrialResult) -> str | None:
    calls = [call.name for turn in result.conversation.turns for call in turn.tool_calls]
    return calls[-1] if calls else None


def _failure_name(text: str, kind: str, topic: str | None, several: bool) -> str:
    plain = re.sub(r"^(the agent|it)\s+", "", text.strip().rstrip("."), flags=re.IGNORECASE)
    where = f"{topic.replace('-', ' ')}: " if topic else ""
    prefix = "not done" if kind == "must" else "done, but must not be"
    ending = ", and alike" if several else ""
    return _cut(f"{where}{prefix}: {plain}", NAME - len(ending)) + ending


def complaint_clusters(complaints: Sequence[Feedback], scenarios: Sequence[Scenario]) -> tuple[ComplaintCluster, ...]:
    """Negative feedback grouped by its words and topics; the largest group first. Deterministic.

    An item's words are its comment and what the user said to the agent. Items without any word are one group.
    """
    complaints = sorted(complaints, key=lambda item: item.feedback_id)
    spoken = [item for item in complaints if words(complaint_text(item))]
    groups: dict[int, list[Feedback]] = defaultdict(list)
    for item, label in zip(spoken, complaint_groups(spoken), strict=True):
        groups[label].append(item)
    various = groups.pop(VARIOUS, [])
    tests = [set(words(scenario_text(scenario))) for scenario in scenarios]
    said_by = _said_by(spoken)
    clusters = [_complaint(items, said_by, len(complaints), tests) for items in groups.values()]
    if various:
        one = _complaint(various, said_by, len(complaints), tests)
        name = f"various: {len(various)} complaints that are like no other"
        clusters.append(one.replace(name=name, in_dataset=all(covered([item], tests) for item in various)))
    silent = [item for item in complaints if not words(complaint_text(item))]
    if silent:
        known = {scenario.topic for scenario in scenarios}
        clusters.append(
            ComplaintCluster(
                name="no comment",
                description="Rated badly without a word.",
                items=len(silent),
                share_of_negative=len(silent) / len(complaints),
                feedback_ids=tuple(item.feedback_id for item in silent),
                conversation_ids=tuple(item.conversation_id for item in silent if item.conversation_id),
                in_dataset=all(item.topic in known for item in silent),
            )
        )
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.items, cluster.name)))


def complaint_groups(complaints: Sequence[Feedback]) -> list[int]:
    """A number for each complaint; those about the same thing have the same.

    Many small groups are merged by meaning; what is then left alone stands together under VARIOUS.
    """
    texts = [complaint_text(item) for item in complaints]
    topics = [item.topic for item in complaints]
    fine = grouped(texts, alike=CLOSE, labels=topics, without=SAYS_LITTLE)
    if len(set(fine)) <= FEW:
        return fine
    merged = merged_by_meaning(texts, fine, labels=topics, without=SAYS_LITTLE)
    sizes = Counter(merged)
    if len(sizes) <= FEW:
        return merged
    return [VARIOUS if sizes[group] == 1 else group for group in merged]


FEW = 12
"""Groups that a person reads; more are merged."""
VARIOUS = -1
"""The group of complaints that are like no other."""


def complaint_text(item: Feedback) -> str:
    """The user's own words: the comment, then what was said to the agent."""
    return "\n".join([(item.comment or "").strip(), *(turn.text for turn in item.turns if turn.role == "user")]).strip()


def _said_by(items: Sequence[Feedback]) -> Counter[str]:
    """How many of the items hold each word."""
    return Counter(word for item in items for word in set(words(complaint_text(item), SAYS_LITTLE)))


def _complaint(
    items: Sequence[Feedback], said_by: Counter[str], all_negative: int, tests: Sequence[set[str]]
) -> ComplaintCluster:
    shown = [(item.comment or "").strip() or complaint_text(item) for item in items]
    common = _said_by(items)
    typical = max(
        shown, key=lambda text: sum(common[word] for word in set(words(text))) / (4 + len(words(text, SAYS_LITTLE)))
    )
    return ComplaintCluster(
        name=_complaint_name(items, {word: count**2 / said_by[word] for word, count in common.items()}, typical),
        description=typical,
        items=len(items),
        share_of_negative=len(items) / all_negative,
        feedback_ids=tuple(item.feedback_id for item in items),
        conversation_ids=tuple(item.conversation_id for item in items if item.conversation_id),
        in_dataset=covered(items, tests),
    )


def covered(items: Sequence[Feedback], tests: Sequence[set[str]]) -> bool:
    """Some scenario, given by its words, tests what these complaints share.

    The words that count stand in 40 % of the items or more; one that few scenarios hold weighs more.
    """
    counts = Counter(
        word
        for item in items
        for word in set(words(f"{(item.topic or '').replace('-', ' ')} {complaint_text(item)}", SAYS_LITTLE))
    )
    shared = {word: count for word, count in counts.items() if count >= max(1.0, 0.4 * len(items))}
    weight = {word: count / (1 + sum(word in test for test in tests)) ** 0.5 for word, count in shared.items()}
    whole = sum(weight.values())
    return bool(whole) and any(sum(weight[w] for w in weight.keys() & test) >= COVERED * whole for test in tests)


def _complaint_name(items: Sequence[Feedback], telling: dict[str, float], typical: str) -> str:
    """`telling`: a word's items in the cluster, times their share of all items that hold the word."""
    topics = Counter(item.topic for item in items if item.topic)
    topic = next((name.replace("-", " ") for name, count in topics.most_common(1) if 2 * count > len(items)), "")
    if len(items) == 1:
        return _cut(f"{topic}: {typical}" if topic else typical, NAME)
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        for word in re.findall(r"[^\W\d_]{3,}", complaint_text(item)):
            spelled[stem(word.casefold())][word.lower()] += 1
    in_topic = set(words(topic))
    best = sorted((w for w in telling if telling[w] > 1 and w not in in_topic), key=lambda w: (-telling[w], w))[:3]
    written = ", ".join(min(spelled[w], key=lambda s: (-spelled[w][s], s)) if spelled[w] else w for w in best)
    return _cut(": ".join(part for part in (topic, written) if part) if topic or len(best) > 1 else typical, NAME)


def scenario_text(scenario: Scenario) -> str:
    """All that a scenario is about, in its own words."""
    expected = " ".join(expectation.text for expectation in scenario.expectations)
    facts = " ".join(scenario.facts.values())
    return f"{scenario.topic.replace('-', ' ')} {scenario.goal} {scenario.opening or ''} {facts} {expected}"


def _cut(text: str, longest: int) -> str:
    """One line, without the signs that have a meaning in a narrative."""
    line = " ".join(text.translate(SIGNS).split())
    return line if len(line) <= longest else line[: longest - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


SIGNS = {ord("{"): "(", ord("}"): ")", ord("`"): "'"}
