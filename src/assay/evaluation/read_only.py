"""Tables that can be asked anything by SQL and changed by nobody: no file, no network, no setting, no endless query."""

import json
import math
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import BadInput

MOST_ROWS = 50
SECONDS = 10.0
MEMORY = "1GB"
"""Of tables and queries together."""

Row = dict[str, str | int | float | bool | None]

MADE_UP = frozenset(
    re.findall(
        r"\w+",
        "random setseed uuid gen_random_uuid uuidv4 uuidv7 getenv current_setting getvariable nextval",
    )
)
"""Functions that give what stands in no table."""

QUERIES = ("SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE")
"""What may stand in a statement or a WITH: DuckDB takes DELETE and INSERT there too."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    about: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]

    def describe(self) -> str:
        listed = ", ".join(
            f"{column.name} {column.type}" + (f" ({column.about})" if column.about else "") for column in self.columns
        )
        return f"{self.name}: {self.about}. Columns: {listed}"


class ReadOnlyTables:
    """An in-memory DuckDB, locked once it is filled. May be asked from any thread, one query at a time each."""

    def __init__(self, tables: Sequence[Table]) -> None:
        import duckdb

        self.tables = tuple(tables)
        self._db = duckdb.connect(
            ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        for table in tables:
            columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
            self._db.execute(f"CREATE TABLE {table.name} ({columns})")
            if table.rows:
                cast = ", ".join(f"unnest(?::{column.type}[])" for column in table.columns)
                values = [[row[column.name] for row in table.rows] for column in table.columns]
                self._db.execute(f"INSERT INTO {table.name} SELECT {cast}", values)
        for setting in (
            "enable_external_access = false",
            f"memory_limit = '{MEMORY}'",
            "max_temp_directory_size = '0GB'",
            "threads = 2",
            "lock_configuration = true",
        ):
            self._db.execute(f"SET {setting}")

    def describe(self) -> str:
        """The tables in words, for a person or a model who writes SQL."""
        return "\n".join(table.describe() for table in self.tables)

    def query(self, sql: str) -> list[Row]:
        """At most 50 rows of one SELECT over these tables.

        Raises BadInput for anything else, for a column that does not come from the tables (a number that somebody
        wrote into the query), and for SQL that does not run, takes more than 10 s or too much memory.
        """
        names, values = self.columns(sql, most=MOST_ROWS)
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)] if names else []

    def columns(self, sql: str, *, most: int | None = None, whole: bool = False) -> tuple[list[str], list[list[Any]]]:
        """(the columns' names, their values), all rows where `most` is None. Raises as `query` does.

        `whole`: refuses a query that adds rows to its one SELECT or leaves some out (UNION, LIMIT), as a condition that
        closes its brackets too early would.
        """
        import duckdb

        cursor = self._db.cursor()
        timer = threading.Timer(SECONDS, cursor.interrupt)
        timer.start()
        try:
            self._refuse(sql, whole=whole)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            found = cursor.sql(sql)
            found = found if most is None else found.limit(most)
            rows = found.fetchall()
            names = _distinct(found.columns)
            return names, [[_plain(row[place]) for row in rows] for place in range(len(names))]
        except duckdb.InterruptException as error:
            raise BadInput(f"query: took longer than {SECONDS:g} s: ask for less") from error
        except duckdb.OutOfMemoryException as error:
            raise BadInput(f"query: needs more than {MEMORY} of memory: ask for less") from error
        except duckdb.Error as error:
            raise BadInput(f"query: {' '.join(str(error).split())[:300]}") from error
        finally:
            timer.cancel()
            cursor.close()

    def _refuse(self, sql: str, *, whole: bool) -> None:
        """Raises BadInput where the syntax tree holds more than reading these tables. What is not known is refused."""
        answer = self._db.cursor().execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        tree: dict[str, Any] = json.loads(answer[0]) if answer else {"error": True}
        if tree.get("error"):
            raise BadInput(f"query: one SELECT is allowed, and nothing else: {tree.get('error_message', 'no SQL')}")
        statements = tree["statements"]
        if len(statements) != 1:
            raise BadInput("query: one SELECT is allowed, and nothing else")
        top = statements[0]["node"]
        if whole and (top["type"] != "SELECT_NODE" or top.get("modifiers") or top.get("having") or top.get("sample")):
            raise BadInput("where: is no single condition: write what a row must fulfil, as after WHERE")
        nodes = list(_nodes(top))
        known = {table.name for table in self.tables} | {name for node in nodes for name in _named_here(node)}
        for node in nodes:
            match node.get("type"):
                case "BASE_TABLE" if node["table_name"].lower() not in known or node["schema_name"]:
                    names = ", ".join(table.name for table in self.tables)
                    raise BadInput(f"query: there is no table {node['table_name']} here: use {names}")
                case "TABLE_FUNCTION" | "SHOW_REF" | "EXPRESSION_LIST" | "COLUMN_DATA" as kind:
                    raise BadInput(f"query: {kind.replace('_', ' ').lower()} is not allowed: read from the tables")
                case str() as kind if kind.endswith("_NODE") and kind not in QUERIES:
                    raise BadInput(f"query: {kind.replace('_', ' ').lower()} is not allowed: only SELECT is")
                case "FUNCTION" if node.get("function_name", "").lower() in MADE_UP:
                    raise BadInput(f"query: {node['function_name']}() is not allowed: its value stands in no table")
                case "SELECT_NODE":
                    _refuse_written_values(node)


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """The syntax tree's nodes. A subquery that only asks whether rows exist may select what it likes."""
    if isinstance(part, dict):
        yield part
        for key, value in part.items():
            if not (key == "select_list" and part.get("_exists")):
                if part.get("type") == "SUBQUERY" and part.get("subquery_type") in ("EXISTS", "NOT_EXISTS"):
                    _mark_exists(value)
                yield from _nodes(value)
    elif isinstance(part, list):
        for value in part:
            yield from _nodes(value)


def _mark_exists(part: Any) -> None:
    if isinstance(part, dict) and isinstance(part.get("node"), dict):
        part["node"]["_exists"] = True


def _named_here(node: dict[str, Any]) -> Iterator[str]:
    """What WITH gives a name."""
    if isinstance(names := node.get("cte_map"), dict):
        yield from (entry["key"].lower() for entry in names.get("map", ()))


def _refuse_written_values(select: dict[str, Any]) -> None:
    for column in () if select.get("_exists") else select.get("select_list", ()):
        inside = list(_nodes(column))
        from_tables = any(
            node.get("type") in ("COLUMN_REF", "STAR", "POSITIONAL_REFERENCE", "BASE_TABLE")
            or node.get("function_name") == "count_star"
            for node in inside
        )
        if not from_tables and not _is_text(column):
            raise BadInput("query: a column is a value that you wrote yourself: every value must come from the tables")


def _is_text(column: dict[str, Any]) -> bool:
    """A text or NULL: a label, which is no number. DuckDB 2 writes `literal`, DuckDB 1 `value`."""
    if column.get("type") != "VALUE_CONSTANT":
        return False
    literal, value = column.get("literal") or {}, column.get("value") or {}
    return literal.get("kind") in ("STRING", "NULL_LITERAL") or value.get("type", {}).get("id") in ("VARCHAR", "NULL")


def _distinct(names: Sequence[str]) -> list[str]:
    """A name that stands twice gets its place, so that no value hides another."""
    return [name if names.index(name) == place else f"{name}_{place + 1}" for place, name in enumerate(names)]


def _plain(value: Any) -> str | int | float | bool | None:
    from decimal import Decimal

    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
