"""How much data a question takes, planned with what the store holds already."""

from decimal import Decimal

from assay.contracts.plan import Plan, PlanRequest
from assay.errors import BadInput
from assay.evaluation.planning import make_plan
from assay.evaluation.results import TrialResult
from assay.stages.context import Context
from assay.stages.material import load_results
from assay.stages.pairs import pair


async def plan_from_store(request: PlanRequest, context: Context) -> Plan:
    """The plan with the variances and costs of the request's judgings, or of the one pair that can be compared."""
    sides = await _sides(request, context)
    results: list[list[TrialResult]] = []
    costs: list[Decimal | None] = []
    for judging_id in sides:
        judging, rows = await load_results(context, request.project, judging_id, None)
        results.append(rows)
        costs.append(_cost(rows, judging.usage.cost_usd))
    known = [cost for cost in costs if cost is not None]
    price = sum(known, Decimal(0)) / len(known) if known else None
    return make_plan(request, *results, usd_per_conversation=price)


async def _sides(request: PlanRequest, context: Context) -> tuple[str, ...]:
    """The judgings of the request, else the one pair that can be compared; empty: there is none, or several."""
    if request.champion and request.challenger:
        return request.champion, request.challenger
    if request.champion or request.challenger:
        raise BadInput("champion and challenger: give both judgings, or neither")
    try:
        champion, challenger = await pair(context, request.project, None, None)
    except BadInput:
        return ()
    return champion.subject_id, challenger.subject_id


def _cost(rows: list[TrialResult], judged: Decimal | None) -> Decimal | None:
    """USD of one conversation with its judgment; None: not known."""
    played = [
        sum((turn.cost_usd or Decimal(0) for turn in row.conversation.turns), Decimal(0))
        + (row.conversation.simulator_usage.cost_usd or Decimal(0))
        for row in rows
    ]
    total = sum(played, Decimal(0)) + (judged or Decimal(0))
    return total / len(rows) if total else None
