"""What a query's rows say, as facts that prose may refer to."""

import re
from collections.abc import Sequence
from typing import Literal

from assay.contracts.report import Fact
from assay.evaluation.read_only import Row

COMPUTED = re.compile(r"\b(?:avg|mean|median|mode|quantile\w*|stddev\w*|var_\w+|variance)\s*\(|/", re.IGNORECASE)
"""Rates and means of a query's own have no interval, so they are no facts: `table_estimates` computes those."""

Unit = Literal["seconds", "usd", "tokens", "score", "count"]


def facts_of(rows: Sequence[Row], sql: str, prefix: str) -> tuple[Fact, ...]:
    """Every count, sum and measured value of the rows, called `<prefix>.<row>.<column>`.

    Where the query divides or averages, only its whole numbers are facts.
    """
    whole_only = COMPUTED.search(sql) is not None
    facts = []
    for place, row in enumerate(rows, start=1):
        text = next((str(value) for value in row.values() if isinstance(value, str)), "")
        behind = row.get("conversation_id")
        for column, value in row.items():
            if value is None or isinstance(value, bool | str) or (whole_only and isinstance(value, float)):
                continue
            facts.append(
                Fact(
                    fact_id=f"{prefix}.{place}.{re.sub(r'[^a-z0-9_.-]+', '_', column.lower()).strip('_') or 'value'}",
                    label=f"{column.replace('_', ' ')}{', ' + text[:80] if text else ''}",
                    value=value,
                    unit=unit_of(column, value),
                    conversation_ids=(behind,) if isinstance(behind, str) else (),
                )
            )
    return tuple(facts)


def unit_of(column: str, value: float) -> Unit:
    """By the column's name, as the tables name them."""
    name = column.lower()
    if name.endswith(("_s", "seconds")):
        return "seconds"
    if name.endswith("_usd"):
        return "usd"
    if name.endswith("tokens"):
        return "tokens"
    return "score" if isinstance(value, float) and value != int(value) else "count"
