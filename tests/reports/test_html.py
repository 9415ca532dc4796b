"""One file that fetches nothing, runs nothing, and says everything without a picture too."""

import os
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assay.contracts.estimate import Insufficient
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
from assay.reports import lay_out_comparison, render_html
from tests.reports.conftest import LEFT, MADE_AT, RIGHT, estimate

SNAPSHOT = Path(__file__).parent / "snapshots" / "small_report.html"
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7*7 }} {% raw %} </style>'


def small_report() -> Report:
    return Report(
        title="shop@v2 against shop@v1",
        headline="PROMOTE: it passes more often.",
        tone="good",
        made_at=datetime(2026, 11, 24, 13, 5, tzinfo=UTC),
        provenance={"Agent": "shop@v2"},
        caveats=("Ungated: nobody approved it.",),
        sections=(
            Section(
                title="The verdict",
                blocks=(
                    FactsBlock(
                        facts=(
                            Fact(
                                fact_id="rate",
                                label="Pass rate",
                                value=estimate(0.62, 0.5, 0.74),
                                unit="share",
                                conversation_ids=(LEFT, RIGHT),
                            ),
                            Fact(
                                fact_id="few", label="Rating", value=Insufficient(reason="2 users", n=2), unit="score"
                            ),
                        )
                    ),
                    ChartBlock(
                        chart="bars",
                        title="Trials",
                        points=(
                            ChartPoint(label="fixed", value=7, tone="good"),
                            ChartPoint(label="broken", value=1, tone="bad"),
                        ),
                    ),
                    TextBlock(text="Read `refund-late` **first**.\n\n- one\n- two"),
                ),
            ),
            Section(
                title="What flipped",
                blocks=(
                    TableBlock(
                        title="Flips",
                        columns=("Scenario", "Trials", ""),
                        rows=(
                            (Cell(text="refund-late", tone="bad", link=LEFT), Cell(text="2"), Cell(text="`x` fell")),
                        ),
                    ),
                    TranscriptBlock(
                        title="refund-late",
                        conversation_ids=(LEFT, RIGHT),
                        columns=(("Hello", "Which order?", ""), ("Hello", "Done.\n→ pay(order: J41)", "Thanks")),
                        names=("v1", "v2"),
                        roles=("user", "agent", "user"),
                    ),
                ),
            ),
        ),
    )


def structure(html: str) -> str:
    """Without the style sheet and without the insides of the pictures."""
    html = re.sub(r"<style>.*?</style>", "<style></style>", html, flags=re.DOTALL)
    html = re.sub(r"(<svg[^>]*>).*?</svg>", r"\1</svg>", html, flags=re.DOTALL)
    return "\n".join(line.strip() for line in html.splitlines() if line.strip()) + "\n"


def test_a_small_report_is_built_as_it_was():
    """RENEW_SNAPSHOTS=1 writes it anew; look at the difference before committing it."""
    found = structure(render_html(small_report(), links={LEFT: "https://traces.example/1"}))
    if os.environ.get("RENEW_SNAPSHOTS"):
        SNAPSHOT.write_text(found, encoding="utf-8")
    assert found == SNAPSHOT.read_text(encoding="utf-8")


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def page(comparison, conversations) -> Page:
    return Page(render_html(lay_out_comparison(comparison, made_at=MADE_AT, conversations=conversations)))


def test_nothing_is_fetched_and_nothing_runs(page):
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    policy = next(meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    style = render_html(small_report()).split("<style>")[1].split("</style>")[0]
    assert not re.search(r"@import|url\(|https?:", style)


def test_headings_go_down_one_level_at_a_time_and_each_section_is_named(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and set(levels) == {1, 2}
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {section["aria-labelledby"] for section in page.of("section")} <= ids
    assert {link["href"] for link in page.of("a") if (link["href"] or "").startswith("#")} <= {
        f"#{name}" for name in ids
    }


def test_every_picture_has_words_and_a_table_behind_it(page):
    pictures = page.of("svg")
    assert pictures and all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert len(page.of("details")) >= len(pictures) / 2  # wide and narrow share one table


def test_every_column_has_a_heading_that_says_so(page):
    assert all(heading.get("scope") in ("col", "row") for heading in page.of("th"))


def test_hostile_text_stays_text():
    cell = Cell(text=HOSTILE, link="javascript:alert(1)")
    report = small_report().replace(
        title=HOSTILE,
        headline=HOSTILE,
        caveats=(HOSTILE,),
        provenance={HOSTILE: HOSTILE},
        sections=(
            Section(
                title=HOSTILE,
                blocks=(
                    TextBlock(text=f"{HOSTILE} **{HOSTILE}** `{HOSTILE}`"),
                    FactsBlock(facts=(Fact(fact_id="a", label=HOSTILE, value=HOSTILE, unit="text"),)),
                    TableBlock(title=HOSTILE, columns=(HOSTILE,), rows=((cell,),)),
                    ChartBlock(chart="bars", title=HOSTILE, points=(ChartPoint(label=HOSTILE, value=1),)),
                    TranscriptBlock(
                        title=HOSTILE,
                        conversation_ids=(LEFT,),
                        columns=((f"{HOSTILE}\n→ {HOSTILE}",),),
                        names=(HOSTILE,),
                        roles=("agent",),
                    ),
                ),
            ),
        ),
    )
    html = render_html(report, links={LEFT: "javascript:alert(1)"})
    page = Page(html)
    assert not page.of("script") and not page.of("img")
    assert all((link["href"] or "").startswith("#") for link in page.of("a"))
    assert html.count("</style>") == 1
    assert "49" not in re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://x.example/1?a=1&b=2", True),
        ("/#/experiments/1", True),
        ("../traces/1.html", True),
        ("#t1", True),
        ("traces/1", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("vbscript:x", False),
    ],
)
def test_only_addresses_that_run_nothing_are_linked(address, linked):
    hrefs = [link["href"] for link in Page(render_html(small_report(), links={LEFT: address})).of("a")]
    assert (address in hrefs) is linked


def test_conversations_behind_a_number_are_linked_where_an_address_is_known():
    without = render_html(small_report())
    with_links = render_html(small_report(), links={LEFT: "https://t.example/l", RIGHT: "https://t.example/r"})
    assert "2 conversations</summary>" in with_links and "conversations</summary>" not in without
    assert with_links.count('href="https://t.example/l"') == 3  # the fact, the flip and the transcript


def test_turns_that_are_the_same_on_both_sides_are_said_once():
    html = render_html(small_report())
    assert html.count(">Hello<") == 1 and 'colspan="2"' in html


def test_too_little_data_is_shown_in_words():
    assert "Too little data: 2 users" in render_html(small_report())


def test_a_report_without_links_to_web_addresses_still_links_them():
    cell = Cell(text="the run", link="https://mlflow.example/runs/1")
    table = TableBlock(columns=("a",), rows=((cell,),))
    report = small_report().replace(sections=(Section(title="a", blocks=(table,)),))
    assert '<a href="https://mlflow.example/runs/1">the run</a>' in render_html(report)
