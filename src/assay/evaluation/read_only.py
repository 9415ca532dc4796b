"""Tables that can be asked anything by SQL and changed by nobody: no file, no network, no setting, no endless query."""

import functools
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

LENGTHENS = frozenset(("repeat", "lpad", "rpad", "bar", "format", "printf", "replace", "regexp_replace"))
"""Functions that make of a short text one of any length, which neither DuckDB's limit of memory nor its interrupt
stops: `repeat('a', 3000000000)` takes 3 GB and most of a minute under a limit of 1 GB."""

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
        self._columns = {column.name.lower() for table in tables for column in table.columns}
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

    def _is_value(self, name: str) -> bool:
        """Whether SQL gives this name a value without any table, as it does `current_timestamp`."""
        import duckdb

        try:
            return name.isidentifier() and self._db.cursor().execute(f"SELECT {name}").fetchone() is not None
        except duckdb.Error:
            return False

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
        allowed = _functions()
        columns = self._columns | {name for node in nodes for name in _names_given(node)}
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
                case str() if (node.get("function_name") or "count").lower() not in allowed:
                    raise BadInput(
                        f"query: {node['function_name']}() is not allowed: its value stands in no table, or it makes "
                        "lists or texts of any length"
                    )
                case "LAMBDA":
                    raise BadInput("query: a list comprehension is not allowed: aggregate the tables' rows")
                case "COLUMN_REF" if (name := node["column_names"][-1]).lower() not in columns and self._is_value(name):
                    raise BadInput(f"query: {name} is not allowed: its value stands in no table")
                case "SELECT_NODE":
                    _refuse_written_values(node)


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """The syntax tree's nodes. The SELECT of a subquery that only asks whether rows exist is marked `_exists`."""
    if isinstance(part, dict):
        yield part
        for value in [*part.values()]:
            if part.get("type") == "SUBQUERY" and part.get("subquery_type") in ("EXISTS", "NOT_EXISTS"):
                _mark_exists(value)
            yield from _nodes(value)
    elif isinstance(part, list):
        for value in part:
            yield from _nodes(value)


@functools.cache
def _functions() -> frozenset[str]:
    """What may be called: by DuckDB's own catalogue the same for the same arguments, and able to give a plain value.

    So what is drawn, read from the clock or the settings, or makes lists of anything but rows (`range`) is not in it;
    nor are macros, but for those whose definition calls nothing else.
    """
    import duckdb

    sql = (
        "SELECT lower(function_name), function_type, stability, return_type, coalesce(macro_definition, '')"
        " FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'window', 'macro')"
    )
    plain: set[str] = set()
    refused = set(LENGTHENS)
    macros: dict[str, list[str]] = {}
    with duckdb.connect(":memory:") as db:
        for name, kind, stability, gives, definition in db.execute(sql).fetchall():
            if kind == "macro":
                macros.setdefault(name, []).append(definition)
            elif stability != "CONSISTENT":
                refused.add(name)
            elif kind == "aggregate" or not re.search(r"[\[(]|^(STRUCT|MAP|UNION|LIST|VARIANT)", gives or ""):
                plain.add(name)
        allowed = plain - refused
        for name, definitions in macros.items():
            called = [_called(db, definition) for definition in definitions]
            if name not in plain | refused and all(names is not None and names <= allowed for names in called):
                allowed.add(name)
    return frozenset(allowed)


def _called(db: Any, expression: str) -> set[str] | None:
    """The functions in it; None: it reads more than its arguments."""
    answer = db.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT {expression}"]).fetchone()
    nodes = list(_nodes(json.loads(answer[0])))
    if any(node.get("type") in ("SUBQUERY", "LAMBDA", "ARRAY_EXTRACT", "ARRAY_SLICE") for node in nodes):
        return None
    if any(node.get("type") == "COLUMN_REF" and node["column_names"][-1].startswith("current_") for node in nodes):
        return None
    return {node["function_name"].lower() for node in nodes if node.get("type") == "FUNCTION"}


def _names_given(node: dict[str, Any]) -> Iterator[str]:
    """Names of columns that the query gives itself."""
    if alias := node.get("alias"):
        yield alias.lower()
    for key in ("column_name_alias", "aliases", "column_aliases", "column_names"):
        if node.get("type") != "COLUMN_REF" and isinstance(names := node.get(key), list):
            yield from (name.lower() for name in names if isinstance(name, str))


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
