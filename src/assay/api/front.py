"""What stands before the application: which host names it answers to, how much it takes, and MLflow's pages."""

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.api.access import Need
from assay.api.guard import PREFIX as API
from assay.api.guard import from_own_site, identify, is_loopback
from assay.api.metrics import Metrics
from assay.api.mlflow_reads import only_reads
from assay.api.problems import of_error, problem
from assay.errors import AssayError
from assay.settings import Settings
from assay.tracking.mlflow_page import PREFIX

log = structlog.get_logger("assay")

MOST_BYTES = 2 * 2**20
"""Of one request's body."""
MOST_BYTES_OF_DATA = 64 * 2**20
"""Where the body holds a dataset, feedback or conversations, and of an admin's changes through MLflow."""
DATA = re.compile(
    rf"{API}/(jobs|projects/[^/]+/(datasets|datasets/[^/]+/versions|feedback|files/[^/]+|judgments|labels|pipelines))"
)


class TooLarge(HTTPException):
    """A body that went on after its limit. Starlette's handlers let it through as it is."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"a request's body has at most {most // 2**20} MB here")


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
        self.metrics: Metrics = app.state.metrics

    def start(self) -> None:
        """Begins what need not be there when the server starts."""
        if self._mlflow is not None:
            self._mlflow.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        counted = self.metrics.count(scope, send)
        refusal = self._refusal(Request(scope))
        if refusal is not None:
            await refusal(scope, receive, counted)
        elif self._mlflow is not None and _of_mlflow(scope["path"]):
            await self._pages(scope, receive, counted, self._mlflow)
        else:
            most = MOST_BYTES_OF_DATA if DATA.fullmatch(scope["path"]) else MOST_BYTES
            await _within(most, self.app, scope, receive, counted)

    def _refusal(self, request: Request) -> ASGIApp | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if self._settings.auth == "off" and not is_loopback(host):
            # without it, a page of another site whose name leads here could do everything
            return problem(403, "Not allowed", f"host {host}: without authentication this server answers to localhost")
        return None

    async def _pages(self, scope: Scope, receive: Receive, send: Send, mlflow: LateApp) -> None:
        if scope["path"] == PREFIX:  # its own links are relative to the folder
            await RedirectResponse(f"{PREFIX}/")(scope, receive, send)
            return
        request = Request({**scope, "app": self.app})
        reads = only_reads(request.method, scope["path"])
        answer: ASGIApp
        try:
            who = await identify(self.app.state.server, request)
            who.require(Need.SEE if reads else Need.GOVERN, None)
            if request.method not in ("GET", "HEAD"):
                from_own_site(request, who)
            found = await mlflow.get()
            answer = found or problem(503, "Not available", "MLflow's pages cannot be shown: see the server's log")
        except AssayError as error:
            answer = of_error(error)
        # without an origin MLflow answers none with CORS headers: it would let every page on localhost read the store
        plain = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"origin"]}
        await _within(MOST_BYTES if reads else MOST_BYTES_OF_DATA, answer, plain, receive, send)


async def _within(most: int, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Counts the body as it comes, so that one without a Content-Length has the same limit. Answers 413 beyond it."""
    taken = 0
    began = False

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise TooLarge(most)
        return message

    async def noted(message: Message) -> None:
        nonlocal began
        if taken > most and not began:
            return  # what the application makes of its missing body, MLflow a 500, is not the answer
        began = True
        await send(message)

    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length) > most:
        taken = int(length)
    else:
        try:
            await app(scope, counted, noted)
        except Exception:
            if taken <= most:
                raise
    if taken > most and not began:
        await problem(413, "Too large", TooLarge(most).detail)(scope, receive, send)


def _of_mlflow(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


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
