"""How often each score was given: a stacked bar of good, neutral and bad, over a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from .figures import THIN, rounded
from .svg import Paint, Pen

Tone = Literal["det", "pas", "pro"]
TONES: tuple[Tone, ...] = ("det", "pas", "pro")

WIDTH, HEIGHT, STACK, GAP = 360, 182, 30, 2
BASE, TALLEST = 160.0, 92.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One score: its label, how often it was given, and whether that is bad, neutral or good."""

    label: str
    count: int
    tone: Tone


def distribution(bars: Sequence[Bar], *, id: str, title: str, finding: str = "", paint: Paint = "css") -> SafeString:
    """Draw a distribution. Without `finding` the description lists every score. An empty string without answers."""
    total = sum(bar.count for bar in bars)
    if not total:
        return SafeString()
    pen = Pen(paint)
    return pen.chart(
        id,
        WIDTH,
        HEIGHT,
        title,
        finding or distribution_finding(bars),
        *_stack(pen, bars, total),
        *_columns(pen, bars),
    )


def distribution_finding(bars: Sequence[Bar]) -> str:
    """Every score with its count, in words."""
    total = sum(bar.count for bar in bars)
    counts = ", ".join(gettext("%(score)s: %(count)s") % {"score": bar.label, "count": bar.count} for bar in bars)
    return ngettext("%(n)s answer. %(counts)s.", "%(n)s answers. %(counts)s.", total) % {"n": total, "counts": counts}


def _stack(pen: Pen, bars: Sequence[Bar], total: int) -> list[SafeString]:
    sums = {tone: sum(bar.count for bar in bars if bar.tone == tone) for tone in TONES}
    present = [tone for tone in TONES if sums[tone]]
    room = WIDTH - GAP * (len(present) - 1)
    parts, x = [], 0.0
    for tone in present:
        width = room * sums[tone] / total
        parts.append(pen.draw("rect", cls=f"cx-f{tone}", x=x, y=0, width=width, height=STACK, rx=3))
        if width >= 34:
            share = f"{rounded(100 * sums[tone] / total, 0)}{THIN}%"
            parts.append(
                pen.text(share, x + width / 2, 20, cls="cx-onp" if tone == "pas" else "cx-on", anchor="middle")
            )
        x += width + GAP
    return parts


def _columns(pen: Pen, bars: Sequence[Bar]) -> list[SafeString]:
    most = max(bar.count for bar in bars)
    pitch = WIDTH / len(bars)
    width = min(pitch - 6, 48.0)
    parts = []
    for index, bar in enumerate(bars):
        middle = pitch * (index + 0.5)
        # A single answer among thousands still shows.
        height = max(TALLEST * bar.count / most, 1.5) if bar.count else 0.0
        if bar.count:
            parts.append(
                pen.draw(
                    "rect",
                    cls=f"cx-f{bar.tone}",
                    x=middle - width / 2,
                    y=BASE - height,
                    width=width,
                    height=height,
                    rx=2,
                )
            )
        parts.append(pen.text(str(bar.count), middle, BASE - height - 5, anchor="middle"))
        parts.append(pen.text(bar.label, middle, BASE + 16, cls="cx-ink", anchor="middle"))
    return parts
