"""A pydantic model as the `response_format` of OpenAI's protocol."""

import re
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from assay.models.answers import json_schema

UNKNOWN_TO_STRICT = {
    *("title", "default", "discriminator", "minLength", "maxLength"),
    *("minProperties", "maxProperties", "uniqueItems", "contains", "propertyNames"),
}
"""Words of JSON Schema that OpenAI's strict mode refuses; pydantic holds the answer against them all the same."""
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}


@lru_cache(maxsize=256)
def response_format(schema: type[BaseModel]) -> bytes:
    """As JSON, encoded once a schema. Strict wherever the schema can be: then the server cannot answer with less."""
    asked = json_schema(schema)
    name = re.sub(r"\W", "_", schema.__name__)[:64]  # a generic's has brackets, which OpenAI refuses
    try:
        if asked.get("type") != "object":
            raise NotStrict
        described = {"name": name, "strict": True, "schema": _strict(asked)}
    except NotStrict:
        described = {"name": name, "schema": asked}
    return to_json({"type": "json_schema", "json_schema": described})


class NotStrict(Exception):
    """The schema is no object, or has a part of which nothing is known beforehand."""


def _strict(schema: Any) -> Any:
    """The same schema with every field required and no other allowed. Raises NotStrict where that would change it."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in UNKNOWN_TO_STRICT}
    if kept.get("format") not in FORMATS:
        kept.pop("format", None)
    if "(?" in kept.get("pattern", ""):
        del kept["pattern"]
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    if "$ref" in kept and len(kept) > 1:
        kept["anyOf"] = [{"$ref": kept.pop("$ref")}]
    for key in ("anyOf", "allOf", "items", "prefixItems"):
        if key in kept:
            kept[key] = _strict(kept[key])
    if "$defs" in kept:
        kept["$defs"] = {name: _strict(part) for name, part in kept["$defs"].items()}
    if not kept.keys() & {"type", "anyOf", "allOf", "$ref", "enum", "const"}:
        raise NotStrict
    if kept.get("type") == "object":
        if "properties" not in kept or kept.get("additionalProperties"):
            raise NotStrict
        kept["properties"] = {name: _strict(part) for name, part in kept["properties"].items()}
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept
