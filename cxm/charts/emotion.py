"""The emotion lane of a map: what the team believes, what insights say and what customers measured, by rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from .figures import rounded, signed
from .svg import Paint, Pen

HEIGHT, MIDDLE, PITCH = 150, 75.0, 30.0


@dataclass(frozen=True, slots=True)
class EmotionStep:
    """One column of the map. Positions are ranks on -2..+2; None where there is no belief or no measurement.

    `belief` is what the team drew (-2..+2), which is what a slider changes; `low` and `high` are the positions the
    interval of the measurement reaches; `score` is the measured score in words. A `weak` measurement is drawn hollow.
    """

    key: str
    name: str
    belief: float | None = None
    believed: float | None = None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    delusion: bool = False
    score: str = ""
    weak: bool = False
    insights: float | None = None
    moment_of_truth: bool = False

    @property
    def gap(self) -> float | None:
        """Believed minus measured: above 0 the team thinks better of the step than its customers do."""
        return None if self.believed is None or self.measured is None else self.believed - self.measured


def emotion_lane(
    steps: Sequence[EmotionStep],
    *,
    id: str,
    title: str,
    step_width: int = 192,
    editable: bool = False,
    icons: str = "",
    paint: Paint = "css",
) -> SafeString:
    """Draw the lane, `step_width` pixels a step. `icons` is the URL of the icon sprite, for the faces at the edge.

    When `editable`, every step has a slider (role=slider, -2..+2, `data-step` = key), also where there is no belief
    yet; then the drawing is a group, not an image, because a reader must be able to reach the sliders. Straight lines
    join neighbouring points: between two steps nothing was believed or measured. The curves differ in line and point:
    belief solid with rings, measurement dashed with dots, insights dotted with diamonds. Moments of truth stand on a
    darker ground under a star.
    """
    pen = Pen(paint)
    width = step_width * max(len(steps), 1)
    centres = [step_width * (index + 0.5) for index in range(len(steps))]
    parts = _moments(pen, steps, centres, step_width) + _grid(pen, width, icons)
    parts += _reaches(pen, steps, centres)
    parts += _gaps(pen, steps, centres)
    parts += _joined(pen, "cx-eline", [step.believed for step in steps], centres)
    parts += _joined(pen, "cx-elive", [step.measured for step in steps], centres)
    parts += _joined(pen, "cx-eins", [step.insights for step in steps], centres)
    for step, x in zip(steps, centres, strict=True):
        if step.insights is not None:
            y = _y(step.insights)
            parts.append(pen.path("polygon", "cx-edia", [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)]))
        if step.measured is not None:
            cls = "cx-ehol" if step.weak else "cx-edot"
            parts.append(pen.draw("circle", cls=cls, cx=x, cy=_y(step.measured), r=3.5))
        if step.believed is not None or editable:
            parts.append(_handle(pen, step, x, editable))
    finding = emotion_finding(steps)
    if not editable:
        return pen.chart(id, width, HEIGHT, title, finding, *parts, fixed=True)
    return pen.draw(
        "svg",
        pen.draw("desc", finding, id=f"{id}-d"),
        *parts,
        cls="cx-chart",
        viewBox=f"0 0 {width} {HEIGHT}",
        width=width,
        height=HEIGHT,
        role="group",
        aria_label=title,
        aria_describedby=f"{id}-d",
    )


def emotion_finding(steps: Sequence[EmotionStep]) -> str:
    """The largest gaps in words, most wrong first."""
    deluded = [(step.name, gap) for step in steps if step.delusion and (gap := step.gap) is not None]
    if deluded:
        worse, better = (
            gettext("%(step)s is worse than the team thinks"),
            gettext("%(step)s is better than the team thinks"),
        )
        ordered = sorted(deluded, key=lambda pair: -abs(pair[1]))
        return "; ".join((worse if gap > 0 else better) % {"step": name} for name, gap in ordered) + "."
    if any(step.measured is not None for step in steps):
        return gettext("No step is measured clearly away from where the team puts it.")
    return gettext("No step is measured yet.")


def mood(belief: float) -> str:
    """A belief in words."""
    words = (gettext("very bad"), gettext("bad"), gettext("neutral"), gettext("good"), gettext("very good"))
    return words[sum(belief >= edge for edge in (-1.5, -0.5, 0.5, 1.5))]


def _y(position: float) -> float:
    return MIDDLE - position * PITCH


def _grid(pen: Pen, width: int, icons: str) -> list[SafeString]:
    parts = [pen.line("cx-axis" if level else "cx-zero", 0, _y(level), width, _y(level)) for level in (-2, -1, 0, 1, 2)]
    if icons:
        for level, icon in ((2, "mood-happy"), (0, "mood-neutral"), (-2, "mood-angry")):
            use = pen.draw("use", href=f"{icons}#{icon}")
            parts.append(pen.draw("svg", use, cls="cx-moodi", x=2, y=_y(level) - 9, width=18, height=18))
    return parts


def _moments(pen: Pen, steps: Sequence[EmotionStep], centres: Sequence[float], step_width: int) -> list[SafeString]:
    parts = []
    for step, x in zip(steps, centres, strict=True):
        if step.moment_of_truth:
            parts.append(pen.draw("rect", cls="cx-emot", x=x - step_width / 2, y=0.0, width=step_width, height=HEIGHT))
            corner = x - step_width / 2 + 12
            points = [(corner + r * sin(k * pi / 5), 10 - r * cos(k * pi / 5)) for k, r in enumerate([6.0, 2.5] * 5)]
            parts.append(pen.path("polygon", "cx-estar", points))
    return parts


def _reaches(pen: Pen, steps: Sequence[EmotionStep], centres: Sequence[float]) -> list[SafeString]:
    return [
        pen.line("cx-ereach", x, _y(step.low), x, _y(step.high))
        for step, x in zip(steps, centres, strict=True)
        if step.low is not None and step.high is not None and step.low != step.high
    ]


def _gaps(pen: Pen, steps: Sequence[EmotionStep], centres: Sequence[float]) -> list[SafeString]:
    parts = []
    for step, x in zip(steps, centres, strict=True):
        if not step.delusion or step.believed is None or step.measured is None:
            continue
        middle = (_y(step.believed) + _y(step.measured)) / 2
        words = gettext("overrated") if step.believed > step.measured else gettext("underrated")
        parts.append(pen.line("cx-egap", x, _y(step.believed), x, _y(step.measured)))
        parts.append(pen.text(words, x + 10, middle + 4, cls="cx-ink"))
    return parts


def _joined(pen: Pen, cls: str, positions: Sequence[float | None], centres: Sequence[float]) -> list[SafeString]:
    points = [(x, _y(position)) for position, x in zip(positions, centres, strict=True) if position is not None]
    return [pen.path("polyline", cls, points)] if len(points) > 1 else []


def _handle(pen: Pen, step: EmotionStep, x: float, editable: bool) -> SafeString:
    position = step.believed if step.believed is not None else 0.0
    if not editable:
        return pen.draw("circle", cls="cx-ept", cx=x, cy=_y(position), r=7.0)
    if step.belief is None:
        said = gettext("not set")
    else:
        said = f"{mood(step.belief)}, {signed(rounded(step.belief, 1))}"
    return pen.draw(
        "circle",
        cls="cx-ept" if step.belief is not None else "cx-ept cx-ept-none",
        tabindex=0,
        role="slider",
        aria_orientation="vertical",
        aria_label=gettext("Emotion at %(step)s") % {"step": step.name},
        aria_valuemin=-2,
        aria_valuemax=2,
        aria_valuenow=step.belief if step.belief is not None else 0,
        aria_valuetext=said,
        data_step=step.key,
        cx=x,
        cy=_y(position),
        r=7.0,
    )
