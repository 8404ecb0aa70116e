"""A score over time: line with 95 % band, hollow points where answers are few, target, and notes on what happened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from string import ascii_uppercase

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from .figures import Unit, figure, figure_with_interval
from .svg import Paint, Pen

FEW_ANSWERS = 30


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One period: `label` for the axis ("1 Sep"), `name` in words ("Week of 1 Sep"). `value` None leaves a gap."""

    label: str
    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened at the period with this index. ``meaning`` says what a short ``text`` stands for."""

    index: int
    text: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a drawing has its plot, and how values become coordinates."""

    width: int
    height: int
    count: int
    bottom_value: float
    top_value: float
    most_labels: int

    left, right, top, under = 42.0, 14.0, 14.0, 26.0

    @property
    def bottom(self) -> float:
        return self.height - self.under

    @property
    def end(self) -> float:
        return self.width - self.right

    def x(self, index: int) -> float:
        if self.count == 1:
            return (self.left + self.end) / 2
        return self.left + (self.end - self.left) * index / (self.count - 1)

    def y(self, value: float) -> float:
        share = (value - self.bottom_value) / (self.top_value - self.bottom_value)
        return self.bottom - share * (self.bottom - self.top)


def trend(
    points: Sequence[TrendPoint],
    *,
    id: str,
    title: str,
    unit: Unit = "points",
    limits: tuple[float, float] = (-100.0, 100.0),
    target: float | None = None,
    notes: Sequence[Note] = (),
    paint: Paint = "css",
) -> SafeString:
    """Draw a trend. `limits` are the lowest and highest score there can be; `id` must be unique on the page.

    With `paint="css"`: a wide and a narrow drawing inside <cx-trend>, which adds crosshair and arrow keys and works
    without. With `paint="literal"`: the wide drawing alone. An empty string without points.
    """
    if not points:
        return SafeString()
    pen = Pen(paint)
    ticks = _ticks(points, target, limits)
    finding = trend_finding(points, title=title, unit=unit, target=target, notes=notes)

    def draw(width: int, height: int, most_labels: int, cls: str, narrow: bool) -> SafeString:
        frame = Frame(width, height, len(points), ticks[0], ticks[-1], most_labels)
        return pen.chart(
            f"{id}-{'n' if narrow else 'w'}",
            width,
            height,
            title,
            finding,
            *_axes(pen, frame, points, ticks, unit),
            *_bands(pen, frame, points),
            *_notes(pen, frame, notes, narrow),
            *_target(pen, frame, target, unit),
            *_lines(pen, frame, points),
            *_dots(pen, frame, points),
            cls=cls,
        )

    wide = draw(760, 250, 8, "cx-wid", narrow=False)
    if paint == "literal":
        return wide
    narrow = draw(350, 230, 4, "cx-nar", narrow=True)
    tips = [_tip(point, unit) for point in points]
    return pen.draw(
        "cx-trend",
        wide,
        narrow,
        data_tips=json.dumps(tips, ensure_ascii=False),
        data_label=gettext("%(title)s. Use the arrow keys to read each point.") % {"title": title},
    )


def trend_finding(
    points: Sequence[TrendPoint], *, title: str, unit: Unit, target: float | None, notes: Sequence[Note] = ()
) -> str:
    """What the chart shows, in sentences, for those who cannot see it."""
    measured = [(point.value, point.name) for point in points if point.value is not None]
    if not measured:
        return gettext("No answers in this period.")
    (first, first_name), (last, last_name) = measured[0], measured[-1]
    if len(measured) == 1:
        sentences = [
            gettext("%(value)s in one period with answers: %(name)s.")
            % {"value": figure(first, unit), "name": first_name}
        ]
    else:
        low, low_name = min(measured, key=lambda pair: pair[0])
        high, high_name = max(measured, key=lambda pair: pair[0])
        sentences = [
            gettext("From %(first)s (%(first_name)s) to %(last)s (%(last_name)s).")
            % {
                "first": figure(first, unit),
                "first_name": first_name,
                "last": figure(last, unit),
                "last_name": last_name,
            },
            gettext("Lowest %(low)s (%(low_name)s), highest %(high)s (%(high_name)s).")
            % {"low": figure(low, unit), "low_name": low_name, "high": figure(high, unit), "high_name": high_name},
        ]
    if target is not None:
        met = sum(value >= target for value, _ in measured)
        sentences.append(
            ngettext(
                "The target of %(target)s was met in %(met)s of %(count)s period.",
                "The target of %(target)s was met in %(met)s of %(count)s periods.",
                len(measured),
            )
            % {"target": figure(target, unit), "met": met, "count": len(measured)}
        )
    sentences += [
        gettext("At %(name)s: %(text)s.")
        % {"name": points[note.index].name, "text": (note.meaning or note.text).rstrip(".")}
        for note in notes
        if 0 <= note.index < len(points)
    ]
    return " ".join(sentences)


