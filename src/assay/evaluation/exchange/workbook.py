"""The cells of an Excel file, read by a process of its own.

A file of a kilobyte may name a cell in the last row and column, and what reads it makes room for all cells before that
one: the process that does so ends, whatever else it was doing. So it is another one, with a limit of memory, that runs
this file as a script: the workbook on stdin, JSON on stdout.
"""

import json
import subprocess
import sys
from datetime import date, time
from typing import Any, NamedTuple

MOST_MEMORY = 2 * 2**30
"""Bytes of address space: enough for some 5 million cells."""
LONGEST_S = 120.0


class UnreadableWorkbook(ValueError):
    """Why, in words for the person who gave the file."""


class Workbook(NamedTuple):
    sheet: str
    """The first visible sheet that holds anything; empty: there is none."""
    rows: list[list[str]]
    """Its cells as CSV would hold them, from the first row and column of the sheet on."""
    others: list[str]
    """Names of the other visible sheets that hold anything."""


def read_workbook(data: bytes) -> Workbook:
    """Raises UnreadableWorkbook for what is no workbook, or one that takes too much memory or time."""
    try:
        done = subprocess.run(  # noqa: S603 - this file, on bytes
            [sys.executable, "-P", __file__], input=data, capture_output=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnreadableWorkbook(f"reading it takes longer than {LONGEST_S:g} s") from None
    if done.returncode:
        raise UnreadableWorkbook("it is damaged, or has cells so far apart that they take more than 2 GiB of memory")
    answer = json.loads(done.stdout)
    if isinstance(answer, str):
        raise UnreadableWorkbook(answer)
    return Workbook(*answer)


def _main() -> None:
    _limit_memory()
    from python_calamine import CalamineError

    try:
        answer = _read(sys.stdin.buffer.read())
    except (CalamineError, OSError, ValueError) as error:
        answer = str(error)
    json.dump(answer, sys.stdout)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has none
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(data: bytes) -> tuple[str, list[list[str]], list[str]]:
    import io

    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    first, cells, others = "", [], []
    for sheet in book.sheets_metadata:
        if sheet.visible != SheetVisibleEnum.Visible:
            continue
        rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
        if not any(any(map(str, row)) for row in rows):
            continue
        if first:
            others.append(sheet.name)
        else:
            first, cells = sheet.name, [[_cell(value) for value in row] for row in rows]
    return first, cells, others


def _cell(value: Any) -> str:
    """As CSV would hold it: whole numbers without `.0`, times as ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.isoformat() if isinstance(value, date | time) else str(value)


if __name__ == "__main__":
    _main()
