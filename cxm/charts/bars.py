"""Shares as bars with their interval, and counts side by side in an order that means something (months, bins)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from .svg import Paint, Pen

WIDTH, HEIGHT = 360, 150
BASE, TALLEST = 126.0, 100.0
MOST_LABELS = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One count: its label on the axis, its name in words, and how many."""

    label: str
    name: str
    count: int


def share_bar(value: float, low: float | None = None, high: float | None = None) -> SafeString:
    """A share in percent as a bar that fills its place, with its 95 % interval as a line. Decoration beside figures."""
    pen = Pen()
    parts = [pen.draw("rect", cls="cx-ftrack", width="100%", height="100%", rx=2)]
    if value:
        parts.append(pen.draw("rect", cls="cx-facc", width=f"{value:.2f}%", height="100%", rx=2))
    if low is not None and high is not None:
        parts.append(pen.draw("line", cls="cx-reach", x1=f"{low:.2f}%", x2=f"{high:.2f}%", y1="50%", y2="50%"))
    return pen.draw("svg", *parts, cls="cx-share", aria_hidden="true")


def columns(bars: Sequence[Column], *, id: str, title: str, paint: Paint = "css") -> SafeString:
    """Draw counts as columns, with every count above its column where there is room. Empty without answers."""
    total = sum(bar.count for bar in bars)
    if not total:
        return SafeString()
    pen = Pen(paint)
    most = max(bar.count for bar in bars)
    pitch = WIDTH / len(bars)
    width = min(pitch * 0.8, 48.0)
    every = max(1, ceil(len(bars) / MOST_LABELS))
    parts = [pen.line("cx-axis", 0, BASE, WIDTH, BASE)]
    for index, bar in enumerate(bars):
        middle = pitch * (index + 0.5)
        height = max(TALLEST * bar.count / most, 1.5) if bar.count else 0.0
        if bar.count:
            parts.append(
                pen.draw("rect", cls="cx-facc", x=middle - width / 2, y=BASE - height, width=width, height=height, rx=2)
            )
        if bar.count and len(str(bar.count)) * 7 <= pitch:
            parts.append(pen.text(str(bar.count), middle, BASE - height - 4, anchor="middle"))
        if index % every == 0:
            half = 3.2 * len(bar.label)
            left, right = middle - half < 0, middle + half > WIDTH
            anchor, x = ("start", 0.0) if left else ("end", float(WIDTH)) if right else ("middle", middle)
            parts.append(pen.text(bar.label, x, BASE + 16, anchor=anchor))
    return pen.chart(id, WIDTH, HEIGHT, title, columns_finding(bars), *parts)


def columns_finding(bars: Sequence[Column]) -> str:
    """Every count in words."""
    total = sum(bar.count for bar in bars)
    counts = ", ".join(gettext("%(name)s: %(count)s") % {"name": bar.name, "count": bar.count} for bar in bars)
    return ngettext("%(n)s answer. %(counts)s.", "%(n)s answers. %(counts)s.", total) % {"n": total, "counts": counts}
