"""Which complaints become scenarios, and the ids that tie them together."""

from collections.abc import Sequence

from assay.contracts.base import content_hash
from assay.contracts.feedback import Feedback
from assay.evaluation.clusters import grouped


def one_a_complaint(complaints: Sequence[Feedback]) -> list[Feedback]:
    """One item for each thing that is complained of: the wordiest, which tells most; most frequent complaint first."""
    spoken = [item for item in complaints if (item.comment or "").strip() or item.turns]
    groups: dict[int, list[Feedback]] = {}
    for item, label in zip(spoken, grouped([item.comment or "" for item in spoken]), strict=True):
        groups.setdefault(label, []).append(item)
    ordered = sorted(groups.values(), key=lambda items: (-len(items), items[0].feedback_id))
    return [max(items, key=lambda item: (len(item.comment or ""), item.feedback_id)) for items in ordered]


def proposal_id(item: Feedback) -> str:
    """The same complaint always proposes the same scenario."""
    return f"feedback-{content_hash(item.feedback_id)[:10]}"
