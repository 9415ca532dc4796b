"""Which complaints become scenarios, and the ids that tie them together."""

from collections.abc import Sequence

from assay.contracts.base import content_hash
from assay.contracts.dataset import Persona, Scenario
from assay.contracts.feedback import Feedback
from assay.evaluation.clusters import VARIOUS, complaint_groups, complaint_text

PERSONA = Persona(name="complaining-user", description="Somebody who complained about this in production.")


def worth_proposing(complaints: Sequence[Feedback], existing: Sequence[Scenario], most: int) -> list[Feedback]:
    """One item for each thing that is complained of and not proposed before, the most frequent complaint first.

    Of several the one that tells most: with the conversation, then the wordiest. Items without a word tell nothing.
    """
    spoken = [item for item in complaints if complaint_text(item)]
    groups: dict[int | str, list[Feedback]] = {}
    for item, label in zip(spoken, complaint_groups(spoken), strict=True):
        groups.setdefault(item.feedback_id if label == VARIOUS else label, []).append(item)
    ordered = sorted(groups.values(), key=lambda items: (-len(items), min(item.feedback_id for item in items)))
    taken = {scenario.scenario_id for scenario in existing} | {scenario.origin_ref for scenario in existing}
    told = [
        max(items, key=lambda item: (bool(item.turns), len(complaint_text(item)), item.feedback_id))
        for items in ordered
        if not any(item.feedback_id in taken or proposal_id(item) in taken for item in items)
    ]
    return told[:most]


def proposal_id(item: Feedback) -> str:
    """The same complaint always proposes the same scenario."""
    return f"feedback-{content_hash(item.feedback_id)[:10]}"
