"""A notifier that appends each notification to a file, a line of JSON each."""

from pathlib import Path

from assay.contracts.base import JsonObject
from assay.contracts.notification import Notification


def deliver(told: Notification, *, address: str | None, options: JsonObject) -> None:
    """`address`: of the route's `url` or `url_env`, here not needed. An error means: not delivered, try again."""
    del address
    with Path(str(options["file"])).open("a", encoding="utf-8") as file:
        file.write(told.model_dump_json() + "\n")
