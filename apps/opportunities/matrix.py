"""Opportunities on two axes of one's choice, as a drawing on the server with numbered dots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.opportunities.models import Opportunity
from cxm.charts.svg import Pen

AXES: Final = {
    "customer_value": gettext_lazy("Customer value"),
    "business_value": gettext_lazy("Business value"),
    "effort": gettext_lazy("Effort"),
    "evidence": gettext_lazy("Pieces of evidence"),
}
MOST_DOTS: Final = 60
_LEFT, _BOTTOM, _TOP = 44.0, 40.0, 8.0
_LARGEST, _SMALLEST = 11.0, 7.0


@dataclass(frozen=True)
class Dot:
    """A numbered opportunity with its values on the chosen axes."""

    number: int
    opportunity: Opportunity
    x: int
    y: int


@dataclass(frozen=True)
class Matrix:
    """What is drawn, what is listed only because it has no value on an axis, and how many more there are."""

    x: str
    y: str
    dots: list[Dot]
    unscored: list[Opportunity]
    more: int
    drawing: SafeString
    finding: str


def value_on(axis: str, row: Any) -> int | None:
    """The value of a row of `queries.opportunities` on an axis; None where it was not scored."""
    return getattr(row, "evidence_count" if axis == "evidence" else axis)


def build_matrix(rows: Sequence[Opportunity], x: str, y: str) -> Matrix:
    """The matrix of opportunities in the order given; sixty are drawn."""
    placed = [(row, value_on(x, row), value_on(y, row)) for row in rows]
    scored = [(row, across, up) for row, across, up in placed if across is not None and up is not None]
    dots = [Dot(number, row, across, up) for number, (row, across, up) in enumerate(scored[:MOST_DOTS], start=1)]
    finding = _finding(dots, x, y)
    drawn = SafeString("")
    for width, height, css in ((640, 460, "cx-wid"), (340, 360, "cx-nar")) if dots else ():
        drawn += _draw(dots, x, y, finding, width, height, f"matrix-{css}", css)
    unscored = [row for row, across, up in placed if across is None or up is None]
    return Matrix(x, y, dots, unscored, len(scored) - len(dots), drawn, finding)


def _finding(dots: Sequence[Dot], x: str, y: str) -> str:
    words = ngettext("%(n)d opportunity by %(x)s and %(y)s.", "%(n)d opportunities by %(x)s and %(y)s.", len(dots))
    said = words % {"n": len(dots), "x": str(AXES[x]).lower(), "y": str(AXES[y]).lower()}
    if {x, y} == {"effort", "customer_value"} or {x, y} == {"effort", "business_value"}:
        effort, value = ("x", "y") if x == "effort" else ("y", "x")
        easy = [dot for dot in dots if getattr(dot, effort) <= 2 and getattr(dot, value) >= 4]
        said += " " + ngettext(
            "%(n)d is worth much (4 or 5) for little effort (1 or 2).",
            "%(n)d are worth much (4 or 5) for little effort (1 or 2).",
            len(easy),
        ) % {"n": len(easy)}
    return said


@dataclass(frozen=True)
class _Scale:
    """Values of an axis on a length, each in the middle of its own cell."""

    low: float
    high: float
    start: float
    length: float

    def at(self, value: float) -> float:
        return self.start + self.length * (value - self.low) / (self.high - self.low)


def _span(axis: str, values: Sequence[int]) -> tuple[float, float]:
    return (-0.5, max(4, *values) + 0.5) if axis == "evidence" else (0.5, 5.5)


def _draw(dots: Sequence[Dot], x: str, y: str, finding: str, width: int, height: int, id: str, css: str) -> SafeString:
    pen = Pen()
    low, high = _span(x, [dot.x for dot in dots])
    across = _Scale(low, high, _LEFT, width - _LEFT - 8)
    low, high = _span(y, [dot.y for dot in dots])
    # Up is more: the scale runs against the coordinates.
    bottom = height - _BOTTOM
    up = _Scale(low, high, bottom, _TOP - bottom)
    parts = [*_grid(pen, across, up, width, bottom), *_words(pen, x, y, across, width, height)]
    cells: dict[tuple[int, int], list[Dot]] = defaultdict(list)
    for dot in dots:
        cells[dot.x, dot.y].append(dot)
    room = min(across.at(1) - across.at(0), up.at(0) - up.at(1)) - 4
    for (cell_x, cell_y), found in cells.items():
        side = ceil(sqrt(len(found)))
        pitch = min(2 * _LARGEST + 2, max(room / side, 2 * _SMALLEST + 1))
        radius = max(min(_LARGEST, pitch / 2 - 0.5), _SMALLEST)
        for index, dot in enumerate(found):
            dx = (index % side - (min(side, len(found)) - 1) / 2) * pitch
            dy = (index // side - (ceil(len(found) / side) - 1) / 2) * pitch
            cx, cy = across.at(cell_x) + dx, up.at(cell_y) + dy
            parts.append(pen.draw("circle", cls="cx-facc", cx=cx, cy=cy, r=radius))
            parts.append(pen.text(str(dot.number), cx, cy + 4, cls="cx-on", anchor="middle"))
    title = _("%(y)s against %(x)s") % {"x": AXES[x], "y": AXES[y]}
    return pen.chart(id, width, height, title, finding, *parts, cls=css)


def _ticks(scale: _Scale) -> list[int]:
    first, last = ceil(scale.low), int(scale.high)
    step = max(1, ceil((last - first + 1) / 8))
    return list(range(first, last + 1, step))


def _grid(pen: Pen, across: _Scale, up: _Scale, width: int, bottom: float) -> list[SafeString]:
    parts = []
    for tick in _ticks(across):
        parts.append(pen.line("cx-axis", across.at(tick), _TOP, across.at(tick), bottom))
        parts.append(pen.text(str(tick), across.at(tick), bottom + 14, anchor="middle"))
    for tick in _ticks(up):
        parts.append(pen.line("cx-axis", _LEFT, up.at(tick), width - 8, up.at(tick)))
        parts.append(pen.text(str(tick), _LEFT - 6, up.at(tick) + 4, anchor="end"))
    parts.append(pen.line("cx-zero", _LEFT, bottom, width - 8, bottom))
    parts.append(pen.line("cx-zero", _LEFT, _TOP, _LEFT, bottom))
    return parts


def _words(pen: Pen, x: str, y: str, across: _Scale, width: int, height: int) -> list[SafeString]:
    middle = (_TOP + height - _BOTTOM) / 2
    return [
        pen.text(f"{AXES[x]} →", across.start + across.length / 2, height - 8, anchor="middle"),
        pen.draw(
            "text", f"{AXES[y]} →", text_anchor="middle", transform=f"rotate(-90 12 {middle:.0f})", x=12.0, y=middle
        ),
    ]
