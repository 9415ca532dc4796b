"""What stands before the application: which host names it answers to, how much it takes, and MLflow's pages."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from assay.api.access import Need, NotAllowed
from assay.api.guard import identify, is_loopback, same_origin
from assay.api.problems import of_error, problem
from assay.errors import AssayError
from assay.settings import Settings
from assay.tracking.mlflow_page import PREFIX

log = structlog.get_logger("assay")

MOST_BYTES = 64 * 2**20
"""Of one request's body."""
READING = ("search", "get", "list", "graphql", "query", "batch-get", "metrics")
"""Last parts of the paths under which MLflow's pages ask by POST for what they show."""


class LateApp:
    """An application that is made in a thread, so that the server starts before it is there."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: list[ASGIApp] = []
        self._ready = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="mlflow-pages", daemon=True).start()

    def _run(self) -> None:
        try:
            self._made.append(self._make())
        except Exception as error:
            log.error("MLflow's pages cannot be shown", error=type(error).__name__, exc_info=error)
        self._ready.set()

    async def get(self) -> ASGIApp | None:
        """Waits until it is made; None: that failed."""
        await asyncio.to_thread(self._ready.wait)
        return self._made[0] if self._made else None


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, app: FastAPI, settings: Settings, mlflow: LateApp | None) -> None:
        self.app = app
        self._settings = settings
        self._mlflow = mlflow

    def start(self) -> None:
        """Begins what need not be there when the server starts."""
        if self._mlflow is not None:
            self._mlflow.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif self._mlflow is not None and _of_mlflow(request.url.path):
            await self._pages(request, self._mlflow, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> ASGIApp | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if self._settings.auth == "off" and not is_loopback(host):
            # without it, a page of another site whose name leads here could do everything
            return problem(403, "Not allowed", f"host {host}: without authentication this server answers to localhost")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MOST_BYTES:
            return problem(413, "Too large", f"a request's body has at most {MOST_BYTES // 2**20} MB")
        return None

    async def _pages(self, request: Request, mlflow: LateApp, send: Send) -> None:
        request.scope["app"] = self.app
        answer: ASGIApp
        if request.url.path == PREFIX:  # its own links are relative to the folder
            await RedirectResponse(f"{PREFIX}/")(request.scope, request.receive, send)
            return
        try:
            who = await identify(self.app.state.server, request)
            changes = request.method not in ("GET", "HEAD", "OPTIONS") and not _reads(request.url.path)
            origin = request.headers.get("origin")
            if request.method != "GET" and origin is not None and not same_origin(request, origin):
                raise NotAllowed("the request came from a page of another site, which may change nothing here")
            who.require(Need.GOVERN if changes else Need.SEE, None)
            found = await mlflow.get()
            answer = found or problem(503, "Not available", "MLflow's pages cannot be shown: see the server's log")
        except AssayError as error:
            answer = of_error(error)
        await answer(request.scope, request.receive, send)


def _of_mlflow(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _reads(path: str) -> bool:
    last = path.rstrip("/").rpartition("/")[2].lower()
    return any(last == word or last.startswith((f"{word}-", word)) for word in READING)


def front(settings: Settings, *, mlflow_page: bool) -> Front:
    """The whole server, with MLflow's pages where the store is a database of ours."""
    from assay.api.app import create_app

    local = mlflow_page and not settings.store.startswith("http")
    app = create_app(settings, mlflow_page=local)
    if not local:
        return Front(app, settings, None)

    def make() -> Any:
        from assay.tracking.mlflow_page import mlflow_app

        return mlflow_app(app.state.server.tracking)

    return Front(app, settings, LateApp(make))
