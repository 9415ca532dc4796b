"""Judged conversations as read-only SQL tables, for the chats that answer questions about them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from assay.contracts.judgment import Ruling
from assay.errors import BadInput
from assay.evaluation.results import TrialResult

MOST_ROWS = 50
SECONDS = 10.0

COLUMNS = """results (one row a conversation): side, conversation_id, scenario_id, trial, topic, persona, difficulty,
language, passed (BOOLEAN, NULL: no verdict), score, stop_reason, error, simulator_fault, agent_turns, latency_s (mean
of the agent's turns), output_tokens, cost_usd, goal
verdicts (one row an expectation of a conversation): side, conversation_id, scenario_id, expectation_id, expectation,
kind, ruling, rationale, confidence, judge"""

Row = dict[str, str | int | float | bool | None]


class ResultsTable:
    """The tables `results` and `verdicts` of one or two sides, in a DuckDB that reaches no file and no network."""

    def __init__(self, sides: Mapping[str, Sequence[TrialResult]]) -> None:
        import duckdb
        import pyarrow as pa

        self.sides = tuple(sides)
        results = [_result(side, trial) for side, trials in sides.items() for trial in trials]
        verdicts = [row for side, trials in sides.items() for trial in trials for row in _verdicts(side, trial)]
        self._db = duckdb.connect(":memory:")
        for name, rows, schema in (("results", results, RESULTS), ("verdicts", verdicts, VERDICTS)):
            table = pa.Table.from_pylist(rows, schema=pa.schema(schema))
            self._db.register("incoming", table)
            self._db.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608, one of two names
            self._db.unregister("incoming")
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")

    def query(self, sql: str) -> list[Row]:
        """At most 50 rows. Raises BadInput for anything but one SELECT, and for SQL that does not run in 10 s."""
        import threading

        import duckdb

        _refuse_writing(sql)
        timer = threading.Timer(SECONDS, self._db.interrupt)
        timer.start()
        try:
            cursor = self._db.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchmany(MOST_ROWS)]
        except duckdb.Error as error:
            raise BadInput(f"query: {str(error).splitlines()[0]}") from error
        finally:
            timer.cancel()


def _refuse_writing(sql: str) -> None:
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise BadInput(f"query: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadInput("query: one SELECT is allowed, and nothing else")
    if re.search(r"\b(read_\w+|glob|getenv|duckdb_secrets|parquet_\w+|sniff_csv)\s*\(", sql, re.IGNORECASE):
        raise BadInput("query: functions that read files or the environment are not allowed")


def _result(side: str, trial: TrialResult) -> Row:
    conversation, scenario = trial.conversation, trial.scenario
    turns = [turn for turn in conversation.turns if turn.role == "agent"]
    latencies = [turn.latency_s for turn in turns if turn.latency_s is not None]
    tokens = [turn.output_tokens for turn in turns if turn.output_tokens is not None]
    costs = [turn.cost_usd for turn in turns if turn.cost_usd is not None]
    return {
        "side": side,
        "conversation_id": conversation.conversation_id,
        "scenario_id": conversation.scenario_id,
        "trial": conversation.trial,
        "topic": scenario.topic if scenario else None,
        "persona": scenario.persona.name if scenario else None,
        "difficulty": scenario.difficulty.value if scenario else None,
        "language": scenario.persona.language if scenario else None,
        "passed": trial.judgment.passed,
        "score": trial.judgment.score,
        "stop_reason": conversation.stop_reason.value,
        "error": conversation.error.cause.value if conversation.error else None,
        "simulator_fault": conversation.simulator_faults[0].kind.value if conversation.simulator_faults else None,
        "agent_turns": len(turns),
        "latency_s": sum(latencies) / len(latencies) if latencies else None,
        "output_tokens": sum(tokens) if tokens else None,
        "cost_usd": float(sum(costs)) if costs else None,
        "goal": scenario.goal if scenario else None,
    }


def _verdicts(side: str, trial: TrialResult) -> list[Row]:
    expected = {e.expectation_id: e for e in trial.scenario.expectations} if trial.scenario else {}
    return [
        {
            "side": side,
            "conversation_id": trial.conversation.conversation_id,
            "scenario_id": trial.conversation.scenario_id,
            "expectation_id": verdict.expectation_id,
            "expectation": expected[verdict.expectation_id].text if verdict.expectation_id in expected else None,
            "kind": expected[verdict.expectation_id].kind if verdict.expectation_id in expected else None,
            "ruling": Ruling(verdict.ruling).value,
            "rationale": verdict.rationale,
            "confidence": verdict.confidence,
            "judge": verdict.judge,
        }
        for verdict in trial.judgment.verdicts
    ]


def _plain(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


RESULTS = [
    ("side", "string"),
    ("conversation_id", "string"),
    ("scenario_id", "string"),
    ("trial", "int64"),
    ("topic", "string"),
    ("persona", "string"),
    ("difficulty", "string"),
    ("language", "string"),
    ("passed", "bool"),
    ("score", "float64"),
    ("stop_reason", "string"),
    ("error", "string"),
    ("simulator_fault", "string"),
    ("agent_turns", "int64"),
    ("latency_s", "float64"),
    ("output_tokens", "int64"),
    ("cost_usd", "float64"),
    ("goal", "string"),
]
VERDICTS = [
    ("side", "string"),
    ("conversation_id", "string"),
    ("scenario_id", "string"),
    ("expectation_id", "string"),
    ("expectation", "string"),
    ("kind", "string"),
    ("ruling", "string"),
    ("rationale", "string"),
    ("confidence", "float64"),
    ("judge", "string"),
]
