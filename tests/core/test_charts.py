"""Charts: specifications as JSON, and SVG that stands alone."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from mlc_data.core import charts

ROWS = [{"step": step, "a": step / 2, "b": 0.5} for step in range(1, 5)]
INTERVALS = [
    {"language": "Swahili", "figure": figure, "when": when, "value": value, "low": value - 0.2, "high": value + 0.1}
    for figure, value in (("harmful refused", 0.5), ("difference", 0.1))
    for when in ("before", "after")
]  # fmt: skip


def curves(**options: Any) -> charts.Spec:
    return charts.lines(
        ROWS, "step", {"a": "first", "b": "second"}, title="both", palette=charts.PRINT, **options
    )


def encodings(spec: Any, channel: str) -> list[Any]:
    """Every encoding of a channel, wherever it is."""
    if isinstance(spec, dict):
        own = [spec["encoding"][channel]] if channel in spec.get("encoding", {}) else []
        return own + [found for value in spec.values() for found in encodings(value, channel)]
    if isinstance(spec, list):
        return [found for value in spec for found in encodings(value, channel)]
    return []


def test_a_specification_is_json() -> None:
    spec = curves(rule=("floor", 0.1))
    assert json.loads(json.dumps(spec)) == spec
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")


def test_curves_have_the_colours_of_the_palette_in_order() -> None:
    color = encodings(curves(), "color")[0]
    assert color["scale"] == {"domain": ["first", "second"], "range": list(charts.PRINT.series[:2])}


def test_a_single_curve_needs_no_legend() -> None:
    spec = charts.lines(ROWS, "step", {"a": "first"}, title="", palette=charts.PRINT)
    assert encodings(spec, "color")[0]["legend"] is None


def test_a_missing_value_is_no_point() -> None:
    rows = [{"step": 1, "a": None}, {"step": 2, "a": 0.5}]
    spec = charts.lines(rows, "step", {"a": "first"}, title="", palette=charts.PRINT)
    assert [row["step"] for values in spec["datasets"].values() for row in values] == [2]


def test_a_difference_has_room_below_zero_and_a_share_has_not() -> None:
    low = charts.intervals(INTERVALS, ["difference"], title="", palette=charts.PRINT)
    share = charts.intervals(INTERVALS, ["harmful refused"], title="", palette=charts.PRINT)
    assert encodings(low, "x")[0]["scale"]["domain"] == [-1, 1]
    assert encodings(share, "x")[0]["scale"]["domain"] == [0, 1]


PARTS = [
    {"language": language, "part": part, "number": number}
    for language, kept in (("Swahili", 5), ("Spanish", 9))
    for part, number in (("kept", kept), ("rare", 0), *((f"reason {place}", 1) for place in range(9)))
]  # fmt: skip


def test_a_bar_begins_with_what_is_kept_and_ends_with_what_is_rare() -> None:
    spec = charts.stacked(PARTS, "kept", title="", palette=charts.PRINT)
    (color,) = encodings(spec, "color")
    domain, colors = color["scale"]["domain"], color["scale"]["range"]
    assert domain[0] == "kept"
    assert domain[-1] == "others"
    assert len(domain) == len(set(colors)) == 1 + len(charts.REASONS)
    assert encodings(spec, "y")[0]["sort"] == ["Swahili", "Spanish"]


def test_no_part_is_lost_among_the_others() -> None:
    spec = charts.stacked(PARTS, "kept", title="", palette=charts.PRINT)
    ((rows,),) = [list(spec["datasets"].values())]
    assert sum(row["number"] for row in rows) == sum(row["number"] for row in PARTS)


def test_a_picture_stands_on_white() -> None:
    drawn = charts.picture(charts.stacked(PARTS, "kept", title="", palette=charts.PRINT))
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert 'fill="white"' in drawn or "background" in drawn


def test_many_languages_differ_by_colour_or_shape() -> None:
    names = [f"language {number}" for number in range(9)]
    rows = [{"x": 0.1, "y": 0.2, "language": name, "when": "before"} for name in names]
    spec = charts.points(rows, title="", palette=charts.PRINT, names=names)
    colors = encodings(spec, "color")[0]["scale"]["range"]
    shapes = encodings(spec, "shape")[0]["scale"]["range"]
    assert len(set(zip(colors, shapes, strict=True))) == len(names)


@pytest.fixture(scope="module")
def drawn() -> str:
    return charts.svg(curves(), "both")


def test_the_svg_is_one_document_hidden_from_screen_readers(drawn: str) -> None:
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["aria-hidden"] == "true"
    assert not re.search(r'\b(role|aria-label)="', drawn)


def test_the_svg_is_the_same_each_time(drawn: str) -> None:
    assert charts.svg(curves(), "both") == drawn


def test_charts_on_one_page_share_no_id() -> None:
    spec = charts.points(
        [{"x": 0.1, "y": 0.2, "language": "Swahili", "when": "before"}],
        title="", palette=charts.PAGE, names=["Swahili"],
    )  # fmt: skip
    first, second = (re.findall(r'\bid="([^"]+)"', charts.svg(spec, name)) for name in "ab")
    assert not set(first) & set(second)


def test_texts_in_a_chart_stay_text() -> None:
    spec = charts.lines(ROWS, "step", {"a": "</svg><script>"}, title="<b>", palette=charts.PAGE)
    assert "<script>" not in charts.svg(spec, "x")
