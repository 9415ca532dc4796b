"""The few errors that Assay raises. Each says what is wrong, where, and how to mend it."""

from typing import Self

from pydantic import ValidationError

from assay.contracts.conversation import CallFailed
from assay.contracts.text import clean


class AssayError(Exception):
    """Base of all. `str(error)` is one message for a person: what, where, and the fix.

    `local`: the message with more detail, for who works on the store itself; it may name other projects and the
    store's address. What leaves the process over HTTP or in a job's error is `public`. Both can be stored and printed
    whatever names from outside they quote.
    """

    title = "Assay cannot go on"

    def __init__(self, message: str, *, local: str | None = None) -> None:
        super().__init__(clean(message if local is None else local))
        self.public = clean(message)


class BadInput(AssayError):
    """What was handed in does not fit; the message names the field and the fix."""

    title = "Bad input"

    @classmethod
    def from_validation(cls, where: str, error: ValidationError) -> Self:
        """What a contract refused, a line a field; never the value itself, which could be a secret."""
        lines = []
        for problem in error.errors(include_url=False, include_input=False):
            field = ".".join(str(part) for part in problem["loc"]) or "the whole"
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                message = "there is no such field: remove it or correct its name"
            elif problem["type"] == "missing":
                message = "is required"
            lines.append(f"{where}: {field}: {message}")
        return cls("\n".join(lines))


class NotFound(AssayError):
    """Something that was named is not there; the message says where it was looked for."""

    title = "Not found"


class GateClosed(AssayError):
    """What a stage stands on is not approved."""

    title = "Gate closed"


class Refused(AssayError):
    """A rule of the platform forbids it, such as deploying what is ungated."""

    title = "Refused"


class TrackingFailed(AssayError):
    """MLflow answers, but does not do what was asked."""

    title = "MLflow refused"


class TrackingUnavailable(TrackingFailed):
    """MLflow cannot be reached, read or written."""

    title = "MLflow is not available"


class OverBudget(AssayError):
    """A limit of cost, tokens, calls or time is reached. What was done is kept; with a higher limit it goes on."""

    title = "Limit reached"


class Stopped(AssayError):
    """Calls failed alike one after another, so the run was stopped. What was done is kept."""

    title = "Stopped"


class Conflict(Refused):
    """Somebody else decided meanwhile; the message names who decided what."""

    title = "Decided already"


class CallError(AssayError):
    """A call to an agent or a model that got no answer, after its retries."""

    title = "Call failed"

    def __init__(self, failed: CallFailed) -> None:
        super().__init__(f"{failed.cause}: {failed.detail}")
        self.failed = failed
