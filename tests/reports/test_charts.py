"""What a chart draws is all inside of it, no words touch, and no text of the data is read as markup."""

import math
import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.contracts.report import ChartBlock, ChartPoint
from assay.reports.charts import NARROW, WIDE, described, svg
from assay.reports.charts.lettering import cut, width, wrapped
from assay.reports.charts.scale import scale

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> & \"q\" 'a' ]]> </svg> {{x}} \x00\x07\ufffe"
SIZES = {"label": 13, "heading": 13, "number": 13, "tick": 11.5, "note": 11.5, "cell": 11.5, "none": 11.5, "name": 11.5}

labels = st.one_of(st.text(max_size=60), st.sampled_from([HOSTILE, "", "w" * 80, "退款未到账" * 8]))
units = st.sampled_from(["share", "difference", "seconds", "tokens", "usd", "count", "score"])


@st.composite
def charts(draw, most: int = 8, names=labels) -> ChartBlock:
    unit = draw(units)
    reach = {"share": (0.0, 1.0), "difference": (-1.0, 1.0)}.get(unit, (-1e12, 1e12))
    values = st.floats(*reach, allow_nan=False)
    points = []
    for _ in range(draw(st.integers(0, most))):
        low, value, high = sorted(draw(st.tuples(values, values, values)))
        ranged = draw(st.booleans())
        points.append(
            ChartPoint(
                label=draw(names),
                value=value,
                low=low if ranged else None,
                high=high if ranged else None,
                group=draw(st.one_of(st.just(""), names)),
                tone=draw(st.sampled_from(["plain", "good", "bad", "unsure"])),
            )
        )
    return ChartBlock(
        chart=draw(st.sampled_from(["bars", "forest", "line", "heatmap"])),
        title=draw(names),
        points=tuple(points),
        x_label=draw(st.sampled_from(["", "pass rate", "← champion better | challenger better →"])),
        unit=unit,
        reference=draw(st.one_of(st.none(), values)),
        reference_label=draw(names),
    )


def parsed(block: ChartBlock, room: int) -> ElementTree.Element:
    return ElementTree.fromstring(svg(block, room))


def numbers(element: ElementTree.Element) -> list[float]:
    found = []
    for name, value in element.attrib.items():
        if name in {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "rx", "fill-opacity"}:
            found.append(float(value))
        elif name in {"points", "viewBox"}:
            found += map(float, value.replace(",", " ").split())
        elif name == "transform":
            found += map(float, re.findall(r"-?[\d.]+", value))
    return found


