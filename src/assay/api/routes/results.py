"""A list, a start, one result and its report for each stage whose results are a resource."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from assay.api.guard import GuardedRoute
from assay.api.routes.runs import page_of_runs
from assay.api.server import Cursor, Here, Limit, Project, SubjectId, Who, Words
from assay.api.submitting import ACCEPTED, Key, submit
from assay.contracts.api import RunPage
from assay.contracts.job import Job
from assay.contracts.report import Report
from assay.errors import NotFound
from assay.stages import STAGES, StageSpec

router = APIRouter(prefix="/projects/{project}", route_class=GuardedRoute)
MEDIA = {"json": "application/json", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}
SANDBOXED = {"Content-Security-Policy": "sandbox allow-scripts; default-src 'self' 'unsafe-inline' data:"}
"""What was stored is shown without the rights of this server's own pages."""
Format = Annotated[Literal["json", "html", "pdf"], Query(description="Of the report.")]


def add_routes(resource: str, spec: StageSpec) -> None:
    stage, name = spec.stage, spec.noun
    request_type: Any = spec.request

    async def list_(
        server: Here,
        project: Project,
        limit: Limit = 50,
        cursor: Cursor = None,
        q: Words = None,
        agent: Annotated[str | None, Query(description="agent_id@version", max_length=130)] = None,
        gated: bool | None = None,
    ) -> RunPage:
        return await page_of_runs(
            server, project, limit=limit, cursor=cursor, stage=stage, agent=agent, gated=gated, words=q, results=True
        )

    async def start(
        server: Here,
        who: Who,
        response: Response,
        project: Project,
        asked: request_type,  # pyright: ignore[reportInvalidTypeForm]
        key: Key = None,
    ) -> Job:
        return await submit(server, who, response, stage, project, asked, key)

    async def show(server: Here, project: Project, subject_id: SubjectId) -> Any:
        from assay.tracking import load_result

        return spec.result.model_validate(await server.read(load_result, project, stage, subject_id))

    async def report(server: Here, project: Project, subject_id: SubjectId, format: Format = "json") -> Response:
        from assay.tracking import load_result, read_bytes

        found = await server.read(load_result, project, stage, subject_id)
        if not found.get("run_id"):
            raise NotFound(f"{stage} {subject_id} has no stored report")
        content = await server.read(read_bytes, str(found["run_id"]), f"reports/{name}.{format}")
        return Response(content, media_type=MEDIA[format], headers=SANDBOXED)

    path, tags = f"/{resource}", [resource]
    router.add_api_route(
        path,
        list_,
        methods=["GET"],
        operation_id=f"list_{resource}",
        tags=[*tags],
        summary=f"List {resource}",
        description="Results, the newest first.",
    )
    router.add_api_route(
        path,
        start,
        methods=["POST"],
        operation_id=f"start_{name}",
        tags=[*tags],
        status_code=202,
        responses=ACCEPTED,
        summary=f"Start stage {list(STAGES).index(stage) + 1}, {stage.value}",
        description="Queues a job that does the stage.",
    )
    router.add_api_route(
        f"{path}/{{subject_id}}",
        show,
        methods=["GET"],
        operation_id=f"show_{name}",
        tags=[*tags],
        response_model=spec.result,
        summary=f"One of the {resource}",
        description="The stage's result.",
    )
    router.add_api_route(
        f"{path}/{{subject_id}}/report",
        report,
        methods=["GET"],
        operation_id=f"show_{name}_report",
        tags=[*tags],
        response_class=Response,
        responses={
            200: {
                "model": Report,
                "description": "The report.",
                "content": {
                    "text/html": {"schema": {"type": "string"}},
                    "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                },
            }
        },
        summary="Its report",
        description="As JSON, HTML or PDF.",
    )


for _spec in STAGES.values():
    if _spec.resource is not None:
        add_routes(_spec.resource, _spec)
