"""Whether an arm answers: one that fails is left alone for a while, then tried again with one request."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Health:
    """Of one arm. Times are seconds of a clock that only goes forward."""

    window: int = 20
    """Answers that are looked at."""
    failing_share: float = 0.5
    """Of them that must fail before the arm is ejected; fewer than five answers never suffice."""
    rest_s: float = 5.0
    """For how long it is left alone; twice as long after each failed trial, up to `most_rest_s`."""
    most_rest_s: float = 60.0
    ejections: int = 0
    _seen: deque[bool] = field(default_factory=deque)
    _until: float | None = None
    _rest: float = 0.0
    _trying: bool = False

    def open(self, now: float) -> bool:
        """Whether it may be asked now. After its rest one request tries it, and others wait for how that ends."""
        if self._until is None:
            return True
        if now < self._until or self._trying:
            return False
        self._trying = True
        return True

    @property
    def ejected(self) -> bool:
        return self._until is not None

    def tell(self, ok: bool | None, now: float) -> None:
        """How an answer went. None: it says nothing of the arm, as where the caller left or both arms refused."""
        if ok is None:
            self._trying = False
            return
        if self._until is not None:
            if not self._trying:
                return  # asked before it was ejected
            self._trying = False
            if ok:
                self._until, self._rest = None, 0.0
                self._seen.clear()
            else:
                self._eject(now)
            return
        self._seen.append(ok)
        if len(self._seen) > self.window:
            self._seen.popleft()
        failed = len(self._seen) - sum(self._seen)
        if len(self._seen) >= 5 and failed >= self.failing_share * len(self._seen):
            self._eject(now)

    def _eject(self, now: float) -> None:
        self.ejections += 1
        self._rest = min(self.most_rest_s, self._rest * 2 or self.rest_s)
        self._until = now + self._rest
        self._seen.clear()
