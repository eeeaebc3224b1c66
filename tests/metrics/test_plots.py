"""Charts: where numbers lie, which ticks stand beside them, and that nothing escapes its words."""

import math
import re
import xml.etree.ElementTree as ET

import pytest

from stylegen.metrics.plots import Line, Mark, chart, line_axes
from stylegen.metrics.plots_axes import HEIGHT, WIDTH, Axis, Frame, axis_for, number, ticks_of
from stylegen.metrics.plots_forest import FARTHEST, Lying, forest
from stylegen.metrics.plots_histogram import histogram_chart
from stylegen.metrics.report_sections import Histogram, count_between, shared_edges


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def of_class(root: ET.Element, kind: str) -> list[ET.Element]:
    return [e for e in root.iter() if kind in (e.get("class") or "").split()]


def points(element: ET.Element) -> list[tuple[float, float]]:
    pairs = (element.get("points") or "").split()
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)]


def texts(root: ET.Element) -> list[str]:
    return [e.text or "" for e in root.iter("text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.1, 0.2, ["0.10", "0.12", "0.14", "0.16", "0.18", "0.20"]),
        (0, 12, ["0.0", "2.5", "5.0", "7.5", "10.0"]),
        (-3, 2, ["-3", "-2", "-1", "0", "1", "2"]),
        (0, 50_000, ["0", "10,000", "20,000", "30,000", "40,000", "50,000"]),
    ],
)
def test_linear_ticks_are_round(low: float, high: float, expected: list[str]) -> None:
    ticks = ticks_of(Axis(label="", low=low, high=high), 5)
    assert [text for _, text in ticks] == expected
    for value, text in ticks:
        assert value == pytest.approx(float(text.replace(",", "")), abs=1e-12)


def test_logarithmic_ticks_are_powers_or_few() -> None:
    wide = ticks_of(Axis(label="", low=1e-5, high=1e3, log=True), 5)
    assert [text for _, text in wide] == ["10⁻⁵", "10⁻³", "10⁻¹", "10¹", "10³"]
    narrow = ticks_of(Axis(label="", low=1.5, high=30, log=True), 5)
    assert [text for _, text in narrow] == ["2", "5", "10", "20"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12.345, "12.3"), (0.5, "0.5"), (0.01234, "0.0123"), (1234.5, "1,234"),
     (2.5e7, "2.5e7"), (3e-5, "3e-5"), (-1.5, "-1.5"), (100.4, "100")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_a_frame_maps_linearly_and_logarithmically() -> None:
    axis = Axis(label="", low=1, high=100)
    frame = Frame(axis, Axis(label="", low=1, high=100, log=True), top=20)
    assert frame.x(1) == frame.left
    assert frame.x(100) == frame.right
    assert frame.x(50.5) == pytest.approx((frame.left + frame.right) / 2)
    assert frame.y(1) == frame.bottom
    assert frame.y(10) == pytest.approx((frame.top + frame.bottom) / 2)


