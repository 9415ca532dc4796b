"""A model's answer as the object that was asked for."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)
THOUGHT_END = "</think>"
OPENING = re.compile(r"[{\[]")
TRIES = 50
"""Braces in a text at which an object is looked for."""


class Unreadable(Exception):
    """The answer does not fit the schema; the message tells the model what to mend."""


def read_answer(text: str, schema: type[M]) -> M:
    """The object in the text: the whole of it, what stands in a fence, or the first in the prose that fits.

    Raises Unreadable with what is wrong with the largest piece of JSON in it.
    """
    try:
        return schema.model_validate_json(text)
    except ValidationError:
        pass
    problem, size = "there is no JSON object in it", 0
    for candidate in _candidates(text.rpartition(THOUGHT_END)[2].strip()):
        try:
            return schema.model_validate_json(candidate)
        except ValidationError as error:
            if len(candidate) > size:
                problem, size = _in_words(error), len(candidate)
    raise Unreadable(problem)


@lru_cache(maxsize=256)
def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """Made once: pydantic takes longer for it than a call does. Not to be changed."""
    return schema.model_json_schema()


def instructions(schema: type[BaseModel]) -> str:
    """The schema in words, for servers that do not take one."""
    wanted = json.dumps(json_schema(schema), ensure_ascii=False)
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema:\n{wanted}"


def _candidates(text: str) -> Iterator[str]:
    if text.startswith(("{", "[")):
        yield text
    for match in FENCE.findall(text):
        yield match.strip()
    decoder = json.JSONDecoder(strict=False)
    at = 0
    for _ in range(TRIES):
        if (opening := OPENING.search(text, at)) is None:
            return
        try:
            _, at = decoder.raw_decode(text, opening.start())
            yield text[opening.start() : at]
        except json.JSONDecodeError:
            at = opening.start() + 1
        except RecursionError:
            return


def _in_words(error: ValidationError) -> str:
    """At most five faults. Never the value itself: the model has its answer before it."""
    faults = error.errors(include_url=False, include_input=False)
    lines = [f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}" for fault in faults[:5]]
    return "; ".join(lines)
