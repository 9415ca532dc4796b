"""Labelling files: JSONL as it is stored, or a table with one row for each thing to rule on, for a spreadsheet."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from assay.contracts.feedback import conversation_name
from assay.contracts.judgment import Ruling
from assay.contracts.labels import LabelTask
from assay.errors import BadInput
from assay.evaluation.exchange.rows import Row, Rows, cell_of, checked, text_of

COLUMNS = (
    "judging_id",
    "conversation_id",
    "scenario_id",
    "trial",
    "expectation_id",
    "kind",
    "expectation",
    "conversation",
    "ruling",
    "note",
    "by",
)
NEEDED = ("judging_id", "conversation_id", "expectation_id", "ruling", "by")
WORDS = {
    "met": Ruling.MET,
    "yes": Ruling.MET,
    "not_met": Ruling.NOT_MET,
    "not met": Ruling.NOT_MET,
    "no": Ruling.NOT_MET,
    "abstained": Ruling.ABSTAINED,
    "cannot tell": Ruling.ABSTAINED,
}
"""What a person may write for a ruling."""


def labels_to_jsonl(tasks: Sequence[LabelTask]) -> str:
    return "".join(f"{task.model_dump_json()}\n" for task in tasks)


def labels_to_csv(tasks: Sequence[LabelTask]) -> str:
    """A row for each thing to rule on. No cell begins as a formula does; `labels_of` gives all text back whole."""
    text = io.StringIO()
    rows: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS)
    rows.writeheader()
    for task in tasks:
        dialogue = "\n".join(f"{turn.role}: {turn.text}" for turn in task.turns)
        for ask in task.asks:
            cells = {
                "judging_id": task.judging_id,
                "conversation_id": task.conversation_id,
                "scenario_id": task.scenario_id,
                "trial": str(task.trial),
                "expectation_id": ask.expectation_id,
                "kind": ask.kind,
                "expectation": ask.text,
                "conversation": dialogue,
                "ruling": ask.ruling.value if ask.ruling else "",
                "note": ask.note,
                "by": task.by,
            }
            rows.writerow({name: cell_of(cell) if cell else "" for name, cell in cells.items()})
    return text.getvalue()


def labels_of(rows: Rows) -> tuple[LabelTask, ...]:
    """The labels of a file. Rows of one conversation by one person become one task.

    The columns `conversation` and `expectation` may be removed, others may be added. Raises BadInput with all that
    does not fit, and for two rulings of one person on the same thing that differ.
    """
    whole: list[LabelTask] = []
    tasks: dict[tuple[str, str, str], dict[str, Any]] = {}
    ruled: dict[tuple[str, str, str, str], tuple[Ruling | None, str]] = {}

    def read(row: Row) -> None:
        if "asks" in row.fields:
            whole.append(checked(LabelTask, row.fields, row.at))
            return
        if absent := [name for name in NEEDED if name not in row.fields]:
            raise BadInput(f"{rows.where}: {', '.join(absent)} is missing: keep the columns that were drawn")
        cells = {name: text_of(str("" if value is None else value)) for name, value in row.fields.items()}
        ruling = _ruling(cells["ruling"], row.at)
        key = (cells["judging_id"], conversation_name(cells["conversation_id"]), cells["by"].strip())
        known, at = ruled.setdefault((*key, cells["expectation_id"]), (ruling, row.at))
        if known != ruling:
            raise BadInput(f"{row.at}: ruling: {key[2] or 'the same person'} ruled otherwise in {at}: keep one of them")
        if at != row.at:
            return
        ask = {
            "expectation_id": cells["expectation_id"],
            "text": cells.get("expectation") or cells["expectation_id"],
            "kind": cells.get("kind") or "must",
            "ruling": ruling,
            "note": cells.get("note") or "",
        }
        task = {
            "judging_id": key[0],
            "conversation_id": key[1],
            "by": key[2],
            "scenario_id": cells.get("scenario_id") or "unknown",
            "trial": _trial(cells.get("trial") or "0", row.at),
            "turns": (),
            "asks": [ask],
        }
        checked(LabelTask, task, row.at)
        tasks.setdefault(key, {**task, "asks": []})["asks"].append(ask)

    rows.each(read)
    if not whole and not tasks:
        raise BadInput(f"{rows.where}: holds no label: keep at least one of the rows that were drawn")
    return (*whole, *(LabelTask.model_validate(task) for task in tasks.values()))


def _ruling(cell: str, at: str) -> Ruling | None:
    """None: not filled in."""
    word = cell.strip().lower()
    if word and word not in WORDS:
        raise BadInput(f"{at}: ruling: {word[:40]!r} is none of {', '.join(WORDS)}")
    return WORDS.get(word)


def _trial(cell: str, at: str) -> int:
    """Spreadsheets write 0 as 0.0 or 0,0 too."""
    try:
        number = float(cell.replace(",", "."))
        if number == int(number) and number >= 0:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise BadInput(f"{at}: trial: {cell[:40]!r} is no whole number: keep what was drawn")
