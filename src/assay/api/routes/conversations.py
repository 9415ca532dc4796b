"""Conversations (stage 3), with their judgments, labels and feedback."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from assay.api.guard import GuardedRoute
from assay.api.routes.datasets import saved_dataset
from assay.api.routes.runs import agent_of, has_pages
from assay.api.server import Cursor, Here, Limit, Project, Server, Who
from assay.contracts.api import ConversationDetail, ConversationPage, JudgedBy
from assay.contracts.base import Name, Slug
from assay.contracts.conversation import SimulatorFaultKind, StopReason
from assay.contracts.dataset import Scenario
from assay.errors import AssayError, BadInput

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["conversations"])


@router.get("/conversations", operation_id="list_conversations")
async def list_(
    server: Here,
    project: Project,
    limit: Limit = 50,
    cursor: Cursor = None,
    simulation: Annotated[Slug | None, Query(description="Only conversations of this simulation.")] = None,
    judging: Annotated[
        Slug | None, Query(description="Only judged by this one; without it `outcome` is the newest judging's.")
    ] = None,
    passed: Annotated[bool | None, Query(description="Whether the conversation passed; requires `judging`.")] = None,
    outcome: Annotated[Literal["passed", "failed", "unjudged"] | None, Query()] = None,
    scenario: Name | None = None,
    stop_reason: StopReason | None = None,
    fault: Annotated[
        SimulatorFaultKind | Literal["any", "none"] | None, Query(description="Fault of the user simulator.")
    ] = None,
    agent: Annotated[str | None, Query(description="agent_id@version", max_length=130)] = None,
) -> ConversationPage:
    """Lists conversations, newest first."""
    from assay.tracking import ConversationFilter, page_conversations

    if (passed is not None or outcome is not None) and judging is None:
        raise BadInput("judging: is missing: whether a conversation passed depends on who judged")
    wanted_outcome = outcome if passed is None else "passed" if passed else "failed"
    wanted = ConversationFilter(
        simulation_id=simulation,
        judging_id=judging,
        outcome=wanted_outcome,
        scenario_id=scenario,
        stop_reason=stop_reason,
        fault=fault if isinstance(fault, SimulatorFaultKind) else None,
        any_fault={"any": True, "none": False}.get(fault) if isinstance(fault, str) else None,
        agent=agent_of(agent),
    )
    found = await server.read(page_conversations, project, wanted, limit=limit, cursor=cursor)
    return ConversationPage(items=tuple(found.rows), next_cursor=found.next_cursor)


@router.get("/conversations/{conversation_id}", operation_id="show_conversation")
async def show(
    server: Here,
    who: Who,
    project: Project,
    conversation_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["0123456789abcdef0123456789abcdef"])],
) -> ConversationDetail:
    """Returns a conversation with its judgments, labels and feedback."""
    from assay.tracking import read_feedback, read_human_labels, whole_conversation
    from assay.tracking.mlflow_page import trace_page

    found = await server.read(whole_conversation, project, conversation_id)
    labels, feedback, scenario = await asyncio.gather(
        server.read(read_human_labels, project, [conversation_id]),
        server.read(read_feedback, project, [conversation_id]),
        _scenario(server, project, found.dataset_version, found.conversation.scenario_id),
    )
    link = trace_page(server.tracking, found.experiment_id, found.trace_id) if has_pages(server, who) else None
    return ConversationDetail(
        conversation=found.conversation,
        simulation_id=found.simulation_id,
        scenario=scenario,
        judgments=tuple(JudgedBy(judging_id=name, judgment=judgment) for name, judgment in found.judgments),
        labels=tuple(labels.get(conversation_id, ())),
        feedback=tuple(feedback.get(conversation_id, ())),
        mlflow_url=link,
    )


async def _scenario(server: Server, project: str, dataset_version: str | None, scenario_id: str) -> Scenario | None:
    if dataset_version is None:
        return None
    try:
        scenarios = (await saved_dataset(server, project, dataset_version)).dataset.scenarios
    except AssayError:
        return None
    return next((scenario for scenario in scenarios if scenario.scenario_id == scenario_id), None)