def box(text: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of words that stand upright."""
    size = SIZES[text.attrib["class"].split()[0]]
    # Lettering errs on the wide side, so words that touch by its measure do not in print.
    wide, x, y = 0.88 * width(text.text or "", size), float(text.attrib["x"]), float(text.attrib["y"])
    left = {"middle": x - wide / 2, "end": x - wide}.get(text.attrib.get("text-anchor", ""), x)
    return left, y - 0.74 * size, left + wide, y + 0.2 * size


@pytest.mark.parametrize("room", [WIDE, NARROW])
@settings(max_examples=150, deadline=None)
@given(block=charts())
@example(block=ChartBlock(chart="bars", title="", points=(ChartPoint(label="", value=1e300, low=-1e300, high=1e308),)))
@example(block=ChartBlock(chart="line", title="", points=(ChartPoint(label="", value=5e-324),), unit="score"))
def test_every_shape_is_a_number_inside_the_view_box(block: ChartBlock, room: int):
    root = parsed(block, room)
    _, _, wide, high = numbers(root)
    for element in root.iter():
        assert all(map(math.isfinite, numbers(element))), element.attrib
        points = [float(n) for n in element.attrib.get("points", "").replace(",", " ").split()]
        xs = [float(element.attrib[name]) for name in ("x", "x1", "x2", "cx") if name in element.attrib] + points[::2]
        ys = [float(element.attrib[name]) for name in ("y", "y1", "y2", "cy") if name in element.attrib] + points[1::2]
        if element.tag == f"{NS}rect":
            xs.append(xs[0] + float(element.attrib["width"]))
            ys.append(ys[0] + float(element.attrib["height"]))
        assert all(-0.1 <= x <= wide + 0.1 for x in xs), (element.tag, element.attrib)
        assert all(-0.1 <= y <= high + 0.1 for y in ys), (element.tag, element.attrib)


@pytest.mark.parametrize("room", [WIDE, NARROW])
@settings(max_examples=150, deadline=None)
@given(block=charts(names=st.text("abc mWi-", max_size=50)))
def test_no_words_touch_and_none_leave_the_picture(block: ChartBlock, room: int):
    root = parsed(block, room)
    _, _, wide, high = numbers(root)
    texts = [t for t in root.iter(f"{NS}text") if (t.text or "").strip() and "transform" not in t.attrib]
    # A line's reference is named on the line, where values may lie as well.
    texts = [t for t in texts if not (block.chart == "line" and t.attrib["class"] == "note")]
    boxes = [(t.text, box(t)) for t in texts]
    for words, (left, top, right, bottom) in boxes:
        assert left >= -1 and right <= wide + 1 and top >= -2 and bottom <= high + 2, words
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5
        assert apart, f"{one!r} touches {other!r}"


@pytest.mark.parametrize("room", [WIDE, NARROW])
@settings(max_examples=60, deadline=None)
@given(block=charts())
def test_the_picture_keeps_a_fifth_of_the_room_whatever_its_labels(block: ChartBlock, room: int):
    if block.chart in ("bars", "forest") and block.points:
        lines = [e for e in parsed(block, room).iter() if e.attrib.get("class") in ("grid", "zero")]
        ends = [float(line.attrib["x1"]) for line in lines]
        assert ends[-1] - ends[0] > room * 0.2


@pytest.mark.parametrize("chart", ["bars", "forest", "line", "heatmap"])
def test_hostile_labels_are_text_and_nothing_else(chart):
    point = ChartPoint(label=HOSTILE, value=0.5, low=0.1, high=0.9, group=HOSTILE)
    drawn = svg(
        ChartBlock(chart=chart, title=HOSTILE, points=(point,), x_label=HOSTILE, reference=0.2, reference_label=HOSTILE)
    )
    tags = {element.tag.removeprefix(NS) for element in ElementTree.fromstring(drawn).iter()}
    assert tags <= {"svg", "g", "title", "text", "line", "rect", "circle", "polygon", "polyline"}
    assert "<script" not in drawn


def test_an_empty_chart_says_so():
    drawn = svg(ChartBlock(chart="forest", title="Slices", points=()))
    assert "There is nothing to draw." in drawn
    assert 'aria-label="Forest plot: Slices. No data."' in drawn


def test_a_screen_reader_hears_the_kind_the_title_and_the_ends():
    points = (ChartPoint(label="easy", value=0.9), ChartPoint(label="hard", value=0.4))
    drawn = svg(ChartBlock(chart="bars", title="Pass rate", points=points, unit="share"))
    assert 'aria-label="Bar chart: Pass rate. 2 values; most easy with 90.0 % and least hard with 40.0 %."' in drawn


def test_a_margin_is_drawn_beside_zero_and_what_lies_beyond_is_shaded():
    block = ChartBlock(
        chart="forest",
        title="",
        unit="difference",
        points=(ChartPoint(label="", value=0.01, low=-0.02, high=0.04),),
        reference=-0.05,
        reference_label="accepted loss",
    )
    root = ElementTree.fromstring(svg(block))
    by_class = {element.attrib.get("class"): element for element in root.iter()}
    assert float(by_class["reference"].attrib["x1"]) < float(by_class["zero"].attrib["x1"])
    shaded = by_class["beyond"].attrib
    assert float(shaded["x"]) + float(shaded["width"]) == pytest.approx(
        float(by_class["reference"].attrib["x1"]), abs=0.2
    )


def test_tones_differ_in_shape_and_not_in_colour_alone():
    points = tuple(ChartPoint(label=tone, value=1, tone=tone) for tone in ("plain", "good", "bad", "unsure"))
    root = ElementTree.fromstring(svg(ChartBlock(chart="forest", title="", points=points)))
    shapes = set()
    for tone in ("plain", "good", "bad", "unsure"):
        found = next(e for e in root.iter() if e.attrib.get("class") == f"mark t-{tone}")
        corners = [tuple(map(float, corner.split(","))) for corner in found.attrib.get("points", "").split()]
        middle = sum(y for _, y in corners) / len(corners) if corners else 0
        upwards = sum(y < middle for _, y in corners)
        shapes.add((found.tag, len(corners), upwards))
    assert len(shapes) == 4


def test_the_data_table_has_a_row_a_point():
    points = (
        ChartPoint(label="easy", group="difficulty", value=0.9, low=0.8, high=0.95),
        ChartPoint(label="hard", value=0.4),
    )
    rows = described(ChartBlock(chart="forest", title="", points=points, unit="share"))
    assert rows == [("difficulty", "easy", "90.0 %", "80.0 to 95.0 %"), ("", "hard", "40.0 %", "")]


@given(st.lists(st.floats(-1e15, 1e15), max_size=6), st.integers(2, 8))
def test_ticks_rise_evenly_around_the_values(values, parts):
    ticks = scale(values, parts=parts).ticks
    assert 2 <= len(ticks) <= 2 * parts + 4
    assert all(a < b for a, b in pairwise(ticks))
    slack = 1e-6 * (ticks[-1] - ticks[0])
    assert all(ticks[0] - slack <= value <= ticks[-1] + slack for value in values)


def test_whole_numbers_have_no_ticks_between():
    assert scale([0, 2], whole=True).ticks == (0, 1, 2)


@given(st.text(max_size=80), st.floats(20, 300), st.integers(1, 3))
def test_wrapped_text_fits_its_room(text, room, lines):
    found = wrapped(text, 13, room, lines)
    assert 1 <= len(found) <= lines
    assert all(width(line, 13) <= room + 1e-9 or len(line) <= 1 for line in found)


@given(st.text("ab -", max_size=30))
def test_text_with_room_enough_is_not_cut(text):
    assert cut(text, 13, 1000) == text
    assert " ".join(wrapped(text, 13, 1000, 1)) == " ".join(text.split())
