"""Where the gateway learns who gets which share: read now and then off the request path, the last good one kept."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from assay.contracts.traffic import Traffic

log = structlog.get_logger("assay")

Read = Callable[[], Traffic | None]
"""Looks it up; may fail or take long, so it runs in a thread. None: there is none."""


@dataclass
class TrafficSource:
    """`now` is what holds. What was read last also stands in a file, for a restart while the store is down."""

    now: Traffic
    read: Read | None = None
    """None: it never changes."""
    every_s: float = 2.0
    file: Path | None = None
    failed: Callable[[], None] = lambda: None
    """Called each time that it could not be read."""
    failures: int = 0
    changes: int = 0
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self.read is not None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self) -> None:
        """Reads once. What cannot be read changes nothing; an older state than the one that holds neither."""
        assert self.read is not None  # noqa: S101, asked for by `start` alone
        try:
            found = await asyncio.to_thread(self.read)
        except Exception as error:
            self.failures += 1
            self.failed()
            log.warning("traffic not read, the last one holds", error=type(error).__name__)
            return
        if found is not None and found.rollout_id == self.now.rollout_id and found.number <= self.now.number:
            return
        if found is not None and found != self.now:
            self.now = found
            self.changes += 1
            self._keep(found)
            log.info("traffic changed", rollout=found.rollout_id, share=found.share, state=found.state)

    async def _run(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(self.every_s)

    def _keep(self, traffic: Traffic) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError):
                keep(self.file, traffic)


def keep(file: Path, traffic: Traffic) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_text(traffic.model_dump_json(), encoding="utf-8")
    beside.replace(file)


def kept(file: Path) -> Traffic | None:
    """What an earlier process kept; None: nothing that can be read."""
    try:
        return Traffic.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
