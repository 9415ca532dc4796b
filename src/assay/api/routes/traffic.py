"""The rollout in progress: start, watch, advance, pause and roll back."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path

from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project, Who
from assay.contracts.api import NewTraffic, TrafficChange
from assay.contracts.traffic import RolloutEvaluation, RolloutLooks, RolloutStart, Traffic

router = APIRouter(prefix="/projects/{project}/traffic", route_class=GuardedRoute, tags=["rollouts"])


@router.get("", operation_id="show_traffic")
async def show(server: Here, project: Project) -> Traffic:
    """Returns the current traffic split."""
    from assay.lifecycle.rollouts import traffic_of

    return await traffic_of(server.context, project)


@router.get("/looks", operation_id="list_looks")
async def looks(server: Here, project: Project) -> RolloutLooks:
    """Lists the looks with the state of each guardrail."""
    from assay.lifecycle.rollouts import looks_at

    return await looks_at(server.context, project)


@router.post("", operation_id="start_traffic", status_code=201)
async def start(server: Here, who: Who, project: Project, asked: NewTraffic) -> Traffic:
    """Starts the first step of a rollout that was deployed to Production."""
    from assay.lifecycle.rollouts import start as begin

    return await begin(RolloutStart(project=project, by=who.name, **dict(asked)), server.context)


@router.post("/look", operation_id="look_at_traffic")
async def look(server: Here, project: Project) -> RolloutEvaluation:
    """Checks the guardrails and acts on the result: rolls back, pauses, or advances if the policy allows it."""
    from assay.lifecycle.rollouts import look as look_at

    return await look_at(server.context, project)


@router.post("/{change}", operation_id="change_traffic")
async def change(
    server: Here,
    who: Who,
    project: Project,
    change: Annotated[Literal["advance", "pause", "resume", "roll_back", "complete"], Path()],
    asked: TrafficChange,
) -> Traffic:
    """Changes the rollout by hand. The ledger records your name."""
    from assay.lifecycle.rollouts import change as put

    return await put(server.context, project, change, by=who.name, reason=asked.reason)
