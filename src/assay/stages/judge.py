"""Stage 4, judging: a verdict on each expectation of each conversation, by code first and judges after."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from assay.contracts.base import content_hash, short_id
from assay.contracts.conversation import Conversation, FailureCause, FinishReason, Simulation
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import JudgeRequest, JudgeSpec, Judging, Judgment, Verdict
from assay.contracts.stage import AgentRef, DatasetRef, Stage, Usage
from assay.errors import BadInput, CallError, GateClosed, OverBudget
from assay.evaluation.checks import check_verdict
from assay.evaluation.infrastructure import mark_faults
from assay.evaluation.panel import merge, to_judgment
from assay.models.usage import UsageSum
from assay.stages.context import Calls, Context, Work, usage_of
from assay.stages.evidence import CONVERSATIONS, JUDGMENTS
from assay.stages.flow import flow
from assay.stages.spec import Parent, StageSpec
from assay.stages.streak import Streak
from assay.stages.tallies import AnswerTally, JudgmentTally, not_whole

if TYPE_CHECKING:
    from assay.agents.judge import Judge
    from assay.contracts.report import Report
    from assay.tracking import StageRun

LINES = "judging/judgments.jsonl"
"""The artifact that holds all judgments."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is judged, wherever it came from."""

    source_id: str
    agent: AgentRef
    dataset: DatasetRef | None
    scenarios: Mapping[str, Scenario]
    given: Sequence[Conversation] | None
    """None: they are traces of this project already, of the simulation `source_id`."""
    experiment_id: str | None = None
    """The experiment that `given` was read from; None: from none."""
    finish_reasons: Mapping[FinishReason, int] = field(default_factory=dict)
    silent_turns: int = 0
    """How the agent's turns ended, as far as it is known beforehand."""
    skipped_traces: Mapping[str, int] = field(default_factory=dict)
    population: int | None = None
    """Of which the conversations are a random sample; None: they are none."""
    evidence: str = ""
    """SHA-256 of the simulation's conversations as its result has it; empty: not known."""
    parents: tuple[str, ...] = ()
    """The simulation; none where the conversations are from elsewhere."""


@dataclass(frozen=True, slots=True)
class Bench:
    """All that decides how it is judged: the panel, the rubric and what is expected."""

    request: JudgeRequest
    source: Source
    panel: "Sequence[Seat]"
    judges: list[list[Any]]
    rubric_hash: str
    calls: Calls
    streak: Streak
    failed: set[str] = field(default_factory=set)
    """Conversations on which the judge failed here: they are left to the next command."""

    @property
    def key(self) -> list[Any]:
        return [self.source.source_id, str(self.source.dataset), self.rubric_hash, self.judges]

    @property
    def judging_id(self) -> str:
        return short_id("judging", self.key, self.request.gated)

    @property
    def name(self) -> str:
        """The judge as reports name it, such as `openai:gpt-5-mini x3 + RelevanceToQuery`."""
        return " + ".join(f"{name}" + (f" x{votes}" if votes != 1 else "") for _, name, votes in self.judges)

    @property
    def work(self) -> Work[Judging]:
        return Work(
            Judging,
            self.request,
            Stage.JUDGE,
            key=self.key,
            agent=self.source.agent,
            dataset=self.source.dataset,
            params={"judge": self.name, "rubric_hash": self.rubric_hash},
            left=self._left,
            parents=lambda judging: self.source.parents,
        )

    def of(self, simulation: Simulation) -> Self:
        """The same bench for the simulation as it is now, which was not played yet when this was set up."""
        evidence = simulation.evidence.get(CONVERSATIONS, "")
        return replace(self, source=replace(self.source, evidence=evidence, parents=(simulation.subject_id,)))

    def _left(self, judging: Judging) -> bool:
        """Whether the judge failed somewhere, or conversations were played since that had ended in an error."""
        played = judging.evidence.get(CONVERSATIONS)
        return bool(judging.failures) or bool(self.source.evidence and played and played != self.source.evidence)

    async def judgment(self, conversation: Conversation) -> Judgment:
        """Checks first, then the panel on what no check decides.

        Raises OverBudget where a limit is reached, Stopped where one call after another fails for the same reason.
        """
        if conversation.error is not None:
            failed = to_judgment(conversation, (), Usage(), conversation.error)
            return failed.replace(error_of="conversation")
        scenario = self.source.scenarios.get(conversation.scenario_id)
        expectations = (*(scenario.expectations if scenario else ()), *self.request.expectations)
        verdicts: dict[str, Verdict] = {}
        open_ones: list[Expectation] = []
        for expectation in expectations:
            ruled = check_verdict(expectation, conversation)
            if ruled is None:
                open_ones.append(expectation)
            else:
                verdicts[expectation.expectation_id] = ruled
        usage = UsageSum()
        if open_ones:
            rulings: dict[str, list[Verdict]] = {}
            try:
                for seat in self.panel:
                    said, took = await seat(conversation, open_ones, scenario, self.request.rubric, self.calls)
                    usage.add(took)
                    for verdict in said:
                        rulings.setdefault(verdict.expectation_id, []).append(verdict)
            except CallError as error:
                if error.failed.cause is FailureCause.BUDGET:
                    raise OverBudget(error.failed.detail) from error
                usage.add(usage_of(error))
                self.failed.add(conversation.conversation_id)
                self.streak.ended("judge", error.failed)
                failed = to_judgment(conversation, tuple(verdicts.values()), usage.total, error.failed)
                return failed.replace(error_of="judge")
            self.streak.ended("judge", None)
            for name, said in rulings.items():
                verdicts[name] = said[0] if len(said) == 1 else merge(said)
        order = {expectation.expectation_id: place for place, expectation in enumerate(expectations)}
        ordered = sorted(verdicts.values(), key=lambda verdict: order.get(verdict.expectation_id, len(order)))
        return to_judgment(conversation, tuple(ordered), usage.total)


