"""One reader for the files that people have: JSON Lines, JSON arrays, CSV, TSV and Excel, in their encodings.

Bytes in, rows out. Each row knows where it stands, so that every error names file, line and field.
"""

import csv
import io
import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from assay.contracts.text import clean
from assay.errors import BadInput
from assay.evaluation.exchange.encodings import decoded
from assay.evaluation.exchange.workbook import UnreadableWorkbook, read_workbook

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

LONGEST_CELL = 10_000_000
"""Characters: the csv module's own 131,072 are too few for a world in `initial_state`."""
DEEPEST = 100
"""Levels of lists and objects in a JSON value: more than any data has, less than recursion allows."""
MOST_ERRORS = 20
"""Errors of one file that are shown; the others are counted."""
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx (and .ods) and .xls files begin."""
LARGEST_WORKBOOK = 1_000_000_000
"""Bytes that a packed Excel file may unpack to: a few kilobytes can be made to fill any memory."""
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", '"')
"""A spreadsheet would run a cell that begins so; with a quotation mark before it, it does not."""


class Row(NamedTuple):
    """One row that is not blank."""

    fields: dict[str, Any]
    """JSON values; of a table the cells by column, all of them text."""
    at: str
    """`file:line`, or `file:sheet:row`."""
    table: bool
    """The fields are cells of a CSV or Excel table."""


class Rows:
    """The rows of one file. What is wrong with them is collected and raised together.

    Raises BadInput for a file that cannot be read as rows at all.
    """

    def __init__(self, data: bytes | str, where: str) -> None:
        self.where = where
        self.notes: list[str] = []
        """What the person who gave the file should know, such as fields that are kept as metadata."""
        self._errors: list[str] = []
        self._unknown: Counter[str] = Counter()
        self._rows = self._read(data)

    def each(self, read: Callable[[Row], T | None]) -> list[T]:
        """read(row) for each row; None leaves the row out. Raises BadInput with all that the rows are refused for."""
        values = []
        for row in self._rows:
            if isinstance(row, BadInput):
                self._errors += str(row).split("\n")
                continue
            try:
                value = read(row)
            except BadInput as error:
                self._errors += str(error).split("\n")
            else:
                if value is not None:
                    values.append(value)
        self._raise_errors()
        if self._unknown:
            self.notes.append(f"{self.where}: fields kept as metadata: {', '.join(self._unknown)}")
        return values

    def with_metadata(self, row: Row, known: set[str]) -> dict[str, Any]:
        """The row's fields, those that are not known moved into `metadata`. Raises BadInput if that is no object."""
        fields = {name: value for name, value in row.fields.items() if name in known}
        other = {name: value for name, value in row.fields.items() if name not in known and name != "metadata"}
        if row.table:
            fields = {name: value for name, value in fields.items() if value}
            other = {name: value for name, value in other.items() if value}
        metadata = row.fields.get("metadata") or {}
        if isinstance(metadata, str):
            metadata = parsed_json(metadata, f"{row.at}: metadata")
        if not isinstance(metadata, dict):
            raise BadInput(f"{row.at}: metadata: a JSON object is needed, not {_kind(metadata)}")
        for name in other:
            near = get_close_matches(name, known - set(fields), n=1, cutoff=0.8)
            self._unknown[f"{name} (did you mean {near[0]}?)" if near else name] += 1
        if metadata := {**metadata, **other}:
            fields["metadata"] = metadata
        return fields

    def _raise_errors(self) -> None:
        if not self._errors:
            return
        shown, more = self._errors[:MOST_ERRORS], len(self._errors) - MOST_ERRORS
        raise BadInput("\n".join([*shown, *([f"and {more} more errors in {self.where}"] if more > 0 else [])]))

    def _read(self, data: bytes | str) -> Iterator[Row | BadInput]:
        if isinstance(data, bytes):
            if data.startswith(EXCEL):
                return _table(self._excel_rows(data))
            data, note = decoded(data, self.where)
            self.notes += [note] if note else []
        text = data.removeprefix("\ufeff")
        suffix = PurePath(self.where).suffix.lower()
        begins_as_json = re.match(r'\s*(\{\s*"|\[\s*[\[{])', text) is not None
        if suffix in (".jsonl", ".ndjson", ".json") or begins_as_json:
            return _json_rows(text, self.where)
        if suffix not in (".csv", ".tsv", ".tab", ".txt") and text.lstrip()[:1] in ("{", "["):
            return _json_rows(text, self.where)
        return _table(_csv_rows(text, self.where))

    def _excel_rows(self, data: bytes) -> "Iterator[tuple[str, list[str]] | BadInput]":
        """(`file:sheet:row`, cells) of the first sheet that holds anything."""
        if _unpacked(data) > LARGEST_WORKBOOK:
            raise BadInput(f"{self.where}: unpacks to more than {LARGEST_WORKBOOK:,} bytes: save it as CSV")
        try:
            book = read_workbook(data)
        except UnreadableWorkbook as error:
            raise BadInput(f"{self.where}: is no Excel file that can be read ({error}): save it as CSV") from error
        if not book.sheet:
            raise BadInput(f"{self.where}: holds no header line: name the columns first")
        if book.others:
            self.notes.append(f"{self.where}: sheet {book.sheet} is read; {', '.join(book.others)} is not")
        for number, cells in enumerate(book.rows, start=1):
            yield f"{self.where}:{book.sheet}:{number}", cells


