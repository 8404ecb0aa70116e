"""Charts: what they say to everybody, and that nothing a user wrote becomes markup."""

from __future__ import annotations

import json
import re
from html import unescape
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxm.charts import (
    Bar,
    EmotionStep,
    Note,
    TrendPoint,
    distribution,
    emotion_lane,
    figure,
    figure_with_interval,
    heat_class,
    signed_change,
    sparkline,
    trend,
)

EVIL = "</desc><script>alert(1)</script>\" onload='x'"


def point(label: str, value: float | None, n: int = 100) -> TrendPoint:
    if value is None:
        return TrendPoint(label, f"Week of {label}", None, None, None, 0)
    return TrendPoint(label, f"Week of {label}", value, value - 14, value + 12, n)


def shapes(markup: str, tag: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(f"<root>{markup}</root>")
    return [element for element in root.iter() if element.tag.split("}")[-1] == tag]


# Figures


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (38.2, "points", "+38"),
        (-56.7, "points", "−57"),
        (0, "points", "0"),
        (-0.4, "points", "0"),
        (2.5, "points", "+3"),
        (80.6, "percent", "81\u202f%"),
        (5.25, "mean", "5.3"),
        (None, "points", "–"),
    ],
)
def test_figures_are_printed_as_people_write_them(value, unit, text):
    assert figure(value, unit) == text


def test_interval_stands_beside_the_score_without_plus_minus():
    assert figure_with_interval(38.4, 33.6, 43.1, "points") == "+38 (34 to 43)"
    assert figure_with_interval(-76.7, -87, -59.5, "points") == "−77 (−87 to −60)"
    assert figure_with_interval(None, None, None, "points") == "–"


def test_change_carries_its_sign():
    assert [signed_change(9.2, "points"), signed_change(-1.8, "mean"), signed_change(0.2, "percent")] == [
        "+9",
        "−1.8",
        "0",
    ]


# Trend


def test_trend_is_an_image_with_title_and_finding():
    markup = trend([point("1 Sep", 22), point("8 Sep", 2), point("15 Sep", 44)], id="t", title="NPS by week", target=35)
    wide, narrow = shapes(markup, "svg")
    assert wide.get("role") == narrow.get("role") == "img"
    finding = shapes(markup, "desc")[0].text
    assert "From +22 (Week of 1 Sep) to +44 (Week of 15 Sep)." in finding
    assert "Lowest +2 (Week of 8 Sep)" in finding
    assert "The target of +35 was met in 1 of 3 periods." in finding


def test_ids_differ_between_the_two_drawings():
    ids = re.findall(r' id="([^"]+)"', trend([point("a", 1), point("b", 2)], id="t", title="x"))
    assert len(ids) == len(set(ids)) == 4


def test_points_of_few_answers_are_hollow():
    markup = trend([point("a", 10, n=30), point("b", 12, n=29)], id="t", title="x", paint="css")
    assert [circle.get("class") for circle in shapes(markup, "circle")][:2] == ["cx-pt-on", "cx-pt"]


def test_line_breaks_where_nobody_answered():
    values = [1, 2, None, 4, 5]
    markup = trend([point(str(i), v) for i, v in enumerate(values)], id="t", title="x", paint="literal")
    assert len(shapes(markup, "polyline")) == 2
    assert len(shapes(markup, "circle")) == 4


def test_reader_hears_every_period_with_interval_and_answers():
    markup = trend([point("a", 10, n=12), point("b", None)], id="t", title="x")
    tips = json.loads(unescape(re.search(r'data-tips="([^"]*)"', markup)[1]))
    assert tips == ["Week of a\n+10 (−4 to 22)\n12 answers (weak)", "Week of b\n0 answers"]


def test_notes_are_words_when_wide_and_letters_when_narrow():
    markup = trend([point("a", 1), point("b", 2)], id="t", title="x", notes=[Note(0, "Price letter"), Note(9, "Off")])
    texts = [text.text for text in shapes(markup, "text")]
    assert "Price letter" in texts and "A" in texts and "Off" not in texts


def test_trend_without_points_is_empty():
    assert trend([], id="t", title="x") == ""


@given(
    st.lists(st.tuples(st.floats(-100, 100) | st.none(), st.integers(1, 500)), min_size=1, max_size=40),
    st.none() | st.floats(-100, 100),
)
def test_every_shape_lies_inside_the_drawing(rows, target):
    points = [point(str(i), value, n) for i, (value, n) in enumerate(rows)]
    markup = trend(points, id="t", title="x", target=target, paint="literal")
    for circle in shapes(markup, "circle"):
        assert 0 <= float(circle.get("cx")) <= 760
        assert 0 <= float(circle.get("cy")) <= 250


