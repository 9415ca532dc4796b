"""Rates and differences in a chat keep to the same rules as those in a report."""

import json

import pytest

from assay.contracts.estimate import Estimate, Insufficient
from assay.errors import BadInput
from assay.evaluation.facts import show
from assay.evaluation.results_table import ResultsTable
from assay.evaluation.table_estimates import Estimated, differences, estimates
from tests.judged import TAU, shop, tau_results


@pytest.fixture(scope="module")
def one_side() -> ResultsTable:
    return ResultsTable({"shop-support@v2": shop(flawed=0.5)})


@pytest.fixture(scope="module")
def two_sides() -> ResultsTable:
    return ResultsTable({"A": shop(side="A"), "B": shop(flawed=0.25, side="B")})


def shown(found: Estimated) -> list[tuple[str, str]]:
    return [(fact.label, show(fact)) for fact in found.facts]


def value(found: Estimated) -> Estimate:
    estimate = found.facts[0].value
    assert isinstance(estimate, Estimate)
    return estimate


def test_the_recorded_pass_rate_equals_the_published_one_with_its_clustered_interval():
    expected = json.loads((TAU / "expected.json").read_text())["reward"] if tau_results() else {}
    rate = value(estimates(ResultsTable({"gpt-4o": tau_results()}), "passed"))
    assert (rate.value, rate.n, rate.clusters) == (expected["mean"], expected["n"], expected["clusters"])
    assert (rate.low, rate.high) == pytest.approx(expected["ci95_clustered_t"], abs=1e-3)


def test_the_recorded_trials_against_each_other_show_no_difference():
    halves = {"A": [r for r in tau_results() if r.judgment.trial < 2], "B": []}
    halves["B"] = [r for r in tau_results() if r.judgment.trial >= 2]
    difference = value(differences(ResultsTable(halves), "passed"))
    assert difference.value == pytest.approx(-0.02)
    assert difference.low < 0 < difference.high
    assert difference.clusters == 50


def test_a_rate_by_topic_leads_with_the_lowest_and_says_where_there_is_too_little(one_side: ResultsTable):
    found = estimates(one_side, "passed", by="difficulty")
    assert [label for label, _ in shown(found)] == ["pass rate, difficulty easy", "pass rate, difficulty hard"]
    assert shown(found)[0][1].endswith("n 12, 6 scenarios)")
    by_topic = estimates(one_side, "passed", by="topic")
    assert all(isinstance(fact.value, Insufficient) for fact in by_topic.facts)
    assert by_topic.rows[0]["why_not"] == "4 scenarios; a clustered interval needs 5"


def test_a_condition_chooses_the_rows_also_by_what_stands_in_other_tables(one_side: ResultsTable):
    failing = "conversation_id IN (SELECT conversation_id FROM verdicts WHERE ruling = 'not_met')"
    assert estimates(one_side, "score", where=failing).rows[0]["n"] == 4
    assert value(estimates(one_side, "latency_s", where="topic <> 'stock'")).n == 24


def test_every_estimate_names_the_conversations_behind_it_the_worst_first(one_side: ResultsTable):
    fact = estimates(one_side, "passed").facts[0]
    assert len(fact.conversation_ids) == 24
    failed = {r.conversation.conversation_id for r in shop(flawed=0.5) if r.judgment.passed is False}
    assert set(fact.conversation_ids[: len(failed)]) == failed


def test_a_difference_is_paired_by_scenario_and_signed(two_sides: ResultsTable):
    found = differences(two_sides, "passed")
    assert shown(found)[0][0] == "pass rate, B minus A"
    assert value(found).value == pytest.approx(0.25)
    assert found.facts[0].unit == "difference"


def test_differences_of_several_slices_are_widened_so_that_all_hold_together(two_sides: ResultsTable):
    narrow, wide = differences(two_sides, "latency_s"), differences(two_sides, "latency_s", by="difficulty")
    assert value(narrow).confidence == 0.95
    assert value(wide).confidence == 0.975


def test_a_difference_needs_two_sides(one_side: ResultsTable):
    with pytest.raises(BadInput, match="there are 1 sides here"):
        differences(one_side, "passed")


def test_what_was_not_measured_has_no_estimate():
    assert estimates(ResultsTable({"gpt-4o": tau_results()}), "cost_usd").facts == ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"measure": "beauty"}, "measure: beauty cannot be estimated: use one of passed, score"),
        ({"measure": "passed", "by": "scenario_id"}, "by: scenario_id is no column to group by: use one of topic"),
        ({"measure": "passed", "where": "colour = 'red'"}, 'query: .*"colour" not found'),
        ({"measure": "passed", "where": "TRUE) LIMIT (5"}, "where: is no single condition"),
        ({"measure": "passed", "where": "TRUE) USING SAMPLE (5"}, "where: is no single condition"),
        (
            {"measure": "passed", "where": "TRUE) UNION ALL SELECT 'A', 'x', 0.99, 'y', 'z' FROM results WHERE (TRUE"},
            "^",
        ),
        ({"measure": "passed", "where": "TRUE); DROP TABLE results; SELECT (1"}, "^"),
        ({"measure": "passed", "where": "(SELECT count(*) FROM read_text('/etc/passwd')) > 0"}, "table function"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_a_way_out(one_side: ResultsTable, asked: dict, message: str):
    with pytest.raises(BadInput, match=message):
        estimates(one_side, **asked)
