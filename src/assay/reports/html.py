"""A report as one HTML file: styles and charts inline, nothing fetched, no script needed."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from assay.contracts.report import ChartBlock, Report
from assay.reports.charts import NARROW, STYLES, WIDE, described, svg
from assay.reports.markup import coded, parse
from assay.reports.palette import DARK, LIGHT, MARKS, css
from assay.reports.shown import taken_apart
from assay.reports.words import across, column_kinds, lead_in, said, split_headline, written_date

FOLDER = Path(__file__).parent / "templates"

ADDRESS = re.compile(r"https?://|mailto:|[/#?.]|[\w%-]+(?:[/?#.]|$)", re.IGNORECASE)
"""What may be linked to: the web, mail, and places relative to the report. Never `javascript:` and its like."""


def render_html(report: Report, *, links: Mapping[str, str] | None = None) -> str:
    """`links` gives the address of a conversation by its id; ids without one stay text."""
    known = {name: address for name, address in (links or {}).items() if _may_link(address)}
    return _template().render(
        report=report,
        links=known,
        made_at=written_date(report.made_at),
        verdict=split_headline(report.headline),
        mark=MARKS[report.tone],
        marks=MARKS,
        style=_style(),
    )


def _may_link(address: str) -> bool:
    return ADDRESS.match(address) is not None


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "apart": taken_apart,
        "markup": parse,
        "coded": coded,
        "wide": _wide,
        "narrow": _narrow,
        "described": described,
        "said": said,
        "across": across,
        "lead_in": lead_in,
        "kinds": column_kinds,
    }
    environment.tests["address"] = lambda link: link.startswith(("http://", "https://"))
    return environment.get_template("report.html")


@lru_cache(maxsize=1)
def _style() -> Markup:
    page = (FOLDER / "report.css").read_text(encoding="utf-8")
    colours = (
        f":root {{ {css(LIGHT)} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {css(DARK)} }} }}\n"
    )
    return Markup(colours + page + STYLES)  # noqa: S704, our own files


def _wide(block: ChartBlock) -> Markup:
    return Markup(svg(block, WIDE))  # noqa: S704, charts escape every word


def _narrow(block: ChartBlock) -> Markup:
    return Markup(svg(block, NARROW))  # noqa: S704, charts escape every word
