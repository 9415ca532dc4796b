"""The application: API, page and MLflow's pages behind one address."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from assay.api.access import ROUTES
from assay.api.guard import COOKIE, PREFIX
from assay.api.metrics import Metrics
from assay.api.probes import router as probes
from assay.api.problems import EVERY_ROUTE, answer_with_problems
from assay.api.routes import ROUTERS
from assay.api.server import open_server
from assay.contracts.api import Changed, ChatMessage, ChatStep, Problem
from assay.contracts.pipeline import PipelineResult
from assay.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "web_dist"
DESCRIPTION = """Assay evaluates LLM agents through a lifecycle of eight stages, with MLflow as the store.

* `POST` of a stage queues a job and answers 202 with its `Location`; `GET /jobs/{id}/events` tells how far it is.
* Lists answer `{items, next_cursor}`; `next_cursor` given as `cursor` asks for the next page.
* `Idempotency-Key` on a change makes it safe to send twice.
* Errors are `application/problem+json` (RFC 9457).
* Authentication is by `Authorization: Bearer TOKEN`, or by the page's cookie together with `X-CSRF-Token`.
"""


def create_app(settings: Settings, *, mlflow_page: bool = False) -> FastAPI:
    """The API and the page. `mlflow_page`: MLflow's own are beside it, so answers link to them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_server(settings, mlflow_page=mlflow_page) as server:
            app.state.server = server
            yield

    app = FastAPI(
        title="Assay",
        description=DESCRIPTION,
        version=_version(),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    app.state.metrics = Metrics()
    answer_with_problems(app)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=EVERY_ROUTE)

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(openapi_document(app))

    app.include_router(probes)
    app.add_api_route("/{path:path}", _page, methods=["GET"], include_in_schema=False)
    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the schemas that only streams, problems and jobs use."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (Problem, ChatStep, ChatMessage, Changed, PipelineResult):
            own = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= {name: schema for name, schema in own.pop("$defs", {}).items() if name not in schemas}
            schemas[model.__name__] = own
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        document["security"] = [{"token": []}, {"session": []}, {}]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                rule = ROUTES[f"{method.upper()} {path.removeprefix(PREFIX)}"]
                operation["x-assay-need"] = rule.need.value
        app.openapi_schema = document
    return app.openapi_schema


async def _page(request: Request, path: str) -> Response:
    """The page's files; any other path that a browser goes to is one of the page's own views."""
    if path.partition("/")[0] in ("api", "mlflow"):
        raise HTTPException(404, "there is no such thing")
    is_view = path == "" or "text/html" in request.headers.get("accept", "")
    index = PAGE / "index.html"
    if not index.is_file():
        if is_view:
            return HTMLResponse(NOT_BUILT)
        raise HTTPException(404, "there is no such thing")
    try:
        file = (PAGE / path).resolve()
        is_ours = path != "" and file.is_relative_to(PAGE) and file.is_file()
    except (ValueError, OSError):  # no file system takes this name
        raise HTTPException(404, "there is no such file") from None
    if is_ours:
        # built files bear a hash of their content in their names
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return FileResponse(file, headers={"Cache-Control": kept, **PAGE_HEADERS})
    if not is_view or "." in path.rpartition("/")[2]:
        raise HTTPException(404, "there is no such file")
    return FileResponse(index, headers={"Cache-Control": "no-cache", **PAGE_HEADERS})


PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
NOT_BUILT = """<!doctype html><html lang="en"><title>Assay</title>
<body style="font: 16px/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>Assay</h1>
<p>The server runs without its page. In a checkout <code>make web</code> builds it;
<code>pip install .</code> includes it.</p>
<p>The API is at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>; MLflow at <a href="/mlflow/">/mlflow</a>.</p>
</body></html>"""


def _version() -> str:
    try:
        return version("assay")
    except PackageNotFoundError:
        return "0"
