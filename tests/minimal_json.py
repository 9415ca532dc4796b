"""The smallest value that a JSON schema allows, so that a stub can answer whatever schema it is asked for."""

import re
from typing import Any

Json = dict[str, Any]


def minimal(schema: Any) -> Any:
    """A small value that fits a JSON schema, always the same one.

    Required and constant properties only; a list gets one item where it may; of alternatives the first that is not
    null.
    """
    return _value(schema, schema if isinstance(schema, dict) else {}, (), "")


CANDIDATES = (
    "{name}",
    "{name}-1",
    "stub",
    "a",
    "A",
    "0",
    "0" * 16,
    "0" * 32,
    "0" * 64,
    "chat-" + "0" * 16,
    "stub:stub",
    "a.b:c",
    "models:/stub/1",
    "agent-0",
    "2025-01-01",
    "https://example.org/",
    "https://example.org",
)
FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.org/",
    "email": "stub@example.org",
    "duration": "PT1S",
}


def _string(schema: Json, name: str) -> str:
    if known := FORMATS.get(schema.get("format", "")):
        return known
    pattern = schema.get("pattern")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "text"
    low, high = schema.get("minLength", 0), schema.get("maxLength", 10**6)
    for candidate in CANDIDATES:
        text = candidate.replace("{name}", slug)
        text = (text if pattern else text.ljust(low, "x"))[:high]
        if low <= len(text) <= high and (pattern is None or re.search(pattern, text)):
            return text
    raise ValueError(f"{name}: the stub knows no string for the pattern {pattern}: give it a responder of your own")


def _number(schema: Json, whole: bool) -> float | int:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    value: float = 1 if whole else 0.5
    if low is not None and (value < low or value == schema.get("exclusiveMinimum")):
        value = low + 1 if "exclusiveMinimum" in schema else low
    if high is not None and (value > high or value == schema.get("exclusiveMaximum")):
        value = high - 1 if "exclusiveMaximum" in schema else high
    return int(value) if whole else value


def _value(schema: Any, root: Json, seen: tuple[str, ...], name: str) -> Any:
    if not isinstance(schema, dict) or not schema:
        return name or "stub"
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if ref := schema.get("$ref"):
        target: Any = root
        for part in ref.removeprefix("#/").split("/"):
            target = target[part]
        return _value(target, root, (*seen, ref), name)
    if variants := schema.get("anyOf") or schema.get("oneOf"):
        real = [v for v in variants if v.get("type") != "null" and v.get("$ref") not in seen]
        return _value(real[0], root, seen, name) if real else None
    if parts := schema.get("allOf"):
        merged = {key: value for part in parts for key, value in part.items()}
        return _value(merged, root, seen, name)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    match kind:
        case "object":
            properties = schema.get("properties", {})
            # of a union's members the constant says which one it is, though it has a default
            said = [key for key, value in properties.items() if "const" in value]
            wanted = [*schema.get("required", []), *said]
            return {key: _value(properties.get(key, {}), root, seen, key) for key in dict.fromkeys(wanted)}
        case "array":
            if fixed := schema.get("prefixItems"):
                return [_value(item, root, seen, f"{name}-{n}") for n, item in enumerate(fixed)]
            items = schema.get("items", {})
            again = isinstance(items, dict) and items.get("$ref") in seen
            count = max(schema.get("minItems", 0), 0 if again else min(1, schema.get("maxItems", 1)))
            return [_value(items, root, seen, name.removesuffix("s")) for _ in range(count)]
        case "string":
            return _string(schema, name)
        case "integer" | "number":
            return _number(schema, kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return name or "stub"
