"""Rates, means and differences over the rows of read-only tables, each with its interval and n."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from assay.contracts.estimate import Estimate, Insufficient, Quantity
from assay.contracts.report import Fact
from assay.errors import BadInput
from assay.evaluation.read_only import MOST_ROWS, ReadOnlyTables, Row
from assay.evaluation.results import quantity

if TYPE_CHECKING:
    import numpy as np

    Part = dict[tuple[str, str], list[Any]]

BEHIND = 50


@dataclass(frozen=True, slots=True)
class Measure:
    column: str
    label: str
    unit: Literal["share", "seconds", "tokens", "usd", "count", "score"]
    better: Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Measured:
    """Which columns of a table can be estimated, and what its rows are clustered by."""

    table: str
    cluster: str
    clustered_by: str
    side: str | None
    """The column that tells two sides apart; None: there is one side."""
    by: tuple[str, ...]
    measures: tuple[Measure, ...]
    named: tuple[str, ...] = ()
    """Other columns whose values a question may name."""

    def measure(self, column: str) -> Measure:
        found = next((measure for measure in self.measures if measure.column == column), None)
        if found is None:
            raise BadInput(
                f"measure: {column} cannot be estimated: use one of {', '.join(m.column for m in self.measures)}"
            )
        return found


class MeasuredTables(ReadOnlyTables):
    """Read-only tables, one of which can be estimated."""

    measured: Measured


@dataclass(frozen=True, slots=True)
class Estimated:
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]
    sql: str
    """What was read to compute them."""


def estimates(
    tables: MeasuredTables, measure: str, *, by: str | None = None, where: str = "", prefix: str = "e"
) -> Estimated:
    """The mean of a measure (a rate, of `passed`) for each side and each value of `by`, the worst value first.

    `where`: an SQL condition on the table's rows. Facts are called `<prefix>.1`, `<prefix>.2`, at most 50.
    Raises BadInput for a measure, a column or a condition that cannot be used.
    """
    from assay.statistics import clustered_mean

    measured = tables.measured
    asked = measured.measure(measure)
    sql, parts = _read(tables, asked, by, where)
    found: list[tuple[str, str, Quantity, list[str]]] = []
    for (side, value), rows in parts.items():
        values, clusters = _arrays(rows)
        estimate = quantity(clustered_mean(values, clusters), clustered_by=measured.clustered_by)
        found.append((side, value, estimate, _behind(rows)))
    turn = 1 if asked.better == "higher" else -1
    found.sort(key=lambda row: (isinstance(row[2], Insufficient), turn * _value(row[2]), row[1], row[0]))
    several = len({side for side, *_ in found}) > 1
    facts, rows = [], []
    for place, (side, value, estimate, behind) in enumerate(found[:MOST_ROWS], start=1):
        whose = ([f"{by} {value}"] if by else []) + ([f"side {side}"] if several else [])
        label = ", ".join([asked.label, *whose])
        facts.append(_fact(f"{prefix}.{place}", label, estimate, asked.unit, behind))
        rows.append(_named("side" if several else None, side) | _named(by, value) | _numbers(asked.column, estimate))
    return Estimated(tuple(facts), tuple(rows), sql)


def differences(
    tables: MeasuredTables, measure: str, *, by: str | None = None, where: str = "", prefix: str = "d"
) -> Estimated:
    """The second side minus the first, paired by scenario, for each value of `by`.

    With several values the intervals are widened so that all of them hold together (Bonferroni).
    Raises BadInput where there are not two sides, and as `estimates` does.
    """
    from assay.statistics import PairedDifference, paired_by_cluster

    asked = tables.measured.measure(measure)
    sql, parts = _read(tables, asked, by, where)
    sides = sorted({side for side, _ in parts})
    if len(sides) != 2:
        raise BadInput(f"difference: there are {len(sides)} sides here, and a difference is between two")
    values = sorted({value for _, value in parts})
    confidence = 1 - 0.05 / max(1, len(values))
    facts, rows = [], []
    for place, value in enumerate(values[:MOST_ROWS], start=1):
        first, second = parts.get((sides[0], value), []), parts.get((sides[1], value), [])
        found = paired_by_cluster(*_arrays(first), *_arrays(second), confidence=confidence)
        difference: Quantity = (
            Estimate(
                value=found.value,
                low=found.low,
                high=found.high,
                n=found.n_pairs,
                clusters=found.clusters,
                confidence=confidence,
                method=found.method,
            )
            if isinstance(found, PairedDifference)
            else Insufficient.model_validate(found)
        )
        label = f"{asked.label}, {sides[1]} minus {sides[0]}" + (f", {by} {value}" if by else "")
        unit = "difference" if asked.unit == "share" else asked.unit
        behind = [*_behind(first)[: BEHIND // 2], *_behind(second)[: BEHIND // 2]]
        facts.append(_fact(f"{prefix}.{place}", label, difference, unit, behind))
        rows.append(_named(by, value) | _numbers(f"{asked.column}_{sides[1]}_minus_{sides[0]}", difference))
    return Estimated(tuple(facts), tuple(rows), sql)


def _read(tables: MeasuredTables, asked: Measure, by: str | None, where: str) -> "tuple[str, Part]":
    """(the query, its rows by side and value of `by`)."""
    measured = tables.measured
    if by is not None and by not in measured.by:
        raise BadInput(f"by: {by} is no column to group by: use one of {', '.join(measured.by)}")
    side = measured.side or "'all'"
    group = f"coalesce(CAST({by} AS VARCHAR), 'not known')" if by else "'all'"
    # Everything that goes in here is one of our own names, but `where`, which the tables hold to be one condition.
    sql = (
        f"SELECT {side} AS side, {group} AS value, CAST({asked.column} AS DOUBLE) AS measured, "  # noqa: S608
        f"{measured.cluster} AS cluster, conversation_id FROM {measured.table} WHERE {asked.column} IS NOT NULL"
    )
    if where.strip():
        sql += f" AND (\n{where.strip()}\n)"
    _, columns = tables.columns(sql, whole=True)
    parts: Part = {}
    for side_name, value, *row in zip(*columns, strict=True):
        parts.setdefault((side_name, value), []).append(row)
    return sql, parts


def _arrays(rows: Sequence[Any]) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    return np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows], dtype=object)


def _behind(rows: Sequence[Any]) -> list[str]:
    """The conversations, those that did worst first."""
    return [row[2] for row in sorted(rows, key=lambda row: row[0]) if row[2]][:BEHIND]


def _value(estimate: Quantity) -> float:
    return estimate.value if isinstance(estimate, Estimate) else 0.0


def _named(column: str | None, value: str) -> Row:
    return {column: value} if column else {}


def _numbers(name: str, estimate: Quantity) -> Row:
    if isinstance(estimate, Insufficient):
        return {name: None, "why_not": estimate.reason, "n": estimate.n}
    return {name: estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}


def _fact(fact_id: str, label: str, value: Quantity, unit: str, behind: Sequence[str]) -> Fact:
    return Fact.model_validate(
        {"fact_id": fact_id, "label": label, "value": value, "unit": unit, "conversation_ids": tuple(behind)}
    )
