"""A line the size of a word, beside a figure that says the same in numbers: hidden from assistive technology."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString

from .svg import Paint, Pen

WIDTH, HEIGHT, EDGE = 104, 36, 5.0


def sparkline(values: Sequence[float | None], *, paint: Paint = "css") -> SafeString:
    """Draw the values at equal distances; None is a gap. An empty string for fewer than two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString()
    pen = Pen(paint)
    low, span = min(known), max(known) - min(known)

    def place(index: int, value: float) -> tuple[float, float]:
        x = 2 + 98 * index / (len(values) - 1)
        # A flat line runs through the middle: there is no height to spread over.
        share = (value - low) / span if span else 0.5
        return x, HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)

    parts, run = [], []
    for index, value in enumerate([*values, None]):
        if value is not None:
            run.append(place(index, value))
        elif run:
            parts.append(pen.path("polyline", "cx-line", run))
            end, run = run[-1], []
    parts.append(pen.draw("circle", cls="cx-pt-on", cx=end[0], cy=end[1], r=2.8))
    return pen.draw("svg", *parts, cls="cx-spark", viewBox=f"0 0 {WIDTH} {HEIGHT}", aria_hidden="true")
