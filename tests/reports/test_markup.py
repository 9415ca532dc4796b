"""The little markup of text blocks, and what words say to those who set them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.estimate import Estimate
from assay.contracts.report import Cell, Fact, TableBlock
from assay.reports.markup import Paragraph, Span, coded, parse
from assay.reports.shown import Shown, taken_apart
from assay.reports.words import across, column_kinds, lead_in, said, split_headline, written_date


def test_paragraphs_lists_bold_and_code():
    assert parse("One\nline.\n\n- **a** b\n- `c`\n\nEnd") == (
        Paragraph("text", ((Span("plain", "One line."),),)),
        Paragraph("list", ((Span("bold", "a"), Span("plain", " b")), (Span("code", "c"),))),
        Paragraph("text", ((Span("plain", "End"),),)),
    )


@given(st.text())
def test_any_text_can_be_parsed_and_loses_no_word(text):
    spans = [span.text for paragraph in parse(text) for item in paragraph.items for span in item]
    kept = set("".join("".join(spans).split()))
    assert set("".join(text.split())) - kept <= set("*`-")


def test_a_cell_knows_code_alone():
    assert coded("a **b** `c` d") == (Span("plain", "a **b** "), Span("code", "c"), Span("plain", " d"))


@pytest.mark.parametrize(
    ("headline", "parts"),
    [
        ("PROMOTE: it passes more often: +4", ("PROMOTE", "it passes more often: +4")),
        ("Expect 53 of 100: fine", ("", "Expect 53 of 100: fine")),
        ("A: b", ("", "A: b")),
    ],
)
def test_a_verdict_in_capitals_leads_the_headline(headline, parts):
    assert split_headline(headline) == parts


def test_a_caveat_has_a_lead_in_when_it_is_short():
    assert lead_in("Ungated: nobody approved it.") == ("Ungated:", "nobody approved it.")
    assert lead_in("No lead here.") == ("", "No lead here.")
    assert lead_in(f"{'x' * 50}: y")[0] == ""


def test_tool_calls_are_told_from_words():
    assert [(piece.kind, piece.text) for piece in said("Done.\nReally.\n→ pay(a: 1)")] == [
        ("words", "Done.\nReally."),
        ("call", "pay(a: 1)"),
    ]


def test_columns_are_numbers_short_or_long():
    rows = tuple(
        tuple(Cell(text=text) for text in row)
        for row in (("1,200", "12.5 %", "yes", "x" * 40, ""), ("–", "+3.1 points", "not clear", "y", ""))
    )
    assert column_kinds(TableBlock(columns=("a", "b", "c", "d", "e"), rows=rows)) == [
        "number",
        "number",
        "short",
        "long",
        "short",
    ]


@pytest.mark.parametrize(("tiles", "row"), [(0, 3), (1, 3), (3, 3), (4, 4), (5, 5), (6, 3), (7, 4), (8, 4), (9, 3)])
def test_tiles_stand_in_even_rows(tiles, row):
    assert across(tiles) == row


def test_a_date_is_written_in_utc():
    noon = datetime(2026, 11, 4, 13, 5, tzinfo=timezone(timedelta(hours=1)))
    assert written_date(noon) == "4 November 2026, 12:05 UTC"
    assert written_date(noon.replace(tzinfo=None)) == "4 November 2026, 13:05 UTC"
    assert written_date(noon.replace(tzinfo=UTC)) == "4 November 2026, 13:05 UTC"


def test_a_fact_is_taken_apart_as_it_is_shown():
    value = Estimate(value=0.625, low=0.537, high=0.702, n=1200, clusters=40, method="")
    fact = Fact(fact_id="rate", label="Pass rate", value=value, unit="share")
    assert taken_apart(fact) == Shown("62.5", "%", "53.7 to 70.2 %", "n 1,200 in 40 scenarios")


def test_an_interval_of_another_level_says_so():
    value = Estimate(value=2, low=1, high=3, n=9, clusters=None, confidence=0.9, method="")
    shown = taken_apart(Fact(fact_id="score", label="Score", value=value, unit="score"))
    assert (shown.interval, shown.behind) == ("90 % interval 1 to 3", "n 9")
