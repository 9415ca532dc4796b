"""Labels by one or more raters, on randomly drawn conversations, blind to the judge."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project, Who
from assay.contracts.api import LabelQueue, NewLabels
from assay.contracts.base import Contract, Slug
from assay.contracts.labels import LabelAgreement, LabelDraw, LabelsTaken

router = APIRouter(prefix="/projects/{project}/labels", route_class=GuardedRoute, tags=["labels"])
Judging = Annotated[Slug, Query(description="The judging whose conversations are labelled.")]


class NewDraw(Contract):
    judging_id: Slug
    count: int = Field(default=10, ge=1, le=1000)
    seed: int = 0


@router.get("/queue", operation_id="label_queue")
async def queue(
    server: Here, who: Who, project: Project, judging: Judging, count: Annotated[int, Query(ge=1, le=200)] = 10
) -> LabelQueue:
    """Returns drawn conversations that you have not labelled, without verdicts. If it is empty, draw more."""
    from assay.stages.labelling import open_tasks

    tasks = await open_tasks(server.context, project, judging, who.name)
    return LabelQueue(tasks=tuple(tasks[:count]), left=len(tasks))


@router.post("/draws", operation_id="draw_labels", status_code=201)
async def draw(server: Here, project: Project, asked: NewDraw) -> LabelDraw:
    """Draws random conversations, more often if the judge is uncertain, and stores the probabilities as weights."""
    from assay.stages.labelling import draw_labels

    drawn, _ = await draw_labels(server.context, project, asked.judging_id, count=asked.count, seed=asked.seed)
    return drawn


@router.post("", operation_id="take_labels")
async def take(server: Here, who: Who, project: Project, asked: NewLabels) -> LabelsTaken:
    """Stores your rulings as HUMAN assessments on the traces. A later ruling of yours replaces an earlier one."""
    from assay.stages.labelling import take_labels

    return await take_labels(server.context, project, [task.replace(by=who.name) for task in asked.tasks])


@router.get("/agreement", operation_id="label_agreement")
async def agreement(server: Here, project: Project, judging: Judging) -> LabelAgreement:
    """Returns how far the raters agree with each other."""
    from assay.stages.labelling import label_agreement

    return await label_agreement(server.context, project, judging)
