"""Projects, which are MLflow experiments, and the state of their lifecycles."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Response

from assay.api.guard import GuardedRoute
from assay.api.server import Cursor, Here, Limit, Project, Server, Who, Words
from assay.api.standing import gates_page, headline_of
from assay.contracts.api import (
    AgentItem,
    Lifecycle,
    NewProject,
    ProjectItem,
    ProjectPage,
    ProjectPolicy,
    RunItem,
    StageState,
)
from assay.contracts.gate import GateState
from assay.contracts.stage import Stage
from assay.errors import BadInput, NotFound

router = APIRouter(route_class=GuardedRoute, tags=["projects"])
AGENTS_SHOWN = 50
MOST_GATES = 10_000
NEWEST_FIRST = tuple(Stage)[::-1]


@router.get("/projects", operation_id="list_projects")
async def list_(server: Here, who: Who, limit: Limit = 50, cursor: Cursor = None, q: Words = None) -> ProjectPage:
    """Lists the projects that you can see, most recently changed first."""
    from assay.tracking import decode_cursor, encode_cursor, list_projects

    found = await server.read(list_projects)
    seen = set(who.seen(row.project for row in found))
    rows = [row for row in found if row.project in seen and (q or "").lower() in row.project]
    after = decode_cursor(cursor, float, str) if cursor is not None else None
    if after is not None:
        at, name = after
        rows = [row for row in rows if (row.updated_at.timestamp(), row.project) < (at, name)]
    rows.sort(key=lambda row: (row.updated_at.timestamp(), row.project), reverse=True)
    shown = rows[:limit]
    more = len(rows) > limit
    return ProjectPage(
        items=tuple(ProjectItem.model_validate(row) for row in shown),
        next_cursor=encode_cursor(shown[-1].updated_at.timestamp(), shown[-1].project) if more else None,
        total=len(seen) if cursor is None and not q else None,
    )


@router.post("/projects", operation_id="make_project", status_code=201)
async def make(server: Here, response: Response, asked: NewProject) -> ProjectItem:
    """Creates a project. An existing project is returned unchanged."""
    from assay.tracking import ensure_project

    await server.read(ensure_project, asked.project)
    response.headers["Location"] = f"/api/v1/projects/{asked.project}"
    return await item_of(server, asked.project)


@router.get("/projects/{project}", operation_id="show_project")
async def show(server: Here, project: Project) -> Lifecycle:
    """Returns the lifecycle: the stages with counts and latest results, the agent versions, and waiting gates."""
    from assay.lifecycle.policy import read_policy

    item = await item_of(server, project)
    (gates, _), (rejected, _), stages, agents, policy, (jobs, _) = await asyncio.gather(
        gates_page(server, project, state="waiting", limit=MOST_GATES),
        gates_page(server, project, state="rejected", limit=MOST_GATES),
        _stages(server, project),
        agent_items(server, project),
        read_policy(server.context, project),
        server.jobs.page([project], open_only=True, limit=20),
    )
    return Lifecycle(
        project=item,
        policy=policy,
        stages=tuple(with_gates(stage, gates, rejected) for stage in stages),
        agents=tuple(agents[:AGENTS_SHOWN]),
        gates=tuple(gates[:100]),
        jobs=tuple(jobs),
    )


def with_gates(stage: StageState, waiting: Sequence[GateState], rejected: Sequence[GateState]) -> StageState:
    """The stage with its gates and the state of its latest result."""
    waits = {gate.subject_id for gate in waiting if gate.stage is stage.stage}
    refused = {gate.subject_id for gate in rejected if gate.stage is stage.stage}
    newest = stage.newest
    if newest is None:
        state = "running" if stage.running else "empty"
    elif newest.subject_id in refused:
        state = "rejected"
    elif not newest.gated:
        state = "done"
    else:
        state = "waiting" if newest.subject_id in waits else "approved"
    return stage.replace(waiting=len(waits), rejected=len(refused), state=state)


@router.get("/projects/{project}/policy", operation_id="show_policy")
async def show_policy(server: Here, project: Project) -> ProjectPolicy:
    """Returns the project's policy."""
    from assay.lifecycle.policy import read_policy

    return await read_policy(server.context, project)


@router.put("/projects/{project}/policy", operation_id="write_policy")
async def write_policy(server: Here, project: Project, policy: Annotated[ProjectPolicy, Body()]) -> ProjectPolicy:
    """Replaces the project's policy."""
    from assay.lifecycle.policy import TAG
    from assay.lifecycle.report_blocks import require_installed
    from assay.rollout.guarding import require_watchable
    from assay.tracking import set_project_tag

    await item_of(server, project)
    require_installed(policy.report_blocks)
    require_watchable(policy.rollout, "rollout")
    text = policy.model_dump_json(exclude_defaults=True)
    if len(text) > 5000:
        raise BadInput(f"policy: is {len(text)} characters long, MLflow keeps 5000: say less in the expectations")
    await server.read(set_project_tag, project, TAG, text)
    return policy


async def item_of(server: Server, project: str) -> ProjectItem:
    """Raises NotFound."""
    from assay.tracking import list_projects

    for row in await server.read(list_projects):
        if row.project == project:
            return ProjectItem.model_validate(row)
    raise NotFound(f"project {project} is not there: POST /api/v1/projects makes it")


async def agent_items(server: Server, project: str) -> list[AgentItem]:
    """The newest first."""
    from assay.tracking import list_agents, stages_reached

    found, reached = await asyncio.gather(server.read(list_agents, project), server.read(stages_reached, project))
    items = []
    for row in sorted(found, key=lambda row: row.registered_at, reverse=True):
        stages = reached.get(str(row.agent), set())
        furthest = next((stage for stage in NEWEST_FIRST if stage in stages), None)
        items.append(
            AgentItem(
                agent=row.agent,
                description=row.description,
                registered_model=row.registered_model,
                registry_version=row.registry_version,
                registry_stage=row.stage,
                registered_at=row.registered_at,
                run_id=row.run_id,
                aliases=row.aliases,
                reached=furthest,
            )
        )
    return items


async def _stages(server: Server, project: str) -> list[StageState]:
    from assay.tracking import RunFilter, count_runs, page_runs

    counts = await server.read(count_runs, project)

    def newest(stage: Stage) -> RunItem | None:
        found = page_runs(server.tracking, project, RunFilter(stage=stage, with_result=True), limit=1).rows
        return found[0] if found else None

    states = []
    for stage in Stage:
        run = await asyncio.to_thread(newest, stage) if counts.get((stage.value, "FINISHED")) else None
        states.append(
            StageState(
                stage=stage,
                finished=counts.get((stage.value, "FINISHED"), 0),
                running=counts.get((stage.value, "RUNNING"), 0),
                failed=counts.get((stage.value, "FAILED"), 0) + counts.get((stage.value, "KILLED"), 0),
                waiting=0,
                newest=run,
                headline=await headline_of(server, project, run.subject_id, run.headline) if run else "",
            )
        )
    return states