def test_lines_lie_where_their_points_are() -> None:
    x, y = Axis(label="x", low=0, high=4), Axis(label="y", low=0, high=10)
    line = Line(label="", points=[(0, 0), (2, 5), (4, 10)], errors=[1, 1, 1])
    root = parse(chart(x, y, [line], "three points"))
    frame = Frame(x, y, top=35)
    drawn = points(of_class(root, "ln")[0])
    assert drawn[0] == pytest.approx((frame.left, frame.bottom), abs=0.06)
    assert drawn[2] == pytest.approx((frame.right, frame.top), abs=0.06)
    assert drawn[1] == pytest.approx(
        ((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2), abs=0.06
    )
    band = points(of_class(root, "bd")[0])
    unit = (frame.bottom - frame.top) / 10
    assert [y for _, y in band[:3]] == pytest.approx([y + unit for _, y in drawn], abs=0.11)
    assert [y for _, y in band[3:]] == pytest.approx([y - unit for _, y in drawn[::-1]], abs=0.11)


def test_points_that_are_not_joined_have_bars() -> None:
    line = Line(label="", points=[(1, 5), (3, 5)], errors=[2, None], joined=False)
    root = parse(chart(*line_axes("x", "y", [line]), [line], "words"))
    assert not of_class(root, "bd")
    (bar,) = of_class(root, "ln")
    assert points(bar)[0][0] == points(bar)[1][0]


def test_axes_hold_lines_with_their_bands() -> None:
    line = Line(label="", points=[(10, 5.0), (20, 6.0)], errors=[1.5, None])
    x, y = line_axes("x", "y", [line])
    assert x.low <= 10 < 20 <= x.high
    assert y.low <= 3.5 < 6.5 <= y.high


@pytest.mark.parametrize("values", [[], [3.0], [0.0, 0.0], [-1e-9, 1e9]])
def test_an_axis_has_always_a_length(values: list[float]) -> None:
    axis = axis_for("x", values)
    assert axis.high > axis.low
    assert ticks_of(axis, 5)
    assert axis.low >= 0 or min(values) < 0


def test_words_cannot_leave_the_drawing() -> None:
    evil = '"><script>alert(1)</script>'
    lines = [Line(label=evil, points=[(0, 1), (1, 2)], names=[evil, evil]) for _ in range(2)]
    svg = chart(*line_axes(evil, evil, lines), lines, evil, [Mark(x=0, y=1, text=evil)])
    root = parse(svg)
    assert not list(root.iter("script"))
    assert root.get("aria-label") == evil
    assert texts(root).count(evil) >= 3


def test_marks_near_each_other_do_not_lie_on_each_other() -> None:
    lines = [Line(label="", points=[(0, 0), (0.97, 1), (1, 1)])]
    marks = [Mark(x=0.97, y=1, text="1,400 best"), Mark(x=1, y=1, text="1,600")]
    root = parse(chart(*line_axes("x", "y", lines), lines, "words", marks))
    first, second = (e for e in of_class(root, "mk"))
    assert float(first.get("y") or 0) != float(second.get("y") or 0)


def test_a_histogram_shows_shares_of_its_own_values() -> None:
    small = Histogram(label="few", edges=(0.0, 1.0, 2.0), counts=(1, 3), values=4)
    large = Histogram(label="many", edges=(0.0, 1.0, 2.0), counts=(1000, 3000), values=4000)
    root = parse(histogram_chart([small, large], "x", "words"))
    outlines = [e for e in of_class(root, "ln") if len(points(e)) > 2]
    assert points(outlines[0]) == points(outlines[1])
    bottom = max(y for _, y in points(outlines[0]))
    heights = sorted({bottom - y for _, y in points(outlines[0])})
    assert heights[2] / heights[1] == pytest.approx(3, rel=0.01)


def test_a_level_outside_the_histogram_is_within_the_chart() -> None:
    one = Histogram(label="x", edges=(5.0, 6.0, 7.0), counts=(1, 1), values=2)
    root = parse(histogram_chart([one], "x", "words", level=(1.0, "here")))
    places = [x for x, _ in points(of_class(root, "lv")[0])]
    ends = [x for e in of_class(root, "gr") for x, _ in points(e)]
    assert min(ends) <= places[0] <= max(ends)


def test_counting_between_edges_keeps_what_lies_outside() -> None:
    found = count_between("x", [-5.0, 0.5, 1.5, 1.5, 99.0], [0.0, 1.0, 2.0])
    assert found.counts == (2, 3)
    assert found.values == 5
    assert shared_edges([1.0, 2.0], [0.0, 4.0], bins=4) == (0.0, 1.0, 2.0, 3.0, 4.0)


def test_a_forest_holds_the_farthest_at_its_edge() -> None:
    rows = [("a", [Lying(1e9, 0, "far"), Lying(-1e9, 1, "far")]), ("b", [Lying(0.0, 0, "none")])]
    root = parse(forest(rows, {0: "B", 1: "C"}, "z", "words"))
    far = [float(e.get("cx") or 0) for e in of_class(root, "dt") if e.tag.endswith("circle")]
    assert max(far) <= WIDTH
    assert far[1] == pytest.approx(float((points(of_class(root, "lv")[0]))[0][0]), abs=0.1)
    assert f"{FARTHEST:g}" == "12"


def test_text_stays_within_the_width() -> None:
    lines = [
        Line(label=f"a series of a long name {i}", points=[(0, 1e5), (1, 2e5)]) for i in range(4)
    ]
    root = parse(chart(*line_axes("x", "y", lines), lines, "words"))
    assert root.get("viewBox") == f"0 0 {WIDTH:.0f} {HEIGHT:.0f}"
    for element in root.iter("text"):
        width = 7.2 * len(element.text or "")
        x = float(element.get("x") or 0)
        anchor = element.get("text-anchor")
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[anchor or "start"]
        assert left > -8
        assert left + width < WIDTH + 8


def test_no_number_in_a_chart_is_undefined() -> None:
    lines = [Line(label="", points=[(math.pi, 1.0)], errors=[0.0])]
    svg = chart(*line_axes("x", "y", lines), lines, "one point")
    assert not re.search(r"\b(nan|inf)\b", svg)
