"""How long to wait before a call is tried again."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

LONGEST_S = 60.0
"""No server's Retry-After makes one call wait longer than this."""


def retry_after_s(header: str | None, now: float) -> float | None:
    """The header's wait in seconds, from a number or an HTTP date; `now` in Unix seconds. None: it does not say."""
    if not header:
        return None
    try:
        return min(LONGEST_S, max(0.0, float(header)))
    except ValueError:
        pass
    try:
        return min(LONGEST_S, max(0.0, parsedate_to_datetime(header).timestamp() - now))
    except ValueError:
        return None


def backoff_s(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Exponential with full jitter: 0.25, 0.5, 1, ... seconds at the most."""
    return min(8.0, 0.25 * 2**attempt) * chance()


@dataclass(slots=True)
class Pause:
    """Shared by all calls to one server: after a 429 none of them starts before the server is ready again."""

    until: float = 0.0
    clock: Callable[[], float] = field(default=time.monotonic)

    def hold(self, seconds: float) -> None:
        self.until = max(self.until, self.clock() + seconds)

    async def wait(self) -> None:
        # Time is what is waited for, and another 429 may have come meanwhile.
        while (left := self.until - self.clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
