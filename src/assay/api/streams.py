"""Server-sent events: each with an id, so that a page that lost its connection goes on behind the last one it had."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

BEAT_S = 15.0
"""A proxy closes what is silent for longer."""
RETRY_MS = 1000


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    name: str
    data: BaseModel

    def encode(self) -> bytes:
        return f"id: {self.id}\nevent: {self.name}\ndata: {self.data.model_dump_json()}\n\n".encode()


class EventStream(StreamingResponse):
    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[Event], stopping: asyncio.Event, status_code: int = 200) -> None:
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(_lines(events, stopping), status_code, headers=headers)


async def _lines(events: AsyncIterator[Event], stopping: asyncio.Event) -> AsyncIterator[bytes]:
    """The events, a beat where nothing happens, and an end when the server stops: the page asks again by itself."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    stop = asyncio.ensure_future(stopping.wait())
    source = aiter(events)
    following: asyncio.Future[Event] = asyncio.ensure_future(anext(source))  # type: ignore[arg-type]
    try:
        while not stopping.is_set():
            await asyncio.wait({following, stop}, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                yield b": beat\n\n"
                continue
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            yield event.encode()
            following = asyncio.ensure_future(anext(source))  # type: ignore[arg-type]
    finally:
        stop.cancel()
        following.cancel()
        await asyncio.gather(following, stop, return_exceptions=True)
        async with aclosing(events):  # type: ignore[type-var]
            pass
