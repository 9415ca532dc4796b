"""Who is logged in: listed and ended by admins."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from assay.api.guard import GuardedRoute
from assay.api.server import Here
from assay.contracts.api import SessionItem, SessionList

router = APIRouter(prefix="/sessions", route_class=GuardedRoute, tags=["tokens"])


@router.get("", operation_id="list_sessions")
async def list_(server: Here) -> SessionList:
    """Sessions of everybody who is logged in, the newest first."""
    rows = await asyncio.to_thread(server.accounts.sessions)
    return SessionList(items=tuple(SessionItem.model_validate(row) for row in rows))


@router.delete("/{session}", operation_id="revoke_session")
async def revoke(
    server: Here,
    session: Annotated[str, Path(max_length=250, description="A session's id, or a person's name: all of theirs.")],
) -> SessionList:
    """Ends them at once. The person can log in again as long as the provider lets them."""
    rows = await asyncio.to_thread(server.accounts.revoke_sessions, session)
    return SessionList(items=tuple(SessionItem.model_validate(row) for row in rows))
