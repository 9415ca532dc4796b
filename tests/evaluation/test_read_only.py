"""Whatever SQL comes in: it reads these tables, or it is refused. And no number comes out that somebody wrote in."""

from pathlib import Path

import pytest

from assay.errors import BadInput
from assay.evaluation import read_only
from assay.evaluation.read_only import Column, ReadOnlyTables, Table


@pytest.fixture(scope="module")
def tables() -> ReadOnlyTables:
    rows = [{"side": "AB"[n % 2], "passed": n % 3 > 0, "latency_s": n / 10, "said": "{x}; --"} for n in range(100)]
    columns = (
        Column("side", "VARCHAR", "which"),
        Column("passed", "BOOLEAN"),
        Column("latency_s", "DOUBLE"),
        Column("said", "VARCHAR"),
    )
    return ReadOnlyTables(
        (
            Table("results", "one row a conversation", columns, rows),
            Table("notes", "none", (Column("n", "BIGINT"),), []),
        )
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT side, count(*) AS n FROM results GROUP BY side ORDER BY side;",
        "FROM results LIMIT 3",
        "WITH a AS (SELECT side, avg(latency_s) AS mean FROM results GROUP BY ALL) SELECT a.*, 'mean' AS what FROM a",
        "SELECT r.side FROM results r WHERE EXISTS (SELECT 1 FROM notes) OR r.latency_s > (SELECT avg(n) FROM notes)",
        "SELECT side FROM results UNION ALL SELECT said FROM results -- a comment",
        "SELECT count(*) FILTER (passed) / count(*) AS share, NULL AS nothing FROM results",
        "SELECT side, row_number() OVER (ORDER BY latency_s) + min(latency_s) OVER () AS place FROM results",
        "SELECT upper(side), round(avg(latency_s), 2), median(latency_s), quantile_cont(latency_s, 0.9) FROM results"
        " GROUP BY ALL",
        "SELECT nullif(side, 'a'), coalesce(side, 'x'), if(passed, 1, 0), stddev(latency_s) OVER () FROM results",
        "SELECT length(side), substring(side, 1, 2), side LIKE 'a%', regexp_matches(side, 'a+'), side || said AS both"
        " FROM results",
        "SELECT s.a, s.b FROM (SELECT side, avg(passed::INT) AS share FROM results GROUP BY side) AS s(a, b)",
    ],
)
def test_a_select_over_the_tables_is_answered(tables: ReadOnlyTables, sql: str):
    assert tables.query(sql) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE results",
        "DELETE FROM results",
        "INSERT INTO notes SELECT 1 FROM results",
        "UPDATE results SET passed = true",
        "CREATE TABLE mine AS SELECT * FROM results",
        "CREATE MACRO f() AS 1",
        "SELECT side FROM results; DROP TABLE results",
        "WITH gone AS (DELETE FROM results RETURNING *) SELECT * FROM gone",
        "WITH more AS (INSERT INTO notes SELECT count(*) FROM results RETURNING *) SELECT * FROM more",
        "COPY results TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "EXPLAIN SELECT * FROM results",
        "BEGIN",
        "COMMIT",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'https://example.com/x.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT content, side FROM results, read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT getenv('HOME') || side FROM results",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM main.results",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM results, range(1000)",
        "SELECT [x FOR x IN range(100000000)] FROM results",
        "SELECT list_transform(range(10), lambda x: x) FROM results",
        "SELECT side FROM results WHERE len(range(100000000)) > 1",
        "SELECT repeat(side, 3000000000) FROM results",
        "SELECT lpad(side, 2000000000, 'b') FROM results",
        "SELECT replace(side, 'a', side) FROM results",
        "SELECT pg_sleep(100), side FROM results",
        "SELECT current_timestamp, side FROM results",
        "SELECT current_user, side FROM results",
        "SELECT now(), side FROM results",
        "SELECT current_setting('threads'), side FROM results",
        "SELECT side FROM results WHERE EXISTS (SELECT (SELECT content FROM read_text('/etc/passwd')))",
        "SELECT side FROM results WHERE EXISTS (SELECT random())",
        "SELECT side FROM results WHERE NOT EXISTS (SELECT getenv('HOME'))",
        "WITH RECURSIVE t AS (SELECT side FROM results UNION ALL SELECT side FROM t) SELECT side FROM t",
        "not sql at all",
        "",
    ],
)
def test_anything_but_reading_the_tables_is_refused(tables: ReadOnlyTables, sql: str):
    with pytest.raises(BadInput, match=r"^query: "):
        tables.query(sql)
    assert tables.query("SELECT count(*) AS n FROM results") == [{"n": 100}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 0.99 AS pass_rate",
        "SELECT 0.99 AS pass_rate FROM results",
        "SELECT max(0.99) AS pass_rate FROM results",
        "SELECT -0.99 AS pass_rate FROM results",
        "SELECT '0.99'::DOUBLE AS pass_rate FROM results",
        "SELECT side FROM results UNION ALL SELECT 0.99",
        "WITH x AS (SELECT 0.99 AS rate) SELECT rate FROM x",
        "SELECT rate FROM (SELECT 0.99 AS rate FROM results)",
        "SELECT * FROM (VALUES (0.99)) AS t(pass_rate)",
        "VALUES (0.99)",
        "SELECT unnest([0.99]) AS rate FROM results",
        "SELECT random() AS rate, side FROM results",
        "SELECT latency_s * random() AS rate FROM results",
    ],
)
def test_a_number_that_somebody_wrote_into_the_query_is_refused(tables: ReadOnlyTables, sql: str):
    with pytest.raises(BadInput, match=r"every value must come from the tables|stands in no table|is not allowed"):
        tables.query(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM results",
        "WITH gone AS (DELETE FROM results RETURNING *) SELECT * FROM gone",
        "COPY results TO '/tmp/stolen.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SET threads = 64",
    ],
)
def test_what_gets_past_the_reading_of_the_syntax_still_finds_the_database_locked(
    tables: ReadOnlyTables, sql: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables, "_refuse", lambda sql, whole: None)
    with pytest.raises(BadInput):
        tables.query(sql)
    assert tables.query("SELECT count(*) AS n FROM results") == [{"n": 100}]
    assert not Path("/tmp/stolen.csv").exists()


