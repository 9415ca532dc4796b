"""Gold labels and judges' verdicts on pairs of outputs, from JSONL files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from assay.contracts.judge_audit import PairwiseItem, PairwiseVerdict
from assay.errors import BadInput

M = TypeVar("M", bound=BaseModel)


def read_items(file: Path) -> list[PairwiseItem]:
    """item_id, gold (1 or 2) and perhaps subset; other fields are passed over. Raises BadInput with file and line."""
    return [_as(PairwiseItem, row, where) for where, row in _rows(file)]


def read_verdicts(file: Path) -> list[PairwiseVerdict]:
    """item_id, judge (and perhaps strategy), winner_ab, winner_ba, score_1, score_2. A winner that is neither 1 nor 2
    and a score that is no number count as not readable. Raises BadInput with file and line."""
    made = []
    for where, row in _rows(file):
        name = "|".join(str(row[field]) for field in ("judge", "strategy") if row.get(field))
        fields: dict[str, Any] = {"item_id": row.get("item_id"), "judge": name}
        for field in ("winner_ab", "winner_ba"):
            fields[field] = row.get(field) if row.get(field) in ("1", "2") else None
        for field in ("score_1", "score_2"):
            fields[field] = _number(row.get(field))
        made.append(_as(PairwiseVerdict, fields, where))
    return made


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{where}: not JSON ({error.msg} at column {error.colno}): mend it") from error
        if not isinstance(row, dict):
            raise BadInput(f"{where}: a JSON object is needed, not a {type(row).__name__}")
        yield where, row


def _as(model: type[M], row: dict[str, Any], where: str) -> M:
    try:
        return model.model_validate({name: value for name, value in row.items() if name in model.model_fields})
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error


def _number(score: object) -> float | None:
    try:
        return float(str(score).strip())
    except ValueError:
        return None
