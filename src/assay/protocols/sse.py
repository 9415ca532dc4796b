"""Server-sent events, as the HTML standard defines them and as servers send them."""

from dataclasses import dataclass
from typing import NamedTuple

MAX_EVENT_BYTES = 16 * 2**20
"""16 MiB: the longest event that is read; an image in an answer is a line of several MB."""


class Event(NamedTuple):
    data: str
    event: str = ""
    """Its name; empty: it has none."""


class EventTooLong(ValueError):
    def __init__(self) -> None:
        super().__init__(f"an event of the stream is longer than {MAX_EVENT_BYTES // 2**20} MiB")


@dataclass
class EventReader:
    """Cuts bytes into events as they come. Lines end at LF, CRLF or CR and at nothing else, so U+2028 stays text."""

    _line: bytearray
    _data: list[bytes]
    _name: str
    _size: int
    _after_cr: bool

    def __init__(self) -> None:
        self._line, self._data, self._name, self._size, self._after_cr = bytearray(), [], "", 0, False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are now complete. Raises EventTooLong."""
        if not chunk:
            return []
        if self._after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._after_cr = chunk[-1:] == b"\r"
        lines = chunk.splitlines(keepends=True)
        events: list[Event] = []
        for line in lines:
            ended = line[-1:] in (b"\n", b"\r")
            self._line += line
            if len(self._line) + self._size > MAX_EVENT_BYTES:
                raise EventTooLong
            if ended:
                self._take(bytes(self._line).rstrip(b"\r\n"), events)
                self._line = bytearray()
        return events

    def end(self) -> list[Event]:
        """What is left when the stream ends without an empty line."""
        events: list[Event] = []
        if self._line:
            self._take(bytes(self._line), events)
            self._line = bytearray()
        self._dispatch(events)
        return events

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
        elif line.startswith(b"data:"):
            data = line[5:].removeprefix(b" ")
            self._data.append(data)
            self._size += len(data)
        elif line.startswith(b"event:"):
            self._name = line[6:].decode(errors="replace").strip()
        elif line.lstrip()[:1] == b"{":
            events.append(Event(line.decode(errors="replace")))  # JSON lines without a field name

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(b"\n".join(self._data).decode(errors="replace"), self._name))
        self._data, self._name, self._size = [], "", 0
