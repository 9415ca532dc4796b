"""A PDF that says what the HTML says, with no text of the data read as markup."""

import io

import pytest
from pypdf import PdfReader

from assay.contracts.report import (
    Cell,
    ChartBlock,
    ChartPoint,
    Fact,
    FactsBlock,
    Report,
    Section,
    TableBlock,
    TextBlock,
    TranscriptBlock,
)
from assay.reports import lay_out_comparison, render_pdf
from assay.reports.pdf import _drawn
from tests.reports.conftest import LEFT, MADE_AT

HOSTILE = '#set text(red) $x^2$ @ref <label> [b] *b* _i_ `raw` \\ // /* */ #import "x" "} ~ -- \x07'


def text_of(pdf: bytes) -> str:
    """The words of all pages, a form feed between two."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return "\f".join(page.extract_text(extraction_mode="layout") for page in pages)


@pytest.fixture
def report(comparison, conversations) -> Report:
    return lay_out_comparison(comparison, made_at=MADE_AT, conversations=conversations)


def test_it_is_a_pdf_of_a_few_pages_and_less_than_a_megabyte(report):
    pdf = render_pdf(report)
    assert pdf.startswith(b"%PDF-1.") and pdf.rstrip().endswith(b"%%EOF")
    assert 10_000 < len(pdf) < 1_000_000


def test_it_says_what_the_report_says(report):
    text = text_of(render_pdf(report))
    for words in (
        "shop@v2 against shop@v1",
        "REJECT",
        "The challenger is worse by more than 5 points",
        "uncalibrated",
        "Which order?",
        "issue_refund",
        "What it takes to repeat this",
        "24 November 2026, 13:05 UTC",
    ):
        assert words in text, words
    assert text.count("\f") <= 5


def test_the_same_report_gives_the_same_bytes(report):
    assert render_pdf(report) == render_pdf(report)


def test_hostile_text_stays_text(tmp_path):
    report = Report(
        title=HOSTILE,
        headline=HOSTILE,
        tone="bad",
        made_at=MADE_AT,
        provenance={HOSTILE: "f" * 64},
        caveats=(HOSTILE,),
        sections=(
            Section(
                title=HOSTILE,
                blocks=(
                    TextBlock(text=f"{HOSTILE}\n\n- {HOSTILE}"),
                    FactsBlock(facts=(Fact(fact_id="a", label=HOSTILE, value=HOSTILE, unit="text"),)),
                    FactsBlock(facts=()),
                    TableBlock(title=HOSTILE, columns=(HOSTILE, ""), rows=((Cell(text=HOSTILE, link="file:///x"),),)),
                    TableBlock(columns=(), rows=()),
                    ChartBlock(chart="bars", title=HOSTILE, points=(ChartPoint(label=HOSTILE, value=1),)),
                    ChartBlock(chart="forest", title="", points=()),
                    TranscriptBlock(
                        title=HOSTILE,
                        conversation_ids=(LEFT,),
                        columns=((f"{HOSTILE}\n→ {HOSTILE}", ""),),
                        names=(HOSTILE,),
                        roles=("agent", "user"),
                    ),
                ),
            ),
        ),
    )
    text = text_of(render_pdf(report))
    assert "#set text(red) $x^2$ @ref <label>" in text


def test_paper_has_fixed_colours_and_a_face_that_comes_with_typst():
    drawn = _drawn(ChartBlock(chart="forest", title="", points=(ChartPoint(label="a", value=1),)))
    assert "var(" not in drawn and "Libertinus Serif" in drawn


def test_it_meets_the_standard_for_accessible_pdf(report):
    import json

    import typst

    from assay.reports.pdf import _plain, _template

    pdf = typst.compile(_template(), sys_inputs={"report": json.dumps(_plain(report))}, pdf_standards="ua-1")
    assert pdf.startswith(b"%PDF")
