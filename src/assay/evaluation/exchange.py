"""Scenarios and feedback as JSONL and CSV text, for editors and spreadsheets. Pure: text in, contracts out."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from assay.contracts.base import content_hash
from assay.contracts.dataset import Dataset, Scenario
from assay.contracts.feedback import Feedback
from assay.errors import BadInput

M = TypeVar("M", bound=BaseModel)

SCENARIO_COLUMNS = (
    "scenario_id",
    "topic",
    "difficulty",
    "persona",
    "persona_description",
    "language",
    "goal",
    "opening",
    "facts",
    "must",
    "must_not",
    "expectations",
    "initial_state",
    "max_turns",
    "origin",
    "origin_ref",
)
"""`must` and `must_not` hold one expectation a line, for people; `expectations` holds them whole as JSON."""


def from_jsonl(text: str, *, name: str, where: str, description: str = "") -> Dataset:
    """A dataset of one scenario a line. Raises BadInput as `where:line: field: what, and the fix`."""
    scenarios = [_checked(Scenario, row, at) for row, at in _json_lines(text, where)]
    return _dataset(scenarios, name, description, where)


def to_jsonl(dataset: Dataset) -> str:
    """One scenario a line; read back it is the same dataset version."""
    return "".join(scenario.model_dump_json() + "\n" for scenario in dataset.scenarios)


def from_csv(text: str, *, name: str, where: str, description: str = "") -> Dataset:
    """A dataset of one scenario a row. topic, persona, goal and must suffice; ids are made of the content.

    Raises BadInput as `where:line: field: what, and the fix`.
    """
    scenarios = [_scenario(row, at) for row, at in _csv_rows(text, where)]
    return _dataset(scenarios, name, description, where)


def to_csv(dataset: Dataset) -> str:
    """One scenario a row; read back it is the same dataset version."""
    out = io.StringIO()
    writer = csv.DictWriter(out, SCENARIO_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for scenario in dataset.scenarios:
        plain = scenario.model_dump(mode="json")
        writer.writerow(
            {
                "scenario_id": scenario.scenario_id,
                "topic": scenario.topic,
                "difficulty": scenario.difficulty.value,
                "persona": scenario.persona.name,
                "persona_description": scenario.persona.description,
                "language": scenario.persona.language,
                "goal": scenario.goal,
                "opening": scenario.opening or "",
                "facts": "\n".join(f"{key}: {value}" for key, value in scenario.facts.items()),
                "expectations": json.dumps(plain["expectations"], ensure_ascii=False),
                "initial_state": "" if scenario.initial_state is None else json.dumps(plain["initial_state"]),
                "max_turns": scenario.max_turns,
                "origin": scenario.origin.value,
                "origin_ref": scenario.origin_ref or "",
            }
        )
    return out.getvalue()


def feedback_from_jsonl(text: str, *, where: str) -> tuple[Feedback, ...]:
    """One item a line."""
    return _some([_checked(Feedback, _with_id(row), at) for row, at in _json_lines(text, where)], where)


def feedback_from_csv(text: str, *, where: str) -> tuple[Feedback, ...]:
    """One item a row: thumbs, rating or comment; conversation_id, at, user, topic and feedback_id where known."""
    known = set(Feedback.model_fields)
    items = []
    for row, at in _csv_rows(text, where):
        fields: dict[str, Any] = {key: value for key, value in row.items() if value}
        if unknown := sorted(set(fields) - known):
            raise BadInput(f"{at}: {unknown[0]}: no such column: use {', '.join(sorted(known - {'turns', 'agent'}))}")
        items.append(_checked(Feedback, _with_id(fields), at))
    return _some(items, where)


def _with_id(row: dict[str, Any]) -> dict[str, Any]:
    return row if row.get("feedback_id") else {**row, "feedback_id": f"fb-{content_hash(row)[:12]}"}


def _scenario(row: dict[str, str], at: str) -> Scenario:
    unknown = sorted(set(row) - set(SCENARIO_COLUMNS))
    if unknown:
        raise BadInput(f"{at}: {unknown[0]}: no such column: use {', '.join(SCENARIO_COLUMNS)}")
    fields: dict[str, Any] = {
        name: row[name]
        for name in ("topic", "difficulty", "goal", "opening", "max_turns", "origin", "origin_ref")
        if row.get(name)
    }
    persona = row.get("persona") or "user"
    fields["persona"] = {
        "name": persona,
        "description": row.get("persona_description") or f"A {persona.replace('-', ' ')}.",
        "language": row.get("language") or "en",
    }
    if row.get("facts"):
        fields["facts"] = dict(_fact(line, at) for line in row["facts"].splitlines() if line.strip())
    if row.get("initial_state"):
        fields["initial_state"] = _json(row["initial_state"], f"{at}: initial_state")
    fields["expectations"] = _expectations(row, at)
    fields["scenario_id"] = row.get("scenario_id") or f"{fields.get('topic', 'scenario')}-{content_hash(fields)[:8]}"
    return _checked(Scenario, fields, at)


def _expectations(row: dict[str, str], at: str) -> list[dict[str, Any]]:
    if row.get("expectations"):
        return _json(row["expectations"], f"{at}: expectations")
    return [
        {"expectation_id": f"{kind.replace('_', '-')}-{place}", "kind": kind, "text": line.strip()}
        for kind in ("must", "must_not")
        for place, line in enumerate((row.get(kind) or "").splitlines(), start=1)
        if line.strip()
    ]


def _fact(line: str, at: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not value.strip():
        raise BadInput(f"{at}: facts: {line!r} is no fact: write a line each, as in `order number: J4101`")
    return name.strip(), value.strip()


def _dataset(scenarios: list[Scenario], name: str, description: str, where: str) -> Dataset:
    if not scenarios:
        raise BadInput(f"{where}: holds no scenario: give at least one")
    try:
        return Dataset(name=name, description=description, scenarios=tuple(scenarios))
    except ValidationError as error:
        raise BadInput.from_validation(where, error) from error


def _some(items: list[Feedback], where: str) -> tuple[Feedback, ...]:
    if not items:
        raise BadInput(f"{where}: holds no feedback: give at least one item")
    return tuple(items)


def _checked(model: type[M], row: Any, at: str) -> M:
    try:
        return model.model_validate(row)
    except ValidationError as error:
        raise _readable(error, at) from error


def _readable(error: ValidationError, at: str) -> BadInput:
    """An empty list of expectations is the commonest fault, and pydantic's words for it are not for people."""
    for problem in error.errors(include_url=False, include_input=False):
        empty = problem["type"] in ("too_short", "missing") and problem["loc"] == ("expectations",)
        if empty and error.error_count() == 1:
            return BadInput(f"{at}: expectations is empty: give at least one thing that the agent must or must not do")
    return BadInput.from_validation(at, error)


def _json_lines(text: str, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            at = f"{where}:{number}"
            row = _json(line, at)
            if not isinstance(row, dict):
                raise BadInput(f"{at}: a JSON object is needed, not a {type(row).__name__}")
            yield row, at


def _csv_rows(text: str, where: str) -> Iterator[tuple[dict[str, str], str]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if not reader.fieldnames:
        raise BadInput(f"{where}: holds no header line: name the columns first")
    for row in reader:
        at = f"{where}:{reader.line_num}"
        if None in row:
            raise BadInput(f"{at}: has more cells than there are columns: quote commas")
        yield {name.strip(): (value or "").strip() for name, value in row.items()}, at


def _json(text: str, at: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{at}: not JSON ({error.msg} at column {error.colno}): mend it") from error
