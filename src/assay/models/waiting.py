"""How long to wait before a call is tried again, and what one server's rate limit allows at once."""

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from weakref import WeakKeyDictionary

import structlog

log = structlog.get_logger("assay")


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """The wait that a server asks for, in seconds, from a number or an HTTP date; `now` in Unix seconds.

    None: it does not say, or nothing that can be read.
    """
    try:
        if exact := headers.get("retry-after-ms"):
            wait = float(exact) / 1000
        else:
            wait = float(headers.get("retry-after", ""))
        return max(0.0, wait) if math.isfinite(wait) else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def backoff_s(failures: int, chance: Callable[[], float] = random.random) -> float:
    """After so many failures, from 1: exponential, up to 8 s, half of it by chance so that callers drift apart."""
    return min(8.0, 0.25 * 2 ** min(failures, 10)) * (0.5 + 0.5 * chance())


class Pace:
    """What is learned of one server's rate limit, shared by all calls to it.

    Without a 429 it costs two comparisons. After one, no call starts before the server is ready again, and only half
    as many may be under way; each round that goes well allows a quarter more. That the calls do not all come back at
    once is what lets a burst through in few rounds (tests/models/test_waiting.py).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = math.inf
        """Calls that may be under way."""
        self.in_flight = 0
        self._clock = clock
        self._ready_at = 0.0
        self._lowered_at = -math.inf
        self._successes = 0
        self._away_since: float | None = None
        self._away_tries = 0
        self._limit_before = math.inf
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> float:
        """Waits for its turn. The time of entry, for `hold`; each entry ends with `leave`."""
        behind = False
        while True:
            now = self._clock()
            if now < self._ready_at:
                await asyncio.sleep(self._ready_at - now)
            elif self.in_flight >= self.limit:
                await self._wait_in_line(behind)
                behind = True
            else:
                self.in_flight += 1
                return now

    def leave(self, *, answered: bool) -> None:
        self.in_flight -= 1
        if answered and self._away_since is not None:
            log.warning("the model's server answers again", after_s=round(self._clock() - self._away_since))
            self._away_since = None
            self.limit = self._limit_before
        if answered and self.limit < math.inf:
            self._successes += 1
            if self._successes >= self.limit:
                self._successes = 0
                self.limit += max(1, self.limit // 4)
        self._wake()

    def hold(self, seconds: float, entered_at: float) -> None:
        """A 429: no call starts for so long. Of calls that were under way together only the first lowers the limit."""
        self._ready_at = max(self._ready_at, self._clock() + seconds)
        if entered_at > self._lowered_at:
            self._lowered_at = self._clock()
            self._successes = 0
            self.limit = max(1, self.in_flight // 2)

    def away(self, retry_after_s: float | None) -> float:
        """The server is not there: from now on one call at a time tries again, after what the server asks for or a
        growing pause. For how long it has been away, in seconds."""
        now = self._clock()
        if self._away_since is None:
            self._away_since, self._away_tries, self._limit_before = now, 0, self.limit
        self._away_tries += 1
        self.limit = 1
        self._ready_at = max(self._ready_at, now + (retry_after_s or backoff_s(self._away_tries)))
        return now - self._away_since

    @property
    def is_away(self) -> bool:
        return self._away_since is not None

    async def _wait_in_line(self, first: bool) -> None:
        turn = asyncio.get_running_loop().create_future()
        if first:
            self._queue.appendleft(turn)
        else:
            self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()  # its turn had come, and nobody else would be told
            raise

    def _wake(self) -> None:
        free = self.limit - self.in_flight
        while self._queue and free > 0:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Pace]] = WeakKeyDictionary()


def pace_of(server: str) -> Pace:
    """The one pace of a server in the running event loop, whichever models call it."""
    return _paces.setdefault(asyncio.get_running_loop(), {}).setdefault(server, Pace())
