"""The three curves of a map on one axis, by rank: what the team believes, what insights say, what customers measured.

Pure. The rules are those of `apps.metrics.statistics.beliefs`: positions are ranks within the map, spread over -2..+2,
and a gap is claimed only of 30 answers or more whose interval excludes the other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from django.templatetags.static import static
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.journeys.live import Measured, Place, measured_of, why_not_comparable
from apps.journeys.registry import StepInsights
from apps.metrics.statistics import Comparison, Metric, Reading, compare_beliefs
from cxm.charts import EmotionStep, Paint, Unit, emotion_lane, figure_with_interval
from cxm.charts.emotion import mood
from cxm.charts.figures import rounded, signed

SPRITE = "vendor/tabler-icons/sprite.svg"
Why = Literal["", "no_touchpoint", "no_answers", "hidden", "weak", "not_comparable"]
"""Why a step has no measured point that counts: the codes of the API."""


@dataclass(frozen=True)
class CurveStep:
    """A column of the map as the curves see it; `id` is "" for a stage that has no step yet."""

    id: str
    name: str
    belief: float | None
    places: Sequence[Place]
    stage: str = ""
    moment_of_truth: bool = False


@dataclass(frozen=True)
class Point:
    """A step on all three curves.

    `against_belief` and `against_insights` hold its rank positions among the steps that have both sides. `why` says in
    a sentence why there is no measured point, or why the one there is counts for nothing.
    """

    step: CurveStep
    measured: Measured
    against_belief: Comparison
    against_insights: Comparison
    insights: StepInsights | None
    code: Why = ""
    why: str = ""

    @property
    def metric(self) -> Metric | None:
        """The measured score that is ranked."""
        return self.measured.metric if self.code in ("", "weak") else None

    @property
    def score(self) -> str:
        """The measured score in print: "+38 (34 to 43)"."""
        return _printed(self.metric)

    @property
    def url(self) -> str:
        """The answers behind the measured score."""
        return self.measured.chip.url if self.measured.chip and self.metric else ""

    @property
    def n(self) -> int:
        """How many answers it rests on."""
        return self.metric.n if self.metric else 0


@dataclass(frozen=True)
class Gap:
    """A step where two sides part clearly: a delusion of the team, or insights that customers contradict.

    `gap` is the other side minus the measurement, in ranks spread over -2..+2: above 0 customers rate the step worse.
    """

    point: Point
    gap: float
    theirs: str
    customers: str

    @property
    def step(self) -> str:
        """The name of the step."""
        return self.point.step.name

    @property
    def score(self) -> str:
        """The measured score in print."""
        return self.point.score

    @property
    def words(self) -> str:
        """Which way the team errs."""
        return _("worse than the team thinks") if self.gap > 0 else _("better than the team thinks")


@dataclass(frozen=True)
class Table:
    """The drawing as rows of words."""

    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Curves:
    """The drawing, and all that it shows in words."""

    points: list[Point]
    drawing: SafeString
    delusions: list[Gap]
    disagreements: list[Gap]
    table: Table
    metric: str
    is_live: bool
    unplaced: list[Point] = field(default_factory=list)

    @property
    def measured(self) -> bool:
        """Whether any step has a measured point."""
        return any(point.metric is not None for point in self.points)

    @property
    def has_moments(self) -> bool:
        """Whether any step is a moment of truth."""
        return any(point.step.moment_of_truth for point in self.points)

    @property
    def has_insights(self) -> bool:
        """Whether any step has a scored insight."""
        return any(point.against_insights.believed is not None for point in self.points)


def build_curves(
    steps: Sequence[CurveStep],
    metric: str,
    *,
    insights: Mapping[str, StepInsights] | None = None,
    is_live: bool = True,
    editable: bool = False,
    paint: Paint = "css",
    step_width: int = 192,
) -> Curves:
    """Compare what is believed of every step with what insights say and with what was measured, and draw all three.

    `insights` by step id. `is_live` is False where scores are not shown at all: then nothing is said of what is
    missing. `paint` "literal" draws for PDF and PNG. No query.
    """
    points = compare_steps(steps, metric, insights or {})
    delusions = [_gap(point, point.against_belief, points) for point in points if point.against_belief.delusion]
    parted = [_disagreement(point, points) for point in points if point.against_insights.delusion]
    return Curves(
        points=points,
        drawing=_drawing(steps, points, metric, editable=editable and bool(points), paint=paint, width=step_width),
        delusions=sorted(delusions, key=lambda found: -abs(found.gap)),
        disagreements=sorted(parted, key=lambda found: -abs(found.gap)),
        table=_table(points, metric, is_live),
        metric=metric,
        is_live=is_live,
        unplaced=[point for point in points if point.code] if is_live else [],
    )


def compare_steps(steps: Sequence[CurveStep], metric: str, insights: Mapping[str, StepInsights]) -> list[Point]:
    """Every step on the three curves, in order. Steps asked otherwise than most of the map are not ranked."""
    real = [step for step in steps if step.id]
    measured = {step.id: measured_of(step.places, metric) for step in real}
    apart = _asked_otherwise(measured)
    ranked = {key: found.metric for key, found in measured.items() if key not in apart}
    believed = compare_beliefs([Reading(step.id, step.belief, ranked.get(step.id)) for step in real])
    told = compare_beliefs([Reading(step.id, _told(insights.get(step.id)), ranked.get(step.id)) for step in real])
    points = []
    for step, against_belief, against_insights in zip(real, believed, told, strict=True):
        code, why = _why(step, measured[step.id], apart.get(step.id, ""), metric)
        points.append(
            Point(step, measured[step.id], against_belief, against_insights, insights.get(step.id), code, why)
        )
    return points


def _told(insights: StepInsights | None) -> float | None:
    return insights.score if insights else None


def _asked_otherwise(measured: Mapping[str, Measured]) -> dict[str, str]:
    """Why steps are not ranked with the rest: they were asked another question than most steps. By step id."""
    groups: list[list[str]] = []
    for key, found in measured.items():
        if found.metric is None:
            continue
        home = next((group for group in groups if not _differ(measured[group[0]], found)), None)
        if home is None:
            groups.append([key])
        else:
            home.append(key)
    if len(groups) < 2:
        return {}
    most = max(groups, key=lambda group: (len(group), sum(measured[key].answers for key in group)))
    return {key: _differ(measured[most[0]], measured[key]) for group in groups if group is not most for key in group}


def _differ(one: Measured, other: Measured) -> str:
    found = [(each.place, each.chip) for each in (one, other) if each.place and each.chip]
    return why_not_comparable(found)


def _why(step: CurveStep, measured: Measured, apart: str, metric: str) -> tuple[Why, str]:
    """Why a step has no measured point, or one that counts for nothing."""
    if not step.places:
        return "no_touchpoint", _("No touchpoint stands on this step.")
    if measured.mixed:
        return "not_comparable", _("Its touchpoints cannot be compared: %(why)s") % {"why": measured.mixed}
    if apart:
        return "not_comparable", _("It was asked otherwise than most steps of this map: %(why)s") % {"why": apart}
    if measured.metric is None:
        if measured.is_hidden:
            return "hidden", _("Too few answers to an anonymous survey to be shown.")
        return "no_answers", _("No answers to a question of %(metric)s in this period.") % {"metric": metric.upper()}
    if not measured.is_usable:
        words = _("Only %(n)s of 30 answers: drawn hollow, and no gap is claimed.")
        return "weak", words % {"n": measured.metric.n}
    return "", ""


def _printed(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return ""
    return figure_with_interval(metric.value, metric.low, metric.high, cast(Unit, metric.unit))


def _rank(position: float, count: int) -> str:
    """A position as a rank, 1 the best: half ranks where two share one."""
    return rounded(1 + (2 - position) / 4 * (count - 1), 1).removesuffix(".0")


def _counted(points: Sequence[Point], side: Literal["against_belief", "against_insights"]) -> int:
    """Among how many steps the ranks of a comparison were taken."""
    return sum(
        1 for point in points if getattr(point, side).gap is not None and point.metric is not None and not point.code
    )


def _customers(point: Point, position: float, count: int) -> str:
    return _("customers: %(score)s, n %(n)s, rank %(rank)s of %(all)s") % {
        "score": point.score,
        "n": point.n,
        "rank": _rank(position, count),
        "all": count,
    }


def _gap(point: Point, found: Comparison, points: Sequence[Point]) -> Gap:
    count = _counted(points, "against_belief")
    belief = point.step.belief or 0.0
    theirs = _("the team: %(mood)s (%(belief)s), rank %(rank)s of %(all)s") % {
        "mood": mood(belief),
        "belief": signed(rounded(belief, 1)),
        "rank": _rank(found.believed or 0.0, count),
        "all": count,
    }
    return Gap(point, found.gap or 0.0, theirs, _customers(point, found.measured or 0.0, count))


def _disagreement(point: Point, points: Sequence[Point]) -> Gap:
    count, found = _counted(points, "against_insights"), point.against_insights
    insights = point.insights
    theirs = _("insights: %(score)s from %(n)s, rank %(rank)s of %(all)s") % {
        "score": signed(rounded(insights.score or 0.0, 1)) if insights else "",
        "n": insights.scored if insights else 0,
        "rank": _rank(found.believed or 0.0, count),
        "all": count,
    }
    return Gap(point, found.gap or 0.0, theirs, _customers(point, found.measured or 0.0, count))


def _drawing(
    steps: Sequence[CurveStep],
    points: Sequence[Point],
    metric: str,
    *,
    editable: bool,
    paint: Paint,
    width: int,
) -> SafeString:
    of_step = {point.step.id: point for point in points}
    drawn = []
    for step in steps:
        point = of_step.get(step.id)
        if point is None:
            drawn.append(EmotionStep(key="", name=step.name))
            continue
        found = point.against_belief
        drawn.append(
            EmotionStep(
                key=step.id,
                name=step.name,
                belief=step.belief,
                believed=found.believed,
                measured=found.measured,
                low=found.low,
                high=found.high,
                delusion=found.delusion,
                score=point.score,
                weak=point.code == "weak",
                insights=point.against_insights.believed,
                moment_of_truth=step.moment_of_truth,
            )
        )
    title = _("Emotion by rank: the team's view, insights and measured %(metric)s") % {"metric": metric.upper()}
    return emotion_lane(
        drawn,
        id="emotion-curve",
        title=title,
        step_width=width,
        editable=editable,
        icons=static(SPRITE) if paint == "css" else "",
        paint=paint,
    )


def _position(value: float | None) -> str:
    return "–" if value is None else signed(rounded(value, 1))


def _table(points: Sequence[Point], metric: str, is_live: bool) -> Table:
    columns = [_("Step"), _("Team drew"), _("Team, by rank"), _("Insights"), _("Insights, by rank")]
    if is_live:
        columns += [
            _("Measured %(metric)s") % {"metric": metric.upper()},
            "n",
            _("Measured, by rank"),
            _("Gap"),
            _("Note"),
        ]
    rows = []
    for point in points:
        insights, found = point.insights, point.against_belief
        row = [
            f"{point.step.name} ({_('moment of truth')})" if point.step.moment_of_truth else point.step.name,
            _position(point.step.belief),
            _position(found.believed),
            f"{_position(insights.score)} ({insights.scored})" if insights and insights.score is not None else "–",
            _position(point.against_insights.believed),
        ]
        if is_live:
            row += [
                point.score or "–",
                str(point.n or "–"),
                _position(found.measured),
                _position(found.gap),
                _("delusion") if found.delusion else point.why,
            ]
        rows.append(row)
    return Table(columns, rows)
