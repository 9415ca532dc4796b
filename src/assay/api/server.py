"""What every route works with, opened when the server starts and closed when it stops."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Path, Query, Request

from assay.api.access import Identity
from assay.api.accounts import Accounts
from assay.api.oidc import ssl_context
from assay.api.rates import RateLimit
from assay.contracts.base import Slug
from assay.lifecycle.chats import Chats
from assay.lifecycle.jobs import Jobs, open_jobs
from assay.settings import Settings
from assay.stages.context import Context, open_context
from assay.tracking import Tracking

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Server:
    settings: Settings
    context: Context
    jobs: Jobs
    chats: Chats
    accounts: Accounts
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server stops, so that streams end."""
    signing_key: str = ""
    """Of cookies."""
    logins: RateLimit = field(default_factory=lambda: RateLimit(per_minute=120, burst=60))
    """Of one address. Behind a proxy all people share one, so the proxy limits each of them."""
    mlflow_page: bool = False
    """Whether MLflow's pages are on this server."""

    @property
    def tracking(self) -> Tracking:
        return self.context.tracking

    async def read(self, function: Callable[Concatenate[Tracking, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Something of MLflow, in a thread."""
        return await asyncio.to_thread(functools.partial(function, self.tracking, *args, **kwargs))


@asynccontextmanager
async def open_server(settings: Settings, *, mlflow_page: bool = False) -> AsyncIterator[Server]:
    async with open_jobs(settings) as jobs, open_context(settings) as context:
        await asyncio.to_thread(lambda: context.tracking.client)
        accounts = await asyncio.to_thread(
            functools.partial(Accounts, settings.jobs_store, token_days=settings.token_days)
        )
        chats = await asyncio.to_thread(Chats, settings.jobs_store, context)
        signing_key = await asyncio.to_thread(accounts.signing_key)
        await asyncio.to_thread(ssl_context)
        server = Server(settings, context, jobs, chats, accounts, signing_key=signing_key, mlflow_page=mlflow_page)
        chats.start()
        try:
            yield server
        finally:
            server.stopping.set()
            await chats.aclose()
            accounts.close()


def server_of(request: Request) -> Server:
    return request.app.state.server


def who_asks(request: Request) -> Identity:
    """Found out before the route was entered."""
    return request.state.who


Here = Annotated[Server, Depends(server_of)]
Who = Annotated[Identity, Depends(who_asks)]
Project = Annotated[Slug, Path(examples=["shop"])]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]
Words = Annotated[str | None, Query(max_length=200, description="Words to look for.", pattern=r"^[^\x00]*$")]
SubjectId = Annotated[Slug, Path(description="Its subject_id.", examples=["judging-3f9a0c1d2e4b5a60"])]


def examples(*values: Any) -> dict[str, Any]:
    """For a query or path parameter."""
    return {"examples": list(values)}
