"""What happens by itself, and when."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from assay.contracts.base import Contract, Document, JsonObject, Slug, Text

ScheduleKind = Literal["ingest", "judge_online", "evaluate", "analyze", "look", "retention"]
"""ingest: feedback from a file. judge_online: traces of an experiment. look: at the rollout under way. retention: old
production conversations go."""


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError(f"{text!r} is no cron expression: five fields, as in `0 6 * * 1-5`")
    return text


Cron = Annotated[str, AfterValidator(_cron)]
"""Five fields, in UTC."""


class Schedule(Contract):
    """One thing that happens by itself. Times are UTC."""

    name: Slug
    cron: Cron
    kind: ScheduleKind
    request: JsonObject = Field(default_factory=dict)
    """The request of what is run. ingest: `file` and `agent`. retention: `days`. look: nothing."""
    enabled: bool = True
    since: datetime
    """Ticks before it do not count."""


class ScheduleRun(Contract):
    """How a tick went. Ticks that were missed are made up by one run."""

    tick: datetime
    """The last of those that it makes up."""
    missed: int = Field(default=0, ge=0)
    """Earlier ticks that nobody was there for."""
    began_at: datetime
    ended_at: datetime | None = None
    """None: under way, or whoever ran it died."""
    ok: bool | None = None
    words: Text | None = None


class Schedules(Document):
    project: Slug
    schedules: tuple[Schedule, ...] = ()
    last: dict[Slug, ScheduleRun] = Field(default_factory=dict)
