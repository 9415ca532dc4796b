"""A model's answer as the object that was asked for."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from assay.protocols import split_reasoning

M = TypeVar("M", bound=BaseModel)

OPENING = re.compile(r"[{\[]")
BEGINS_OBJECT = re.compile(r'\{\s*"[^"{}]*"\s*:')
TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
TRIES = 50
"""Braces in a text at which an object is looked for."""
DEEPEST = 100
"""Levels of nesting of an object that is mended."""


class Unreadable(Exception):
    """The answer does not fit the schema; the message tells the model what to mend."""


def read_answer(text: str, schema: type[M]) -> M:
    """The last whole object in the text that fits: what stands before it is a draft or a quotation.

    Reasoning is no part of the answer. Raises Unreadable with what is wrong with the last object.
    """
    return read_answers(text, schema)[-1]


def read_answers(text: str, schema: type[M]) -> list[M]:
    """Every whole object in the text that fits, without repetitions, in order; at least one.

    Raises Unreadable where none fits, or where a last one begins and is cut off or broken: the one before it is then
    not what the model ended with.
    """
    try:
        return [schema.model_validate_json(text)]
    except ValidationError:
        pass
    said = split_reasoning(text).text.strip()
    fitting: list[M] = []
    problem, ends = "there is no JSON object in it", 0
    for value, ends in _values(said):  # noqa: B007, where the last one ends counts afterwards
        try:
            answer = schema.model_validate_json(json.dumps(value))
        except ValidationError as error:
            if isinstance(value, dict) or not fitting:
                problem = _in_words(error)
            continue
        fitting = [one for one in fitting if one != answer] + [answer]
    if BEGINS_OBJECT.search(said, ends):
        raise Unreadable("its last JSON object is cut off or broken")
    if not fitting:
        raise Unreadable(problem)
    return fitting


def holds_json(text: str) -> bool:
    """Whether the answer is an object at all, whatever is in it: a server that enforces a schema gives nothing else."""
    return any(True for _ in _values(split_reasoning(text).text))


@lru_cache(maxsize=512)
def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """Made once: pydantic takes longer for it than a call does. Not to be changed."""
    return schema.model_json_schema()


def instructions(schema: type[BaseModel]) -> str:
    """The schema in words, for servers that do not take one."""
    wanted = json.dumps(json_schema(schema), ensure_ascii=False)
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema:\n{wanted}"


def _values(text: str) -> Iterator[tuple[Any, int]]:
    """(an object or a list in the text, where it ends), in order; none that stands inside another."""
    decoder = json.JSONDecoder(strict=False)
    at = 0
    for _ in range(TRIES):
        if (opening := OPENING.search(text, at)) is None:
            return
        try:
            value, at = decoder.raw_decode(text, opening.start())
            yield value, at
        except RecursionError:
            return
        except ValueError:  # no JSON, or a number with more digits than Python reads
            end = _closing(text, opening.start())
            try:
                value = decoder.decode(TRAILING_COMMA.sub(r"\1", text[opening.start() : end])) if end else None
            except (ValueError, RecursionError):
                value = None
            if value is None:
                at = opening.start() + 1
            else:
                at = end
                yield value, at


def _closing(text: str, start: int) -> int:
    """Where the bracket at `start` is closed, strings passed over; 0: nowhere, or it is nested too deeply."""
    depth, quoted, escaped = 0, False, False
    for place in range(start, len(text)):
        sign = text[place]
        if escaped:
            escaped = False
        elif quoted:
            escaped = sign == "\\"
            quoted = sign != '"'
        elif sign == '"':
            quoted = True
        elif sign in "{[":
            depth += 1
            if depth > DEEPEST:
                return 0
        elif sign in "}]":
            depth -= 1
            if depth == 0:
                return place + 1
    return 0


def _in_words(error: ValidationError) -> str:
    """At most five faults. Never the value itself: the model has its answer before it."""
    faults = error.errors(include_url=False, include_input=False)
    lines = [f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}" for fault in faults[:5]]
    return "; ".join(lines)