# Distribution, sparkline


def test_distribution_shows_shares_and_every_count():
    bars = [Bar("1", 10, "det"), Bar("2", 30, "pas"), Bar("3", 60, "pro")]
    markup = distribution(bars, id="d", title="Score distribution")
    texts = [text.text for text in shapes(markup, "text")]
    assert texts[:3] == ["10\u202f%", "30\u202f%", "60\u202f%"]
    assert shapes(markup, "desc")[0].text == "100 answers. 1: 10, 2: 30, 3: 60."
    assert distribution([Bar("1", 0, "det")], id="d", title="x") == ""


def test_sparkline_is_silent_and_skips_gaps():
    markup = sparkline([1, None, 3, 4])
    assert shapes(markup, "svg")[0].get("aria-hidden") == "true"
    assert len(shapes(markup, "polyline")) == 2
    assert sparkline([5]) == ""
    assert sparkline([5, 5])


# Heat


def test_heat_is_relative_to_the_target():
    points = (-100, 100)
    values = (-24, 0, 10, 25, 40, 50, 70)
    assert [heat_class(value, 25, points) for value in values] == [
        "cx-hm3",
        "cx-hm2",
        "cx-hm1",
        "cx-h0",
        "cx-h1",
        "cx-h2",
        "cx-h3",
    ]
    assert heat_class(40, None, points) == "cx-h0"
    assert heat_class(None, 25, points) == ""
    assert heat_class(1, 3, (1, 5), higher_is_better=False) == "cx-h3"


# Emotion


STEPS = [
    EmotionStep("a", "Order", belief=1.5, believed=2, measured=-2, low=-2, high=-1, delusion=True),
    EmotionStep("b", "Delivery", belief=-1, believed=-2, measured=2, low=1, high=2),
    EmotionStep("c", "Invoice"),
]


def test_delusions_are_marked_in_picture_and_words():
    markup = emotion_lane(STEPS, id="e", title="Emotion")
    assert [line.get("class") for line in shapes(markup, "line")].count("cx-egap") == 1
    assert "overrated" in [text.text for text in shapes(markup, "text")]
    assert shapes(markup, "desc")[0].text == "Order is worse than the team thinks."


def test_points_are_joined_by_straight_lines():
    assert shapes(emotion_lane(STEPS, id="e", title="Emotion"), "path") == []


def test_every_step_of_an_editable_lane_has_a_slider_that_says_its_belief():
    markup = emotion_lane(STEPS, id="e", title="Emotion", editable=True)
    assert shapes(markup, "svg")[0].get("role") == "group"
    sliders = [circle for circle in shapes(markup, "circle") if circle.get("role") == "slider"]
    assert [slider.get("aria-valuetext") for slider in sliders] == ["very good, +1.5", "bad, −1.0", "not set"]
    assert [slider.get("data-step") for slider in sliders] == ["a", "b", "c"]
    assert {slider.get("tabindex") for slider in sliders} == {"0"}


# What users write, and where the drawing is shown


@pytest.mark.parametrize("paint", ["css", "literal"])
def test_text_never_becomes_markup(paint):
    drawings = [
        trend([point(EVIL, 1), point("b", 2)], id="t", title=EVIL, notes=[Note(0, EVIL)], paint=paint),
        distribution([Bar(EVIL, 3, "pro")], id="d", title=EVIL, paint=paint),
        emotion_lane([EmotionStep("a", EVIL, 1, 1)], id="e", title=EVIL, editable=True, paint=paint),
    ]
    for markup in drawings:
        assert shapes(markup, "script") == []
        assert all("onload" not in element.attrib for element in ElementTree.fromstring(f"<r>{markup}</r>").iter())


@pytest.mark.parametrize(
    "draw",
    [
        lambda paint: trend(
            [point("a", 1), point("b", 2)], id="t", title="x", target=1, notes=[Note(0, "n")], paint=paint
        ),
        lambda paint: distribution(
            [Bar("1", 1, "det"), Bar("2", 1, "pas"), Bar("3", 1, "pro")], id="d", title="x", paint=paint
        ),
        lambda paint: emotion_lane(STEPS, id="e", title="x", paint=paint),
        lambda paint: sparkline([1, 2, 3], paint=paint),
    ],
)
def test_literal_paint_needs_no_style_sheet_and_page_paint_no_style_attribute(draw):
    literal, page = draw("literal"), draw("css")
    assert "class=" not in literal and "var(" not in literal
    assert "style=" not in page and "fill=" not in page and "stroke=" not in page
