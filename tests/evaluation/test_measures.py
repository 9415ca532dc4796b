"""A measure is one entry, and one number everywhere: facts, comparison, the chats' tables, guardrails, the API."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from assay.api.routes.status import list_measures
from assay.contracts.conversation import ToolCall, Turn
from assay.contracts.traffic import Guardrail, RolloutPolicy
from assay.errors import BadInput
from assay.evaluation.analytics_facts import analytics_facts
from assay.evaluation.measures import COST, LATENCY, MEASURES, OUTPUT_TOKENS, Measure, Observed, compared
from assay.evaluation.pairing import compare_costs
from assay.evaluation.prepared_questions import answer_prepared
from assay.evaluation.results_questions import RESULTS_QUESTIONS
from assay.evaluation.results_table import ResultsTable
from assay.evaluation.table_estimates import differences, estimates
from assay.reports import lay_out_analytics
from assay.rollout.guarding import evaluate, require_watchable
from assay.stages.online import _observed
from tests.agents.analyst.test_analyst import report
from tests.evaluation.make import conversation
from tests.judged import result, scenario
from tests.rollout.test_guarding import BEGAN, at, running


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
    for measure in compared():
        known = [row[measure.name] for row in table.rows if row[measure.name] is not None]
        assert [measure.of(row.conversation) for row in rows if measure.of(row.conversation) is not None] == known
        assert costs[measure.name].champion == pytest.approx(sum(known) / len(known))
    assert table.rows[0]["latency_s"] is None and table.rows[0]["cost_usd"] is None
    assert facts["cost"].value.value == pytest.approx(costs["cost_usd"].champion)
    assert facts["output_tokens"].value.value == pytest.approx(costs["output_tokens"].champion)
    assert facts["cost"].label == MEASURES["cost_usd"].label
    assert _observed(half, False, (), None).values["cost_usd"] is None


def _failed_calls(seen: Observed) -> float:
    return float(sum(call.error is not None for turn in seen.conversation.turns for call in turn.tool_calls))


@pytest.fixture
def failed_calls(monkeypatch: pytest.MonkeyPatch) -> Measure:
    """A new measure: one entry of the table, and nothing else."""
    measure = Measure("failed_calls", "Failed tool calls a conversation", "count", "lower", _failed_calls, limit=5.0)
    monkeypatch.setitem(MEASURES, measure.name, measure)
    return measure


def calling(row, errors: int):
    calls = tuple(ToolCall(name="look_up", error="broken") for _ in range(errors))
    return replace(
        row, conversation=row.conversation.replace(turns=(Turn(role="agent", text="Yes.", tool_calls=calls),))
    )


def test_a_new_measure_is_in_the_comparison_the_analytics_report_and_the_chats_table(failed_calls):
    few = [calling(result(scenario(f"s{n}")), n % 2) for n in range(8)]
    many = [calling(result(scenario(f"s{n}")), 2 + n % 3) for n in range(8)]

    cost = next(cost for cost in compare_costs(few, many, confidence=0.95) if cost.measure == "failed_calls")
    assert (cost.champion, cost.challenger) == (0.5, 2.875) and cost.difference.value == pytest.approx(2.375)

    facts = {fact.fact_id: fact for fact in analytics_facts(report(many), many)}
    assert facts["failed_calls"].label == failed_calls.label
    assert facts["failed_calls"].value.value == pytest.approx(2.875)
    shown = lay_out_analytics(
        report(many).replace(facts=tuple(facts.values())), made_at=datetime(2026, 3, 1, tzinfo=UTC), conversations={}
    )
    work = next(section for section in shown.sections if section.title == "Speed and cost")
    assert failed_calls.label in work.model_dump_json()

    tables = ResultsTable({"few": few, "many": many})
    assert estimates(tables, "failed_calls").facts[-1].label.startswith("failed tool calls a conversation")
    assert differences(tables, "failed_calls").facts[0].value.value == pytest.approx(2.375)
    assert [row["n"] for row in tables.query("SELECT sum(failed_calls) AS n FROM results")] == [27]
    answer = answer_prepared("How many failed tool calls does each side make?", tables, RESULTS_QUESTIONS)
    assert answer.text.startswith("Failed tool calls a conversation") and answer.facts


def test_a_new_measure_guards_a_rollout(failed_calls):
    rail = Guardrail(measure="failed_calls", margin=0.5)
    policy = RolloutPolicy(guardrails=(rail,))
    require_watchable(policy, "policy")
    rows = [
        _observed(
            calling(result(scenario(f"s{n}")), 3 * (n % 2)).conversation.replace(
                conversation_id=f"{n:032x}", started_at=BEGAN + timedelta(seconds=10 * n)
            ),
            bool(n % 2),
            (),
            None,
        )
        for n in range(400)
    ]
    found = evaluate(running(guardrails=(rail,)), rows, now=at(400))
    assert found.action == "roll_back"
    assert found.words.startswith("failed tool calls a conversation: worse by more than 0.5: +3.00 (")


def test_a_new_measure_is_in_the_api(failed_calls):
    items = asyncio.run(list_measures()).items
    assert failed_calls.name in {item.name for item in items}
    assert {item.name for item in items} == set(MEASURES)


def test_a_guardrail_of_a_measure_that_there_is_not_is_refused():
    with pytest.raises(
        BadInput, match=r"policy\.guardrails\.0\.measure: there is no measure `mood`: use one of quality"
    ):
        require_watchable(RolloutPolicy(guardrails=(Guardrail(measure="mood"),)), "policy")
    with pytest.raises(BadInput, match=r"policy\.expectations: a guardrail of judged quality"):
        require_watchable(RolloutPolicy(guardrails=(Guardrail(measure="quality"),)), "policy")
