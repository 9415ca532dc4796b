"""What all contracts share: frozen, the unknown refused, the same content always the same hash."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""A name that is safe in a URL, a file name and an MLflow tag: lower case, digits, `.`, `_`, `-`."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""An id or a topic as its owner writes it: up to 255 characters in one line, with case, spaces, `/` and any script.
It goes into tags and JSON as it is; file names and generated ids are made of a slug or a hash of it."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Words that must be there."""

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Usd = Annotated[Decimal, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
JsonObject = dict[str, JsonValue]

Metadata = Annotated[JsonObject, Field(exclude_if=lambda value: not value)]
"""Fields of an imported row that the contract does not have, as they came. Left out of JSON and hashes when empty."""


class Contract(BaseModel):
    """A value that crosses a boundary. Frozen; a field it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, ser_json_inf_nan="strings")

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed, validated anew."""
        return type(self).model_validate({**dict(self), **changes})


class Document(Contract):
    """A contract that stands on its own in a file, a pipe or an artifact, so it names its schema's version."""

    schema_version: Literal["1"] = "1"


def content_hash(content: object) -> str:
    """SHA-256 (64 hex digits) of contracts or JSON values as canonical JSON: sorted keys, no white space.

    Independent of the order of keys and of how the JSON was laid out; any change of a value changes it. Text that
    UTF-8 cannot encode (a lone surrogate) has a hash too.
    """
    canonical = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def short_id(prefix: str, *parts: object) -> str:
    """A stable id made of the content that it stands for, such as `sim-3f9a…` (16 hex digits)."""
    return f"{prefix}-{content_hash([_plain(part) for part in parts])[:16]}"


def _plain(content: Any) -> Any:
    match content:
        case BaseModel():
            return content.model_dump(mode="json")
        case dict():
            return {str(key): _plain(value) for key, value in content.items()}
        case list() | tuple():
            return [_plain(item) for item in content]
        case datetime():
            return content.isoformat()
        case _:
            return content
