"""The few errors that Assay raises. Each says what is wrong, where, and how to mend it."""

from assay.contracts.conversation import CallFailed


class AssayError(Exception):
    """Base of all. `str(error)` is one message for a person: what, where, and the fix."""

    title = "Assay cannot go on"


class BadInput(AssayError):
    """What was handed in does not fit; the message names the field and the fix."""

    title = "Bad input"


class NotFound(AssayError):
    """Something that was named is not there; the message says where it was looked for."""

    title = "Not found"


class GateClosed(AssayError):
    """What a stage stands on is not approved."""

    title = "Gate closed"


class Refused(AssayError):
    """A rule of the platform forbids it, such as deploying what is ungated."""

    title = "Refused"


class TrackingUnavailable(AssayError):
    """MLflow cannot be reached or does not answer as it should."""

    title = "MLflow is not available"


class CallError(AssayError):
    """A call to an agent or a model that got no answer, after its retries."""

    title = "Call failed"

    def __init__(self, failed: CallFailed) -> None:
        super().__init__(f"{failed.cause}: {failed.detail}")
        self.failed = failed
