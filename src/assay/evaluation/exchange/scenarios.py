"""Scenarios as JSONL, one a line, and as CSV, one a row: read back, both are the same dataset version."""

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any

from assay.contracts.base import content_hash
from assay.contracts.dataset import Dataset, Expectation, Scenario
from assay.errors import BadInput
from assay.evaluation.exchange.rows import checked, csv_rows, jsonl_rows, parsed_json
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

FORMULA = ("=", "+", "-", "@", '"')
"""A spreadsheet would run a cell that begins so; with a quotation mark before it, it does not."""


def from_jsonl(text: str, *, name: str, where: str, description: str = "") -> Dataset:
    """A dataset of one scenario a line. Raises BadInput as `where:line: field: what, and the fix`."""
    rows = ((checked(Scenario, row, at), at) for row, at in jsonl_rows(text, where))
    return _dataset(rows, name, description, where)


def to_jsonl(dataset: Dataset) -> str:
    return "".join(scenario.model_dump_json() + "\n" for scenario in dataset.scenarios)


def from_csv(text: str, *, name: str, where: str, description: str = "") -> Dataset:
    """A dataset of one scenario a row. topic, goal and must (or must_not) suffice; ids are made of the content.

    Raises BadInput as `where:line: field: what, and the fix`.
    """
    rows = ((_read(row, at), at) for row, at in csv_rows(text, where))
    return _dataset(rows, name, description, where)


def to_csv(dataset: Dataset) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for scenario in dataset.scenarios:
        writer.writerow(_written(scenario))
    return out.getvalue()


def _dataset(rows: Iterable[tuple[Scenario, str]], name: str, description: str, where: str) -> Dataset:
    stands: dict[str, str] = {}
    scenarios = []
    for scenario, at in rows:
        if first := stands.get(scenario.scenario_id):
            line = first.rsplit(":", 1)[1]
            raise BadInput(
                f"{at}: scenario_id: {scenario.scenario_id} stands in line {line} already: give each its own"
            )
        stands[scenario.scenario_id] = at
        scenarios.append(scenario)
    if not scenarios:
        raise BadInput(f"{where}: holds no scenario: give at least one")
    return checked(Dataset, {"name": name, "description": description, "scenarios": tuple(scenarios)}, where)


def _written(scenario: Scenario) -> dict[str, str]:
    lines = _as_lines(scenario.expectations)
    plain = scenario.model_dump(mode="json")
    return {
        "scenario_id": scenario.scenario_id,
        "topic": scenario.topic,
        "difficulty": scenario.difficulty.value,
        "persona": scenario.persona.name,
        "persona_description": _cell(scenario.persona.description),
        "language": _cell(scenario.persona.language),
        "goal": _cell(scenario.goal),
        "opening": "" if scenario.opening is None else _cell(scenario.opening),
        "facts": _facts_cell(scenario.facts),
        "must": lines["must"] if lines else "",
        "must_not": lines["must_not"] if lines else "",
        "expectations": "" if lines else json.dumps(plain["expectations"], ensure_ascii=False),
        "initial_state": ""
        if scenario.initial_state is None
        else json.dumps(plain["initial_state"], ensure_ascii=False),
        "max_turns": str(scenario.max_turns),
        "origin": scenario.origin.value,
        "origin_ref": "" if scenario.origin_ref is None else _cell(scenario.origin_ref),
    }


def _read(row: dict[str, str], at: str) -> Scenario:
    if unknown := sorted(set(row) - set(COLUMNS)):
        raise BadInput(f"{at}: {unknown[0]}: no such column: use {', '.join(COLUMNS)}")
    fields: dict[str, Any] = {
        name: _text(row[name]) for name in ("goal", "opening", "max_turns", "origin", "origin_ref") if row.get(name)
    }
    if row.get("topic"):
        fields["topic"] = slug(row["topic"], row["topic"])
    if row.get("difficulty"):
        fields["difficulty"] = row["difficulty"].lower()
    persona = row.get("persona") or "user"
    fields["persona"] = {
        "name": slug(persona, persona),
        "description": _text(row.get("persona_description") or f"{persona.replace('-', ' ').capitalize()}."),
        "language": _text(row.get("language") or "en"),
    }
    if row.get("facts"):
        fields["facts"] = _facts(row["facts"], at)
    if row.get("initial_state"):
        fields["initial_state"] = parsed_json(row["initial_state"], f"{at}: initial_state")
    fields["expectations"] = _expectations(row, at)
    if row.get("scenario_id"):
        fields["scenario_id"] = row["scenario_id"]
    elif "topic" in fields:
        fields["scenario_id"] = f"{fields['topic'][:50]}-{content_hash(fields)[:8]}"
    return checked(Scenario, fields, at)


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
            raise BadInput(f"{at}: facts: {line!r} is no fact: write a line each, as in `order number: J4101`")
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


def _cell(text: str) -> str:
    """The text itself, or as a JSON string where a cell would lose something of it."""
    if not text or text != text.strip() or text.startswith(FORMULA) or "\r" in text:
        return json.dumps(text, ensure_ascii=False)
    return text


def _text(cell: str) -> str:
    if len(cell) > 1 and cell.startswith('"') and cell.endswith('"'):
        try:
            return str(json.loads(cell))
        except ValueError:
            return cell
    return cell
