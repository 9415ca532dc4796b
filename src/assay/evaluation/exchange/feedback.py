"""Production feedback from files, as people write it and as tools export it."""

from collections import Counter
from typing import Any

from assay.contracts.base import content_hash
from assay.contracts.feedback import Feedback
from assay.errors import BadInput
from assay.evaluation.exchange.rows import Row, Rows, checked
from assay.evaluation.exchange.spellings import DateOrder, moment, rating, thumbs

FIELDS = set(Feedback.model_fields) - {"metadata"}
SIGNALS = "thumbs, rating, comment, or conversation_id for a conversation that nobody rated"


def feedback_of(rows: Rows, *, dates: DateOrder | None = None) -> tuple[Feedback, ...]:
    """The items of a file. A row that says nothing and names no conversation is left out, with a note.

    Items without a `feedback_id` get one of their content, and of their place among rows with the same content, so
    that equal rows are different items and the same file gives the same ids. Raises BadInput for all that does not
    fit, and for an id that is given twice with different content.
    """
    alike: Counter[str] = Counter()
    given: dict[str, tuple[Feedback, str]] = {}
    silent: list[str] = []
    repeated: list[str] = []

    def read(row: Row) -> Feedback | None:
        fields = {name: value for name, value in rows.with_metadata(row, FIELDS).items() if value not in ("", None)}
        own = fields.get("feedback_id") not in (None, "")
        if not own:
            content = content_hash(row.fields if not row.table else {k: v for k, v in row.fields.items() if v})
            fields["feedback_id"] = f"fb-{_numbered(content, alike)[:12]}"
        fields |= _spelled_out(fields, row.at, dates)
        if not any(_says(fields.get(name)) for name in ("thumbs", "rating", "comment", "conversation_id", "turns")):
            silent.append(_place(row))
            return None
        item = checked(Feedback, fields, row.at)
        if own and item.feedback_id in given:
            first, at = given[item.feedback_id]
            if first != item:
                raise BadInput(
                    f"{row.at}: feedback_id: {item.feedback_id} is given in {at} already, with other content: "
                    "give each its own"
                )
            repeated.append(_place(row))
            return None
        given[item.feedback_id] = item, row.at
        return item

    items = rows.each(read)
    for places, what in ((silent, "say nothing and are skipped"), (repeated, "repeat an earlier row and its id")):
        if places:
            more = f" and {len(places) - 5} more" if len(places) > 5 else ""
            rows.notes.append(f"{rows.where}: {len(places)} rows {what}: {', '.join(places[:5])}{more}")
    if not items:
        columns = f" (no row has {SIGNALS})" if silent else ""
        raise BadInput(f"{rows.where}: holds no feedback{columns}: give at least one item")
    if unrated := sum(not item.rated for item in items):
        rows.notes.append(f"{rows.where}: {unrated} of {len(items)} items are conversations that nobody rated")
    return tuple(items)


def _spelled_out(fields: dict[str, Any], at: str, dates: DateOrder | None) -> dict[str, Any]:
    """thumbs, rating, at and agent as the contract writes them. Raises BadInput with all that cannot be read."""
    readers = {
        "thumbs": lambda value: thumbs(value, at),
        "rating": lambda value: rating(value, at),
        "at": lambda value: moment(value, at, dates),
        "agent": lambda value: _agent(value, at),
        "feedback_id": str,
    }
    spelled: dict[str, Any] = {}
    errors = []
    for name, read in readers.items():
        if name in fields:
            try:
                spelled[name] = read(fields[name])
            except BadInput as error:
                errors.append(str(error))
    if errors:
        raise BadInput("\n".join(errors))
    return spelled


def _agent(value: Any, at: str) -> Any:
    if not isinstance(value, str):
        return value
    agent_id, mark, version = value.partition("@")
    if not mark:
        raise BadInput(f"{at}: agent: name the version too, as in support@v1")
    return {"agent_id": agent_id, "version": version}


def _numbered(content: str, alike: Counter[str]) -> str:
    """The hash itself for the first row with this content, another for each that repeats it."""
    alike[content] += 1
    return content if alike[content] == 1 else content_hash([content, alike[content]])


def _says(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [], ())


def _place(row: Row) -> str:
    return f"line {row.at.rsplit(':', 1)[1]}"
