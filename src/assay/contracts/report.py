"""One report contract behind HTML, PDF and JSON: a verdict, a picture, a table, the method, in that order."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.base import Contract, Document, Finite, Text
from assay.contracts.estimate import Estimate, Insufficient


class Fact(Contract):
    """A number that code computed. Prose may speak of it only as `{fact_id}`, which is replaced by its value."""

    fact_id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$")]
    label: Text
    value: Estimate | Insufficient | int | Finite | str
    unit: Literal["share", "difference", "seconds", "tokens", "usd", "count", "score", "text"] = "count"
    conversation_ids: tuple[str, ...] = ()
    """The conversations behind it, at most 50."""


class TextBlock(Contract):
    kind: Literal["text"] = "text"
    text: str
    """Plain paragraphs, `- ` lists, **bold** and `code`; no raw HTML."""


class FactsBlock(Contract):
    """A few numbers, large."""

    kind: Literal["facts"] = "facts"
    facts: tuple[Fact, ...]


class Cell(Contract):
    text: str
    link: str | None = None
    """A conversation's id, or a URL; None: no link."""
    tone: Literal["plain", "good", "bad", "unsure"] = "plain"


class TableBlock(Contract):
    kind: Literal["table"] = "table"
    title: str = ""
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class ChartPoint(Contract):
    label: str
    value: Finite
    low: Finite | None = None
    high: Finite | None = None
    group: str = ""
    tone: Literal["plain", "good", "bad", "unsure"] = "plain"


class ChartBlock(Contract):
    """`bars` and `forest` take points (with intervals where there are some), `heatmap` takes label x group."""

    kind: Literal["chart"] = "chart"
    chart: Literal["bars", "forest", "line", "heatmap"]
    title: str
    points: tuple[ChartPoint, ...]
    x_label: str = ""
    unit: Literal["share", "difference", "seconds", "tokens", "usd", "count", "score"] = "count"
    reference: Finite | None = None
    """A line to compare with, such as 0 or a margin; None: no line."""
    reference_label: str = ""


class TranscriptBlock(Contract):
    """One conversation, or two side by side with their turns aligned."""

    kind: Literal["transcript"] = "transcript"
    title: str
    conversation_ids: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    """One tuple a conversation: what was said at each aligned turn; empty where that side has no such turn."""
    names: tuple[str, ...]
    """The columns' headings."""
    roles: tuple[Literal["user", "agent"], ...]
    """Who speaks at each aligned turn."""


Block = Annotated[TextBlock | FactsBlock | TableBlock | ChartBlock | TranscriptBlock, Field(discriminator="kind")]


class Section(Contract):
    title: Text
    blocks: tuple[Block, ...]


class Report(Document):
    """What a person reads. Laid out by `reports/`, the same in HTML, PDF and JSON."""

    title: Text
    headline: Text
    """One sentence that a project manager can act on."""
    tone: Literal["plain", "good", "bad", "unsure"] = "plain"
    made_at: datetime
    provenance: dict[str, str]
    """Agent, dataset, judge and rubric versions, the run, the git revision: what it takes to repeat it."""
    caveats: tuple[Text, ...] = ()
    """Made offline, uncalibrated, ungated: what a reader must know first."""
    sections: tuple[Section, ...]
