"""One place shows a number, and prose that makes one up is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.estimate import Estimate, Insufficient
from assay.contracts.report import Fact
from assay.errors import BadInput
from assay.evaluation.facts import (
    fill,
    refuse_stray,
    show,
    show_quantity,
    show_value,
    slice_fact_id,
    spoken_of,
    stray_numbers,
)

RATE = Estimate(value=0.625, low=0.537, high=0.702, n=120, clusters=40, method="t")
FACTS = (
    Fact(fact_id="pass_rate", label="Conversations that pass", value=RATE, unit="share"),
    Fact(fact_id="latency_p95", label="95th percentile of the answer time", value=3.25, unit="seconds"),
    Fact(fact_id="pass_hat_3", label="All of 3 trials pass (pass^3)", value=0.2, unit="share"),
    Fact(fact_id="cluster_1", label="Failures: not done: refunds 149 EUR in two days", value=12),
)


def test_a_rate_is_shown_with_its_interval_its_n_and_its_scenarios():
    assert show(FACTS[0]) == "62.5 % (53.7 to 70.2 %, n 120, 40 scenarios)"


def test_an_interval_that_is_not_of_95_percent_says_so():
    assert show_quantity(RATE.replace(confidence=0.9), "share").startswith("62.5 % (90 % interval 53.7 to 70.2 %")


def test_a_difference_is_in_points_with_its_sign():
    gain = RATE.replace(value=0.12, low=-0.03, high=0.27)
    assert show_quantity(gain, "difference") == "+12.0 points (-3.0 to +27.0 points, n 120, 40 scenarios)"


def test_too_little_data_is_shown_in_words():
    few = Insufficient(reason="3 scenarios; a clustered interval needs 5", n=3)
    assert show_quantity(few, "share") == "too little data (3 scenarios; a clustered interval needs 5)"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (3.256, "seconds", "3.26 s"),
        (0.0342, "seconds", "0.034 s"),
        (-350.2, "seconds", "-350.20 s"),
        (0.00042, "usd", "0.00042 USD"),
        (0.000001, "usd", "0.0000010 USD"),
        (12.3456, "usd", "12.35 USD"),
        (0, "usd", "0.00 USD"),
        (1234567, "tokens", "1,234,567 tokens"),
        (1200, "count", "1,200"),
        (3.25, "count", "3.2"),
        (0.8333, "score", "0.833"),
        (0.00001, "score", "<0.001"),
        (-0.00001, "difference", "0.0 points"),
        ("refunds", "text", "refunds"),
    ],
)
def test_every_unit_reads_as_people_write_it(value, unit, shown):
    assert show_value(value, unit) == shown


@given(st.floats(-1e9, 1e9), st.sampled_from(["share", "difference", "seconds", "usd", "tokens", "count", "score"]))
def test_no_number_is_ever_shown_with_an_exponent_or_as_minus_zero(value: float, unit: str):
    shown = show_value(value, unit)
    assert "e" not in shown.partition(" ")[0]
    assert not shown.startswith("-0 ") and not shown.startswith("-0.0 ")


def test_braces_are_replaced_by_the_fact_and_nothing_else_is():
    assert fill("It passes {pass_rate}; {cluster_1} fail.", FACTS) == (
        "It passes 62.5 % (53.7 to 70.2 %, n 120, 40 scenarios); 12 fail."
    )


@pytest.mark.parametrize("text", ["{no_such_fact}", "{Pass Rate}", "{}", "{{pass_rates}}"])
def test_braces_that_hold_no_fact_are_refused_by_name(text):
    with pytest.raises(BadInput, match=r"is no fact of this report: use one of \{pass_rate\}"):
        fill(text, FACTS)


def test_the_facts_that_prose_refers_to_are_known():
    assert [fact.fact_id for fact in spoken_of("{cluster_1} and {pass_rate}", FACTS)] == ["pass_rate", "cluster_1"]


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("It passes 62 % of the time.", ["62 %"]),
        ("about half of them", ["half"]),
        ("Twice as many, twenty-five or so", ["Twice", "twenty", "five"]),
        ("zero failures, ten-fold, per cent", ["zero", "ten-fold", "per cent"]),
        ("~12, n=120, $50, USD50, 3x, x3, 10k", ["12", "120", "50", "50", "3", "3", "10"]),
        ("½ of it, 1/3 of it, ٣ of it", ["½", "1/3", "٣"]),
        ("the top-3 failures", ["-3"]),
        ("hidden in backticks: `62 %`, `three`, `n 120`", ["62 %", "three", "120"]),
        ("glued to a reference: {pass_rate}5", ["5"]),
        ("version 1.3 of it", ["1.3"]),
    ],
)
def test_a_number_that_no_fact_stands_behind_is_found(text, stray):
    found = stray_numbers(text, FACTS)
    assert [word.lower() for word in found] == [word.lower() for word in stray]


@pytest.mark.parametrize(
    "text",
    [
        "It passes {pass_rate}, at best one of them fails.",
        "Of `shop-support@v2`, shop-support@2.0.1, v2 and gpt-4o, on 2026-03-01.",
        "1. Read the conversations.\n2) Mend the agent.",
        "The 95th percentile is {latency_p95}; pass^3 is {pass_hat_3}; p95 and pass^k are measures.",
        "`airline-007`, `ret-one-of-three` and `5e92988af5138fd390a8ebe7d0ef53f9` fail.",
        "Most of it is `not done: refunds 149 EUR in two days`: {cluster_1}.",
        "Double-check what third-party tools do.",
    ],
)
def test_ids_dates_versions_and_references_are_no_stray_numbers(text):
    assert stray_numbers(text, FACTS) == []
    refuse_stray(text, FACTS)


def test_a_name_may_be_nothing_but_a_number_where_it_stands_in_backticks():
    assert stray_numbers("Scenario `12` fails.", (), names=["12"]) == []
    assert stray_numbers("Scenario 12 fails.", (), names=["12"]) == ["12"]


def test_words_of_a_judge_may_be_quoted_with_their_numbers_when_they_are_quoted_exactly():
    said = ["The agent said that returns are possible for 30 days."]
    assert stray_numbers("It said “returns are possible for 30 days”.", (), sources=said) == []
    assert stray_numbers('It said "returns are possible for 60 days".', (), sources=said) == ["60"]
    assert stray_numbers('It said "30 days".', (), sources=said) == ["30"]


def test_the_refusal_names_the_number_and_the_way_out():
    with pytest.raises(BadInput) as refused:
        refuse_stray("It passes 62 % of the time, 62 % of it.", FACTS)
    assert str(refused.value).startswith("narrative: 62 % is no computed number: write the fact's id in braces")
    assert "{pass_rate}" in str(refused.value)


@given(
    st.sampled_from(
        ["It passes {} of the time", "about {}, {{pass_rate}}", "({})", "**{}**", "rose to {}.", "`{}`", "≈{}"]
    ),
    st.one_of(st.integers(0, 10**6).map(str), st.floats(0, 1e4, allow_nan=False).map(lambda value: f"{value:.2f}")),
    st.sampled_from(["", " %", "%", " s", " points", "x"]),
)
def test_no_way_of_writing_a_number_slips_through(sentence: str, number: str, unit: str):
    assert stray_numbers(sentence.format(number + unit), FACTS)


@given(st.text(max_size=200))
def test_any_prose_can_be_looked_through(text: str):
    stray_numbers(text, FACTS, names=["12", "airline-007"], sources=[text])


@pytest.mark.parametrize("value", ["pt-BR", "English (US)", "中文", "goal_reached", "v1.0"])
def test_every_slice_has_an_id_that_a_fact_takes(value):
    Fact(fact_id=slice_fact_id("language", value), label="x", value=1)


def test_slices_that_differ_in_signs_alone_have_facts_of_their_own():
    values = ["退款", "物流", "Order status", "order status", "order-status", "order/status", "x" * 255, "x" * 254]
    assert len({slice_fact_id("topic", value) for value in values}) == len(values)
    assert slice_fact_id("topic", "order-status") == "slice.topic.order-status"
