"""What orchestrators and Prometheus ask, outside of the API: /healthz, /readyz, /metrics."""

import asyncio

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from assay.api.access import Need
from assay.api.guard import identify
from assay.api.metrics import CONTENT_TYPE
from assay.api.server import Here, Server

log = structlog.get_logger("assay")

router = APIRouter(include_in_schema=False)
ANSWER_S = 5.0


@router.get("/healthz")
async def healthz() -> Response:
    """200 while the server answers at all."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readyz(server: Here) -> Response:
    """200 while MLflow and the database of jobs answer, else 503. Which of them does not is in the server's log."""
    ready = await is_ready(server)
    return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)


@router.get("/metrics")
async def metrics(request: Request, server: Here) -> Response:
    """For Prometheus. With authentication it takes a token, of any role."""
    (await identify(server, request)).require(Need.KNOWN, None)
    workers, counts = await asyncio.gather(server.jobs.workers(), server.jobs.counts())
    text = request.app.state.metrics.text(workers=len(workers), jobs=counts)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})


async def is_ready(server: Server) -> bool:
    from assay.tracking import list_projects

    try:
        async with asyncio.timeout(ANSWER_S):
            await asyncio.gather(server.read(list_projects), server.jobs.counts())
    except Exception as error:  # whatever it is, the server cannot do its work
        log.warning("the server is not ready", error=type(error).__name__, why=str(error)[:300])
        return False
    return True
