"""Stage 3, simulation: a simulated user plays each scenario against the agent, several trials each."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.contracts.base import content_hash, short_id
from assay.contracts.conversation import (
    Conversation,
    SimulateRequest,
    Simulation,
    StopReason,
)
from assay.contracts.dataset import Dataset, Scenario
from assay.contracts.stage import Stage, Usage
from assay.models.usage import add_usage
from assay.stages.context import Calls, Context
from assay.stages.flow import flow
from assay.stages.play import Player, Trial

if TYPE_CHECKING:
    from assay.tracking import StageRun

Played = tuple[Conversation, Scenario]


async def simulate(request: SimulateRequest, context: Context) -> Simulation:
    """Plays what is not yet played, and stores each conversation as a trace.

    A failing agent or simulator ends that conversation with its cause; the others go on. Raises NotFound for an
    agent or a dataset version that is not there.
    """
    from assay.agents.user_simulator import PROMPT, user_simulator
    from assay.connectors import connect
    from assay.tracking import load_dataset, load_pyfunc, read_conversations

    t = context.tracking
    version = await context.agent_version(request.project, request.agent, gated=request.gated)
    dataset = await asyncio.to_thread(load_dataset, t, request.project, request.dataset)
    model_name = context.model_name(request.model)
    model = context.chat_model(model_name)
    user = user_simulator(model, await context.prompt("user_simulator", PROMPT))
    key = [
        version.card_hash,
        request.dataset.version,
        request.trials,
        request.seed,
        request.max_turns,
        request.conversation_timeout_s,
        model_name,
        user.prompt_hash,
    ]
    simulation_id = short_id("sim", key, request.gated)

    async def work(run: "StageRun") -> Simulation:
        connector = connect(version.card, card_dir=Path(version.card_dir), load_model=load_pyfunc)
        done = {
            c.conversation_id: c for c in await asyncio.to_thread(read_conversations, t, request.project, simulation_id)
        }
        trials = plan(dataset, request, simulation_id)
        todo = [trial for trial in trials if trial.conversation_id not in done]
        calls = Calls()
        player = Player(
            agent=request.agent,
            connector=connector,
            user=user,
            calls=calls,
            now=context.now,
            timeout_s=request.conversation_timeout_s,
            max_turns=request.max_turns,
        )

        async def play(trial: Trial) -> Played:
            return await player.play(trial), trial.scenario

        played = await flow(
            todo,
            play,
            _keeper(request, context, run, simulation_id),
            concurrency=request.concurrency,
            tell=lambda count: context.progress(Stage.SIMULATE, len(done) + count, len(trials)),
        )
        conversations = [*done.values(), *(conversation for conversation, _ in played)]
        order = {trial.conversation_id: place for place, trial in enumerate(trials)}
        conversations.sort(key=lambda conversation: order[conversation.conversation_id])
        result = summarize(request, simulation_id, run.run_id, conversations, model_name)
        lines = "\n".join(conversation.model_dump_json() for conversation in conversations)
        await asyncio.to_thread(run.log_text, "simulation/conversations.jsonl", lines + "\n")
        await asyncio.to_thread(run.log_metrics, _metrics(result, conversations))
        await context.keep_calls(run, calls)
        return result

    return await context.once(
        request,
        Simulation,
        work,
        stage=Stage.SIMULATE,
        key=list(key),
        agent=request.agent,
        dataset=request.dataset,
        params={"trials": request.trials, "seed": request.seed, "user_simulator": model_name},
    )


def plan(dataset: Dataset, request: SimulateRequest, simulation_id: str) -> list[Trial]:
    """Every trial of every scenario. The seed is the scenario's and the trial's, so both sides of a comparison
    meet the same users."""
    return [
        Trial(
            scenario=scenario,
            trial=trial,
            seed=int(content_hash([request.seed, scenario.scenario_id, trial])[:8], 16),
            conversation_id=content_hash([request.project, simulation_id, scenario.scenario_id, trial])[:32],
        )
        for scenario in dataset.scenarios
        for trial in range(request.trials)
    ]


def _keeper(
    request: SimulateRequest, context: Context, run: "StageRun", simulation_id: str
) -> Callable[[list[Played]], Awaitable[None]]:
    from assay.tracking import write_conversations

    async def keep(batch: list[Played]) -> None:
        await asyncio.to_thread(
            write_conversations,
            context.tracking,
            request.project,
            batch,
            simulation_id=simulation_id,
            run_id=run.run_id,
            dataset=request.dataset,
        )

    return keep


def summarize(
    request: SimulateRequest,
    simulation_id: str,
    run_id: str | None,
    conversations: Sequence[Conversation],
    simulator_model: str,
) -> Simulation:
    """The counts of a simulation."""
    faults = Counter(kind for c in conversations for kind in {fault.kind for fault in c.simulator_faults})
    return Simulation(
        project=request.project,
        gated=request.gated,
        subject_id=simulation_id,
        run_id=run_id,
        offline=simulator_model == "offline",
        agent=request.agent,
        dataset=request.dataset,
        trials=request.trials,
        conversations=len(conversations),
        stop_reasons=dict(sorted(Counter(c.stop_reason for c in conversations).items())),
        simulator_faults=dict(sorted(faults.items())),
        errors=dict(sorted(Counter(c.error.cause for c in conversations if c.error).items())),
        agent_usage=agent_usage(conversations),
        simulator_usage=add_usage(*(c.simulator_usage for c in conversations)),
        simulator_model=simulator_model,
    )


def agent_usage(conversations: Sequence[Conversation]) -> Usage:
    """What the agent's own calls took, over all conversations."""
    turns = [turn for c in conversations for turn in c.turns if turn.role == "agent"]
    failed_calls = sum(c.stop_reason is StopReason.AGENT_ERROR for c in conversations)
    return add_usage(
        Usage(calls=failed_calls, failed_calls=failed_calls),
        *(
            Usage(
                calls=1,
                input_tokens=turn.input_tokens,
                output_tokens=turn.output_tokens,
                cost_usd=turn.cost_usd,
                latency_s=turn.latency_s or 0.0,
            )
            for turn in turns
        ),
    )


def _metrics(simulation: Simulation, conversations: Sequence[Conversation]) -> dict[str, float]:
    """Counts, latency, tokens and cost, as MLflow metrics."""
    latencies = sorted(
        t.latency_s for c in conversations for t in c.turns if t.role == "agent" and t.latency_s is not None
    )
    metrics: dict[str, float] = {
        "conversations": simulation.conversations,
        "conversations_with_errors": sum(simulation.errors.values()),
        "simulator_faults": sum(simulation.simulator_faults.values()),
        "agent_turns": simulation.agent_usage.calls - simulation.agent_usage.failed_calls,
        "agent_input_tokens": simulation.agent_usage.input_tokens or 0,
        "agent_output_tokens": simulation.agent_usage.output_tokens or 0,
    }
    if latencies:
        metrics["agent_latency_p50_s"] = latencies[len(latencies) // 2]
        metrics["agent_latency_p95_s"] = latencies[min(len(latencies) - 1, int(0.95 * len(latencies)))]
    for usage, name in ((simulation.agent_usage, "agent"), (simulation.simulator_usage, "simulator")):
        if usage.cost_usd is not None:
            metrics[f"{name}_cost_usd"] = float(usage.cost_usd)
    return metrics
