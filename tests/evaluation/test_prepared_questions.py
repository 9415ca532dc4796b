"""What the chats can answer without a language model, and that they say what they did not understand."""

import json

import pytest

from assay.contracts.analytics import AnalystAnswer, Narrative
from assay.contracts.estimate import Estimate
from assay.contracts.feedback import Feedback, ForecastScore, ProductionReport
from assay.contracts.stage import AgentRef
from assay.evaluation.clusters import complaint_clusters
from assay.evaluation.feedback_questions import FEEDBACK_QUESTIONS
from assay.evaluation.feedback_table import FeedbackTable
from assay.evaluation.prepared_questions import answer_prepared
from assay.evaluation.query_facts import facts_of
from assay.evaluation.results_questions import RESULTS_QUESTIONS
from assay.evaluation.results_table import ResultsTable
from tests.conftest import SHOP
from tests.judged import expectation, result, scenario, shop, tau_results


@pytest.fixture(scope="module")
def table() -> ResultsTable:
    return ResultsTable({"shop-support@v2": shop(flawed=0.5)})


@pytest.fixture(scope="module")
def sides() -> ResultsTable:
    return ResultsTable({"A": shop(side="A"), "B": shop(flawed=0.25, side="B")})


def ask(question: str, table: ResultsTable) -> AnalystAnswer:
    return answer_prepared(question, table, RESULTS_QUESTIONS)


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        ("What is the pass rate?", ["Pass rate:", "- 83.3 % (58.6 to 100.0 %, n 24, 12 scenarios)"]),
        ("How many passed?", ["How many conversations:", "- conversations 24, judged 24, passes 20, failures 4"]),
        (
            "How many hard ones failed?",
            ["How many conversations, difficulty `hard`:", "- conversations 12, judged 12, passes 12, failures 0"],
        ),
        (
            "Why do gift cards go wrong?",
            [
                "What was not met most often, and one judge's reason, topic `gift-cards`:",
                "- The agent takes a gift card as a means to pay., failures 4, for example It did not.",
            ],
        ),
        (
            "Which are the worst scenarios?",
            [
                "The scenarios that pass least often:",
                "- scenario id gift-cards-0, topic gift-cards, passes 0, judged 2",
            ],
        ),
        (
            "What of returns-2?",
            [
                "Pass rate, topic `returns`, scenario id `returns-2`:",
                "- too little data (1 scenario; a clustered interval needs 5)",
                "- conversations 2, judged 2, passes 2, failures 0",
            ],
        ),
        ("What does it cost?", ["Cost and tokens a conversation:", "- cost a conversation: too little data"]),
        ("Were there errors?", ["Errors and simulator faults:", "There are none."]),
        ("Is it slow?", ["Answer time:", "- 0.65 s (0.58 to 0.72 s, n 24, 12 scenarios)"]),
        (
            "Which were slowest?",
            ["The conversations whose answers took longest:", "- scenario id discounts-3, trial 0"],
        ),
    ],
)
def test_common_questions_are_answered_from_the_tables(table: ResultsTable, question: str, lines: list[str]):
    answer = ask(question, table)
    for said, expected in zip(answer.text.splitlines(), lines, strict=False):
        assert said.startswith(expected)
    assert answer.author == "offline"
    assert answer.queries


def test_the_answer_carries_its_facts_its_rows_and_its_query(table: ResultsTable):
    answer = ask("pass rate by difficulty", table)
    assert [fact.label for fact in answer.facts] == ["pass rate, difficulty easy", "pass rate, difficulty hard"]
    assert all(fact.conversation_ids for fact in answer.facts)
    assert answer.rows[0]["difficulty"] == "easy"
    assert table.columns(answer.queries[0])[1]


def test_which_side_is_better_is_a_paired_difference(sides: ResultsTable):
    answer = ask("Which side is better?", sides)
    assert answer.text.splitlines()[1].startswith("- pass rate, B minus A: +25.0 points (")
    assert "n 24, 12 scenarios" in answer.text
    assert ask("Is B better than A?", sides).facts == answer.facts


def test_an_article_is_no_side(sides: ResultsTable):
    assert "side" not in ask("A pass rate, please", sides).text.splitlines()[0]


def test_what_was_left_aside_is_said(table: ResultsTable):
    text = ask("How many refunds were issued on weekends?", table).text
    assert text.endswith("left aside what I do not know: `refunds`, `issued`, `weekends`.")


