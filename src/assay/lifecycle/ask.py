"""One platform agent asked directly. Each question is an MLflow run; the same question again is read from there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from assay.contracts.agents_report import PlatformAgent
from assay.contracts.analytics import AnalystAnswer, AnalystQuestion
from assay.contracts.base import Document, content_hash
from assay.contracts.comparison import ComparisonReport
from assay.contracts.feedback import Feedback, ProductionReport
from assay.contracts.judgment import Judgment
from assay.contracts.platform_agents import (
    ComparatorQuestion,
    Drafted,
    DraftRequest,
    FeedbackQuestion,
    Moved,
    MoveRequest,
    RuleRequest,
)
from assay.contracts.stage import Usage
from assay.errors import BadInput
from assay.evaluation.checks import check_verdict
from assay.evaluation.panel import to_judgment
from assay.evaluation.results_table import ResultsTable
from assay.stages.context import Context
from assay.stages.feedback import ITEMS
from assay.stages.material import load_results

A = TypeVar("A", bound=Document)


async def draft(request: DraftRequest, context: Context) -> Drafted:
    from assay.agents.dataset_builder import PROMPTS, dataset_builder

    name = context.model_name(request.model)
    builder = dataset_builder(context.chat_model(name), await context.prompts("dataset_builder", PROMPTS, name))

    async def work() -> Drafted:
        made = await builder.draft(
            request.card, request.brief, size=request.size, seed=request.seed, existing=request.existing
        )
        return Drafted(scenarios=made.scenarios, notes=made.notes, usage=made.usage, author=builder.name)

    return await _asked("dataset_builder", request, [name, builder.prompt_hash], Drafted, work, context)


async def move(request: MoveRequest, context: Context) -> Moved:
    from assay.agents.user_simulator import PROMPT, find_faults, user_simulator
    from assay.contracts.conversation import StopReason, Turn

    name = context.model_name(request.model)
    user = user_simulator(context.chat_model(name), await context.prompt("user_simulator", PROMPT))

    async def work() -> Moved:
        made = await user.next_move(request.scenario, request.turns, seed=request.seed)
        turns = request.turns if made.text is None else (*request.turns, Turn(role="user", text=made.text))
        return Moved.model_validate(
            {
                "text": made.text,
                "stop": made.stop,
                "faults": find_faults(request.scenario, turns, made.stop or StopReason.MAX_TURNS),
                "usage": made.usage,
                "author": user.name,
            }
        )

    return await _asked("user_simulator", request, [name, user.prompt_hash], Moved, work, context)


async def rule(request: RuleRequest, context: Context) -> Judgment:
    """Raises BadInput where there is nothing to hold the conversation against."""
    from assay.agents.judge import PROMPT, judge

    expectations = (*(request.scenario.expectations if request.scenario else ()), *request.expectations)
    if not expectations:
        raise BadInput("expectations is empty: give a scenario, or at least one expectation")
    name = context.model_name(request.model)
    bench = judge(context.chat_model(name), await context.prompt("judge", PROMPT))

    async def work() -> Judgment:
        conversation = request.conversation
        by_code = {e.expectation_id: check_verdict(e, conversation) for e in expectations}
        left = [e for e in expectations if by_code[e.expectation_id] is None]
        verdicts, usage = {name: verdict for name, verdict in by_code.items() if verdict is not None}, Usage()
        if left:
            ruled = await bench.rule(
                conversation,
                left,
                scenario=request.scenario,
                rubric=request.rubric,
                votes=request.votes,
                seed=conversation.seed,
            )
            verdicts |= {verdict.expectation_id: verdict for verdict in ruled.verdicts}
            usage = ruled.usage
        return to_judgment(conversation, tuple(verdicts[e.expectation_id] for e in expectations), usage)

    return await _asked("judge", request, [name, bench.prompt_hash], Judgment, work, context)


async def ask_analyst(request: AnalystQuestion, context: Context) -> AnalystAnswer:
    from assay.agents.analyst import PROMPTS, analyst

    name = context.model_name(request.model)
    author = analyst(context.chat_model(name), await context.prompts("analyst", PROMPTS, name))

    async def work() -> AnalystAnswer:
        judging, results = await load_results(context, request.project, request.judging_id, None)
        return await author.answer(request.question, ResultsTable({str(judging.agent): results}))

    return await _asked("analyst", request, [name, author.prompt_hash], AnalystAnswer, work, context)


async def ask_comparator(request: ComparatorQuestion, context: Context) -> AnalystAnswer:
    """The sides are called A and B to the Comparator, in an order that does not tell which is newer."""
    from assay.agents.comparator import PROMPTS, comparator
    from assay.lifecycle.gates import load_subject

    name = context.model_name(request.model)
    author = comparator(context.chat_model(name), await context.prompts("comparator", PROMPTS, name))

    async def work() -> AnalystAnswer:
        report = await load_subject(context, request.project, request.comparison_id)
        if not isinstance(report, ComparisonReport):
            raise BadInput(f"comparison_id: {request.comparison_id} is no comparison")
        sides = [(report.champion, report.champion_side), (report.challenger, report.challenger_side)]
        if int(content_hash(report.subject_id)[0], 16) % 2:
            sides.reverse()
        tables = {}
        for letter, (_, side) in zip("AB", sides, strict=True):
            _, tables[letter] = await load_results(context, request.project, side.judging_id, side.trials)
        said = await author.answer(request.question, ResultsTable(tables))
        named = ", ".join(f"{letter} is {agent}" for letter, (agent, _) in zip("AB", sides, strict=True))
        return said.replace(text=f"{said.text}\n({named})")

    return await _asked("comparator", request, [name, author.prompt_hash], AnalystAnswer, work, context)


async def ask_feedback_analyst(request: FeedbackQuestion, context: Context) -> AnalystAnswer:
    from assay.agents.feedback_analyst import PROMPTS, feedback_analyst
    from assay.lifecycle.gates import load_subject

    name = context.model_name(request.model)
    author = feedback_analyst(context.chat_model(name), await context.prompts("feedback_analyst", PROMPTS, name))

    async def work() -> AnalystAnswer:
        report = await load_subject(context, request.project, request.production_id)
        if not isinstance(report, ProductionReport):
            raise BadInput(f"production_id: {request.production_id} is no production report")
        return await author.answer(request.question, report, await _items(report, context))

    return await _asked("feedback_analyst", request, [name, author.prompt_hash], AnalystAnswer, work, context)


async def _items(report: ProductionReport, context: Context) -> tuple[Feedback, ...]:
    """The feedback that the report is made of; none where it was not stored."""
    from assay.evaluation.exchange import Rows, feedback_of
    from assay.tracking import read_text

    if report.run_id is None:
        return ()
    text = await asyncio.to_thread(read_text, context.tracking, report.run_id, ITEMS)
    return feedback_of(Rows(text, ITEMS))


async def _asked(
    agent: PlatformAgent,
    request: Document,
    key: list[str],
    answer: type[A],
    work: Callable[[], Awaitable[A]],
    context: Context,
) -> A:
    """Does the work and keeps it in a run of its own, stage `agent:<name>`; what was asked before is read back."""
    from assay.tracking import ensure_project, find_answer, keep_answer

    t = context.tracking
    project = str(getattr(request, "project", "default"))
    await asyncio.to_thread(ensure_project, t, project)
    asked = request.model_dump(mode="json", exclude={"model"})
    question_hash = content_hash([agent, asked, *key])
    if found := await asyncio.to_thread(find_answer, t, project, agent, question_hash):
        return answer.model_validate(found)
    done = await work()
    await asyncio.to_thread(keep_answer, t, project, agent, question_hash, done, params={"model": key[0]})
    return done
