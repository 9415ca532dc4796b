"""Stage 8, feedback: what production says, held against what was predicted, and back to stage 2."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from assay.contracts.analytics import AnalyticsReport, Narrative
from assay.contracts.base import content_hash, short_id
from assay.contracts.dataset import Scenario
from assay.contracts.estimate import Estimate, Quantity
from assay.contracts.feedback import Feedback, FeedbackRequest, ProductionReport, TrendPoint, UserDistance
from assay.contracts.stage import Stage
from assay.evaluation.clusters import complaint_clusters
from assay.evaluation.forecasting import record, score, scores_by_topic
from assay.evaluation.production_facts import production_facts
from assay.evaluation.results import quantity
from assay.evaluation.user_distance import user_distance
from assay.stages.context import Calls, Context, Work
from assay.stages.narrative import narrative_of

if TYPE_CHECKING:
    from assay.tracking import StageRun


ITEMS = "feedback/items.jsonl"
"""The artifact that holds what came in."""


async def feedback(request: FeedbackRequest, context: Context) -> ProductionReport:
    """Stores each item as an assessment on its trace, and reports. The same items again change nothing.

    Raises NotFound for an analytics report that is not there, BadInput for a narrative with a number of its own.
    """
    from assay.agents.feedback_analyst import PROMPTS, feedback_analyst

    model_name = context.model_name(request.model)
    author = feedback_analyst(
        context.chat_model(model_name), await context.prompts("feedback_analyst", PROMPTS, model_name)
    )
    items = tuple({item.feedback_id: item for item in request.items}.values())
    key = [
        content_hash(sorted(content_hash(item) for item in items)),
        str(request.agent),
        request.rollout_id,
        request.analytics_id,
        request.narrative,
        model_name,
        author.prompt_hash,
    ]

    async def work(run: "StageRun") -> ProductionReport:
        from assay.tracking import write_feedback

        context.tell(Stage.FEEDBACK, 0, 3)
        version = await context.agent_version(request.project, request.agent, gated=request.gated)
        linked = await asyncio.to_thread(write_feedback, context.tracking, request.project, items)
        context.tell(Stage.FEEDBACK, 1, 3)
        scenarios = await known_scenarios(request, context)
        analytics = await _analytics(request, context)
        spoken = with_known_topics(items, scenarios)
        draft = compute(request, spoken, scenarios, linked, analytics)
        draft = draft.replace(
            forecast_record=record([*await _earlier(request, context), draft]),
            user_distance=await _user_distance(request, items, context),
        )
        calls = Calls()
        proposed = await calls.of(
            "feedback_analyst",
            author.name,
            author.propose_scenarios(uncovered(spoken, draft), version.card, scenarios),
            lambda proposed: proposed.usage,
        )
        draft = draft.replace(proposed_scenarios=proposed.scenarios)
        draft = draft.replace(facts=production_facts(draft))
        context.tell(Stage.FEEDBACK, 2, 3)
        narrative = await narrative_of(
            draft, request.narrative, "feedback_analyst", author, calls, context, by_rules=feedback_analyst(None)
        )
        report = draft.replace(
            subject_id=short_id("production", key, request.gated),
            run_id=run.run_id,
            offline=narrative.author == "offline",
            narrative=narrative,
        )
        lines = "\n".join(item.model_dump_json() for item in items)
        await asyncio.to_thread(run.log_text, ITEMS, lines + "\n")
        await asyncio.to_thread(run.log_metrics, _metrics(report))
        await context.keep_calls(run, calls)
        context.tell(Stage.FEEDBACK, 3, 3)
        return report

    return await context.once(
        Work(
            ProductionReport,
            request,
            Stage.FEEDBACK,
            key=list(key),
            agent=request.agent,
            params={"items": len(items), "feedback_analyst": model_name},
        ),
        work,
    )


def compute(
    request: FeedbackRequest,
    items: Sequence[Feedback],
    scenarios: Sequence[Scenario],
    linked: int,
    analytics: AnalyticsReport | None,
) -> ProductionReport:
    """The report with all its numbers and no words yet. analytics: whose forecast is scored; None: none is."""
    unrated = sum(not item.rated for item in items)
    items = [item for item in items if item.rated]
    topics = sorted({item.topic for item in items if item.topic})
    observed = satisfaction(items)
    by_topic = {topic: satisfaction([item for item in items if item.topic == topic]) for topic in topics}
    return ProductionReport(
        project=request.project,
        gated=request.gated,
        subject_id="production-draft",
        agent=request.agent,
        items=len(items),
        unrated=unrated,
        linked=linked,
        satisfaction=observed,
        mean_rating=_mean_rating(items),
        by_topic=by_topic,
        trend=(weeks := trend(items)),
        falling=falling(items, weeks),
        clusters=complaint_clusters([item for item in items if item.negative], scenarios),
        forecast=score(analytics.expected, observed, items) if analytics else None,
        forecasts_by_topic=scores_by_topic(analytics, items, by_topic) if analytics else (),
        proposed_scenarios=(),
        facts=(),
        narrative=Narrative(text="", author="nobody"),
    )


def satisfaction(items: Sequence[Feedback]) -> Quantity:
    """Share of the rated items that are not negative. One user's items are one cluster."""
    import numpy as np

    from assay.statistics import clustered_mean

    rated = [item for item in items if item.negative is not None]
    values = np.array([float(not item.negative) for item in rated])
    return quantity(clustered_mean(values, _users(rated)), clustered_by="users")


