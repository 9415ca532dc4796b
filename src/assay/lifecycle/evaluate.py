"""Simulation and judging in one go: no conversation waits for the slowest before it is judged."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from assay.contracts.conversation import SimulateRequest
from assay.contracts.evaluation import EvaluateRequest, Evaluation, Limits
from assay.contracts.judgment import JudgeRequest, Judgment
from assay.contracts.stage import Usage
from assay.errors import OverBudget
from assay.lifecycle.publish import keep_headline, publish
from assay.models.budget import Budget
from assay.models.budget import Limits as Allowed
from assay.stages.context import Context
from assay.stages.judge import Bench, Source, judge_all, keeper, seat_panel
from assay.stages.simulate import Afterwards, Setup, play_all, set_up


async def evaluate(request: EvaluateRequest, context: Context) -> Evaluation:
    """Plays and judges what is not yet played and judged.

    Raises NotFound for an agent or a dataset that is not there, OverBudget where a limit is reached.
    """
    async with within(request.limits, context) as context:
        setup, bench = await prepare(request, context)
        simulation = await play_all(setup, context, as_it_ends(bench, context))
        judging = await judge_all(bench.of(simulation), context)
        for result in (simulation, judging):
            await publish(result, context)
            await keep_headline(result, context)
        return Evaluation(
            simulation=simulation, judging=judging, spent=context.budget.spent if context.budget else Usage()
        )


async def prepare(request: EvaluateRequest, context: Context) -> tuple[Setup, Bench]:
    """All that decides what is played and how it is judged."""
    setup = await set_up(simulation_of(request), context)
    source = Source(
        setup.simulation_id,
        request.agent,
        request.dataset,
        {scenario.scenario_id: scenario for scenario in setup.dataset.scenarios},
        given=None,
    )
    return setup, await seat_panel(judging_of(request, setup.simulation_id), context, source)


def as_it_ends(bench: Bench, context: Context, run_id: str | None = None) -> Afterwards:
    """Judges conversations while others are played. `run_id` None: the judging's run is begun when it is needed."""
    runs: list[str] = [] if run_id is None else [run_id]
    beginning = asyncio.Lock()

    async def keep(judgments: Sequence[Judgment]) -> None:
        async with beginning:
            if not runs:
                runs.append((await context.begin(bench.work)).run_id)
        await keeper(bench, context, runs[0], bench.source.source_id)(judgments)

    async def judged() -> set[str]:
        from assay.tracking import judged

        return await asyncio.to_thread(judged, context.tracking, bench.request.project, bench.judging_id)

    return Afterwards(bench.judgment, keep, judged)


@asynccontextmanager
async def within(limits: Limits, context: Context) -> AsyncIterator[Context]:
    """The context with a budget that all its calls share. Raises OverBudget when the time is over."""
    allowed = Allowed(calls=limits.calls, tokens=limits.tokens, cost_usd=limits.cost_usd)
    bounded = replace(context, budget=Budget(allowed), _models={})
    scope = asyncio.timeout(limits.time_s)
    try:
        async with scope:
            yield bounded
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise OverBudget(
            f"it took longer than {limits.time_s:g} s: what was done is kept, and with more time it goes on"
        ) from error
    finally:
        await bounded.aclose()


def simulation_of(request: EvaluateRequest) -> SimulateRequest:
    return SimulateRequest(
        project=request.project,
        agent=request.agent,
        dataset=request.dataset,
        trials=request.trials,
        seed=request.seed,
        max_turns=request.max_turns,
        conversation_timeout_s=request.conversation_timeout_s,
        concurrency=request.concurrency,
        model=request.model,
        occasion=request.occasion,
    )


def judging_of(request: EvaluateRequest, simulation_id: str) -> JudgeRequest:
    return JudgeRequest(
        project=request.project,
        simulation_id=simulation_id,
        judges=request.judges,
        rubric=request.rubric,
        concurrency=request.concurrency,
    )
