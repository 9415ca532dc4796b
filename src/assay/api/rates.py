"""How often one address may ask for what costs something before anybody is known."""

import time
from collections import OrderedDict
from collections.abc import Callable

from assay.api.access import TooMany

MOST_ADDRESSES = 10_000


class RateLimit:
    """A token bucket per address: `burst` at once, `per_minute` in the long run. Forgets the address seen last longest
    ago beyond 10,000."""

    def __init__(self, per_minute: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60.0
        self._burst = burst
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Raises TooMany."""
        now = self._now()
        left, at = self._left.pop(address, (float(self._burst), now))
        left = min(float(self._burst), left + (now - at) * self._per_s)
        self._left[address] = (max(left - 1.0, 0.0), now) if left >= 1.0 else (left, now)
        if len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        if left < 1.0:
            raise TooMany("this address asks too often: wait a minute")
