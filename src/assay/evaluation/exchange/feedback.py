"""Production feedback as JSONL and CSV."""

from typing import Any

from assay.contracts.base import content_hash
from assay.contracts.feedback import Feedback
from assay.errors import BadInput
from assay.evaluation.exchange.rows import checked, csv_rows, jsonl_rows

COLUMNS = sorted(set(Feedback.model_fields) - {"turns", "agent"})


def feedback_from_jsonl(text: str, *, where: str) -> tuple[Feedback, ...]:
    """One item a line. Raises BadInput as `where:line: field: what, and the fix`."""
    return _some([checked(Feedback, _with_id(row), at) for row, at in jsonl_rows(text, where)], where)


def feedback_from_csv(text: str, *, where: str) -> tuple[Feedback, ...]:
    """One item a row: thumbs, rating or comment; conversation_id, at, user, topic and feedback_id where known."""
    items = []
    for row, at in csv_rows(text, where):
        fields = {name: cell for name, cell in row.items() if cell}
        if unknown := sorted(set(fields) - set(COLUMNS)):
            raise BadInput(f"{at}: {unknown[0]}: no such column: use {', '.join(COLUMNS)}")
        items.append(checked(Feedback, _with_id(fields), at))
    return _some(items, where)


def _with_id(row: dict[str, Any]) -> dict[str, Any]:
    return row if row.get("feedback_id") else {**row, "feedback_id": f"fb-{content_hash(row)[:12]}"}


def _some(items: list[Feedback], where: str) -> tuple[Feedback, ...]:
    if not items:
        raise BadInput(f"{where}: holds no feedback: give at least one item")
    return tuple(items)
