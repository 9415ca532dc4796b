"""Text as rows that know where they stand, so that every error names file, line and field."""

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from assay.errors import BadInput

M = TypeVar("M", bound=BaseModel)

LONGEST_CELL = 10_000_000
"""Characters: the csv module's own 131,072 are too few for a world in `initial_state`."""


def jsonl_rows(text: str, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """(object, `where:line`) for each line that is not blank. Raises BadInput for what is no JSON object."""
    # Lines end at \n alone: str.splitlines would cut a string that holds U+2028 or the like.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        at = f"{where}:{number}"
        try:
            row = parsed_json(line, at)
        except BadInput:
            if _is_one_document(text):
                raise BadInput(
                    f"{at}: this is one JSON document over several lines: write one object a line (`jq -c '.[]'`)"
                ) from None
            raise
        if not isinstance(row, dict):
            raise BadInput(f"{at}: a JSON object is needed, not {_kind(row)}: write one object a line")
        yield row, at


def csv_rows(text: str, where: str) -> Iterator[tuple[dict[str, str], str]]:
    """(cells by column, `where:line`) for each row that is not blank.

    Columns are read without regard to case, `-` and blanks; the delimiter is a comma, a semicolon or a tab, as the
    header has it. Raises BadInput for a header that is missing or stands twice, and for cells beyond the header.
    """
    rows = _cells(text.removeprefix("\ufeff"), where)
    _, header = next(rows, (1, []))
    columns = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    if not any(columns):
        raise BadInput(f"{where}: holds no header line: name the columns first")
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise BadInput(f"{where}:1: {twice[0]}: this column stands twice: keep one")
    for number, cells in rows:
        at = f"{where}:{number}"
        if not any(cell.strip() for cell in cells):
            continue
        unnamed = [cell for place, cell in enumerate(cells) if place >= len(columns) or not columns[place]]
        if any(cell.strip() for cell in unnamed):
            raise BadInput(f"{at}: has more cells than there are columns: quote the cells that hold a delimiter")
        yield {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name}, at


def parsed_json(text: str, at: str) -> JsonValue:
    """Strict JSON: no NaN and no Infinity, which no hash could be made of."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise BadInput(f"{at}: not JSON ({error.msg} at column {error.colno}): mend it") from error
    except RecursionError:
        raise BadInput(f"{at}: not JSON that can be read (nested too deeply): flatten it") from None
    except ValueError as error:
        raise BadInput(f"{at}: not JSON ({error}): mend it") from error


def checked(model: type[M], row: Any, at: str) -> M:
    """The row as a contract. Raises BadInput, a line for each field that it refuses."""
    try:
        return model.model_validate(row)
    except ValidationError as error:
        # One line a problem, in the same order.
        lines = str(BadInput.from_validation(at, error)).split("\n")
        problems = error.errors(include_url=False, include_input=False)
        if len(lines) != len(problems):
            raise BadInput("\n".join(lines)) from error
        raise BadInput("\n".join(map(_readable, problems, lines, [at] * len(lines)))) from error


def _readable(problem: Any, line: str, at: str) -> str:
    """No expectations is the commonest fault, and pydantic's words for it are not for people."""
    if problem["loc"] == ("expectations",) and problem["type"] in ("too_short", "missing"):
        return f"{at}: expectations is empty: give at least one thing that the agent must or must not do"
    return line


def _cells(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """(the line a row begins in, its cells)."""
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    began = 1
    rows = []
    allowed = csv.field_size_limit(LONGEST_CELL)
    try:
        for row in reader:
            rows.append((began, row))
            began = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{where}:{began}: not CSV ({error}): mend the quotes") from error
    finally:
        csv.field_size_limit(allowed)
    return ((number, row) for number, row in rows if row)


def _is_one_document(text: str) -> bool:
    if "\n" not in text.strip():
        return False
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is too large a number")
    return value


def _kind(row: JsonValue) -> str:
    return {"list": "a list", "str": "a text", "NoneType": "null", "bool": "a boolean"}.get(
        type(row).__name__, "a number"
    )
