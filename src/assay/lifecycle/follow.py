"""What the next stage is asked, given what the stage before answered: how results pipe into requests."""

import asyncio
from typing import Any

from pydantic import ValidationError

from assay.contracts.agent import AgentVersion
from assay.contracts.analytics import AnalyticsReport
from assay.contracts.base import JsonObject
from assay.contracts.comparison import ComparisonReport
from assay.contracts.conversation import Simulation
from assay.contracts.dataset import DatasetResult
from assay.contracts.judgment import Judging
from assay.contracts.rollout import Rollout
from assay.contracts.stage import Stage, StageRequest, StageResult
from assay.errors import BadInput
from assay.stages import STAGES
from assay.stages.context import Context

ORDER = tuple(Stage)


async def request_for(
    stage: Stage, given: JsonObject, context: Context, changes: JsonObject, where: str
) -> StageRequest:
    """The stage's request: what was given as it is, or derived from the result of the stage before.

    `changes` are fields set besides. Raises BadInput with the field that is wrong or missing.
    """
    fields: dict[str, Any] = dict(given)
    if "stage" in given and "subject_id" in given:
        fields = await _from_result(stage, given, context, changes, where)
    for name, value in changes.items():
        set_field(fields, name, value)
    try:
        return STAGES[stage].request.model_validate(fields)
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error


async def _from_result(stage: Stage, given: JsonObject, context: Context, changes: JsonObject, where: str) -> dict:
    before = ORDER[ORDER.index(stage) - 1] if stage is not Stage.DEVELOP else None
    if before is None or given["stage"] != before.value:
        raise BadInput(
            f"{where}: {given['stage']} results do not lead to {stage}: give the result of {before or 'no stage'}"
        )
    try:
        result = STAGES[before].result.model_validate(given)
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error
    return {"project": result.project, "gated": result.gated, **await _follow(result, context, changes)}


async def _follow(result: StageResult, context: Context, changes: JsonObject) -> dict[str, Any]:
    match result:
        case AgentVersion():
            brief = {} if "dataset" in changes or "brief" in changes else {"brief": result.card.description}
            return {"agent": result.card.ref, **brief}
        case DatasetResult():
            return {"agent": result.agent, "dataset": result.dataset.ref}
        case Simulation():
            return {"simulation_id": result.subject_id}
        case Judging():
            return {"judging_id": result.subject_id}
        case AnalyticsReport():
            challenger = {"challenger": {"judging_id": result.judging_id}}
            if any(name.startswith("champion") for name in changes):
                return challenger
            champion = await champion_of(context, result.project, result.judging_id)
            return {"champion": {"judging_id": champion}, **challenger}
        case ComparisonReport():
            return {
                "comparison_id": result.subject_id,
                "by": context.settings.person,
                "reason": f"Verdict {result.recommendation}: {result.reason}",
            }
        case Rollout():
            return {"agent": result.challenger, "rollout_id": result.subject_id}
        case _:
            raise BadInput(f"nothing follows on {result.stage}")


async def champion_of(context: Context, project: str, challenger_judging: str) -> str:
    """The judging to compare with: of the version in production, else of the other version judged last.

    Raises BadInput where no other version was judged on the same dataset.
    """
    from assay.tracking import list_results, load_result, production_version

    t = context.tracking

    async def judging(subject_id: str) -> Judging:
        return Judging.model_validate(await asyncio.to_thread(load_result, t, project, Stage.JUDGE, subject_id))

    challenger = await judging(challenger_judging)
    agent_id = challenger.agent.agent_id
    candidates = []
    for run in await asyncio.to_thread(list_results, t, project, Stage.JUDGE):
        other = await judging(run.subject_id)
        same_ground = other.dataset == challenger.dataset and other.agent.agent_id == agent_id
        if same_ground and other.agent != challenger.agent and other.gated == challenger.gated:
            candidates.append(other)
    if not candidates:
        raise BadInput(
            f"champion: no other version of {agent_id} was judged on dataset {challenger.dataset}: "
            "judge one, or name the champion's judging"
        )
    production = await asyncio.to_thread(production_version, t, project, agent_id)
    return min(candidates, key=lambda other: other.agent != production).subject_id


def set_field(fields: dict[str, Any], path: str, value: Any) -> None:
    """Sets `a.b` inside nested objects."""
    *parents, last = path.split(".")
    for name in parents:
        inner = fields.get(name)
        fields[name] = dict(inner) if isinstance(inner, dict) else {}
        fields = fields[name]
    fields[last] = value
