"""Labelling files: JSONL as it is stored, or CSV with one row for each thing to rule on, for a spreadsheet."""

import csv
import io
from collections.abc import Sequence

from pydantic import ValidationError

from assay.contracts.judgment import Ruling
from assay.contracts.labels import LabelTask
from assay.errors import BadInput

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
WORDS = {
    "met": Ruling.MET,
    "yes": Ruling.MET,
    "not_met": Ruling.NOT_MET,
    "no": Ruling.NOT_MET,
    "abstained": Ruling.ABSTAINED,
    "cannot tell": Ruling.ABSTAINED,
}
"""What a person may write for a ruling."""


def labels_to_jsonl(tasks: Sequence[LabelTask]) -> str:
    return "".join(f"{task.model_dump_json()}\n" for task in tasks)


def labels_to_csv(tasks: Sequence[LabelTask]) -> str:
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS)
    rows.writeheader()
    for task in tasks:
        said = "\n".join(f"{turn.role}: {turn.text}" for turn in task.turns)
        for ask in task.asks:
            rows.writerow(
                {
                    "judging_id": task.judging_id,
                    "conversation_id": task.conversation_id,
                    "scenario_id": task.scenario_id,
                    "trial": task.trial,
                    "expectation_id": ask.expectation_id,
                    "kind": ask.kind,
                    "expectation": ask.text,
                    "conversation": said,
                    "ruling": ask.ruling.value if ask.ruling else "",
                    "note": ask.note,
                    "by": task.by,
                }
            )
    return text.getvalue()


def labels_from_jsonl(text: str, *, where: str) -> tuple[LabelTask, ...]:
    """Raises BadInput with the line and the field."""
    tasks = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                tasks.append(LabelTask.model_validate_json(line))
            except ValidationError as error:
                raise BadInput.from_validation(f"{where}:{number}", error) from error
    return tuple(tasks)


def labels_from_csv(text: str, *, where: str) -> tuple[LabelTask, ...]:
    """Rows of one conversation by one person become one task. The columns `conversation` and `expectation` may be cut.

    Raises BadInput with the line and the column.
    """
    rows = csv.DictReader(io.StringIO(text))
    needed = {"judging_id", "conversation_id", "expectation_id", "ruling", "by"}
    if absent := needed - set(rows.fieldnames or ()):
        raise BadInput(f"{where}:1: column {', '.join(sorted(absent))} is missing: keep the header that was drawn")
    tasks: dict[tuple[str, str, str], dict] = {}
    for row in rows:
        written = (row["ruling"] or "").strip().lower()
        if written and written not in WORDS:
            raise BadInput(f"{where}:{rows.line_num}: ruling: {written!r} is none of {', '.join(WORDS)}")
        key = (row["judging_id"], row["conversation_id"], (row["by"] or "").strip())
        task = tasks.setdefault(
            key,
            {
                "judging_id": key[0],
                "conversation_id": key[1],
                "by": key[2],
                "scenario_id": row.get("scenario_id") or "unknown",
                "trial": int(row.get("trial") or 0),
                "turns": (),
                "asks": [],
                "line": rows.line_num,
            },
        )
        task["asks"].append(
            {
                "expectation_id": row["expectation_id"],
                "text": row.get("expectation") or row["expectation_id"],
                "kind": row.get("kind") or "must",
                "ruling": WORDS.get(written),
                "note": row.get("note") or "",
            }
        )
    found = []
    for task in tasks.values():
        line = task.pop("line")
        try:
            found.append(LabelTask.model_validate(task))
        except ValidationError as error:
            raise BadInput.from_validation(f"{where}:{line}", error) from error
    return tuple(found)
