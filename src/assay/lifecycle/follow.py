"""What the next stage is asked, given what the stage before answered: how results pipe into requests."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assay.contracts.agent import AgentVersion
from assay.contracts.analytics import AnalyticsReport
from assay.contracts.base import JsonObject
from assay.contracts.comparison import ComparisonReport
from assay.contracts.conversation import Simulation
from assay.contracts.dataset import DatasetResult
from assay.contracts.judgment import Judging
from assay.contracts.rollout import Rollout
from assay.contracts.stage import AgentRef, Stage, StageRequest, StageResult
from assay.errors import BadInput
from assay.stages import STAGES
from assay.stages.context import Context

if TYPE_CHECKING:
    from assay.tracking import RunSummary, Tracking

ALL = 1_000_000
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
    """The judging to compare with. Raises BadInput where there is none, or where it is not clear which."""
    champion, _ = await pair(context, project, None, challenger_judging)
    return champion.subject_id


async def pair(
    context: Context, project: str, champion: AgentRef | str | None, challenger: AgentRef | str | None
) -> tuple[Judging, Judging]:
    """The two judgings to compare: of one dataset version, by one judge with one rubric.

    A side is an agent version, a judging's id, or None: any other version of the same agent, the one in production
    where there is one. Raises BadInput with the pairs that are possible where there is not exactly one.
    """
    from assay.tracking import list_results, production_version

    t = context.tracking
    runs = await asyncio.to_thread(list_results, t, project, Stage.JUDGE, limit=ALL)
    runs = list({run.subject_id: run for run in runs}.values())

    def fitting(side: AgentRef | str | None) -> "list[RunSummary]":
        found = [run for run in runs if side is None or side in (run.subject_id, run.agent)]
        if not found:
            raise BadInput(f"{side} was not judged in project {project}: simulate and judge it first")
        return found

    before, after = fitting(champion), fitting(challenger)
    possible = [(a, b) for b in after for a in before if _comparable(a, b)]
    if champion is None:
        possible = [
            (a, b)
            for a, b in possible
            if a.agent and b.agent and a.agent != b.agent and a.agent.agent_id == b.agent.agent_id
        ]
    loaded = {
        name: Judging.model_validate(await asyncio.to_thread(_load, t, project, name))
        for name in {run.subject_id for both in possible for run in both}
    }
    pairs = [(loaded[a.subject_id], loaded[b.subject_id]) for a, b in possible]
    alike = [(a, b) for a, b in pairs if (a.judge, a.rubric_hash) == (b.judge, b.rubric_hash)]
    pairs = alike or pairs  # where none is alike, the comparison says what differs
    if champion is None and len(pairs) > 1:
        serving = {
            agent_id: await asyncio.to_thread(production_version, t, project, agent_id)
            for agent_id in {b.agent.agent_id for _, b in pairs}
        }
        pairs = [(a, b) for a, b in pairs if a.agent == serving[b.agent.agent_id]] or pairs
    if not pairs:
        raise BadInput(_no_pair(before, after, champion, project))
    if len(pairs) > 1:
        listed = "\n".join(
            f"  --champion {a.subject_id} --challenger {b.subject_id}  ({b.agent} against {a.agent} on {b.dataset})"
            for a, b in pairs[:10]
        )
        raise BadInput(
            f"several pairs of judgings can be compared in project {project}; name the one you mean:\n{listed}"
        )
    return pairs[0]


def _comparable(a: "RunSummary", b: "RunSummary") -> bool:
    same_ground = a.dataset_version and a.dataset_version == b.dataset_version
    return bool(same_ground) and a.subject_id != b.subject_id and a.gated == b.gated


def _other_version(a: AgentRef | None, b: AgentRef | None) -> bool:
    return a is not None and b is not None and a != b and a.agent_id == b.agent_id


def _load(t: "Tracking", project: str, judging_id: str) -> dict[str, Any]:
    from assay.tracking import load_result

    return load_result(t, project, Stage.JUDGE, judging_id)


def _no_pair(
    before: "Sequence[RunSummary]", after: "Sequence[RunSummary]", champion: AgentRef | str | None, project: str
) -> str:
    def named(runs: "Sequence[RunSummary]") -> str:
        return ", ".join(
            dict.fromkeys(f"{run.agent} on {run.tags.get('dataset') or run.dataset_version}" for run in runs)
        )

    if champion is None:
        return (
            f"champion: no other version of the agent was judged on the same dataset in project {project} (judged: "
            f"{named(after)}): judge one, or name the champion's judging"
        )
    return (
        f"dataset: the champion was judged on other datasets than the challenger ({named(before)}; {named(after)}): "
        "simulate and judge both on one dataset version"
    )


def set_field(fields: dict[str, Any], path: str, value: Any) -> None:
    """Sets `a.b` inside nested objects."""
    *parents, last = path.split(".")
    for name in parents:
        inner = fields.get(name)
        fields[name] = dict(inner) if isinstance(inner, dict) else {}
        fields = fields[name]
    fields[last] = value
