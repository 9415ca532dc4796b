"""The pipeline turned on itself: what the six platform agents took, and how steadily and well they work."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from assay.contracts.agents_report import AgentsReport, PlatformAgent, PlatformAgentReport, PlatformCalls
from assay.contracts.analytics import AnalyticsReport
from assay.contracts.base import content_hash
from assay.contracts.comparison import ComparisonReport
from assay.contracts.dataset import Dataset, DatasetReport, DatasetResult
from assay.contracts.estimate import Insufficient, Quantity
from assay.contracts.feedback import ProductionReport
from assay.contracts.judgment import Judging
from assay.contracts.report import Fact
from assay.contracts.stage import AgentRef, Stage, StageResult, Usage
from assay.evaluation.quantiles import quantile
from assay.evaluation.results import TrialResult, quantity
from assay.evaluation.validation import validate
from assay.lifecycle.gates import load_subject
from assay.models.narration import Narrated
from assay.models.usage import add_usage
from assay.stages.context import CALLS, Calls, Context
from assay.stages.material import load_results

REPEATS = 10
"""Pieces of work that each agent does again with another seed."""

RULES: dict[PlatformAgent, str] = {
    "dataset_builder": "drafted scenarios in which validation finds no error",
    "user_simulator": "conversations in which it stayed the user: no fault of its own",
    "judge": "verdicts in which every quote stands in the transcript, word for word",
    "analyst": "reports whose every number is a computed fact",
    "comparator": "reports whose every number is a computed fact",
    "feedback_analyst": "reports whose every number is a computed fact",
}

T = TypeVar("T")


class HasUsage(Protocol):
    @property
    def usage(self) -> Usage: ...


Answered = TypeVar("Answered", bound=HasUsage)


async def report_on_agents(project: str, context: Context, model: str | None = None) -> AgentsReport:
    """Reads the project's runs, has each agent repeat a little of its work with another seed, and adds up."""
    from assay.tracking import list_artifacts, list_results, read_json

    t = context.tracking
    calls: dict[str, list[PlatformCalls]] = defaultdict(list)
    results: list[StageResult] = []
    for stage in Stage:
        for run in await asyncio.to_thread(list_results, t, project, stage):
            results.append(await load_subject(context, project, run.subject_id))
            if CALLS in await asyncio.to_thread(list_artifacts, t, run.run_id):
                for row in await asyncio.to_thread(read_json, t, run.run_id, CALLS):
                    made = PlatformCalls.model_validate(row)
                    calls[made.agent].append(made)
    model_name = context.model_name(model)
    trials = await _judged_trials(results, context)
    again = _Again(context, model_name, results, trials)
    determinism = {name: await again.of(name) for name in RULES}
    for made in again.calls.made:
        calls[made.agent].append(made)
    everything = sum(row.calls for made in calls.values() for row in made)
    agents = [
        _summary(
            name, calls[name], everything, determinism[name], _adherence(name, again, trials, calls[name]), model_name
        )
        for name in RULES
    ]
    return AgentsReport(
        project=project,
        agents=tuple(agents),
        facts=tuple(fact for agent in agents for fact in _facts(agent)),
        offline=all(agent.model == "offline" for agent in agents),
    )


def _summary(
    name: PlatformAgent,
    made: Sequence[PlatformCalls],
    everything: int,
    determinism: Quantity,
    adherence: Quantity,
    model_name: str,
) -> PlatformAgentReport:
    count, errors = sum(row.calls for row in made), sum(row.failed for row in made)
    usage = add_usage(*(row.usage for row in made))
    latencies = sum((Counter(row.latencies) for row in made), Counter())
    models = sorted({row.model for row in made}) or [model_name]
    return PlatformAgentReport(
        agent=name,
        model=", ".join(models),
        calls=count,
        errors=errors,
        error_rate=_rate(errors, count, "calls"),
        latency_p50_s=quantile(latencies, 0.5),
        latency_p95_s=quantile(latencies, 0.95),
        tokens=None
        if usage.input_tokens is None and usage.output_tokens is None
        else (usage.input_tokens or 0) + (usage.output_tokens or 0),
        cost_usd=Decimal(0) if models == ["offline"] else usage.cost_usd,
        determinism=determinism,
        adherence=adherence,
        adherence_rule=RULES[name],
        share_of_calls=count / everything if everything else 0.0,
    )


