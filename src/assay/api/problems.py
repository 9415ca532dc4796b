"""Errors as RFC 9457 problems: `application/problem+json`, the same words that the command line shows."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from assay import errors
from assay.api.access import NotAllowed, NotKnown, TooMany
from assay.contracts.api import FieldProblem, Problem
from assay.plugins import PluginFailed

log = structlog.get_logger("assay")

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[type[errors.AssayError], int] = {
    errors.BadInput: 422,
    errors.NotFound: 404,
    errors.GateClosed: 409,
    errors.Refused: 409,
    errors.OverBudget: 409,
    errors.TrackingUnavailable: 503,
    errors.TrackingFailed: 502,
    errors.CallError: 502,
    PluginFailed: 502,
    NotKnown: 401,
    NotAllowed: 403,
    TooMany: 429,
}
TITLES = {
    400: "Bad request",
    401: "Not logged in",
    403: "Not allowed",
    404: "Not found",
    405: "No such method here",
    409: "Conflict",
    413: "Too large",
    415: "Not JSON",
    422: "Bad input",
    429: "Too many requests",
    500: "A fault of Assay",
    502: "A call failed",
    503: "Not available",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these answers."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


EVERY_ROUTE = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 502, 503)


def problem(status: int, title: str, detail: str, *, kind: str = "", fields: tuple[FieldProblem, ...] = ()) -> Response:
    told = Problem(
        type=f"urn:assay:{kind}" if kind else "about:blank", title=title, status=status, detail=detail, errors=fields
    )
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}}.get(status, {})
    return JSONResponse(told.model_dump(mode="json"), status, headers=headers, media_type=MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Every error that leaves the app is a problem."""

    @app.exception_handler(errors.AssayError)
    async def ours(request: Request, error: errors.AssayError) -> Response:
        del request
        return of_error(error)

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        del request
        fields = tuple(
            FieldProblem(field=".".join(str(part) for part in row["loc"]), problem=_words(row))
            for row in _without_echoes(error.errors())
        )
        detail = "; ".join(f"{row.field}: {row.problem}" for row in fields[:5])
        return problem(422, TITLES[422], detail, kind="BadInput", fields=fields)

    @app.exception_handler(HTTPException)
    async def starlettes(request: Request, error: HTTPException) -> Response:
        answer = problem(
            error.status_code,
            TITLES.get(error.status_code, "Error"),
            f"{request.method} {request.url.path[:200]}: {error.detail}",
        )
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        # its words may hold what was sent, so only its kind is told
        log.error("a request failed", path=request.url.path, error=type(error).__name__, exc_info=error)
        return problem(500, TITLES[500], f"{type(error).__name__}: see the server's log, and report it", kind="Fault")


def of_error(error: errors.AssayError) -> Response:
    from assay.tracking.connection import without_secrets

    status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 409)
    return problem(status, error.title, without_secrets(error.public), kind=type(error).__name__)


def _without_echoes(rows: Sequence[Any]) -> list[Any]:
    """Without "too short" of a list whose items were refused: pydantic counts only the items that are left."""

    def echoes(row: Any) -> bool:
        own = tuple(row["loc"])
        return row["type"] == "too_short" and any(
            len(other["loc"]) > len(own) and tuple(other["loc"][: len(own)]) == own for other in rows
        )

    return [row for row in rows if not echoes(row)]


def _words(row: Any) -> str:
    match row["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "there is no such field: remove it or correct its name"
        case _:
            return str(row["msg"]).removeprefix("Value error, ")
