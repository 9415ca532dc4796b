"""Stopping a run whose calls fail for the same reason one after another."""

from collections.abc import Callable
from dataclasses import dataclass, field

from assay.contracts.conversation import CallFailed, StopReason
from assay.errors import Stopped

SIDES = {StopReason.AGENT_ERROR: "agent", StopReason.SIMULATOR_ERROR: "user simulator", StopReason.TIMEOUT: "time-out"}


@dataclass
class Streak:
    """Counts failures of one side with one cause in a row."""

    limit: int
    """0: never stops."""
    left: Callable[[], int] | None = None
    """How many conversations are not done yet; None: not known."""
    what: str = "conversations"
    _last: tuple[str, str] | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def ended(self, side: str, failed: CallFailed | None) -> None:
        """Notes one conversation. Raises Stopped, with what is left, at the limit."""
        if failed is None:
            self._last, self._count = None, 0
            return
        same = (side, failed.cause)
        self._count = self._count + 1 if same == self._last else 1
        self._last = same
        if self.limit and self._count >= self.limit:
            left = f"{self.left()} conversations are left. " if self.left else ""
            raise Stopped(
                f"{self._count} {self.what} in a row failed for the same reason ({side}, {failed.cause}): "
                f"{failed.detail}. {left}Once the cause is fixed, run the same command again: it goes on with what is "
                "left (ASSAY_STOP_AFTER_FAILURES changes the limit)"
            )
