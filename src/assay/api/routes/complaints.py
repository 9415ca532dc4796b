"""Complaints from production, and the scenarios made from them (stages 8 and 2)."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project, SubjectId, Who
from assay.api.submitting import ACCEPTED, Key, submit
from assay.contracts.api import NewProposal
from assay.contracts.complaint import Complaints
from assay.contracts.feedback import ProductionReport
from assay.contracts.job import Job
from assay.contracts.stage import Stage
from assay.errors import BadInput

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["feedback"])


@router.get("/complaints", operation_id="list_complaints")
async def list_(
    server: Here,
    project: Project,
    k: Annotated[int, Query(ge=1, le=100, description="Number of trials that must all pass to close a complaint.")] = 3,
) -> Complaints:
    """Lists the complaints with a proposed scenario, and the state of each."""
    from assay.api.routes.projects import item_of
    from assay.lifecycle.complaints import complaints

    await item_of(server, project)
    return await complaints(server.context, project, k=k)


@router.post("/feedback/{subject_id}/propose", operation_id="propose_scenarios", status_code=202, responses=ACCEPTED)
async def propose(
    server: Here,
    who: Who,
    response: Response,
    project: Project,
    subject_id: SubjectId,
    asked: NewProposal,
    key: Key = None,
) -> Job:
    """Queues a job that adds the scenarios proposed from complaints to a new version of a dataset."""
    from assay.lifecycle.complaints import proposal
    from assay.lifecycle.gates import load_subject

    report = await load_subject(server.context, project, subject_id)
    agent = asked.agent or (report.agent if isinstance(report, ProductionReport) else None)
    if agent is None:
        raise BadInput(f"subject_id: {subject_id} is no production report")
    request = await proposal(
        server.context, project, subject_id, asked.dataset, agent, scenarios=asked.scenarios, gated=asked.gated
    )
    return await submit(server, who, response, Stage.DATASET, project, request, key)