async def seat_panel(request: JudgeRequest, context: Context, source: Source) -> Bench:
    """The judges, with the prompt in force."""
    from assay.agents.judge import PROMPT
    from assay.agents.judge import judge as open_judge
    from assay.agents.judge.package import PackageJudge

    names = [context.model_name(spec.model) for spec in request.judges]
    prompt = await context.prompt("judge", PROMPT)
    panel, judges = [], []
    for place, (spec, name) in enumerate(zip(request.judges, names, strict=True)):
        match spec.kind:
            case "assay":
                one = open_judge(context.chat_model(name), prompt)
            case "mlflow":
                one, name = None, spec.scorer
            case _:
                one = PackageJudge(spec, f"judges.{place}.kind")
                name = one.name
        panel.append(_seat(spec, one, context, request.project))
        judges.append([spec.kind, name, spec.votes])
    rubric_hash = content_hash([request.rubric, prompt, [e.model_dump(mode="json") for e in request.expectations]])
    streak = Streak(context.settings.stop_after_failures, what="judge calls")
    return Bench(request, source, panel, judges, rubric_hash, Calls(), streak)


async def judge(request: JudgeRequest, context: Context) -> Judging:
    """Judges what is not yet judged or could not be, and stores each verdict as an assessment on its trace.

    A conversation that ended in an error is not judged but carries that error; a judge that fails is an error of
    its own. Raises BadInput where there is nothing to judge or nothing to hold it against, Stopped where one call
    after another fails for the same reason.
    """
    return await judge_all(await seat_panel(request, context, await _source(request, context)), context)


async def judge_all(bench: Bench, context: Context) -> Judging:
    """The judging by this bench; what it has judged before is not judged again."""
    request, source = bench.request, bench.source
    t, project = context.tracking, request.project

    async def work(run: "StageRun") -> Judging:
        from assay.tracking import IMPORTED_TAG, conversations_hash, judged, write_conversations

        if source.given is not None:
            await asyncio.to_thread(
                write_conversations,
                t,
                project,
                [(c, source.scenarios.get(c.scenario_id)) for c in source.given],
                simulation_id=source.source_id,
                run_id=run.run_id,
                dataset=source.dataset,
                tags={IMPORTED_TAG: source.experiment_id} if source.experiment_id else None,
            )
        done = await asyncio.to_thread(judged, t, project, bench.judging_id) | bench.failed
        left = await _left(source, context, project, done)
        await flow(
            left.conversations,
            bench.judgment,
            keeper(bench, context, run.run_id, source.source_id),
            concurrency=min(request.concurrency, max(1, left.count)),
            tell=lambda count: context.tell(Stage.JUDGE, len(done) + count, len(done) + left.count),
        )
        tally = JudgmentTally()
        await asyncio.to_thread(_add_up, bench, context, run, tally)
        await asyncio.to_thread(run.log_metrics, tally.metrics())
        await context.keep_calls(run, bench.calls)
        played = await asyncio.to_thread(conversations_hash, t, project, source.source_id)
        return _result(bench, run.run_id, tally, played)

    return await context.once(bench.work, work)


def keeper(
    bench: Bench, context: Context, run_id: str | None, simulation_id: str | None
) -> Callable[[Sequence[Judgment]], Awaitable[None]]:
    """Stores judgments of conversations that are stored. simulation_id: whose they are; None: of no one simulation."""
    from assay.tracking import write_judgments

    async def keep(batch: Sequence[Judgment]) -> None:
        project = bench.request.project
        await asyncio.to_thread(
            write_judgments,
            context.tracking,
            project,
            bench.judging_id,
            batch,
            run_id=run_id,
            simulation_id=simulation_id,
        )

    return keep


