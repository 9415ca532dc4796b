"""Production conversations judged as they come, each once, and read as what the guardrails watch."""

import asyncio
from collections.abc import Sequence

from assay.contracts.conversation import Conversation
from assay.contracts.feedback import Feedback
from assay.contracts.judgment import JudgeRequest, Judgment
from assay.contracts.traffic import Observation, Traffic
from assay.evaluation.measures import MEASURES, Observed
from assay.stages.context import Context
from assay.stages.judge import Source, keeper, seat_panel

CONCURRENCY = 16


async def observations(context: Context, traffic: Traffic) -> list[Observation]:
    """Every conversation of the rollout that the gateway recorded, with what is known of it by now.

    Conversations that came by another way, such as with feedback, are no evidence. Where the policy has expectations,
    conversations that were not judged yet are judged now.
    """
    from assay.tracking import read_feedback

    t, project = context.tracking, traffic.project
    if traffic.challenger is None or traffic.started_at is None:
        return []
    arms = {str(traffic.champion.agent): False, str(traffic.challenger.agent): True}
    stored = await _recorded(context, traffic)
    ours = [c for c in stored if str(c.agent) in arms and c.started_at >= traffic.started_at]
    said = await asyncio.to_thread(read_feedback, t, project, [c.conversation_id for c in ours]) if ours else {}
    judged = await judge_online(context, traffic, ours) if traffic.policy.expectations else {}
    return [
        _observed(c, arms[str(c.agent)], said.get(c.conversation_id, []), judged.get(c.conversation_id)) for c in ours
    ]


async def judge_online(
    context: Context, traffic: Traffic, conversations: Sequence[Conversation]
) -> dict[str, Judgment]:
    """The judgments of these conversations; what is judged already is not judged again.

    A judgment of a conversation that grew meanwhile is not kept: the whole is judged at the next look.
    """
    from assay.tracking import judged, read_judgments

    t, project, expectations = context.tracking, traffic.project, traffic.policy.expectations
    if not conversations:
        return {}
    request = JudgeRequest(project=project, conversations=tuple(conversations[:1]), expectations=expectations)
    source = Source(traffic.rollout_id, conversations[0].agent, None, {}, None)
    bench = await seat_panel(request, context, source)
    done = await asyncio.to_thread(judged, t, project, bench.judging_id)
    gate = asyncio.Semaphore(CONCURRENCY)

    async def rule(conversation: Conversation) -> Judgment:
        async with gate:
            return await bench.judgment(conversation)

    new = [conversation for conversation in conversations if conversation.conversation_id not in done]
    if new:
        ruled = await asyncio.gather(*map(rule, new))
        now = {conversation.conversation_id: conversation for conversation in await _recorded(context, traffic)}
        same = {c.conversation_id for c in new if now.get(c.conversation_id) == c}
        await keeper(bench, context, None, None)([row for row in ruled if row.conversation_id in same])
    found = await asyncio.to_thread(read_judgments, t, project, bench.judging_id)
    return {judgment.conversation_id: judgment for judgment in found}


async def _recorded(context: Context, traffic: Traffic) -> list[Conversation]:
    from assay.tracking import PRODUCTION, gateway_conversations

    return await asyncio.to_thread(
        gateway_conversations, context.tracking, traffic.project, traffic.rollout_id, kind=PRODUCTION
    )


def _observed(
    conversation: Conversation, challenger: bool, said: Sequence[Feedback], judgment: Judgment | None
) -> Observation:
    seen = Observed(conversation, judgment, said)
    return Observation(
        conversation_id=conversation.conversation_id,
        challenger=challenger,
        at=conversation.started_at,
        values={name: measure.read(seen) for name, measure in MEASURES.items()},
    )