def test_what_was_not_understood_is_answered_with_what_can_be_asked(table: ResultsTable):
    answer = ask("Does it always greet the user?", table)
    assert answer.text.startswith("I work by rules, without a language model, and did not understand that.")
    assert "pass rate" in answer.text
    assert not answer.queries and not answer.facts


def test_braces_and_quotes_in_the_data_do_no_harm():
    odd = expectation("odd", "It says {pass_rate} and 'quotes' ; -- {1}")
    rows = [
        result(scenario("o'brien".replace("'", ""), odd, topic="o-brien"), unmet=["odd"], rationale="{x}' OR 1=1 --")
    ]
    answer = ask("Why does it fail?", ResultsTable({"a'b@v1": rows}))
    assert "It says (pass_rate) and 'quotes'" in answer.text


def test_recorded_conversations_can_be_asked_about():
    table = ResultsTable({"gpt-4o": tau_results()})
    assert "- topic cancel-reservation: 22.5 % (" in ask("pass rate by topic?", table).text
    assert "judged 200, passes 84, failures 116" in ask("how many passed?", table).text
    assert ask("what does it cost?", table).text.endswith("It is not known of any of them.")


@pytest.fixture(scope="module")
def production() -> FeedbackTable:
    items = [Feedback.model_validate_json(line) for line in (SHOP / "feedback.jsonl").read_text().splitlines()]
    predicted = Estimate(value=0.7, low=0.6, high=0.8, n=100, clusters=40, method="t")
    report = ProductionReport(
        project="default",
        gated=False,
        subject_id="production-1",
        agent=AgentRef(agent_id="shop-support", version="v2"),
        items=len(items),
        linked=0,
        satisfaction=predicted,
        mean_rating=predicted,
        by_topic={},
        clusters=complaint_clusters([item for item in items if item.negative], ()),
        forecast=ForecastScore(predicted=predicted, observed=predicted, covered=True, brier=0.2),
        proposed_scenarios=(),
        facts=(),
        narrative=Narrative(text="", author="nobody"),
    )
    return FeedbackTable(report, items)


@pytest.mark.parametrize(
    ("question", "first", "expected"),
    [
        (
            "What do users complain about?",
            "What users complain of, most frequent first:",
            "items 6, so far not tested yet",
        ),
        ("What is not tested yet?", "Complaints that no scenario tests yet:", "items 6, for example"),
        ("How satisfied are they?", "Rated items that are not negative:", "n 55, 55 users"),
        ("How satisfied are they by topic?", "Rated items that are not negative:", "- topic invoices: 0.0 %"),
        ("Mean rating?", "Mean rating, of 1 to 5:", "n 43, 43 users"),
        ("How many items?", "How many items:", "- items 55, not negative 32, negative 23, not rated 0"),
        ("Did the forecast hold?", "The forecast and what came:", "predicted 0.7"),
        (
            "What do users say about gift cards?",
            "What users wrote, topic `gift-cards`:",
            "My gift card shows no balance",
        ),
    ],
)
def test_common_questions_about_feedback_are_answered(
    production: FeedbackTable, question: str, first: str, expected: str
):
    text = answer_prepared(question, production, FEEDBACK_QUESTIONS).text
    assert text.splitlines()[0] == first
    assert expected in text


def test_a_rate_that_a_query_computes_itself_is_no_fact():
    rows = [{"topic": "returns", "rate": 0.5, "n": 4}]
    assert [fact.fact_id for fact in facts_of(rows, "SELECT topic, avg(passed) AS rate, count(*) AS n", "q1")] == [
        "q1.1.n"
    ]
    assert [fact.fact_id for fact in facts_of(rows, "SELECT topic, rate, n FROM results", "q1")] == [
        "q1.1.rate",
        "q1.1.n",
    ]


def test_facts_of_rows_have_units_labels_and_their_conversation():
    rows = [{"conversation_id": "ab" * 16, "latency_s": 1.5, "cost_usd": 0.2, "passed": True, "Odd Name!": 3}]
    facts = facts_of(rows, "SELECT * FROM results", "q2")
    assert [(fact.fact_id, fact.unit) for fact in facts] == [
        ("q2.1.latency_s", "seconds"),
        ("q2.1.cost_usd", "usd"),
        ("q2.1.odd_name", "count"),
    ]
    assert facts[0].conversation_ids == ("ab" * 16,)
    json.dumps([fact.model_dump(mode="json") for fact in facts])
