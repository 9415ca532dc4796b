"""One command: API, page and MLflow's pages in this process, and a worker in one of its own."""

import asyncio
import contextlib
from collections.abc import Callable
from types import FrameType

import uvicorn

from assay.api.front import Front, front
from assay.api.guard import require_auth_or_loopback
from assay.api.worker_process import working
from assay.errors import Refused
from assay.settings import Settings

DRAIN_S = 5
"""How long requests may take to end when the server stops."""


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    worker: bool = True,
    mlflow_page: bool = True,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Runs until SIGTERM or SIGINT. `ready` is told the address once it answers.

    Raises Refused for an address that others reach while authentication is off, or that is taken.
    """
    require_auth_or_loopback(host, settings.auth)
    whole = front(settings, mlflow_page=mlflow_page)
    config = uvicorn.Config(
        whole,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    # a server whose port is taken must not have made tables and threads first
    listening = _listen(config)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    with working(settings) if worker else contextlib.nullcontext():
        _Uvicorn(config, whole, lambda: ready(url)).run(sockets=[listening])


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, whole: Front, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._whole = whole
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets=None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._whole.start()
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Streams end first: they would keep their connections for ever."""
        if self._loop is not None and (server := getattr(self._whole.app.state, "server", None)) is not None:
            self._loop.call_soon_threadsafe(server.stopping.set)
        super().handle_exit(sig, frame)


def _listen(config: uvicorn.Config):
    import socket

    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        listening.close()
        raise Refused(
            f"port {config.port}: {config.host} cannot be bound ({error.strerror}): choose another with --port"
        ) from error
    listening.set_inheritable(True)
    return listening
