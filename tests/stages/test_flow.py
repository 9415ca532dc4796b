"""Many pieces of work in flight: all kept, failures raised as themselves, nothing lost."""

import asyncio

import pytest

from assay.errors import BadInput
from assay.stages.flow import BATCH, Flow, flow
from tests.conftest import PATIENCE_S


async def run(items, work, keep, concurrency=4):
    told = []
    await flow(items, work, keep, concurrency=concurrency, tell=told.append)
    return told


async def test_all_is_done_kept_and_told_with_no_more_in_flight_than_asked_for():
    kept, flying, most = [], 0, 0

    async def work(item):
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying -= 1
        return item * 2

    async def keep(batch):
        kept.extend(batch)

    told = await run(range(BATCH * 2 + 7), work, keep)
    assert sorted(kept) == [item * 2 for item in range(BATCH * 2 + 7)]
    assert told[0] == 0
    assert told[-1] == BATCH * 2 + 7
    assert most == 4


async def test_the_first_failure_is_raised_as_itself_and_what_was_done_is_kept():
    kept = []

    async def work(item):
        if item == 5:
            raise BadInput("five is no item")
        return item

    async def keep(batch):
        kept.extend(batch)

    with pytest.raises(BadInput, match="five"):
        await run(range(20), work, keep, concurrency=1)
    assert kept == [0, 1, 2, 3, 4]


async def test_what_could_not_be_kept_is_tried_once_more_at_the_end():
    kept, tries = [], 0

    async def work(item):
        return item

    async def keep(batch):
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the disk was busy")
        kept.extend(batch)

    with pytest.raises(OSError, match="busy"):
        await run(range(BATCH), work, keep)
    assert sorted(kept) == list(range(BATCH))


async def test_nothing_to_do_is_done_at_once():
    async def never(item):
        raise AssertionError(item)

    assert await run([], never, never) == [0]


async def test_items_that_come_one_by_one_are_worked_on_as_they_come():
    async def items():
        for item in range(7):
            await asyncio.sleep(0)
            yield item

    kept = []

    async def work(item):
        return item

    async def keep(batch):
        kept.extend(batch)

    await run(items(), work, keep)
    assert sorted(kept) == list(range(7))


async def test_work_waits_where_keeping_is_slower():
    """Memory stays flat: no more than two batches and what is in flight are ever done and not kept."""
    waiting, most = 0, 0

    async def work(item):
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return item

    async def keep(batch):
        nonlocal waiting
        await asyncio.sleep(0.005)
        waiting -= len(batch)

    await run(range(BATCH * 20), work, keep, concurrency=10)
    assert most <= 2 * BATCH + 10 + BATCH


async def test_work_begins_before_anybody_keeps_it():
    begun = asyncio.Event()

    async def work(item):
        begun.set()
        return item

    async def keep(batch):
        del batch

    async with Flow([1], work, concurrency=1) as flowing:
        await asyncio.wait_for(begun.wait(), PATIENCE_S)
        await flowing.kept_by(keep, lambda count: None)


async def test_a_batch_that_is_being_written_when_cancelled_is_written_whole():
    kept, writing = [], asyncio.Event()

    async def work(item):
        return item

    async def keep(batch):
        writing.set()
        await asyncio.sleep(0.05)
        kept.extend(batch)

    task = asyncio.create_task(run(range(BATCH * 10), work, keep))
    await writing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(kept) >= BATCH
    assert len(set(kept)) == len(kept)
