"""A report as one HTML file: styles and charts inline, nothing fetched, no script needed."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from assay.contracts.report import ChartBlock, Report
from assay.evaluation.facts import show
from assay.reports.charts import described, svg
from assay.reports.markup import parse

FOLDER = Path(__file__).parent / "templates"

SYMBOLS = {"good": "▲", "bad": "▼", "unsure": "◆", "plain": "●"}


def render_html(report: Report, *, links: Mapping[str, str] | None = None) -> str:
    """`links` gives the address of a conversation by its id; ids without one stay text."""
    return _template().render(report=report, links=links or {}, symbol=SYMBOLS[report.tone], style=_style())


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"show": show, "markup": parse, "chart": _chart, "described": _described}
    return environment.get_template("report.html")


@lru_cache(maxsize=1)
def _style() -> Markup:
    return Markup((FOLDER / "report.css").read_text(encoding="utf-8"))  # noqa: S704, our own file


def _chart(block: ChartBlock) -> Markup:
    return Markup(svg(block))  # noqa: S704, charts.py escapes every label


def _described(block: ChartBlock) -> list[tuple[str, str]]:
    return described(block.points, block.unit)
