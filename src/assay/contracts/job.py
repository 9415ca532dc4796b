"""Work that goes on without whoever asked for it: queued, durable, cancelled and tried again by name."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from assay.contracts.base import Contract, Document, JsonObject, Slug, Text
from assay.contracts.stage import Stage, Usage


class OtherJob(StrEnum):
    """A job that is not one stage: stages 3 and 4 in one go, the whole lifecycle, the report on Assay's own agents."""

    EVALUATE = "evaluate"
    PIPELINE = "pipeline"
    AGENTS_REPORT = "agents_report"


JobKind = Stage | OtherJob
"""What a job does."""


class JobStatus(StrEnum):
    CREATED = "CREATED"
    """Queued: no worker has taken it yet."""
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


JobId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]


class JobRequest(Document):
    """A job. `request` is what the stage, `evaluate` or the pipeline is asked with."""

    kind: JobKind
    request: JsonObject
    key: Slug | None = None
    """Idempotency key: asked again with the same one, the job that is there is the answer. None: always a new job."""
    by: Text = "unknown"


class Progress(Contract):
    """How far a job has come."""

    stage: str = ""
    done: int = 0
    total: int = 0
    spent: Usage = Usage()
    """What its calls took so far, over all workers."""
    waiting_for: str | None = None
    """The subject whose gate must be decided; None: nothing waits for a person."""


class JobError(Contract):
    """Why it failed."""

    cause: str
    """The error's kind, such as `OverBudget`."""
    message: str


class Job(Document):
    job_id: JobId
    kind: JobKind
    project: Slug
    status: JobStatus
    progress: Progress = Progress()
    error: JobError | None = None
    """None: it did not fail."""
    result: JsonObject | None = None
    """None: it has not ended well yet."""
    by: str
    created_at: datetime
    updated_at: datetime
    worker: str | None = None
    """Which worker has it or had it last; None: none yet."""


class Worker(Contract):
    """A process that takes jobs."""

    worker_id: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
