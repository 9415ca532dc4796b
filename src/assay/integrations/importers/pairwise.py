"""Gold labels and judges' verdicts on pairs of outputs."""

from pathlib import Path
from typing import Any

from assay.contracts.judge_audit import PairwiseItem, PairwiseVerdict
from assay.evaluation.exchange import read_file
from assay.evaluation.exchange.rows import Row, checked

TIES = ("tie", "equal", "draw")


def read_items(file: Path) -> list[PairwiseItem]:
    """item_id, gold (1 or 2) and perhaps subset; other fields are passed over.

    Raises BadInput with all that does not fit, by line.
    """

    def read(row: Row) -> PairwiseItem:
        fields = {name: row.fields[name] for name in PairwiseItem.model_fields if name in row.fields}
        return checked(PairwiseItem, {name: _text(value) for name, value in fields.items()}, row.at)

    return read_file(file).each(read)


def read_verdicts(file: Path) -> list[PairwiseVerdict]:
    """item_id, judge (and perhaps strategy), winner_ab, winner_ba, score_1, score_2.

    A winner is 1, 2 or tie; null, or anything else, is an answer that could not be read. Without winner_ba (in a
    table: where its cell is empty) the other order was not asked. Raises BadInput with all that does not fit, by line.
    """

    def read(row: Row) -> PairwiseVerdict:
        name = "|".join(str(row.fields[field]) for field in ("judge", "strategy") if row.fields.get(field))
        fields: dict[str, Any] = {"item_id": _text(row.fields.get("item_id")), "judge": name}
        fields["winner_ab"] = _winner(row.fields.get("winner_ab"))
        if "winner_ba" in row.fields and not (row.table and not row.fields["winner_ba"]):
            fields["winner_ba"] = _winner(row.fields["winner_ba"])
        for field in ("score_1", "score_2"):
            fields[field] = _number(row.fields.get(field))
        return checked(PairwiseVerdict, fields, row.at)

    return read_file(file).each(read)


def _text(value: object) -> object:
    """Numbers as text: tools write items and winners either way."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _winner(value: object) -> object:
    word = str(_text(value)).strip().lower()
    return "tie" if word in TIES else word if word in ("1", "2") else None


def _number(score: object) -> float | None:
    try:
        return float(str(score).strip().replace(",", "."))
    except ValueError:
        return None
