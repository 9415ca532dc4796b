"""What could not be stored: kept line by line in a file, with why, so that nothing is lost without a trace."""

import json
import os
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

import structlog

log = structlog.get_logger("assay")

MOST_BYTES = 100_000_000
"""A file that is as long takes nothing more; what comes then is only counted."""


@dataclass
class SetAside:
    """Appends to the file, which only its owner may read."""

    file: Path | None
    """None: nothing is kept."""

    def __post_init__(self) -> None:
        self._lock = Lock()

    def add(self, what: str, why: str, **fields: object) -> bool:
        """Whether it was kept. what: `request` or `feedback`."""
        log.warning("set aside: it cannot be stored", what=what, why=why)
        if self.file is None:
            return False
        row = {"at": datetime.now(UTC).isoformat(), "what": what, "why": why, **fields}
        line = json.dumps(row, default=_plain).encode() + b"\n"
        try:
            with self._lock:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                opened = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(opened, "ab", buffering=0) as out:
                    if out.seek(0, os.SEEK_END) + len(line) > MOST_BYTES:
                        return False
                    out.write(line)
        except OSError as error:
            log.error("set aside: the file cannot be written", file=str(self.file), error=str(error))
            return False
        return True


def count_lines(file: Path) -> int:
    """How much was set aside; 0 where there is no file."""
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    return str(value)