@dataclass(frozen=True, slots=True)
class _Left:
    conversations: AsyncIterator[Conversation]
    count: int


async def _left(source: Source, context: Context, project: str, done: Collection[str]) -> _Left:
    """What is not judged yet, read as it is needed."""
    from assay.tracking import BATCH, list_conversations, load_conversations

    if source.given is not None:
        here = [conversation for conversation in source.given if conversation.conversation_id not in done]

        async def from_request() -> AsyncIterator[Conversation]:
            for conversation in here:
                yield conversation

        return _Left(from_request(), len(here))
    stored = await asyncio.to_thread(list_conversations, context.tracking, project, source.source_id)
    open_ones = [row for row in stored if row.conversation_id not in done]

    async def from_store() -> AsyncIterator[Conversation]:
        for start in range(0, len(open_ones), BATCH):
            batch = open_ones[start : start + BATCH]
            for conversation in await asyncio.to_thread(load_conversations, context.tracking, project, batch):
                yield conversation

    return _Left(from_store(), len(open_ones))


async def _source(request: JudgeRequest, context: Context) -> Source:
    from assay.tracking import find_experiment, import_traces, load_result

    t, project = context.tracking, request.project
    if request.simulation_id is not None:
        loaded = await asyncio.to_thread(load_result, t, project, Stage.SIMULATE, request.simulation_id)
        simulation = Simulation.model_validate(loaded)
        if not simulation.conversations:
            raise BadInput(f"simulation_id: {request.simulation_id} holds no conversation: there is nothing to judge")
        dataset = request.dataset or simulation.dataset
        scenarios = await _scenarios(context, project, dataset)
        return Source(
            request.simulation_id,
            simulation.agent,
            dataset,
            scenarios,
            None,
            finish_reasons=simulation.finish_reasons,
            silent_turns=simulation.silent_turns,
            evidence=simulation.evidence.get(CONVERSATIONS, ""),
            parents=(request.simulation_id,),
        )
    experiment_id = None
    skipped: Mapping[str, int] = {}
    population = None
    if request.conversations is not None:
        conversations, kind = list(request.conversations), "conversations"
    else:
        assert request.traces is not None  # noqa: S101, the contract allows one of three
        experiment_id, _ = await asyncio.to_thread(find_experiment, t, request.traces.experiment)
        found = await asyncio.to_thread(import_traces, t, request.traces)
        conversations, kind, skipped = mark_faults(found.conversations), "traces", found.skipped
        population = found.population
        # somebody else's traces stay as they are; what is judged gets one of ours
    if not conversations:
        why = "".join(f"; {count} passed over: {reason}" for reason, count in skipped.items())
        raise BadInput(f"there are no conversations to judge: check simulation_id, conversations or traces.filter{why}")
    agents = {str(conversation.agent): conversation.agent for conversation in conversations}
    if len(agents) > 1:
        named = ", ".join(sorted(agents))
        raise BadInput(f"conversations: they are of several agent versions ({named}): judge one at a time")
    ordered = sorted(conversations, key=lambda c: (c.scenario_id, c.trial, c.conversation_id))
    scenarios = await _scenarios(context, project, request.dataset)
    source_id = short_id(kind, conversations)
    answers = AnswerTally()
    for conversation in ordered:
        answers.add(conversation)
    return Source(
        source_id,
        conversations[0].agent,
        request.dataset,
        scenarios,
        ordered,
        experiment_id,
        finish_reasons=dict(sorted(answers.finish_reasons.items())),
        silent_turns=answers.silent,
        skipped_traces=skipped,
        population=population,
    )


async def _scenarios(context: Context, project: str, dataset: DatasetRef | None) -> dict[str, Scenario]:
    from assay.tracking import load_dataset

    if dataset is None:
        return {}
    loaded = await asyncio.to_thread(load_dataset, context.tracking, project, dataset)
    return {scenario.scenario_id: scenario for scenario in loaded.scenarios}


Seat = Callable[
    [Conversation, Sequence[Expectation], Scenario | None, str, Calls], Awaitable[tuple[Sequence[Verdict], Usage]]
]
"""One judge on the panel."""


