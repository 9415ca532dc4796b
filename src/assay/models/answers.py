"""A model's answer as the object that was asked for."""

import json
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)


class Unreadable(Exception):
    """The answer does not fit the schema; the message tells the model what to mend."""


def read_answer(text: str, schema: type[M]) -> M:
    """The object in the text: the whole of it, what stands in a fence, or the outermost braces. Raises Unreadable."""
    problem = "it holds no JSON object"
    for candidate in _candidates(text):
        try:
            return schema.model_validate(json.loads(candidate))
        except json.JSONDecodeError as error:
            problem = f"it is no JSON: {error.msg} at character {error.pos}"
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            problem = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults[:5])
            break
    raise Unreadable(problem)


def instructions(schema: type[BaseModel]) -> str:
    """The schema in words, for servers that do not take one."""
    wanted = json.dumps(schema.model_json_schema())
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema:\n{wanted}"


def _candidates(text: str) -> list[str]:
    found = [text.strip()]
    found += [match.strip() for match in FENCE.findall(text)]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        found.append(text[start : end + 1])
    return list(dict.fromkeys(found))
