"""Real paths drawn on the map: its touchpoints in order from top to bottom, with the ways customers took.

Straight arrows go to the next touchpoint, arcs at the right leave some out, dashed arcs at the left go back, small
rings stay. Every arrow carries its word, n and share, and its width grows with the share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cxm.charts.svg import Pen

ROW: Final = 76
BOX: Final = 44
BOX_WIDTH: Final = 220
LANE: Final = 104
MOST_LANES: Final = 4
RING: Final = 132
WORDS: Final = 40
"""Room for what is printed beside the outermost arcs, beyond their lane."""
MARGIN: Final = 8
NAME: Final = 30
THINNEST, WIDEST = 1.5, 12.0


@dataclass(frozen=True, slots=True)
class Place:
    """A touchpoint as it is drawn. `share` of all customers, 0..1."""

    key: str
    name: str
    customers: str
    share: float


@dataclass(frozen=True, slots=True)
class Way:
    """An edge as it is drawn: between two numbers of places; `words` are printed beside it."""

    source: int
    target: int
    kind: str
    share: float
    words: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture, and how many ways had no room."""

    picture: SafeString
    left_out: int


def draw_paths(places: Sequence[Place], ways: Sequence[Way], *, title: str, finding: str) -> Drawing:
    """Draw the widest ways first; those that cross too many others are left out and counted."""
    pen = Pen()
    right = _lanes([way for way in ways if way.kind == "skip" or (way.kind == "next" and way.target != way.source + 1)])
    left = _lanes([way for way in ways if way.kind == "back" or (way.kind == "next" and way.target < way.source)])
    right = {way: lane for way, lane in right.items() if way.target > way.source}
    arcs_left = LANE * (1 + max(left.values())) + WORDS if left else 0
    box = MARGIN + max(arcs_left, RING if any(_stays(way) for way in ways) else 0)
    width = box + BOX_WIDTH + LANE * (1 + max(right.values(), default=-1)) + (WORDS if right else 0) + MARGIN
    height = ROW * len(places) - (ROW - BOX) + 2 * MARGIN
    drawn: list[str] = []
    for way in ways:
        if _stays(way):
            drawn.append(_ring(pen, way, box))
        elif way.target == way.source + 1:
            drawn.append(_straight(pen, way, box + BOX_WIDTH / 2))
        elif way in right:
            drawn.append(_arc(pen, way, box + BOX_WIDTH, right[way], 1))
        elif way in left:
            drawn.append(_arc(pen, way, box, left[way], -1))
    boxes = [_box(pen, place, box, _top(number)) for number, place in enumerate(places)]
    picture = pen.draw(
        "svg",
        pen.draw("title", title, id="cx-paths-t"),
        pen.draw("desc", finding, id="cx-paths-d"),
        *drawn,
        *boxes,
        cls="cx-chart cx-paths",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group",  # not an image: its ways are links
        aria_labelledby="cx-paths-t cx-paths-d",
    )
    return Drawing(picture, len(ways) - len(drawn))


def _stays(way: Way) -> bool:
    return way.source == way.target


def _top(number: int) -> float:
    return MARGIN + ROW * number


def _lanes(ways: Sequence[Way]) -> dict[Way, int]:
    """Give each arc the innermost lane in which it meets no other one; short ones first. Without a lane: left out."""
    taken: list[list[tuple[int, int]]] = [[] for _lane in range(MOST_LANES)]
    found: dict[Way, int] = {}
    for way in sorted(ways, key=lambda one: (abs(one.target - one.source), -one.share)):
        first, last = sorted((way.source, way.target))
        for lane, others in enumerate(taken):
            if all(last <= start or first >= end for start, end in others):
                others.append((first, last))
                found[way] = lane
                break
    return found


def _thickness(way: Way) -> float:
    return THINNEST + (WIDEST - THINNEST) * min(1.0, way.share)


def _linked(pen: Pen, way: Way, *children: str) -> SafeString:
    inside = pen.draw("g", *children, cls=f"cx-way cx-way-{way.kind}")
    return format_html('<a href="{}" aria-label="{}">{}</a>', way.url, way.words, inside) if way.url else inside


def _straight(pen: Pen, way: Way, x: float) -> SafeString:
    top, bottom = _top(way.source) + BOX, _top(way.target)
    thick = _thickness(way)
    line = pen.draw("line", x1=x, x2=x, y1=top, y2=bottom - 6, stroke_width=thick)
    return _linked(
        pen, way, line, _arrow(pen, x, bottom, 0, 1, thick), pen.text(way.words, x + 12, (top + bottom) / 2 + 4)
    )


def _arc(pen: Pen, way: Way, x: float, lane: int, side: int) -> SafeString:
    start, end = _top(way.source) + BOX * 0.65, _top(way.target) + BOX * 0.35
    if side < 0:
        start, end = _top(way.source) + BOX * 0.35, _top(way.target) + BOX * 0.65
    out = x + side * (LANE * lane + 22)
    thick = _thickness(way)
    course = f"M{x:.1f} {start:.1f}C{out:.1f} {start:.1f} {out:.1f} {start:.1f} {out:.1f} {(start + end) / 2:.1f}"
    course += f"S{out:.1f} {end:.1f} {x + side * 6:.1f} {end:.1f}"
    line = pen.draw("path", d=course, stroke_width=thick)
    words = pen.text(way.words, out + side * 8, (start + end) / 2 + 4, anchor="start" if side > 0 else "end")
    return _linked(pen, way, line, _arrow(pen, x, end, -side, 0, thick), words)


def _ring(pen: Pen, way: Way, x: float) -> SafeString:
    middle = _top(way.source) + BOX / 2
    thick = _thickness(way)
    course = f"M{x:.1f} {middle - 9:.1f}C{x - 26:.1f} {middle - 16:.1f} {x - 26:.1f} {middle + 16:.1f}"
    course += f" {x - 6:.1f} {middle + 9:.1f}"
    line = pen.draw("path", d=course, stroke_width=thick)
    words = pen.text(way.words, x - 24, middle + 4, anchor="end")
    return _linked(pen, way, line, _arrow(pen, x, middle + 9, 1, 0, thick), words)


def _arrow(pen: Pen, x: float, y: float, dx: int, dy: int, thick: float) -> SafeString:
    """The head of an arrow that ends at a point, coming along (dx, dy)."""
    half = 4 + thick / 2
    back_x, back_y = x - dx * 8, y - dy * 8
    points = [(x, y), (back_x + dy * half, back_y + dx * half), (back_x - dy * half, back_y - dx * half)]
    return pen.path("polygon", "cx-way-head", points)


def _box(pen: Pen, place: Place, x: float, y: float) -> SafeString:
    name = place.name if len(place.name) <= NAME else f"{place.name[: NAME - 1]}…"
    return pen.draw(
        "g",
        pen.draw("rect", cls="cx-way-box", x=x, y=y, width=BOX_WIDTH, height=BOX, rx=6),
        pen.draw("rect", cls="cx-way-share", x=x, y=y + BOX - 4, width=max(0.0, BOX_WIDTH * place.share), height=4),
        pen.text(name, x + 10, y + 18, cls="cx-ink"),
        pen.text(place.customers, x + 10, y + 33),
    )


def finding_of(result: Mapping[str, Any], share: str) -> str:
    """What the picture says, as a sentence."""
    values = {"n": result["customers"], "follow": result["follow"]["n"], "share": share}
    return (
        _("Of %(n)s customers, %(follow)s (%(share)s) walk the map in its order without skipping a touchpoint.")
        % values
    )
