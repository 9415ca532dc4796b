"""Server-sent events, read from lines."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    name: str
    data: Any


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Comments and fields that are none of ours are passed over.

    Source: WHATWG HTML, 9.2.6 Interpreting an event stream.
    """
    now: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            now[name] = f"{now['data']}\n{value}" if name == "data" and "data" in now else value
        elif "data" in now:
            yield Event(now.get("id", ""), now.get("event", "message"), json.loads(now["data"]))
            now = {}
        else:
            now = {}