def _rate(successes: int, n: int, what: str) -> Quantity:
    from assay.statistics import wilson

    if n == 0:
        return Insufficient(reason=f"no {what} to count yet", n=0)
    return quantity(wilson(successes, n))


def _facts(agent: PlatformAgentReport) -> list[Fact]:
    return [
        Fact(fact_id=f"{agent.agent}.calls", label=f"{agent.agent}: calls", value=agent.calls),
        Fact(
            fact_id=f"{agent.agent}.error_rate",
            label=f"{agent.agent}: error rate",
            value=agent.error_rate,
            unit="share",
        ),
        Fact(
            fact_id=f"{agent.agent}.determinism",
            label=f"{agent.agent}: same with another seed",
            value=agent.determinism,
            unit="share",
        ),
        Fact(
            fact_id=f"{agent.agent}.adherence",
            label=f"{agent.agent}: {agent.adherence_rule}",
            value=agent.adherence,
            unit="share",
        ),
    ]


async def _judged_trials(results: Sequence[StageResult], context: Context) -> list[tuple[Judging, list[TrialResult]]]:
    return [
        await load_results(context, result.project, result.subject_id, None)
        for result in results
        if isinstance(result, Judging)
    ]


def _adherence(
    name: PlatformAgent,
    again: "_Again",
    trials: Sequence[tuple[Judging, list[TrialResult]]],
    made: Sequence[PlatformCalls],
) -> Quantity:
    match name:
        case "dataset_builder":
            drafted = again.drafted
            if drafted is None:
                return Insufficient(reason="no dataset was built yet", n=0)
            wrong = {s for f in drafted.findings if f.severity == "error" for s in f.scenario_ids}
            return _rate(drafted.scenarios - len(wrong), drafted.scenarios, "scenarios")
        case "user_simulator":
            played = [trial.conversation for _, rows in trials for trial in rows]
            return _rate(sum(not c.simulator_faults for c in played), len(played), "conversations")
        case "judge":
            rulings = [
                (verdict, trial.conversation)
                for _, rows in trials
                for trial in rows
                for verdict in trial.judgment.verdicts
                if verdict.source in ("llm_judge", "offline_judge")
            ]
            grounded = sum(
                all(
                    quoted.turn < len(conversation.turns) and quoted.quote in conversation.turns[quoted.turn].text
                    for quoted in verdict.evidence
                )
                for verdict, conversation in rulings
            )
            return _rate(grounded, len(rulings), "verdicts")
        case "analyst" | "comparator" | "feedback_analyst":
            # A narrative with a number of its own is refused, so it shows as a failed call.
            count = sum(row.calls for row in made)
            return _rate(count - sum(row.failed for row in made), count, "reports")


