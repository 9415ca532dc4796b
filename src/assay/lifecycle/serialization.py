"""What the jobs' database holds: JSON, so that who can write to it runs no code in the workers.

DBOS reads each row in the format that the row names, and pickle is one of them: a row written by hand could name it
whatever the format of our own. So pickles are read by an unpickler that makes plain values and known errors alone,
which is also what reads the jobs of earlier versions.
"""

import base64
import builtins
import io
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbos import Serializer

OUR_ERRORS = {("assay.lifecycle.workers", "JobFailed")}


class _PlainUnpickler(pickle.Unpickler):
    """Dicts, lists, text and numbers need no class; of classes only errors are taken."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in OUR_ERRORS:
            return super().find_class(module, name)
        found = getattr(builtins, name, None) if module == "builtins" else None
        if isinstance(found, type) and issubclass(found, Exception):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is not read from the database of jobs")


def plain_value(text: str) -> Any:
    """What a pickle in base64 holds. Raises UnpicklingError for one that names code."""
    return _PlainUnpickler(io.BytesIO(base64.b64decode(text))).load()


def json_serializer() -> "Serializer":
    """For DBOS and its client. From then on DBOS reads no pickle of its own way in this process."""
    from dbos._serialization import DBOSPortableJSON, DefaultSerializer

    DefaultSerializer.deserialize = lambda self, serialized_data: plain_value(serialized_data)  # type: ignore[method-assign]
    return DBOSPortableJSON
