"""Stage 4, judging: a verdict on each expectation of each conversation, by code first and judges after."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.contracts.base import content_hash, short_id
from assay.contracts.conversation import Conversation, Simulation
from assay.contracts.dataset import Expectation, Scenario
from assay.contracts.judgment import JudgeRequest, JudgeSpec, Judging, Judgment, Verdict
from assay.contracts.stage import AgentRef, DatasetRef, Stage, Usage
from assay.errors import BadInput, CallError
from assay.evaluation.checks import check_verdict
from assay.evaluation.panel import merge, to_judgment
from assay.models.usage import add_usage
from assay.stages.context import Calls, Context
from assay.stages.flow import flow

if TYPE_CHECKING:
    from assay.agents.judge import Judge
    from assay.tracking import StageRun


@dataclass(frozen=True, slots=True)
class Material:
    """What is judged, wherever it came from."""

    simulation_id: str
    agent: AgentRef
    conversations: Sequence[Conversation]
    dataset: DatasetRef | None
    scenarios: dict[str, Scenario]
    stored: bool
    """The conversations are traces of this project already."""


async def judge(request: JudgeRequest, context: Context) -> Judging:
    """Judges what is not yet judged, and stores each verdict as an assessment on its trace.

    A conversation that ended in an error is not judged but carries that error; a judge that fails is an error of
    its own. Raises BadInput where there is nothing to judge or nothing to hold it against.
    """
    from assay.agents.judge import PROMPT
    from assay.agents.judge import judge as open_judge
    from assay.tracking import read_judgments, write_conversations, write_judgments

    t = context.tracking
    material = await _material(request, context)
    names = [context.model_name(spec.model) for spec in request.judges]
    prompt = await context.prompt("judge", PROMPT)
    panel = [
        _seat(
            spec,
            open_judge(context.chat_model(name), prompt) if spec.kind == "assay" else None,
            context,
            request.project,
        )
        for spec, name in zip(request.judges, names, strict=True)
    ]
    rubric_hash = content_hash([request.rubric, prompt, [e.model_dump(mode="json") for e in request.expectations]])
    judges = [[spec.kind, spec.scorer or name, spec.votes] for spec, name in zip(request.judges, names, strict=True)]
    key = [material.simulation_id, str(material.dataset), rubric_hash, judges]
    judging_id = short_id("judging", key, request.gated)

    async def work(run: "StageRun") -> Judging:
        if not material.stored:
            await asyncio.to_thread(
                write_conversations,
                t,
                request.project,
                [(c, material.scenarios.get(c.scenario_id)) for c in material.conversations],
                simulation_id=material.simulation_id,
                run_id=run.run_id,
                dataset=material.dataset,
            )
        done = {j.conversation_id: j for j in await asyncio.to_thread(read_judgments, t, request.project, judging_id)}

        async def keep(batch: list[Judgment]) -> None:
            await asyncio.to_thread(write_judgments, t, request.project, judging_id, batch, run_id=run.run_id)

        calls = Calls()
        bench = _Bench(request, material, panel, calls)
        todo = [c for c in material.conversations if c.conversation_id not in done]
        made = await flow(
            todo,
            bench.judgment,
            keep,
            concurrency=request.concurrency,
            tell=lambda count: context.progress(Stage.JUDGE, len(done) + count, len(material.conversations)),
        )
        by_id = done | {judgment.conversation_id: judgment for judgment in made}
        judgments = [by_id[c.conversation_id] for c in material.conversations]
        result = summarize(request, judging_id, run.run_id, material, judgments, _panel_name(judges), rubric_hash)
        lines = "\n".join(judgment.model_dump_json() for judgment in judgments)
        await asyncio.to_thread(run.log_text, "judging/judgments.jsonl", lines + "\n")
        await asyncio.to_thread(run.log_metrics, _metrics(result))
        await context.keep_calls(run, calls)
        return result

    return await context.once(
        request,
        Judging,
        work,
        stage=Stage.JUDGE,
        key=list(key),
        agent=material.agent,
        dataset=material.dataset,
        params={"judge": _panel_name(judges), "rubric_hash": rubric_hash},
    )


async def _material(request: JudgeRequest, context: Context) -> Material:
    from assay.tracking import import_traces, load_dataset, load_result, read_conversations

    t, project = context.tracking, request.project
    dataset = request.dataset
    if request.simulation_id is not None:
        loaded = await asyncio.to_thread(load_result, t, project, Stage.SIMULATE, request.simulation_id)
        simulation = Simulation.model_validate(loaded)
        dataset = dataset or simulation.dataset
        conversations = await asyncio.to_thread(read_conversations, t, project, request.simulation_id)
        source, stored = request.simulation_id, True
    elif request.conversations is not None:
        conversations, stored = list(request.conversations), False
        source = short_id("conversations", conversations)
    else:
        assert request.traces is not None  # noqa: S101, the contract allows one of three
        conversations = await asyncio.to_thread(import_traces, t, request.traces)
        stored = False  # somebody else's traces stay as they are; what is judged gets one of ours
        source = short_id("traces", conversations)
    if not conversations:
        raise BadInput("there are no conversations to judge: check simulation_id, conversations or traces.filter")
    agents = {str(conversation.agent): conversation.agent for conversation in conversations}
    if len(agents) > 1:
        named = ", ".join(sorted(agents))
        raise BadInput(f"conversations: they are of several agent versions ({named}): judge one at a time")
    scenarios: dict[str, Scenario] = {}
    if dataset is not None:
        loaded_dataset = await asyncio.to_thread(load_dataset, t, project, dataset)
        scenarios = {scenario.scenario_id: scenario for scenario in loaded_dataset.scenarios}
    ordered = sorted(conversations, key=lambda c: (c.scenario_id, c.trial, c.conversation_id))
    return Material(source, conversations[0].agent, ordered, dataset, scenarios, stored)


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
        assert judge is not None  # noqa: S101, an assay seat is made with its judge
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

    return by_model if spec.kind == "assay" else by_scorer


@dataclass(frozen=True, slots=True)
class _Bench:
    """The panel over one kind of material."""

    request: JudgeRequest
    material: Material
    panel: Sequence[Seat]
    calls: Calls

    async def judgment(self, conversation: Conversation) -> Judgment:
        if conversation.error is not None:
            return to_judgment(conversation, (), Usage(), conversation.error)
        scenario = self.material.scenarios.get(conversation.scenario_id)
        expectations = (*(scenario.expectations if scenario else ()), *self.request.expectations)
        verdicts: dict[str, Verdict] = {}
        open_ones: list[Expectation] = []
        for expectation in expectations:
            ruled = check_verdict(expectation, conversation)
            if ruled is None:
                open_ones.append(expectation)
            else:
                verdicts[expectation.expectation_id] = ruled
        usages: list[Usage] = []
        if open_ones:
            rulings: dict[str, list[Verdict]] = {}
            try:
                for seat in self.panel:
                    said, usage = await seat(conversation, open_ones, scenario, self.request.rubric, self.calls)
                    usages.append(usage)
                    for verdict in said:
                        rulings.setdefault(verdict.expectation_id, []).append(verdict)
            except CallError as error:
                return to_judgment(conversation, tuple(verdicts.values()), add_usage(*usages), error.failed)
            for name, said in rulings.items():
                verdicts[name] = said[0] if len(said) == 1 else merge(said)
        order = {expectation.expectation_id: place for place, expectation in enumerate(expectations)}
        ordered = sorted(verdicts.values(), key=lambda verdict: order.get(verdict.expectation_id, len(order)))
        return to_judgment(conversation, tuple(ordered), add_usage(*usages))


def _panel_name(judges: Sequence[Sequence[object]]) -> str:
    """The judge as reports name it, such as `openai:gpt-5-mini x3 + RelevanceToQuery`."""
    return " + ".join(f"{name}" + (f" x{votes}" if votes != 1 else "") for _, name, votes in judges)


def summarize(
    request: JudgeRequest,
    judging_id: str,
    run_id: str | None,
    material: Material,
    judgments: Sequence[Judgment],
    judge_name: str,
    rubric_hash: str,
) -> Judging:
    """The counts of a judging."""
    scored = [judgment.score for judgment in judgments if judgment.score is not None]
    return Judging(
        project=request.project,
        gated=request.gated,
        subject_id=judging_id,
        run_id=run_id,
        offline="offline" in judge_name.split(" ")[0],
        simulation_id=material.simulation_id,
        agent=material.agent,
        dataset=material.dataset,
        conversations=len(judgments),
        passed=sum(judgment.passed is True for judgment in judgments),
        failed=sum(judgment.passed is False for judgment in judgments),
        unjudged=sum(judgment.passed is None for judgment in judgments),
        mean_score=sum(scored) / len(scored) if scored else None,
        judge=judge_name,
        rubric_hash=rubric_hash,
        usage=add_usage(*(judgment.usage for judgment in judgments)),
    )


def _metrics(judging: Judging) -> dict[str, float]:
    metrics: dict[str, float] = {
        "judged": judging.passed + judging.failed,
        "passed": judging.passed,
        "failed": judging.failed,
        "unjudged": judging.unjudged,
        "judge_input_tokens": judging.usage.input_tokens or 0,
        "judge_output_tokens": judging.usage.output_tokens or 0,
    }
    if judging.passed + judging.failed:
        metrics["pass_rate"] = judging.passed / (judging.passed + judging.failed)
    if judging.mean_score is not None:
        metrics["mean_score"] = judging.mean_score
    if judging.usage.cost_usd is not None:
        metrics["judge_cost_usd"] = float(judging.usage.cost_usd)
    return metrics
