"""Results of earlier stages, read back from MLflow for the stages that study them."""

import asyncio
from collections.abc import Sequence

from assay.contracts.conversation import Conversation
from assay.contracts.judgment import Judging
from assay.contracts.stage import Stage
from assay.evaluation.judges.certificate import judge_key
from assay.evaluation.judges.correction import Judged
from assay.evaluation.results import TrialResult, join
from assay.stages.context import Context


async def load_results(
    context: Context, project: str, judging_id: str, trials: Sequence[int] | None
) -> tuple[Judging, list[TrialResult]]:
    """A judging with its conversations, judgments and scenarios. Raises NotFound where there is no such judging."""
    from assay.tracking import load_dataset, load_result, read_conversations, read_judgments

    t = context.tracking
    judging = Judging.model_validate(await asyncio.to_thread(load_result, t, project, Stage.JUDGE, judging_id))
    conversations = await asyncio.to_thread(read_conversations, t, project, judging.simulation_id)
    judgments = await asyncio.to_thread(read_judgments, t, project, judging_id)
    scenarios = ()
    if judging.dataset is not None:
        scenarios = (await asyncio.to_thread(load_dataset, t, project, judging.dataset)).scenarios
    return judging, join(conversations, judgments, scenarios, trials=trials)


async def load_judged(context: Context, project: str, judging_id: str, trials: Sequence[int] | None) -> Judged:
    """The same with the certificate of its judge, or the newest of another judge where that one has none."""
    from assay.tracking import find_certificate

    judging, results = await load_results(context, project, judging_id, trials)
    found = await asyncio.to_thread(find_certificate, context.tracking, project, judge_key(judging))
    return Judged(judging, results, found)


async def quoted(
    context: Context, project: str, judging_ids: Sequence[str], wanted: Sequence[str]
) -> dict[str, Conversation]:
    """The conversations that a report quotes, by their id."""
    names = set(wanted)
    conversations: dict[str, Conversation] = {}
    for judging_id in dict.fromkeys(judging_ids):
        _, results = await load_results(context, project, judging_id, None)
        conversations |= {
            r.conversation.conversation_id: r.conversation for r in results if r.conversation.conversation_id in names
        }
    return conversations
