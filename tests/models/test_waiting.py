"""How long a call waits, and what a rate limit teaches."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models import open_model
from assay.models.chat import Message
from assay.models.waiting import Pace, backoff_s, retry_after_s
from tests.conftest import PATIENCE_S
from tests.stub_llm import Reply, Status, StubLLM

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": format_datetime(datetime(2026, 1, 1, 0, 1, tzinfo=UTC), usegmt=True)}, 60.0),
        ({"retry-after": format_datetime(datetime(2025, 1, 1, tzinfo=UTC), usegmt=True)}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_a_server_says_how_long_in_seconds_milliseconds_or_as_a_date(headers, wait):
    assert retry_after_s(headers, NOW) == wait


@given(st.text(max_size=40))
def test_no_header_is_too_odd(text):
    wait = retry_after_s({"retry-after": text}, NOW)
    assert wait is None or wait >= 0


@given(st.integers(1, 1000), st.floats(0, 1))
def test_backoff_grows_is_bounded_and_never_nothing(failures, chance):
    wait = backoff_s(failures, lambda: chance)
    assert 0.25 <= wait <= 8
    assert wait <= backoff_s(failures + 1, lambda: 1.0)


async def test_without_a_429_nobody_waits():
    pace = Pace()
    for _ in range(1000):
        await pace.enter()
    assert pace.in_flight == 1000


async def test_a_429_halves_what_may_be_under_way_once_for_all_that_came_together():
    pace = Pace()
    entered = [await pace.enter() for _ in range(40)]
    for at in entered:
        pace.hold(0.01, at)
        pace.leave(answered=False)
    assert pace.limit == 20


async def test_what_goes_well_is_allowed_more_again():
    pace = Pace()
    pace.hold(0, await pace.enter())
    pace.leave(answered=False)
    assert pace.limit == 1
    for _ in range(200):
        await pace.enter()
        pace.leave(answered=True)
    assert pace.limit > 20


async def test_no_one_is_forgotten_in_the_line_and_the_limit_holds():
    pace = Pace()
    pace.hold(0, await pace.enter())
    pace.leave(answered=False)
    most = 0

    async def work(nth: int) -> None:
        nonlocal most
        await pace.enter()
        try:
            most = max(most, pace.in_flight)
            await asyncio.sleep(0)
        finally:
            pace.leave(answered=False)

    tasks = [asyncio.create_task(work(nth)) for nth in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_S)
    assert sum(result is None for result in done) >= 66
    assert most == 1
    assert pace.in_flight == 0


async def test_a_burst_over_the_limit_is_answered_whole():
    """A server that takes 30 calls every tenth of a second, and 300 come at once.

    With the pause alone all would come back together each time, and 60 of them be refused for good.
    """
    loop = asyncio.get_running_loop()
    window, taken = -1.0, 0

    def limited(request, nth):
        nonlocal window, taken
        now = loop.time() // 0.1
        window, taken = (window, taken + 1) if now == window else (now, 1)
        if taken > 30:
            return Status(429, retry_after=0.1)
        return Reply("fine", delay_s=0.02)

    async with StubLLM(limited) as stub:
        chat = open_model("openai:stub", base_url=stub.base_url)
        done = await asyncio.gather(*(chat.complete([Message("user", "hello")]) for _ in range(300)))
        await chat.aclose()
    assert {answer.text for answer in done} == {"fine"}
    assert stub.calls == sum(answer.usage.calls for answer in done)
    assert stub.statuses[429] < 900