def read_file(path: str | Path) -> Rows:
    """The rows of a file. Raises BadInput if it cannot be read."""
    return Rows(bytes_of(path), str(path))


def bytes_of(path: str | Path) -> bytes:
    """Raises BadInput if the file cannot be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder: name a file in it") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def parsed_json(text: str, at: str, *, document: bool = False) -> Any:
    """Strict JSON as any store takes it: no NaN, no Infinity, no lone surrogates. Raises BadInput with the field.

    `document`: `at` is a file, of which errors name the line too.
    """
    return _storable(_decoded(json.JSONDecoder().decode, text, at, document=document), at)


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


def cell_of(text: str) -> str:
    """Text as a cell: itself, or a JSON string where a spreadsheet would run it or lose something of it."""
    if not text or text != text.strip() or text.startswith(FORMULA) or "\r" in text:
        return json.dumps(text, ensure_ascii=False)
    return text


def text_of(cell: str) -> str:
    """The text that `cell_of` wrote as this cell; a cell that it did not write is its own text."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        try:
            text = json.loads(cell)
        except ValueError:
            return cell
        if isinstance(text, str) and cell_of(text) == cell:
            return text
    return cell


def _readable(problem: Any, line: str, at: str) -> str:
    """No expectations is the commonest fault, and pydantic's words for it are not for people."""
    if problem["loc"] == ("expectations",) and problem["type"] in ("too_short", "missing"):
        return f"{at}: expectations is empty: give at least one thing that the agent must or must not do"
    return line


def _json_rows(text: str, where: str) -> Iterator[Row | BadInput]:
    """The objects of a JSON array, one a line, or one after the other over several lines."""
    if text.lstrip().startswith("["):
        values = _json_values(text, where, array=True)
    elif (lines := _json_lines(text, where)) is not None:
        values = lines
    else:
        values = _json_values(text, where, array=False)
    for value, at in values:
        if isinstance(value, BadInput):
            yield value
            continue
        try:
            if not isinstance(value, dict):
                raise BadInput(f"{at}: a JSON object is needed, not {_kind(value)}")
            yield Row(_storable(value, at), at, table=False)
        except BadInput as error:
            yield error


def _json_lines(text: str, where: str) -> Iterator[tuple[Any, str]] | None:
    """(value, `where:line`); None: the first object is laid out over several lines and the text is whole JSON."""
    # A JSON string holds neither CR nor LF. str.splitlines would also cut one that holds U+2028 or the like.
    lines = [(line, f"{where}:{number}") for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1)]
    lines = [(line, at) for line, at in lines if line.strip()]
    if len(lines) > 1 and not _is_json(lines[0][0]):
        values = list(_json_values(text, where, array=False))
        if not any(isinstance(value, BadInput) for value, _ in values):
            return None
    return ((_value_or_error(line, at), at) for line, at in lines)


def _value_or_error(line: str, at: str) -> Any:
    try:
        return _decoded(json.JSONDecoder().decode, line, at)
    except BadInput as error:
        return error


def _is_json(line: str) -> bool:
    return not isinstance(_value_or_error(line, ""), BadInput)


