"""What an evaluation is likely to take, before it is begun."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from assay.contracts.evaluation import CostEstimate, EvaluateRequest
from assay.contracts.stage import Stage
from assay.lifecycle.evaluate import prepare
from assay.models.price import price
from assay.stages.context import Context

LETTERS_A_TOKEN = 4
TOKENS_A_TURN = 60
"""Of one side, where no earlier run tells."""
TOKENS_A_VERDICT = 90
SHARE_OF_TURNS = 0.5
"""Of a scenario's turns that a conversation uses, where no earlier run tells."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier simulations of this project took on average."""

    turns: float | None = None
    """Of the agent, a conversation; None: there is no earlier one."""
    tokens: float = TOKENS_A_TURN
    """That the agent writes in a turn."""
    simulations: int = 0


async def estimate(request: EvaluateRequest, context: Context) -> CostEstimate:
    """Asks nobody. Raises NotFound for an agent or a dataset that is not there."""
    from assay.tracking import finished

    setup, bench = await prepare(request, context)
    stored = await asyncio.to_thread(finished, context.tracking, request.project, setup.simulation_id)
    left = setup.conversations - len(stored)
    seen = await _seen(request, context)
    scenarios = setup.dataset.scenarios
    limits = [min(scenario.max_turns, request.max_turns or scenario.max_turns) for scenario in scenarios]
    most = sum(limits) / len(limits)
    likely = min(most, seen.turns) if seen.turns is not None else max(1.0, SHARE_OF_TURNS * most)
    seats = sum(spec.votes for spec in request.judges if spec.kind == "assay")
    open_ones = [s for s in scenarios if any(expectation.check is None for expectation in s.expectations)]
    judged = seats * (len(open_ones) / len(scenarios) if not request.judges[0].scorer else 1.0)
    words = {
        "user": len(setup.user.prompt if hasattr(setup.user, "prompt") else "") / LETTERS_A_TOKEN + 150,  # type: ignore[attr-defined]
        "agent": len(setup.version.card.system_prompt or "") / LETTERS_A_TOKEN,
        "judge": 700.0,
    }
    judges = [name for kind, name, _ in bench.judges if kind == "assay"]

    def took(turns: float) -> tuple[float, int, Decimal | None]:
        """(calls, tokens, USD) of one conversation."""
        heard = sum(2 * seen.tokens * turn for turn in range(int(turns) + 1))
        user = (turns * words["user"] + heard, turns * seen.tokens)
        agent = (turns * words["agent"] + heard, turns * seen.tokens)
        verdict = (judged * (words["judge"] + 2 * seen.tokens * turns), judged * TOKENS_A_VERDICT)
        offline = setup.model_name == "offline"
        paid = [] if offline else [(setup.model_name, user)]
        paid += [(name, verdict) for name in judges[:1] if name != "offline"]
        costs = [
            price(name, int(read), int(written), base_url=context.settings.openai_base_url)
            for name, (read, written) in paid
        ]
        known = [cost for cost in costs if cost is not None]
        calls = turns * (1 if offline else 2) + (judged if judges[:1] != ["offline"] else 0)
        sides = [agent, *(side for _, side in paid)]
        tokens = sum(int(read + written) for read, written in sides)
        return calls, tokens, sum(known, Decimal(0)) if len(known) == len(costs) else None

    calls, tokens, cost = took(likely)
    most_calls, most_tokens, most_cost = took(most)
    how = (
        f"{seen.simulations} earlier simulations of this agent: {likely:.1f} turns a conversation"
        if seen.turns is not None
        else f"no earlier simulation of this agent: half of the {most:.0f} turns that are allowed"
    )
    return CostEstimate(
        conversations=left,
        calls=round(left * calls),
        calls_at_most=round(left * most_calls),
        tokens=round(left * tokens),
        tokens_at_most=round(left * most_tokens),
        cost_usd=None if cost is None else left * cost,
        cost_usd_at_most=None if most_cost is None else left * most_cost,
        basis=f"{how}; {seen.tokens:.0f} tokens a turn. What the agent itself costs is not in the dollars.",
    )


async def _seen(request: EvaluateRequest, context: Context) -> Seen:
    from assay.tracking import list_results

    runs = await asyncio.to_thread(list_results, context.tracking, request.project, Stage.SIMULATE)
    same = [
        run.metrics
        for run in runs
        if run.agent is not None
        and run.agent.agent_id == request.agent.agent_id
        and run.metrics.get("conversations")
        and run.metrics.get("agent_turns")
    ]
    if not same:
        return Seen()
    conversations = sum(metrics["conversations"] for metrics in same)
    turns = sum(metrics["agent_turns"] for metrics in same)
    written = sum(metrics.get("agent_output_tokens", 0) for metrics in same)
    return Seen(turns / conversations, written / turns if written else TOKENS_A_TURN, len(same))
