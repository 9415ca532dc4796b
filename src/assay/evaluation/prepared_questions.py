"""Common questions about results, each a query: what the offline chats can answer."""

import re
from collections.abc import Sequence

from assay.contracts.analytics import AnalystAnswer
from assay.contracts.report import Fact
from assay.evaluation.facts import show_value
from assay.evaluation.results_table import ResultsTable, Row

RATE = "round(avg(CASE WHEN passed THEN 1.0 ELSE 0.0 END) FILTER (passed IS NOT NULL), 4) AS pass_rate"
COUNT = "count(*) FILTER (passed IS NOT NULL) AS judged"

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    (
        r"slow|latency|fast|speed",
        "The slowest conversations, by the mean time of the agent's answers",
        "SELECT side, scenario_id, trial, round(latency_s, 4) AS latency_s, conversation_id FROM results "
        "WHERE latency_s IS NOT NULL ORDER BY latency_s DESC LIMIT 10",
    ),
    (
        r"cost|expensive|token|price|cheap",
        "Tokens and cost a conversation",
        "SELECT side, round(avg(output_tokens), 1) AS output_tokens, round(avg(cost_usd), 6) AS cost_usd, "
        "count(*) AS conversations FROM results GROUP BY side ORDER BY side",
    ),
    (
        r"\bwhy\b|reason|rationale|wrong|go(es)? wrong",
        "Why conversations failed: what was not met most often",
        "SELECT side, expectation, count(*) AS failures, any_value(rationale) AS for_example FROM verdicts "
        "WHERE ruling = 'not_met' GROUP BY side, expectation ORDER BY failures DESC LIMIT 10",
    ),
    (
        r"error|fault|time.?out|broke",
        "Errors and simulator faults",
        "SELECT side, coalesce(error, simulator_fault) AS what, count(*) AS conversations FROM results "
        "WHERE error IS NOT NULL OR simulator_fault IS NOT NULL GROUP BY ALL ORDER BY conversations DESC",
    ),
    (
        r"worst|hardest|fail(s|ed)? most|weak",
        "The scenarios that pass least often",
        f"SELECT side, scenario_id, topic, {RATE}, {COUNT} FROM results GROUP BY side, scenario_id, topic "
        "HAVING count(*) FILTER (passed IS NOT NULL) > 0 ORDER BY pass_rate, scenario_id LIMIT 10",
    ),
    *(
        (
            rf"\b{dimension}",
            f"Pass rate by {dimension}",
            f"SELECT side, {dimension}, {RATE}, {COUNT} FROM results GROUP BY side, {dimension} ORDER BY pass_rate",
        )
        for dimension in ("topic", "persona", "difficulty", "language", "stop_reason", "trial")
    ),
    (
        r"pass|rate|how many|how good|quality|overall|differ|better",
        "How many passed",
        f"SELECT side, {RATE}, {COUNT}, count(*) AS conversations, count(*) FILTER (passed) AS passed FROM results "
        "GROUP BY side ORDER BY side",
    ),
)
"""(what a question of the kind says, what is answered, the query), the first that fits is taken."""


def answer_prepared(question: str, table: ResultsTable) -> AnalystAnswer:
    """The first prepared query that fits the question; otherwise what can be asked."""
    for pattern, title, sql in QUESTIONS:
        if re.search(pattern, question, re.IGNORECASE):
            rows = table.query(sql)
            if not rows:
                return AnalystAnswer(text=f"{title}: there are none.", queries=(sql,), facts=(), author="offline")
            facts = facts_of(rows)
            return AnalystAnswer(
                text=f"{title}:\n{_listed(rows)}", queries=(sql,), facts=facts, rows=tuple(rows), author="offline"
            )
    can = "; ".join(title.lower() for _, title, _ in QUESTIONS)
    text = f"I work by rules, without a language model, and did not understand that. Ask me about: {can}."
    return AnalystAnswer(text=text, queries=(), facts=(), author="offline")


def facts_of(rows: Sequence[Row]) -> tuple[Fact, ...]:
    """Every number of a query's rows as a fact, with the conversation behind it where the row names one."""
    facts = []
    for place, row in enumerate(rows, start=1):
        named = row.get("conversation_id")
        for column, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                facts.append(
                    Fact.model_validate(
                        {
                            "fact_id": f"row_{place}.{re.sub(r'[^a-z0-9_]', '_', column.lower())}",
                            "label": f"{column}, row {place}",
                            "value": value,
                            "unit": _unit(column),
                            "conversation_ids": (named,) if isinstance(named, str) else (),
                        }
                    )
                )
    return tuple(facts)


def _unit(column: str) -> str:
    if column.endswith("_rate"):
        return "share"
    if column.endswith("_s"):
        return "seconds"
    return "usd" if column.endswith("_usd") else "score" if "avg" in column or column == "score" else "count"


def _listed(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        cells = [
            f"{column} {show_value(value, _unit(column)) if isinstance(value, float) else value}"
            for column, value in row.items()
            if value is not None and column != "conversation_id"
        ]
        lines.append("- " + ", ".join(cells))
    return "\n".join(lines)
