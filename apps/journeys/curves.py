"""The curves of a map on one axis: what the team believes and what customers measured, by rank. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from django.templatetags.static import static
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.journeys.live import Place, worst_of
from apps.metrics.statistics import Comparison, Metric, Reading, compare_beliefs
from cxm.charts import EmotionStep, Unit, emotion_lane, figure_with_interval

SPRITE = "vendor/tabler-icons/sprite.svg"


@dataclass(frozen=True)
class CurveStep:
    """A column of the map as the curves see it; `id` is "" for a stage that has no step yet."""

    id: str
    name: str
    belief: float | None
    places: Sequence[Place]


@dataclass(frozen=True)
class Delusion:
    """A step whose customers say clearly otherwise than the team believes."""

    step: str
    words: str
    score: str


@dataclass(frozen=True)
class Curves:
    """The drawing, and what it shows in words."""

    drawing: SafeString
    delusions: list[Delusion]
    measured: bool


def build_curves(steps: Sequence[CurveStep], metric: str, *, editable: bool) -> Curves:
    """Compare what is believed of every step with what was measured of it, and draw both."""
    comparisons = _compare(steps, metric)
    return Curves(
        drawing=_drawing(steps, comparisons, metric, editable=editable and any(step.id for step in steps)),
        delusions=_delusions(steps, comparisons, metric),
        measured=any(comparison.measured is not None for comparison in comparisons),
    )


def _measured(step: CurveStep, metric: str) -> Metric | None:
    """The score of a step: its worst usable touchpoint, else the one with most answers."""
    found = [chip.metric for place in step.places for chip in place.chips if chip.name == metric]
    if not found:
        return None
    return worst_of(found) or max(found, key=lambda value: value.n)


def _compare(steps: Sequence[CurveStep], metric: str) -> list[Comparison]:
    measured = {step.id: _measured(step, metric) for step in steps if step.id}
    rules = {value.rule for value in measured.values() if value is not None}
    readings = [
        Reading(step.id, step.belief, measured[step.id] if len(rules) == 1 else None) for step in steps if step.id
    ]
    return compare_beliefs(readings)


def _printed(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return ""
    return figure_with_interval(metric.value, metric.low, metric.high, cast(Unit, metric.unit))


def _drawing(
    steps: Sequence[CurveStep], comparisons: Sequence[Comparison], metric: str, *, editable: bool
) -> SafeString:
    found = {comparison.key: comparison for comparison in comparisons}
    points = []
    for step in steps:
        comparison = found.get(step.id)
        if comparison is None:
            points.append(EmotionStep(key="", name=step.name))
            continue
        points.append(
            EmotionStep(
                key=step.id,
                name=step.name,
                belief=step.belief,
                believed=comparison.believed,
                measured=comparison.measured,
                low=comparison.low,
                high=comparison.high,
                delusion=comparison.delusion,
                score=_printed(_measured(step, metric)),
            )
        )
    title = _("Emotion: the team's view and measured %(metric)s, by rank") % {"metric": metric.upper()}
    return emotion_lane(points, id="emotion-curve", title=title, editable=editable, icons=static(SPRITE))


def _delusions(steps: Sequence[CurveStep], comparisons: Sequence[Comparison], metric: str) -> list[Delusion]:
    """The steps marked as delusions, the largest gap first."""
    of_step = {step.id: step for step in steps}
    marked = sorted(
        (comparison for comparison in comparisons if comparison.delusion), key=lambda found: -abs(found.gap or 0)
    )
    return [
        Delusion(
            step=of_step[found.key].name,
            words=_("worse than the team thinks") if (found.gap or 0) > 0 else _("better than the team thinks"),
            score=_printed(_measured(of_step[found.key], metric)),
        )
        for found in marked
    ]