def _json_values(text: str, where: str, *, array: bool) -> Iterator[tuple[Any, str]]:
    """(value, `where:line`) of each value in the text; the first error ends it."""
    decoder = json.JSONDecoder()
    blank = re.compile(r"[ \t\r\n]*")
    line, counted = 1, 0

    def skip(place: int) -> int:
        match = blank.match(text, place)
        return match.end() if match else place

    place = skip(0)
    if array:
        place = skip(place + 1)
    first = True
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        at = f"{where}:{line}"
        if array and text[place] == "]":
            if text[skip(place + 1) :]:
                yield BadInput(f"{at}: not JSON (more text after the list ends): remove it"), at
            return
        if array and not first:
            if text[place] != ",":
                yield BadInput(f"{at}: not JSON (a comma or ] is missing): write it"), at
                return
            place = skip(place + 1)
            line, counted = line + text.count("\n", counted, place), place
            at = f"{where}:{line}"
        try:
            value, place = _decoded(lambda source, place=place: decoder.raw_decode(source, place), text, at)
        except BadInput as error:
            yield error, at
            return
        yield value, at
        first = False
        place = skip(place)
    if array:
        yield BadInput(f"{where}:{line}: not JSON (the list does not end): the file may be cut, or ] is missing"), where


def _decoded(decode: Callable[[str], Any], text: str, at: str, *, document: bool = False) -> Any:
    try:
        return decode(text)
    except json.JSONDecodeError as error:
        if document:
            at = f"{at}:{error.lineno}"
        line = f"line {error.lineno}, " if error.lineno > 1 and not document else ""
        raise BadInput(f"{at}: not JSON ({error.msg} at {line}column {error.colno}): correct it") from error
    except RecursionError:
        raise BadInput(f"{at}: {_TOO_DEEP}") from None
    except ValueError as error:
        raise BadInput(f"{at}: not JSON ({error}): correct it") from error


_TOO_DEEP = f"not JSON that can be read (nested more than {DEEPEST} levels deep): flatten it"


def _storable(value: JsonValue, at: str, path: tuple[str, ...] = ()) -> Any:
    """The value with clean text. Raises BadInput for numbers that JSON does not have, and for deep nesting."""
    if len(path) > DEEPEST:
        raise BadInput(f"{at}: {path[0]}: {_TOO_DEEP}")
    match value:
        case str():
            return clean(value)
        case float() if not math.isfinite(value):
            field = ".".join(path) or "the whole"
            raise BadInput(f"{at}: {field}: {value} is no number that JSON has: write a finite number or null")
        case dict():
            return {clean(name): _storable(item, at, (*path, name)) for name, item in value.items()}
        case list():
            return [_storable(item, at, (*path, str(place))) for place, item in enumerate(value)]
        case _:
            return value


def _table(rows: "Iterator[tuple[str, list[str]] | BadInput]") -> Iterator[Row | BadInput]:
    """Rows under their header. Columns are read without regard to case, `-` and blanks."""
    columns: list[str] = []
    for row in rows:
        if isinstance(row, BadInput):
            yield row
            continue
        at, cells = row
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in cells]
            if repeated := sorted({name for name in columns if name and columns.count(name) > 1}):
                raise BadInput(f"{at}: {repeated[0]}: two columns have this name: keep one")
            continue
        unnamed = [cell for place, cell in enumerate(cells) if place >= len(columns) or not columns[place]]
        if any(cell.strip() for cell in unnamed):
            yield BadInput(f"{at}: has more cells than there are columns: quote the cells that hold a delimiter")
            continue
        named = zip(columns, cells, strict=False)
        yield Row({name: clean(cell.strip()) for name, cell in named if name}, at, table=True)


def _csv_rows(text: str, where: str) -> "Iterator[tuple[str, list[str]] | BadInput]":
    """(`file:line` where the row begins, its cells)."""
    began, told = 1, re.match(r"sep=(.)\r?\n", text)
    if told:  # Excel's own way to say what the delimiter is
        text, began = text[told.end() :], 2
    if not text.strip():
        raise BadInput(f"{where}: holds no header line: name the columns first")
    delimiter = told[1] if told else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    offset = began - 1
    rows: list[tuple[str, list[str]] | BadInput] = []
    allowed = csv.field_size_limit(LONGEST_CELL)
    try:
        for cells in reader:
            rows.append((f"{where}:{began}", cells))
            began = offset + reader.line_num + 1
    except csv.Error as error:
        rows.append(BadInput(f"{where}:{began}: not CSV ({error}): correct the quotes"))
    finally:
        csv.field_size_limit(allowed)
    return iter(rows)


def _delimiter(text: str) -> str:
    """The one that cuts the header into most columns."""
    header = re.split(r"\r\n|\n|\r", text.lstrip("\r\n"), maxsplit=1)[0]

    def columns(delimiter: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(",;\t|", key=columns)


def _unpacked(data: bytes) -> int:
    """Bytes of all parts of a packed file, as it declares them; 0: it is not packed, or broken."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0


def _kind(row: JsonValue) -> str:
    return {"list": "a list", "str": "a text", "NoneType": "null", "bool": "a boolean"}.get(
        type(row).__name__, "a number"
    )