def with_known_topics(items: Sequence[Feedback], scenarios: Sequence[Scenario]) -> list[Feedback]:
    """The items, with a topic that differs from a scenario's in case, spaces or dashes alone written as there.

    Topics that no scenario has are written as where they come first.
    """
    known = {_topic_key(scenario.topic): scenario.topic for scenario in reversed(scenarios)}
    spoken = []
    for item in items:
        topic = known.setdefault(_topic_key(item.topic), item.topic) if item.topic else None
        spoken.append(item if topic == item.topic else item.replace(topic=topic))
    return spoken


def _topic_key(topic: str) -> str:
    return re.sub(r"[\W_]+", "-", topic.casefold())


def trend(items: Sequence[Feedback]) -> tuple[TrendPoint, ...]:
    """Satisfaction week by week, weeks from Monday, UTC."""
    weeks: dict[str, list[Feedback]] = {}
    for item in items:
        if item.at is not None and item.negative is not None:
            weeks.setdefault(_week(item), []).append(item)
    return tuple(
        TrendPoint(week=w, items=len(rows), satisfaction=satisfaction(rows)) for w, rows in sorted(weeks.items())
    )


def falling(items: Sequence[Feedback], weeks: Sequence[TrendPoint]) -> bool | None:
    """Whether the last week's ratings are worse than those of the weeks before, users being what is independent."""
    from assay.statistics.drift import Drift, kolmogorov_smirnov

    if len(weeks) < 2:
        return None
    dated = [item for item in items if item.at is not None and item.negative is not None]
    before = [item for item in dated if _week(item) != weeks[-1].week]
    last = [item for item in dated if _week(item) == weeks[-1].week]
    found = kolmogorov_smirnov(
        [float(not item.negative) for item in before],
        [float(not item.negative) for item in last],
        reference_clusters=_users(before),
        current_clusters=_users(last),
    )
    if not isinstance(found, Drift):
        return None
    worse = sum(bool(i.negative) for i in last) / len(last) > sum(bool(i.negative) for i in before) / len(before)
    return worse and found.p < 0.05


def _week(item: Feedback) -> str:
    assert item.at is not None  # noqa: S101, the callers looked
    day = item.at.astimezone(UTC).date()
    return (day - timedelta(days=day.weekday())).isoformat()


def _mean_rating(items: Sequence[Feedback]) -> Quantity:
    import numpy as np

    from assay.statistics import clustered_mean

    rated = [item for item in items if item.rating is not None]
    return quantity(
        clustered_mean(np.array([item.rating for item in rated], dtype=float), _users(rated)), clustered_by="users"
    )


def _users(items: Sequence[Feedback]):
    import numpy as np

    return np.array([item.user or item.conversation_id or item.feedback_id for item in items], dtype=object)


def uncovered(items: Sequence[Feedback], report: ProductionReport) -> list[Feedback]:
    """The complaints that no scenario tests yet."""
    open_ids = {name for cluster in report.clusters if not cluster.in_dataset for name in cluster.feedback_ids}
    return [item for item in items if item.feedback_id in open_ids]


async def known_scenarios(request: FeedbackRequest, context: Context) -> tuple[Scenario, ...]:
    """The scenarios that this agent was last tested with; none where it was not."""
    from assay.tracking import list_results, load_result

    t, project = context.tracking, request.project
    found = await asyncio.to_thread(list_results, t, project, Stage.SIMULATE, agent=request.agent, limit=1)
    if not found:
        return ()
    from assay.contracts.conversation import Simulation
    from assay.tracking import load_dataset

    simulation = Simulation.model_validate(
        await asyncio.to_thread(load_result, t, project, Stage.SIMULATE, found[0].subject_id)
    )
    return (await asyncio.to_thread(load_dataset, t, project, simulation.dataset)).scenarios


async def _analytics(request: FeedbackRequest, context: Context) -> AnalyticsReport | None:
    from assay.tracking import load_result

    if request.analytics_id is None:
        return None
    return AnalyticsReport.model_validate(
        await asyncio.to_thread(load_result, context.tracking, request.project, Stage.ANALYZE, request.analytics_id)
    )


async def _earlier(request: FeedbackRequest, context: Context) -> list[ProductionReport]:
    """The project's earlier production reports: what the record of forecasts is made of."""
    from assay.tracking import list_results, load_result

    t, project = context.tracking, request.project
    found = []
    for run in await asyncio.to_thread(list_results, t, project, Stage.FEEDBACK):
        loaded = await asyncio.to_thread(load_result, t, project, Stage.FEEDBACK, run.subject_id)
        found.append(ProductionReport.model_validate(loaded))
    return found


async def _user_distance(request: FeedbackRequest, items: Sequence[Feedback], context: Context) -> UserDistance | None:
    """Real users, as far as feedback brings their words, against those that were simulated for this agent."""
    from assay.tracking import list_results, read_conversations

    t, project = context.tracking, request.project
    found = await asyncio.to_thread(list_results, t, project, Stage.SIMULATE, agent=request.agent, limit=1)
    real = [item for item in items if item.turns]
    if not found or not real:
        return None
    played = await asyncio.to_thread(read_conversations, t, project, found[0].subject_id)
    return await asyncio.to_thread(
        user_distance,
        [conversation.turns for conversation in played],
        [item.turns for item in real],
        scenarios=[conversation.scenario_id for conversation in played],
        users=[item.user or item.feedback_id for item in real],
    )


def _metrics(report: ProductionReport) -> dict[str, float]:
    metrics: dict[str, float] = {
        "items": report.items,
        "linked": report.linked,
        "complaint_clusters": len(report.clusters),
        "proposed_scenarios": len(report.proposed_scenarios),
    }
    if isinstance(report.satisfaction, Estimate):
        metrics["satisfaction"] = report.satisfaction.value
    return metrics
