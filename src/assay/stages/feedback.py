"""Stage 8, feedback: what production says, held against what was predicted, and back to stage 2."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from assay.contracts.analytics import AnalyticsReport, Narrative
from assay.contracts.base import content_hash, short_id
from assay.contracts.dataset import Scenario
from assay.contracts.estimate import Estimate, Quantity
from assay.contracts.feedback import (
    Feedback,
    FeedbackRequest,
    ProductionReport,
    TrendPoint,
    UserDistance,
    VersionFeedback,
)
from assay.contracts.judgment import Judging
from assay.contracts.notification import NotificationKind
from assay.contracts.stage import AgentRef, Stage
from assay.errors import BadInput
from assay.evaluation.clusters import complaint_clusters
from assay.evaluation.facts import show_quantity
from assay.evaluation.forecasting import record, score, scores_by_topic
from assay.evaluation.production_facts import production_facts
from assay.evaluation.results import quantity
from assay.evaluation.user_distance import user_distance
from assay.stages.context import Calls, Context, Work
from assay.stages.narrative import narrative_of
from assay.stages.spec import Parent, StageSpec

if TYPE_CHECKING:
    from assay.contracts.report import Report
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
        *([request.observed_id] if request.observed_id else []),
    ]

    async def work(run: "StageRun") -> ProductionReport:
        from assay.tracking import write_feedback

        context.tell(Stage.FEEDBACK, 0, 3)
        version = await context.agent_version(request.project, request.agent, gated=request.gated)
        linked = await asyncio.to_thread(write_feedback, context.tracking, request.project, items)
        context.tell(Stage.FEEDBACK, 1, 3)
        scenarios = await known_scenarios(request, context)
        spoken = with_known_topics(items, scenarios)
        draft = compute(request, spoken, scenarios, linked, await _forecast(request, context))
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
        if report.falling:
            title = f"Ratings of {report.agent} are falling"
            context.notify(NotificationKind.RATINGS_FALL, report.project, title, report.decline, report.subject_id)
        context.tell(Stage.FEEDBACK, 3, 3)
        return report

    return await context.once(
        Work(
            ProductionReport,
            request,
            Stage.FEEDBACK,
            key=list(key),
            agent=request.agent,
            of_an_evaluation=False,
            params={"items": len(items), "feedback_analyst": model_name},
        ),
        work,
    )


def compute(
    request: FeedbackRequest,
    items: Sequence[Feedback],
    scenarios: Sequence[Scenario],
    linked: int,
    forecast: tuple[AnalyticsReport, AnalyticsReport] | None,
) -> ProductionReport:
    """The report with all its numbers and no words yet.

    forecast: the report whose forecast is scored, and the one on a judged sample of production; None: none is scored.
    """
    here = [item for item in items if item.agent in (None, request.agent)]
    unrated = sum(not item.rated for item in here)
    rated = [item for item in here if item.rated]
    topics = sorted({item.topic for item in rated if item.topic})
    scored = score(*forecast) if forecast else None
    return ProductionReport(
        project=request.project,
        gated=request.gated,
        subject_id="production-draft",
        agent=request.agent,
        items=len(rated),
        other_versions=other_versions(items, request.agent),
        unrated=unrated,
        response_rate=response_rate(here) if unrated else None,
        satisfaction_bounds=satisfaction_bounds(here) if unrated else None,
        unknown_users=sum(item.user is None for item in rated),
        linked=linked,
        satisfaction=satisfaction(rated),
        positive=share(rated, [item.positive for item in rated]),
        mean_rating=_mean_rating(rated),
        by_topic={topic: satisfaction([item for item in rated if item.topic == topic]) for topic in topics},
        trend=trend(rated),
        **_decline(rated),
        clusters=complaint_clusters([item for item in rated if item.negative], scenarios),
        forecast=scored,
        forecasts_by_topic=scores_by_topic(*forecast) if forecast else (),
        proposed_scenarios=(),
        facts=(),
        narrative=Narrative(text="", author="nobody"),
    )


def share(items: Sequence[Feedback], answers: Sequence[bool | None]) -> Quantity:
    """Share of True among the answers, one for each item; None is left out. One user's items are one cluster."""
    import numpy as np

    from assay.statistics import clustered_mean

    given = [(item, answer) for item, answer in zip(items, answers, strict=True) if answer is not None]
    values = np.array([float(answer) for _, answer in given])
    return quantity(clustered_mean(values, _users([item for item, _ in given])), clustered_by="users")


def satisfaction(items: Sequence[Feedback]) -> Quantity:
    """Share of the items with a grade that are not negative."""
    return share(items, [None if item.negative is None else not item.negative for item in items])


def response_rate(items: Sequence[Feedback]) -> Quantity:
    """Share of the conversations that somebody graded."""
    return share(items, [item.grade is not None for item in items])


def satisfaction_bounds(items: Sequence[Feedback]) -> tuple[float, float] | None:
    """Satisfaction if every conversation without a grade were negative, and if none were; None: there are no items."""
    if not items:
        return None
    good = sum(item.negative is False for item in items)
    missing = sum(item.negative is None for item in items)
    return good / len(items), (good + missing) / len(items)


