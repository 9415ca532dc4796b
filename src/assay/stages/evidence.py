"""What is stored beside a result, as its evidence names it, and its SHA-256 as it is in the store now."""

import asyncio

from assay.contracts.judgment import Judging
from assay.contracts.stage import Stage, StageResult
from assay.stages.context import Context

CONVERSATIONS = "conversations.jsonl"
JUDGMENTS = "judgments.jsonl"


async def stored_evidence(result: StageResult, context: Context) -> dict[str, str]:
    """The result's evidence, computed again from what the store holds now; empty for a result that has none."""
    from assay.tracking import conversations_hash, judgments_hash

    t, project = context.tracking, result.project
    simulation_id = result.simulation_id if isinstance(result, Judging) else result.subject_id
    now: dict[str, str] = {}
    if CONVERSATIONS in result.evidence:
        now[CONVERSATIONS] = await asyncio.to_thread(conversations_hash, t, project, simulation_id)
    if JUDGMENTS in result.evidence and result.stage is Stage.JUDGE:
        now[JUDGMENTS] = await asyncio.to_thread(judgments_hash, t, project, result.subject_id)
    return now