def _ticks(points: Sequence[TrendPoint], target: float | None, limits: tuple[float, float]) -> list[float]:
    """Round values for the axis that hold all points, bands and the target, and never leave the scale."""
    shown = [v for point in points for v in (point.value, point.low, point.high) if v is not None]
    shown += [target] if target is not None else []
    low, high = (min(shown), max(shown)) if shown else limits
    low, high = max(low, limits[0]), min(high, limits[1])
    if low == high:
        reach = (limits[1] - limits[0]) / 20
        low, high = max(low - reach, limits[0]), min(high + reach, limits[1])
    raw = (high - low) / 5
    power = 10 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [round(step * i, 6) for i in range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)]


def _axes(pen: Pen, frame: Frame, points: Sequence[TrendPoint], ticks: Sequence[float], unit: Unit) -> list[SafeString]:
    parts = []
    step = ticks[1] - ticks[0]
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    for tick in ticks:
        y = frame.y(tick)
        parts.append(pen.line("cx-zero" if tick == 0 else "cx-axis", frame.left, y, frame.end, y))
        parts.append(pen.text(figure(tick, unit, decimals=decimals), frame.left - 6, y + 4, anchor="end"))
    every = max(1, ceil(len(points) / frame.most_labels))
    for index in range(0, len(points), every):
        x, half = frame.x(index), 3.2 * len(points[index].label)
        if x + half > frame.width:
            parts.append(pen.text(points[index].label, frame.width - 2, frame.height - 8, anchor="end"))
        else:
            parts.append(pen.text(points[index].label, x, frame.height - 8, anchor="middle"))
    return parts


@dataclass(frozen=True, slots=True)
class _Place:
    """A period with a value: its index, value and interval."""

    index: int
    value: float
    low: float
    high: float


def _runs(points: Sequence[TrendPoint]) -> list[list[_Place]]:
    """Consecutive periods that have a value: a line never bridges a period nobody answered in."""
    runs: list[list[_Place]] = []
    for index, point in enumerate(points):
        if point.value is None:
            continue
        low = point.value if point.low is None else point.low
        place = _Place(index, point.value, low, point.value if point.high is None else point.high)
        if runs and runs[-1][-1].index == index - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _bands(pen: Pen, frame: Frame, points: Sequence[TrendPoint]) -> list[SafeString]:
    parts = []
    for run in _runs(points):
        if len(run) == 1:
            # One period alone has no area: its interval is a bar.
            x, (place,) = frame.x(run[0].index), run
            edges = [(x - 3, place.high), (x + 3, place.high), (x + 3, place.low), (x - 3, place.low)]
        else:
            edges = [(frame.x(place.index), place.high) for place in run]
            edges += [(frame.x(place.index), place.low) for place in reversed(run)]
        parts.append(pen.path("polygon", "cx-band", [(x, frame.y(value)) for x, value in edges]))
    return parts


def _lines(pen: Pen, frame: Frame, points: Sequence[TrendPoint]) -> list[SafeString]:
    return [
        pen.path("polyline", "cx-line", [(frame.x(place.index), frame.y(place.value)) for place in run])
        for run in _runs(points)
        if len(run) > 1
    ]


def _dots(pen: Pen, frame: Frame, points: Sequence[TrendPoint]) -> list[SafeString]:
    crowded = len(points) > 60
    parts = []
    for index, point in enumerate(points):
        if point.value is None:
            continue
        few = point.n < FEW_ANSWERS
        radius = (2.5 if few else 1.5) if crowded else (4.0 if few else 3.0)
        parts.append(
            pen.draw(
                "circle",
                cls="cx-pt" if few else "cx-pt-on",
                cx=frame.x(index),
                cy=frame.y(point.value),
                r=radius,
                data_i=index if pen.paint == "css" else None,
            )
        )
    return parts


def _target(pen: Pen, frame: Frame, target: float | None, unit: Unit) -> list[SafeString]:
    if target is None:
        return []
    y = frame.y(target)
    words = gettext("target %(value)s") % {"value": figure(target, unit)}
    return [pen.line("cx-line2", frame.left, y, frame.end, y), pen.text(words, frame.left + 4, y - 5)]


def _notes(pen: Pen, frame: Frame, notes: Sequence[Note], narrow: bool) -> list[SafeString]:
    """A dashed line and the words; on the narrow drawing a letter, which the page's legend explains."""
    parts = []
    for position, note in enumerate(notes):
        if not 0 <= note.index < frame.count:
            continue
        x = frame.x(note.index)
        words = ascii_uppercase[position % 26] if narrow else note.text
        near_end = x > frame.end - (12 if narrow else 120)
        parts.append(pen.line("cx-note", x, frame.top, x, frame.bottom))
        parts.append(pen.text(words, x - 6 if near_end else x + 6, frame.top + 9, anchor="end" if near_end else None))
    return parts


def _tip(point: TrendPoint, unit: Unit) -> str:
    answers = ngettext("%(n)s answer", "%(n)s answers", point.n) % {"n": point.n}
    if point.value is None:
        return "\n".join((point.name, answers))
    score = figure_with_interval(point.value, point.low, point.high, unit)
    if point.n < FEW_ANSWERS:
        answers = gettext("%(answers)s (weak)") % {"answers": answers}
    return "\n".join((point.name, score, answers))
