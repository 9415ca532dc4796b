"""What a conversation took is one number everywhere: facts, comparison, the chats' tables, guardrails."""

from dataclasses import replace
from decimal import Decimal

import pytest

from assay.contracts.conversation import Turn
from assay.evaluation.analytics_facts import analytics_facts
from assay.evaluation.measures import COMPARED, COST, LATENCY, MEASURES, OUTPUT_TOKENS
from assay.evaluation.pairing import compare_costs
from assay.evaluation.results_table import ResultsTable
from assay.stages.online import _observed
from tests.agents.analyst.test_analyst import report
from tests.evaluation.make import conversation
from tests.judged import result, scenario


def turn(latency_s=None, output_tokens=None, cost=None):
    return Turn(role="agent", text="Yes.", latency_s=latency_s, output_tokens=output_tokens, cost_usd=cost)


def took(row, *turns):
    return replace(row, conversation=row.conversation.replace(turns=turns))


def test_what_is_not_known_of_one_turn_is_not_known_of_the_conversation():
    talk = conversation("Hi.").replace(turns=(turn(1.0, 10, Decimal("0.1")), turn()))
    assert [measure.of(talk) for measure in (LATENCY, OUTPUT_TOKENS, COST)] == [None, None, None]
    known = conversation("Hi.").replace(turns=(turn(1.0, 10, Decimal("0.1")), turn(3.0, 5, Decimal("0.2"))))
    assert [measure.of(known) for measure in (LATENCY, OUTPUT_TOKENS)] == [2.0, 15.0]
    assert COST.of(known) == pytest.approx(0.3)


def test_report_comparison_table_and_guardrail_agree():
    rows = [took(result(scenario(f"s{n}")), turn(0.5 + n / 10, 10 + n, Decimal(n) / 100)) for n in range(8)]
    rows[0] = took(rows[0], turn(0.5, 10, Decimal(1)), turn())
    half = rows[0].conversation
    costs = {cost.measure: cost for cost in compare_costs(rows, rows, confidence=0.95)}
    table = next(table for table in ResultsTable({"a": rows}).tables if table.name == "results")
    facts = {fact.fact_id: fact for fact in analytics_facts(report(rows), rows)}
    for measure in COMPARED:
        known = [row[measure.name] for row in table.rows if row[measure.name] is not None]
        assert [measure.of(row.conversation) for row in rows if measure.of(row.conversation) is not None] == known
        assert costs[measure.name].champion == pytest.approx(sum(known) / len(known))
    assert table.rows[0]["latency_s"] is None and table.rows[0]["cost_usd"] is None
    assert facts["cost"].value.value == pytest.approx(costs["cost_usd"].champion)
    assert facts["output_tokens"].value.value == pytest.approx(costs["output_tokens"].champion)
    assert facts["cost"].label == MEASURES["cost_usd"].label
    assert _observed(half, False, (), None).cost_usd is None
