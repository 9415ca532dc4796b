"""What people are told outside of Assay, and where to."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from assay.contracts.base import Contract, Document, JsonObject, Slug, Text


class NotificationKind(StrEnum):
    GATE_WAITING = "gate_waiting"
    JOB_FAILED = "job_failed"
    GUARDRAIL_HIT = "guardrail_hit"
    ROLLBACK = "rollback"
    ROLLOUT_CHANGED = "rollout_changed"
    SCHEDULE_FAILED = "schedule_failed"
    VERDICT = "verdict"
    RATINGS_FALL = "ratings_fall"
    TEST = "test"


class Notification(Document):
    kind: NotificationKind
    project: Slug
    title: Text
    body: str = ""
    subject_id: str = ""
    """What it is about; the same kind and subject are told once within a while."""
    at: datetime


class NotificationRoute(Contract):
    """Who is told what. The address is apprise's (`mailto://`, `slack://`, `msteams://`, `json://` for a webhook),
    unless a notifier is named."""

    url_env: str | None = None
    """The variable that holds the address, so that no secret stands in a file."""
    url: SecretStr | None = None
    notifier: Slug | None = None
    """A notifier that an installed package brings, by an entry point of the group `assay.notifiers`; it may do without
    an address. None: apprise."""
    options: JsonObject = Field(default_factory=dict)
    """Of the notifier: its own business."""
    kinds: tuple[NotificationKind, ...] | None = None
    """None: all."""
    projects: tuple[Slug, ...] | None = None
    """None: all."""

    @model_validator(mode="after")
    def one_address(self) -> Self:
        if self.notifier is None and self.options:
            raise ValueError("options go with a notifier, and only with it")
        if self.notifier is not None and self.url_env is None and self.url is None:
            return self
        if (self.url_env is None) == (self.url is None):
            raise ValueError("give either url_env (the variable that holds the address) or url, and not both")
        return self

    def wants(self, told: Notification) -> bool:
        return (self.kinds is None or told.kind in self.kinds) and (
            self.projects is None or told.project in self.projects
        )
