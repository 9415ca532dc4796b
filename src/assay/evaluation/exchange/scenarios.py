"""Scenarios from files, and as JSONL and CSV: read back, both are the same dataset version."""

import csv
import io
import json
import re
from typing import Any

from assay.contracts.base import content_hash
from assay.contracts.dataset import Dataset, Expectation, Scenario
from assay.errors import BadInput
from assay.evaluation.exchange.rows import FORMULA, Row, Rows, cell_of, checked, parsed_json, text_of
from assay.evaluation.slugs import slug

COLUMNS: tuple[str, ...] = (
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
"""`must` and `must_not` hold one expectation a line, for people; `expectations` holds as JSON what is more."""


def scenarios_of(rows: Rows, *, name: str, description: str = "") -> Dataset:
    """The dataset in a file of scenarios. In a table topic, goal and must (or must_not) suffice.

    A scenario without an id gets one of its content; fields that a scenario does not have become its metadata. Raises
    BadInput with all that does not fit, as `where:line: field: what, and the fix`.
    """
    stands: dict[str, str] = {}

    def read(row: Row) -> Scenario:
        scenario = _from_cells(rows, row) if row.table else _from_json(rows, row)
        first = stands.setdefault(scenario.scenario_id, row.at)
        if first != row.at:
            line = first.rsplit(":", 1)[1]
            raise BadInput(
                f"{row.at}: scenario_id: {scenario.scenario_id} is used in line {line} already: give each its own"
            )
        return scenario

    scenarios = rows.each(read)
    if not scenarios:
        raise BadInput(f"{rows.where}: holds no scenario: give at least one")
    return checked(Dataset, {"name": name, "description": description, "scenarios": tuple(scenarios)}, rows.where)


def to_jsonl(dataset: Dataset) -> str:
    return "".join(scenario.model_dump_json() + "\n" for scenario in dataset.scenarios)


def to_csv(dataset: Dataset) -> str:
    out = io.StringIO(newline="")
    columns = (*COLUMNS, "metadata") if any(scenario.metadata for scenario in dataset.scenarios) else COLUMNS
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for scenario in dataset.scenarios:
        cells = _written(scenario)
        writer.writerow({name: cells[name] for name in columns})
    return out.getvalue()


def _written(scenario: Scenario) -> dict[str, str]:
    lines = _as_lines(scenario.expectations)
    plain = scenario.model_dump(mode="json")
    return {
        "scenario_id": cell_of(scenario.scenario_id),
        "topic": cell_of(scenario.topic),
        "difficulty": scenario.difficulty.value,
        "persona": scenario.persona.name,
        "persona_description": cell_of(scenario.persona.description),
        "language": cell_of(scenario.persona.language),
        "goal": cell_of(scenario.goal),
        "opening": "" if scenario.opening is None else cell_of(scenario.opening),
        "facts": _facts_cell(scenario.facts),
        "must": lines["must"] if lines else "",
        "must_not": lines["must_not"] if lines else "",
        "expectations": "" if lines else json.dumps(plain["expectations"], ensure_ascii=False),
        "initial_state": ""
        if scenario.initial_state is None
        else json.dumps(plain["initial_state"], ensure_ascii=False),
        "max_turns": str(scenario.max_turns),
        "origin": scenario.origin.value,
        "origin_ref": "" if scenario.origin_ref is None else cell_of(scenario.origin_ref),
        "metadata": json.dumps(scenario.metadata, ensure_ascii=False) if scenario.metadata else "",
    }


def _from_json(rows: Rows, row: Row) -> Scenario:
    fields = rows.with_metadata(row, set(Scenario.model_fields) - {"metadata"})
    if not fields.get("scenario_id"):
        fields["scenario_id"] = _id_of(fields)
    return checked(Scenario, fields, row.at)


def _from_cells(rows: Rows, row: Row) -> Scenario:
    at = row.at
    cells = rows.with_metadata(row, set(COLUMNS))
    names = ("topic", "goal", "opening", "max_turns", "origin", "origin_ref")
    fields: dict[str, Any] = {name: text_of(cells[name]) for name in names if name in cells}
    if "max_turns" in fields:
        fields["max_turns"] = re.sub(r"[.,]0+$", "", fields["max_turns"])  # spreadsheets write 12 as 12.0 too
    if "difficulty" in cells:
        fields["difficulty"] = cells["difficulty"].lower()
    persona = cells.get("persona") or "user"
    fields["persona"] = {
        "name": slug(persona, persona),
        "description": text_of(cells.get("persona_description") or f"{persona.replace('-', ' ').capitalize()}."),
        "language": text_of(cells.get("language") or "en"),
    }
    if "facts" in cells:
        fields["facts"] = _facts(cells["facts"], at)
    if "initial_state" in cells:
        fields["initial_state"] = parsed_json(cells["initial_state"], f"{at}: initial_state")
    fields["expectations"] = _expectations(cells, at)
    if "metadata" in cells:
        fields["metadata"] = cells["metadata"]
    fields["scenario_id"] = text_of(cells["scenario_id"]) if "scenario_id" in cells else _id_of(fields)
    return checked(Scenario, fields, at)


def _id_of(fields: dict[str, Any]) -> str:
    topic = slug(str(fields.get("topic") or ""), "scenario")
    return f"{topic[:50]}-{content_hash(fields)[:8]}"


def _expectations(row: dict[str, str], at: str) -> list[Any]:
    """What `expectations` holds, and after it the lines of `must` and `must_not` under ids that are free."""
    whole = parsed_json(row["expectations"], f"{at}: expectations") if row.get("expectations") else []
    if not isinstance(whole, list):
        raise BadInput(f"{at}: expectations: a JSON list is needed: or write one a line in must and must_not")
    taken = {str(item.get("expectation_id")) for item in whole if isinstance(item, dict)}
    added = _from_lines(row.get("must", ""), row.get("must_not", ""))
    for item in added:
        while item["expectation_id"] in taken:
            item["expectation_id"] += "x"
        taken.add(item["expectation_id"])
    return [*whole, *added]


def _from_lines(must: str, must_not: str) -> list[dict[str, str]]:
    """One expectation a line; marks of a list before it are dropped."""
    return [
        {"expectation_id": f"{kind.replace('_', '-')}-{place}", "kind": kind, "text": line}
        for kind, cell in (("must", must), ("must_not", must_not))
        for place, line in enumerate(filter(None, map(_bare_line, cell.split("\n"))), start=1)
    ]


def _bare_line(line: str) -> str:
    return re.sub(r"^([-*•]\s+|\d+[.)]\s+)", "", line.strip()).strip()


def _as_lines(expectations: tuple[Expectation, ...]) -> dict[str, str] | None:
    """The cells `must` and `must_not`; None: lines of text would lose something."""
    cells = {
        kind: "\n".join(expectation.text for expectation in expectations if expectation.kind == kind)
        for kind in ("must", "must_not")
    }
    if any(cell.startswith(FORMULA) or "\r" in cell for cell in cells.values()):
        return None
    again = [Expectation.model_validate(item) for item in _from_lines(cells["must"], cells["must_not"])]
    return cells if tuple(again) == expectations else None


def _facts(cell: str, at: str) -> Any:
    """A line each, `name: value`, or a JSON object."""
    if cell.startswith("{"):
        return parsed_json(cell, f"{at}: facts")
    facts = {}
    for line in filter(None, map(_bare_line, cell.split("\n"))):
        name, _, value = line.partition(":")
        if not name.strip() or not value.strip():
            raise BadInput(f"{at}: facts: {line!r} is no fact: write one a line, as in `order number: J4101`")
        facts[name.strip()] = value.strip()
    return facts


def _facts_cell(facts: dict[str, str]) -> str:
    lines = "\n".join(f"{name}: {value}" for name, value in facts.items())
    if not lines.startswith((*FORMULA, "{")) and "\r" not in lines:
        try:
            if _facts(lines, "") == facts:
                return lines
        except BadInput:
            pass  # what lines cannot hold, JSON does
    return json.dumps(facts, ensure_ascii=False)
