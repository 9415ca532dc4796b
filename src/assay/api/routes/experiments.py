"""Other MLflow experiments whose traces a project can judge. An admin of all projects links them."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from assay.api.guard import GuardedRoute
from assay.api.server import Here, Project
from assay.contracts.api import LinkedExperiment, LinkedExperiments, NewLink

router = APIRouter(prefix="/projects/{project}/experiments", route_class=GuardedRoute, tags=["projects"])


@router.get("", operation_id="list_linked_experiments")
async def list_(server: Here, project: Project) -> LinkedExperiments:
    """Lists the experiments that the project can read in addition to its own."""
    from assay.tracking import linked_experiments

    rows = await server.read(linked_experiments, project)
    return LinkedExperiments(items=tuple(LinkedExperiment.model_validate(row) for row in rows))


@router.post("", operation_id="link_experiment", status_code=201)
async def link(server: Here, project: Project, asked: NewLink) -> LinkedExperiment:
    """Lets everyone who can run stages in the project read the experiment's traces."""
    from assay.tracking import link_experiment

    return LinkedExperiment.model_validate(await server.read(link_experiment, project, asked.experiment))


@router.delete("/{experiment}", operation_id="unlink_experiment", status_code=204, response_class=Response)
async def unlink(server: Here, project: Project, experiment: Annotated[str, Path(max_length=500)]) -> Response:
    """Removes the link. Existing judgments stay."""
    from assay.tracking import unlink_experiment

    await server.read(unlink_experiment, project, experiment)
    return Response(status_code=204)
