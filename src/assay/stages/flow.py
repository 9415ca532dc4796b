"""Many pieces of work with a few in flight, each kept soon after it is done."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

BATCH = 50
"""Results kept at once: one write to MLflow."""


async def flow(
    items: Sequence[Item],
    work: Callable[[Item], Awaitable[Done]],
    keep: Callable[[list[Done]], Awaitable[None]],
    *,
    concurrency: int,
    tell: Callable[[int], None],
) -> list[Done]:
    """Works on `items` with `concurrency` in flight; what is done is kept in batches, also when cancelled.

    Results come in the order in which they were done. `tell` hears how many are done, first with 0. The first failure
    stops all and is raised as itself.
    """
    waiting = iter(items)
    done: list[Done] = []
    unkept: list[Done] = []
    keeping = asyncio.Lock()

    async def keep_from(at_least: int) -> None:
        async with keeping:
            if len(unkept) >= at_least:
                batch = unkept[:]
                unkept.clear()
                try:
                    await asyncio.shield(keep(batch))
                except Exception:
                    unkept[:0] = batch  # the last try, at the end, has them too
                    raise

    async def worker() -> None:
        for item in waiting:
            result = await work(item)
            done.append(result)
            unkept.append(result)
            tell(len(done))
            await keep_from(BATCH)

    tell(0)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(items))):
                group.create_task(worker())
    except ExceptionGroup as failed:
        # The first failure stopped the others: it is what the caller must see.
        raise failed.exceptions[0] from None
    finally:
        await keep_from(1)
    return done
