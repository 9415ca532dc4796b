"""API tokens, which admins can create, list and revoke."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from assay.api.guard import GuardedRoute
from assay.api.server import Cursor, Here, Limit, Who
from assay.contracts.api import NewToken, NewTokenMade, TokenItem, TokenPage

router = APIRouter(prefix="/tokens", route_class=GuardedRoute, tags=["tokens"])


@router.get("", operation_id="list_tokens")
async def list_(server: Here, limit: Limit = 50, cursor: Cursor = None) -> TokenPage:
    """Lists all tokens, newest first, without their secrets."""
    from assay.tracking import decode_cursor, encode_cursor

    after = decode_cursor(cursor, float, str) if cursor is not None else None
    rows = await asyncio.to_thread(
        server.accounts.tokens, limit=limit + 1, after=(after[0], after[1]) if after else None
    )
    shown = rows[:limit]
    more = len(rows) > limit
    return TokenPage(
        items=tuple(shown),
        next_cursor=encode_cursor(shown[-1].created_at.timestamp(), shown[-1].token_id) if more else None,
    )


@router.post("", operation_id="make_token", status_code=201)
async def make(server: Here, who: Who, asked: NewToken) -> NewTokenMade:
    """Creates a token. Only this response contains it."""
    token, item = await asyncio.to_thread(server.accounts.create_token, asked, who.name)
    return NewTokenMade(token=token, item=item)


@router.delete("/{token_id}", operation_id="revoke_token")
async def revoke(
    server: Here, token_id: Annotated[str, Path(pattern=r"^tok-[0-9a-f]{16}$", examples=["tok-0123456789abcdef"])]
) -> TokenItem:
    """Revokes a token immediately. It stays in the list."""
    return await asyncio.to_thread(server.accounts.revoke_token, token_id)