def other_versions(items: Sequence[Feedback], agent: AgentRef) -> tuple[VersionFeedback, ...]:
    """What was handed in on versions other than this one, most items first."""
    by_version: dict[AgentRef, list[Feedback]] = {}
    for item in items:
        if item.agent not in (None, agent):
            by_version.setdefault(item.agent, []).append(item)
    found = [
        VersionFeedback(agent=version, items=len(rows), satisfaction=satisfaction(rows))
        for version, rows in by_version.items()
    ]
    return tuple(sorted(found, key=lambda version: (-version.items, str(version.agent))))


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
        if item.at is not None and item.grade is not None:
            weeks.setdefault(_week(item), []).append(item)
    return tuple(
        TrendPoint(week=week, items=len(rows), satisfaction=satisfaction(rows), mean_grade=_mean_grade(rows))
        for week, rows in sorted(weeks.items())
    )


def _mean_grade(items: Sequence[Feedback]) -> float:
    grades = [item.grade for item in items if item.grade is not None]
    return sum(grades) / len(grades)


def _decline(items: Sequence[Feedback]) -> dict[str, Any]:
    """The report's `falling` and `decline`: on all grades over all time, so no calendar week decides."""
    from assay.statistics import Insufficient
    from assay.statistics.trend import decline

    dated = [item for item in items if item.at is not None and item.grade is not None]
    if not dated:
        return {"falling": None, "decline": "no grade has a time"}
    found = decline(
        [float(item.grade or 0) for item in dated],
        [item.at.timestamp() / 86_400 for item in dated if item.at is not None],
        clusters=_users(dated),
    )
    if isinstance(found, Insufficient):
        return {"falling": None, "decline": found.reason}
    since = datetime.fromtimestamp(found.changed_at * 86_400, UTC).date().isoformat()
    words = (
        f"grades fell from {found.before:.2f} to {found.after:.2f} of 5, most from {since} on (p = {found.p:.4f})"
        if found.falls
        else f"grades show no fall beyond chance (p = {found.p:.2f})"
    )
    return {"falling": found.falls, "decline": words}


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


async def _forecast(request: FeedbackRequest, context: Context) -> tuple[AnalyticsReport, AnalyticsReport] | None:
    """The report that forecast, and the one on production; None: the request does not name both.

    Raises BadInput where the second is of another version, or of simulated conversations.
    """
    if request.observed_id is None:
        return None
    if request.analytics_id is None:
        raise BadInput("analytics_id: is missing: name the report whose forecast observed_id is to score")
    predicted = await _report(request.project, request.analytics_id, context)
    observed = await _report(request.project, request.observed_id, context)
    if observed.agent != request.agent:
        raise BadInput(f"observed_id: {request.observed_id} is of {observed.agent}, not of {request.agent}")
    from assay.tracking import load_result

    loaded = await asyncio.to_thread(load_result, context.tracking, request.project, Stage.JUDGE, observed.judging_id)
    judging = Judging.model_validate(loaded)
    if judging.simulation_id.startswith("sim-"):
        raise BadInput(
            f"observed_id: {request.observed_id} is of simulated conversations: judge a random sample of production "
            f"with `assay judge run --experiment {request.project} --sample 200`, then report on that judging"
        )
    return predicted, observed


async def _report(project: str, subject_id: str, context: Context) -> AnalyticsReport:
    from assay.tracking import load_result

    loaded = await asyncio.to_thread(load_result, context.tracking, project, Stage.ANALYZE, subject_id)
    return AnalyticsReport.model_validate(loaded)


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
    rates = {
        "satisfaction": report.satisfaction,
        "positive": report.positive,
        "mean_rating": report.mean_rating,
        "response_rate": report.response_rate,
    }
    metrics |= {name: rate.value for name, rate in rates.items() if isinstance(rate, Estimate)}
    return metrics


def _finding(report: ProductionReport) -> str:
    falling = f"; RATINGS ARE FALLING: {report.decline}" if report.falling else ""
    apart = sum(version.items for version in report.other_versions)
    others = f"; {apart} items on other versions left out" if apart else ""
    return (
        f"{report.items} items, not negative {show_quantity(report.satisfaction, 'share')}"
        f"{falling}{others}; {len(report.proposed_scenarios)} scenarios proposed"
    )


def _parents(request: FeedbackRequest) -> tuple[Parent, ...]:
    """The rollout that the feedback is on: the one named, else the agent's newest."""
    if request.rollout_id is not None:
        return (Parent(stage=Stage.DEPLOY, subject_id=request.rollout_id),)
    missing = (
        f"agent {request.agent} has no rollout in project {request.project}: deploy it, or ingest feedback ungated"
    )
    return (Parent(stage=Stage.DEPLOY, agent=request.agent, newest=True, missing=missing),)


async def _lay_out(report: ProductionReport, context: Context) -> "Report":
    from assay.reports.production import lay_out_production

    return lay_out_production(report, made_at=context.now())


SPEC = StageSpec(
    stage=Stage.FEEDBACK,
    noun="production",
    request=FeedbackRequest,
    result=ProductionReport,
    run=feedback,
    subject=lambda report: str(report.agent),
    finding=_finding,
    lay_out=_lay_out,
    parents=_parents,
    made_from=lambda report: (),
    ancestors=False,  # what led to the rollout was approved when it was deployed
    resource="feedback",
)