class _Again:
    """Has an agent repeat a little of its work with another seed, and counts what came out the same."""

    def __init__(
        self,
        context: Context,
        model_name: str,
        results: Sequence[StageResult],
        trials: Sequence[tuple[Judging, list[TrialResult]]],
    ) -> None:
        self.context = context
        self.model = context.chat_model(model_name)
        self.model_name = model_name
        self.results = results
        self.calls = Calls()
        self.drafted: DatasetReport | None = None
        """What validation says of the repeated draft; None: nothing was drafted."""
        self.trials = [trial for _, rows in trials for trial in rows if trial.scenario is not None][::7][:REPEATS]

    async def of(self, name: PlatformAgent) -> Quantity:
        match name:
            case "dataset_builder":
                return await self._builder()
            case "user_simulator":
                return await self._simulator()
            case "judge":
                return await self._judge()
            case "analyst":
                from assay.agents.analyst import analyst

                reports = [r for r in self.results if isinstance(r, AnalyticsReport)]
                return await self._narrates(name, analyst(self.model).narrate, reports)
            case "comparator":
                from assay.agents.comparator import comparator

                comparisons = [r for r in self.results if isinstance(r, ComparisonReport)]
                return await self._narrates(name, comparator(self.model).narrate, comparisons)
            case "feedback_analyst":
                from assay.agents.feedback_analyst import feedback_analyst

                productions = [r for r in self.results if isinstance(r, ProductionReport)]
                return await self._narrates(name, feedback_analyst(self.model).narrate, productions)

    async def _builder(self) -> Quantity:
        from assay.agents.dataset_builder import dataset_builder

        built = [r for r in self.results if isinstance(r, DatasetResult)]
        if not built:
            return Insufficient(reason="no dataset was built yet", n=0)
        agent: AgentRef = built[0].agent
        card = (await self.context.agent_version(built[0].project, agent)).card
        builder = dataset_builder(self.model)
        drafts = [
            await self._counted("dataset_builder", builder.draft(card, card.description, size=REPEATS, seed=seed))
            for seed in (0, 1)
        ]
        scenarios = drafts[0].scenarios
        self.drafted = validate(Dataset(name="draft", scenarios=scenarios), card, threshold=0.0)
        first, second = ({content_hash(scenario) for scenario in draft.scenarios} for draft in drafts)
        return _rate(len(first & second), len(first), "scenarios")

    async def _counted(self, name: PlatformAgent, work: Awaitable[Answered]) -> Answered:
        return await self.calls.of(name, self.model_name, work, lambda done: done.usage)

    async def _simulator(self) -> Quantity:
        from assay.agents.user_simulator import user_simulator

        user = user_simulator(self.model)
        same = 0
        for trial in self.trials:
            assert trial.scenario is not None  # noqa: S101, filtered above
            turns = trial.conversation.turns[:2]
            moves = [
                await self._counted("user_simulator", user.next_move(trial.scenario, turns, seed=seed))
                for seed in (trial.conversation.seed, trial.conversation.seed + 1)
            ]
            same += (moves[0].text, moves[0].stop) == (moves[1].text, moves[1].stop)
        return _rate(same, len(self.trials), "conversations")

    async def _judge(self) -> Quantity:
        from assay.agents.judge import judge

        bench = judge(self.model)
        same = 0
        for trial in self.trials:
            assert trial.scenario is not None  # noqa: S101, filtered above
            rulings = []
            for seed in (0, 1):
                ruled = await self._counted(
                    "judge",
                    bench.rule(
                        trial.conversation,
                        trial.scenario.expectations,
                        scenario=trial.scenario,
                        rubric="",
                        votes=1,
                        seed=seed,
                    ),
                )
                rulings.append([verdict.ruling for verdict in ruled.verdicts])
            same += rulings[0] == rulings[1]
        return _rate(same, len(self.trials), "conversations")

    async def _narrates(
        self, name: PlatformAgent, narrate: Callable[[T], Awaitable[Narrated]], reports: Sequence[T]
    ) -> Quantity:
        same = 0
        for report in reports[:REPEATS]:
            texts = [(await self._counted(name, narrate(report))).narrative.text for _ in range(2)]
            same += texts[0] == texts[1]
        return _rate(same, len(reports[:REPEATS]), "reports")


async def publish_agents_report(project: str, context: Context, model: str | None = None) -> tuple[AgentsReport, str]:
    """The report, stored in a run of its own; and where its HTML is."""
    from assay.lifecycle.publish import store_report
    from assay.reports import lay_out_agents
    from assay.tracking import artifact_uri, project_run

    report = await report_on_agents(project, context, model)
    run_id = await asyncio.to_thread(project_run, context.tracking, project, "agents-report")
    report = report.replace(run_id=run_id)
    await store_report(lay_out_agents(report, made_at=context.now()), "agents", run_id, context)
    return report, await asyncio.to_thread(artifact_uri, context.tracking, run_id, "reports/agents.html")
