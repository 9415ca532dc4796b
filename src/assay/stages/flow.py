"""Many pieces of work with a few in flight, each kept soon after it is done, in memory that does not grow with them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

BATCH = 50
"""Results kept at once: one write to MLflow."""
LINGER_S = 2.0
"""A result does not wait longer than this for others to be kept with."""


class Flow(Generic[Item, Done]):
    """Work that begins when the context is entered, and goes on while `kept_by` writes what is done.

    No more than `concurrency` items are in flight and no more than two batches wait to be kept: where writing is
    slower than working, work waits. The first failure stops all and is raised as itself.
    """

    def __init__(
        self,
        items: Iterable[Item] | AsyncIterator[Item],
        work: Callable[[Item], Awaitable[Done]],
        *,
        concurrency: int,
    ) -> None:
        self._items = items if isinstance(items, AsyncIterator) else iter(items)
        self._work = work
        self._concurrency = concurrency
        self._done: deque[Done] = deque()
        self._room = asyncio.Semaphore(2 * BATCH)
        self._taking = asyncio.Lock()
        self._enough = asyncio.Event()
        self._tell: Callable[[int], None] = lambda count: None
        self._count = 0

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(lambda _: self._enough.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._running

    async def kept_by(self, keep: Callable[[list[Done]], Awaitable[None]], tell: Callable[[int], None]) -> None:
        """Keeps all that is done, in batches and in the order in which it was done, also when cancelled.

        `tell` hears how many are done, first those that were when this began.
        """
        self._tell = tell
        tell(self._count)
        try:
            while not self._running.done():
                self._enough.clear()
                if not self._running.done() and len(self._done) < BATCH:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._enough.wait(), LINGER_S)
                while len(self._done) >= BATCH:
                    await self._keep_batch(keep)
                await self._keep_batch(keep)
            self._running.result()
        except ExceptionGroup as failed:
            # The first failure stopped the others: it is what the caller must see.
            raise failed.exceptions[0] from None
        finally:
            await self.__aexit__()
            while self._done:
                await self._keep_batch(keep)

    async def _keep_batch(self, keep: Callable[[list[Done]], Awaitable[None]]) -> None:
        batch = [self._done.popleft() for _ in range(min(BATCH, len(self._done)))]
        if not batch:
            return
        writing = asyncio.ensure_future(keep(batch))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # a batch that is being written is written whole
            raise
        except Exception:
            self._done.extendleft(reversed(batch))  # the last try, at the end, has them too
            raise
        finally:
            for _ in batch:
                self._room.release()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            try:
                item = await self._next()
            except (StopIteration, StopAsyncIteration):
                return
            result = await self._work(item)
            self._done.append(result)
            self._count += 1
            self._tell(self._count)
            if len(self._done) >= BATCH:
                self._enough.set()
            await self._room.acquire()

    async def _next(self) -> Item:
        if isinstance(self._items, Iterator):
            try:
                return next(self._items)
            except StopIteration:
                raise StopAsyncIteration from None
        async with self._taking:  # an async generator gives one at a time
            return await anext(self._items)


async def flow(
    items: Iterable[Item] | AsyncIterator[Item],
    work: Callable[[Item], Awaitable[Done]],
    keep: Callable[[list[Done]], Awaitable[None]],
    *,
    concurrency: int,
    tell: Callable[[int], None],
) -> None:
    """A Flow from its beginning to its end."""
    async with Flow(items, work, concurrency=concurrency) as flowing:
        await flowing.kept_by(keep, tell)
