"""What rules write is never contradicted by the numbers of the same report."""

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.comparison import Recommendation
from assay.evaluation.consistency import contradictions, without_contradictions
from tests.agents.analyst.test_analyst import narrated, report
from tests.agents.comparator.test_comparator import many
from tests.agents.comparator.test_comparator import narrated as compared
from tests.agents.comparator.test_comparator import report as comparison
from tests.judged import expectation, result, scenario

ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 2), st.booleans()), min_size=1, max_size=40, unique_by=lambda r: r[:2]
)


def results(rows):
    wanted = expectation("helps")
    return [
        result(scenario(f"s{n}", wanted, topic=f"topic-{n % 3}"), trial=t, unmet=["helps"] if fails else [])
        for n, t, fails in rows
    ]


@settings(max_examples=60, deadline=None)
@given(ROWS)
async def test_an_offline_report_never_contradicts_its_numbers(rows):
    made = results(rows)
    assert contradictions(await narrated(made), report(made)) == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
async def test_an_offline_comparison_never_contradicts_its_numbers(before, after):
    text = await compared(many(before), many(after))
    assert contradictions(text, comparison(many(before), many(after))) == ()


def test_a_sentence_that_the_numbers_contradict_is_found_and_left_out():
    made = report(results([(n, t, n == 0) for n in range(10) for t in range(3)]))
    text = "It passes 90.0 % of them. It does not do the same every time. No conversation failed.\n\nRead it."
    assert [sentence.strip() for sentence in contradictions(text, made)] == [
        "It does not do the same every time.",
        "No conversation failed.",
    ]
    assert without_contradictions(text, made).split() == ["It", "passes", "90.0", "%", "of", "them.", "Read", "it."]
    worse = comparison(many(2), many(20))
    assert worse.recommendation is Recommendation.REJECT
    assert contradictions("Promote `v2`: it is better.", worse) == ("Promote `v2`: it is better.",)
