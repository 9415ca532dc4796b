"""Datasets (stage 2)."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from assay.api.guard import GuardedRoute
from assay.api.server import Cursor, Here, Limit, Project, Server, Who, Words
from assay.api.submitting import ACCEPTED, Key, submit
from assay.contracts.api import DatasetItem, DatasetPage, EditedScenarios
from assay.contracts.base import Slug
from assay.contracts.dataset import Dataset, DatasetRequest, DatasetResult
from assay.contracts.job import Job
from assay.contracts.stage import Stage
from assay.errors import BadInput, NotFound

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute, tags=["datasets"])
Name = Annotated[Slug, Path(examples=["shop"])]


@router.get("/datasets", operation_id="list_datasets")
async def list_(
    server: Here, project: Project, limit: Limit = 50, cursor: Cursor = None, q: Words = None
) -> DatasetPage:
    """Lists saved dataset versions, newest first."""
    from assay.api.routes.projects import item_of
    from assay.tracking import decode_cursor, encode_cursor, list_datasets

    await item_of(server, project)
    rows = [row for row in await server.read(list_datasets, project) if (q or "").lower() in str(row.ref)]
    rows.sort(key=lambda row: (-row.saved_at.timestamp(), str(row.ref)))
    if cursor is not None:
        at, name = decode_cursor(cursor, float, str)
        rows = [row for row in rows if (-row.saved_at.timestamp(), str(row.ref)) > (-at, name)]
    shown = rows[:limit]
    more = len(rows) > limit
    return DatasetPage(
        items=tuple(
            DatasetItem(dataset=row.ref, scenarios=row.scenarios, saved_at=row.saved_at, run_id=row.run_id)
            for row in shown
        ),
        next_cursor=encode_cursor(shown[-1].saved_at.timestamp(), str(shown[-1].ref)) if more else None,
    )


@router.post("/datasets", operation_id="make_dataset", status_code=202, responses=ACCEPTED)
async def make(
    server: Here, who: Who, response: Response, project: Project, asked: DatasetRequest, key: Key = None
) -> Job:
    """Queues a job that drafts a dataset from a brief, or validates and saves the one in the body."""
    return await submit(server, who, response, Stage.DATASET, project, asked, key)


@router.get("/datasets/{name}@{version}", operation_id="show_dataset")
async def show(server: Here, project: Project, name: Name, version: Annotated[Slug, Path()]) -> DatasetResult:
    """Returns the scenarios, the validation findings, and the coverage of topics, personas and difficulties."""
    return await saved_dataset(server, project, version, name)


@router.post("/datasets/{name}/versions", operation_id="make_dataset_version", status_code=202, responses=ACCEPTED)
async def make_version(
    server: Here,
    who: Who,
    response: Response,
    project: Project,
    name: Name,
    asked: EditedScenarios,
    key: Key = None,
) -> Job:
    """Queues a job that validates edited scenarios and saves them as a new version. Earlier versions stay."""
    try:
        dataset = Dataset(name=name, description=asked.description, scenarios=asked.scenarios)
    except ValueError as error:
        raise BadInput(f"scenarios: {str(error).splitlines()[2].strip()}") from error
    request = DatasetRequest(
        project=project, agent=asked.agent, dataset=dataset, threshold=asked.threshold, gated=asked.gated
    )
    return await submit(server, who, response, Stage.DATASET, project, request, key)


async def saved_dataset(server: Server, project: str, version: str, name: str | None = None) -> DatasetResult:
    """A version with its validation; the gated one if it was saved twice. Raises NotFound."""
    from assay.tracking import RunFilter, load_result, page_runs

    found = await server.read(
        page_runs, project, RunFilter(stage=Stage.DATASET, dataset_version=version, with_result=True), limit=200
    )
    runs = [run for run in found.rows if run.dataset is not None and name in (None, run.dataset.name)]
    if not runs:
        raise NotFound(f"dataset {name or 'of any name'}@{version} is not in project {project}")
    subject = min(runs, key=lambda run: not run.gated).subject_id
    return DatasetResult.model_validate(await server.read(load_result, project, Stage.DATASET, subject))