def _seat(spec: JudgeSpec, judge: "Judge | None", context: Context, project: str) -> Seat:
    async def by_model(
        conversation: Conversation,
        expectations: Sequence[Expectation],
        scenario: Scenario | None,
        rubric: str,
        calls: Calls,
    ) -> tuple[Sequence[Verdict], Usage]:
        assert judge is not None  # noqa: S101, only a scorer's seat has none
        ruled = await calls.of(
            "judge",
            judge.name,
            judge.rule(
                conversation, expectations, scenario=scenario, rubric=rubric, votes=spec.votes, seed=conversation.seed
            ),
            lambda ruled: ruled.usage,
        )
        return ruled.verdicts, ruled.usage

    async def by_scorer(
        conversation: Conversation,
        expectations: Sequence[Expectation],
        scenario: Scenario | None,
        rubric: str,
        calls: Calls,
    ) -> tuple[Sequence[Verdict], Usage]:
        from assay.tracking import score_with_mlflow

        del rubric, calls
        verdicts = await asyncio.to_thread(
            score_with_mlflow,
            spec.scorer or "",
            conversation,
            expectations,
            scenario,
            t=context.tracking,
            project=project,
        )
        return verdicts, Usage()

    return by_scorer if judge is None else by_model


def _add_up(bench: Bench, context: Context, run: "StageRun", tally: JudgmentTally) -> None:
    """What the store holds, counted and written to the artifact in one pass."""
    from assay.tracking import judgment_texts, line_digest

    def lines() -> Iterator[str]:
        for text in judgment_texts(context.tracking, bench.request.project, bench.judging_id):
            tally.add(Judgment.model_validate_json(text))
            tally.digest.update(line_digest(text))
            yield text

    run.log_lines(LINES, lines())


def _result(bench: Bench, run_id: str, tally: JudgmentTally, played: str) -> Judging:
    request, source = bench.request, bench.source
    return Judging(
        project=request.project,
        gated=request.gated,
        subject_id=bench.judging_id,
        run_id=run_id,
        offline=any(kind == "assay" and name == "offline" for kind, name, _ in bench.judges),
        simulation_id=source.source_id,
        agent=source.agent,
        dataset=source.dataset,
        finish_reasons=dict(source.finish_reasons),
        silent_turns=source.silent_turns,
        skipped_traces=dict(source.skipped_traces),
        population=source.population,
        conversations=tally.conversations,
        passed=tally.passed,
        failed=tally.failed,
        unjudged=tally.unjudged,
        errors=dict(sorted(tally.errors.items())),
        failures=tuple(tally.failures),
        evidence={CONVERSATIONS: played, JUDGMENTS: tally.digest.hexdigest()},
        mean_score=tally.mean_score,
        ruled_by_rules=tally.ruled_by_rules,
        rules_abstained=tally.rules_abstained,
        judge=bench.name,
        rubric_hash=bench.rubric_hash,
        usage=tally.usage.total,
    )


def _finding(judging: Judging) -> str:
    skipped = "".join(f"; {count} traces skipped: {why}" for why, count in judging.skipped_traces.items())
    rules = ""
    if judging.ruled_by_rules:
        rules = (
            f"; rules, not a model, looked at {judging.ruled_by_rules} expectations without a check and could not "
            f"tell on {judging.rules_abstained}"
        )
    return (
        f"{judging.passed} passed, {judging.failed} failed, {judging.unjudged} without a verdict"
        f"{rules}{not_whole(judging)}{skipped}"
    )


def _parents(request: JudgeRequest) -> tuple[Parent, ...]:
    if request.simulation_id is None:
        raise GateClosed("conversations from elsewhere have no approved simulation: judge them ungated")
    return (Parent(stage=Stage.SIMULATE, subject_id=request.simulation_id),)


def _made_from(judging: Judging) -> tuple[Parent, ...]:
    missing = (
        f"{judging.subject_id} judged conversations from elsewhere, which have no simulation to approve: "
        "only what was simulated here is deployed"
    )
    return (Parent(stage=Stage.SIMULATE, subject_id=judging.simulation_id, missing=missing),)


def _next_commands(judging: Judging) -> list[tuple[str, str]]:
    commands = [(f"assay analytics report --judging {judging.subject_id}", "")]
    if judging.ruled_by_rules:
        again = f"assay judge run --model MODEL --simulation {judging.simulation_id}"
        commands.insert(0, (again, "(rules judged this)"))
    return commands


async def _lay_out(judging: Judging, context: Context) -> "Report":
    from assay.reports.judging import lay_out_judging

    return lay_out_judging(judging, made_at=context.now())


SPEC = StageSpec(
    stage=Stage.JUDGE,
    noun="judging",
    request=JudgeRequest,
    result=Judging,
    run=judge,
    subject=lambda judging: f"{judging.agent} on {judging.dataset}" if judging.dataset else str(judging.agent),
    finding=_finding,
    lay_out=_lay_out,
    parents=_parents,
    made_from=_made_from,
    then=lambda judging: {"judging_id": judging.subject_id},
    next_commands=_next_commands,
    resource="judgments",
)