def test_at_most_fifty_rows_come_back(tables: ReadOnlyTables):
    assert len(tables.query("SELECT * FROM results")) == 50
    assert len(tables.columns("SELECT side FROM results")[1][0]) == 100


def test_a_query_without_end_is_stopped(tables: ReadOnlyTables, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(read_only, "SECONDS", 0.3)
    with pytest.raises(BadInput, match=r"took longer than 0\.3 s: ask for less"):
        tables.query(
            "SELECT count(*) AS n FROM results a, results b, results c, results d, results e "
            "WHERE a.latency_s * b.latency_s < c.latency_s + d.latency_s * e.latency_s"
        )
    assert tables.query("SELECT count(*) AS n FROM results") == [{"n": 100}]


def test_a_query_that_eats_memory_is_stopped(tables: ReadOnlyTables):
    with pytest.raises(BadInput, match=r"memory|longer"):
        tables.query(
            "SELECT list(a.said || b.said || c.said || d.said) AS all FROM results a, results b, results c, results d"
        )


def test_values_come_back_as_json_has_them(tables: ReadOnlyTables):
    row = tables.query(
        "SELECT sum(passed::DECIMAL(9, 2)) AS n, max(latency_s) / 0 AS endless, list(passed)[1:2] AS some FROM results"
    )[0]
    assert row == {"n": 66.0, "endless": None, "some": "[False, True]"}


def test_two_columns_of_one_name_both_come_back(tables: ReadOnlyTables):
    assert list(tables.query("SELECT a.side, b.side FROM results a, results b LIMIT 1")[0]) == ["side", "side_1"]


def test_the_error_of_a_query_that_does_not_run_says_why(tables: ReadOnlyTables):
    with pytest.raises(BadInput, match=r'"latency" not found'):
        tables.query("SELECT latency FROM results")


def test_the_tables_are_described_as_they_are(tables: ReadOnlyTables):
    assert tables.describe().splitlines()[0] == (
        "results: one row a conversation. Columns: side VARCHAR (which), passed BOOLEAN, latency_s DOUBLE, said VARCHAR"
    )


async def test_several_may_ask_at_the_same_time(tables: ReadOnlyTables):
    import asyncio

    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(asyncio.to_thread(tables.query, "SELECT count(*) AS n FROM results")) for _ in range(20)
        ]
    assert all(task.result() == [{"n": 100}] for task in asked)
