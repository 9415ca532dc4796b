"""Login sessions, which admins can list and end."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from assay.api.guard import GuardedRoute
from assay.api.server import Here
from assay.contracts.api import SessionItem, SessionList

router = APIRouter(prefix="/sessions", route_class=GuardedRoute, tags=["tokens"])


@router.get("", operation_id="list_sessions")
async def list_(server: Here) -> SessionList:
    """Lists the sessions of everyone who is logged in, newest first."""
    rows = await asyncio.to_thread(server.accounts.sessions)
    return SessionList(items=tuple(SessionItem.model_validate(row) for row in rows))


@router.delete("/{session}", operation_id="revoke_session")
async def revoke(
    server: Here,
    session: Annotated[str, Path(max_length=250, description="Session ID, or a person's name for all their sessions.")],
) -> SessionList:
    """Ends the sessions immediately. The person can log in again if the provider allows it."""
    rows = await asyncio.to_thread(server.accounts.revoke_sessions, session)
    return SessionList(items=tuple(SessionItem.model_validate(row) for row in rows))
