"""Many pieces of work in flight: all kept, failures raised as themselves, nothing lost."""

import asyncio

import pytest

from assay.errors import BadInput
from assay.stages.flow import BATCH, flow


async def run(items, work, keep, concurrency=4):
    told = []
    done = await flow(items, work, keep, concurrency=concurrency, tell=told.append)
    return done, told


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

    done, told = await run(range(BATCH * 2 + 7), work, keep)
    assert sorted(done) == sorted(kept) == [item * 2 for item in range(BATCH * 2 + 7)]
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

    assert await run([], never, never) == ([], [0])
