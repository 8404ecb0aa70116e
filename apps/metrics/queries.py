"""The metric service: every score on a page, in the API, in a mail or an export comes from here.

Nothing here writes. All functions need an organisation in force; what an actor may see is already in the selection
(its `units`), which `filters.read_selection` makes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.utils.timezone import make_aware
from django.utils.translation import gettext

from apps.metrics.counting import (
    BEFORE,
    NOW,
    Interval,
    Slot,
    Split,
    SurveyFacts,
    Tally,
    count,
    next_period,
    surveys_for,
)
from apps.metrics.selection import Selection, Which
from apps.metrics.statistics import (
    RULES,
    Difference,
    Metric,
    Rule,
    compare,
    measure,
    rule_for,
)
from apps.organizations.queries import unit_tree
from apps.personas.models import Persona
from apps.segments.models import Segment
from apps.surveys.breaks import Break, breaks_of_surveys
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel, Touchpoint
from cxm.errors import DomainError

METRICS = ("nps", "csat", "ces")
MOST_PERIODS = 2000
USUAL_POINTS = 5
"""The scale of a score nobody has given yet, where its rule allows several."""


@dataclass(frozen=True, slots=True)
class Change:
    """The move from the period before to this one. Colour it only where `significant`."""

    difference: float
    low: float
    high: float
    significant: bool
    better: bool
    unit: str

    @classmethod
    def between(cls, rule: Rule, difference: Difference | None) -> Change | None:
        if difference is None:
            return None
        return cls(
            difference=difference.plain,
            low=difference.low,
            high=difference.high,
            significant=difference.significant,
            better=(difference.value > 0) == rule.higher_is_better,
            unit=rule.unit,
        )


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a series: its first day and its score."""

    start: date
    metric: Metric


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a split: its key in the public interface (None = answers without one), its name, its score."""

    key: str | None
    label: str
    metric: Metric


@dataclass(frozen=True, slots=True)
class Scores:
    """One metric over a selection: the score, its change, its periods and its groups.

    `breaks` are the places where the line of the series breaks, by survey: other words or another scale from there on.
    """

    metric: Metric
    change: Change | None
    series: list[Period]
    groups: list[Group]
    breaks: list[tuple[UUID, Break]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One score and its change since the period before."""

    metric: Metric
    change: Change | None


def score(
    selection: Selection,
    metric: str,
    *,
    rule: Rule | None = None,
    scale: int | None = None,
    interval: Interval | None = None,
    by: str | None = None,
    compare_before: bool = False,
    surveys: Sequence[SurveyFacts] | None = None,
) -> Scores:
    """One metric with its series and groups.

    Two queries (surveys, counts), two for the breaks of a series, one more for `by`, one more for the names of the
    groups, and one for each anonymous survey. DomainError (`scale`) when the answers are on several scales and none is
    chosen: they cannot be added.
    """
    facts = surveys_for(selection) if surveys is None else list(surveys)
    tallies = count(selection, facts, [metric], split=Split(interval=interval), compare=compare_before)
    periods = {slot.period: tally for slot, tally in tallies.items() if slot.period and slot.window == NOW}
    totals = {window: tallies.get(Slot(metric, window), Tally()) for window in (NOW, BEFORE)}
    chosen = _rule_of(metric, rule, totals.values())
    points = _scale_of(chosen, totals.values(), scale)
    return Scores(
        metric=_measured(chosen, points, totals[NOW]),
        change=_change(chosen, points, totals[BEFORE], totals[NOW]) if compare_before else None,
        series=series_of(chosen, points, periods, interval) if interval else [],
        groups=_groups(selection, metric, by, rule, scale) if by else [],
        breaks=breaks_in(selection, facts, metric) if interval else [],
    )


def breaks_in(selection: Selection, surveys: Sequence[SurveyFacts], metric: str) -> list[tuple[UUID, Break]]:
    """Where the line of a metric breaks within the window, oldest first. Two queries at most."""
    asking = [survey.id for survey in surveys if _concerns(selection, survey)]
    first, last = selection.days
    found = [
        (survey_id, one)
        for survey_id, breaks in (breaks_of_surveys(asking) if asking else {}).items()
        for one in breaks
        if one.metric == metric and first <= one.at.astimezone(selection.zone).date() <= last
    ]
    return sorted(found, key=lambda pair: (pair[1].at, pair[0]))


def _concerns(selection: Selection, survey: SurveyFacts) -> bool:
    """Whether answers to the survey can be among those of the touchpoints that are filtered by."""
    wanted = selection.touchpoints
    return wanted is None or survey.touchpoint_id is None or survey.touchpoint_id in wanted


def readings(
    selection: Selection,
    metrics: Collection[str] = METRICS,
    *,
    surveys: Sequence[SurveyFacts] | None = None,
) -> dict[str, Reading]:
    """The headline score of several metrics, each with its change since the period before. Two queries.

    A metric whose answers are on several scales is left out: there is no one number for it.
    """
    facts = surveys_for(selection) if surveys is None else list(surveys)
    tallies = count(selection, facts, metrics, compare=True)
    found = {}
    for metric in metrics:
        reading = read_tally(metric, tallies.get(Slot(metric, BEFORE)), tallies.get(Slot(metric)))
        if reading:
            found[metric] = reading
    return found


def touchpoint_readings(
    selection: Selection,
    metrics: Collection[str] = METRICS,
    *,
    compare_before: bool = False,
    surveys: Sequence[SurveyFacts] | None = None,
) -> dict[UUID, dict[str, Reading]]:
    """The scores of every touchpoint that has answers, by touchpoint id and metric. Two queries.

    Each is the score that the filter `touchpoint` alone gives. A metric asked on several scales at one touchpoint is
    left out.
    """
    facts = surveys_for(selection, "any") if surveys is None else surveys
    tallies = _by_touchpoint(selection, facts, metrics, compare=compare_before)
    found: dict[UUID, dict[str, Reading]] = defaultdict(dict)
    for slot in tallies:
        if slot.key is None or slot.metric in found[slot.key]:
            continue
        before, now = (tallies.get(Slot(slot.metric, window, key=slot.key)) for window in (BEFORE, NOW))
        reading = read_tally(slot.metric, before, now)
        if reading and (reading.metric.n or reading.metric.suppressed):
            found[slot.key][slot.metric] = reading
    return {key: metrics for key, metrics in found.items() if metrics}


def _by_touchpoint(
    selection: Selection, surveys: Sequence[SurveyFacts], metrics: Collection[str], *, compare: bool
) -> dict[Slot, Tally]:
    """Counts by touchpoint. Between two instants, the whole days inside come from the histograms and only the days
    that an instant cuts from the answers: four queries more at most, and no reading of every answer there ever was.
    """
    split = Split(by="touchpoint")
    first, last = selection.days
    at_days = replace(selection, since=None, until=None)
    if selection.folded or not at_days.folded or last < first:
        return count(selection, surveys, metrics, split=split, compare=compare)
    inside = replace(at_days, first=first if selection.since else None, last=last if selection.until else None)
    tallies = dict(count(inside, surveys, metrics, split=split))
    edges = []
    if selection.since is not None and selection.since < (start := _midnight(first, selection)):
        edges.append(replace(selection, until=start))
    if selection.until is not None and selection.until > (end := _midnight(last + timedelta(days=1), selection)):
        edges.append(replace(selection, since=end))
    identified = [survey for survey in surveys if not survey.anonymous]
    for edge in edges:
        for slot, tally in count(edge, identified, metrics, split=split).items():
            tallies.setdefault(slot, Tally()).merge(tally)
    return tallies


def _midnight(day: date, selection: Selection) -> datetime:
    return make_aware(datetime.combine(day, time.min), selection.zone)


# From counts to scores


def read_tally(metric: str, before: Tally | None, now: Tally | None) -> Reading | None:
    """The headline score of counts and its change; None when they are on several scales."""
    before, now = before or Tally(), now or Tally()
    rule = _rule_of(metric, None, [now, before])
    try:
        points = _scale_of(rule, [now, before], None)
    except DomainError:
        return None
    return Reading(_measured(rule, points, now), _change(rule, points, before, now))


def _rule_of(metric: str, rule: Rule | None, tallies: Collection[Tally]) -> Rule:
    """The rule asked for; else the headline rule, or for effort asked on five points alone the rule of CES 1.0."""
    if rule:
        return rule
    scales = {scale for tally in tallies for scale in tally.scales}
    if metric == "ces" and scales == {5}:
        return RULES["ces1.mean.v1"]
    return rule_for(metric)


def _scale_of(rule: Rule, tallies: Collection[Tally], scale: int | None) -> int:
    """The scale to score on: the one chosen, else the only one there is among those the rule is defined on."""
    if scale is not None:
        if scale not in rule.scales:
            points = ", ".join(map(str, rule.scales))
            raise DomainError(
                gettext("The rule %(rule)s is defined on scales of %(points)s points.")
                % {"rule": rule.id, "points": points},
                field="scale",
            )
        return scale
    scales = sorted({scale for tally in tallies for scale in tally.scales if scale in rule.scales})
    if len(scales) > 1:
        raise DomainError(
            gettext(
                "These answers were given on scales of %(scales)s points, which cannot be added. Choose one survey, or "
                "one scale with the parameter “scale”."
            )
            % {"scales": gettext(" and ").join(map(str, scales))},
            field="scale",
            code="mixed_scales",
        )
    return (
        scales[0]
        if scales
        else DEFAULT_SCALES.get(rule.metric, rule.scales[0])
        if len(rule.scales) > 1
        else rule.scales[0]
    )


DEFAULT_SCALES = {"csat": 5}


def _measured(rule: Rule, scale: int, tally: Tally) -> Metric:
    histogram = tally.histogram(scale)
    if tally.hidden and not histogram.n:
        return Metric(
            value=None,
            low=None,
            high=None,
            n=tally.hidden,
            rule=rule.id,
            unit=rule.unit,
            suppressed=True,
            distribution=histogram.as_json(),
        )
    return replace(measure(rule, histogram), imported=tally.imported.get(scale, 0))


def _change(rule: Rule, scale: int, before: Tally, now: Tally) -> Change | None:
    return Change.between(rule, compare(rule, before.histogram(scale), now.histogram(scale)))


def series_of(rule: Rule, scale: int, periods: Mapping[date, Tally], interval: Interval) -> list[Period]:
    """From the first period with an answer to the last, without holes. DomainError (`interval`) when too many."""
    answered = sorted(start for start, tally in periods.items() if tally.scales or tally.hidden)
    if not answered:
        return []
    starts = [answered[0]]
    while starts[-1] < answered[-1]:
        if len(starts) == MOST_PERIODS:
            raise DomainError(
                gettext("That is more than %(most)s periods. Choose a longer interval or a shorter time.")
                % {"most": MOST_PERIODS},
                field="interval",
                code="too_many",
            )
        starts.append(next_period(starts[-1], interval))
    return [Period(start, _measured(rule, scale, periods.get(start, Tally()))) for start in starts]


# Groups


def _groups(selection: Selection, metric: str, by: str, rule: Rule | None, scale: int | None) -> list[Group]:
    """The groups of a split, by name, each the score that the filter of that name gives.

    Splitting by survey or touchpoint names them, so their groups are not limited to relationship surveys.
    """
    if by in ("persona", "segment"):
        return _membership_groups(selection, metric, by, rule, scale)
    which: Which | None = "any" if by in ("survey", "touchpoint") and selection.surveys is None else None
    tallies = count(selection, surveys_for(selection, which), [metric], split=Split(by=by))
    of_key: dict[Any, Tally] = {slot.key: tally for slot, tally in tallies.items()}
    if by == "unit":
        of_key = _rolled_up(of_key, selection.units)
    named = _names(by, of_key)
    return _measured_groups([(*named[key], tally) for key, tally in of_key.items()], metric, rule, scale)


def _membership_groups(selection: Selection, metric: str, by: str, rule: Rule | None, scale: int | None) -> list[Group]:
    """A group for each segment, or each persona bound to one, that a customer who answered belongs to now.

    Groups may overlap: a customer in two segments counts in both. Three queries.
    """
    if by == "segment":
        named = [(str(pk), name, pk) for pk, name in Segment.objects.values_list("pk", "name")]
    else:
        bound = Persona.objects.filter(segment__isnull=False, archived_at=None)
        named = [(str(pk), name, of) for pk, name, of in bound.values_list("pk", "name", "segment_id")]
    split = Split(by="segment", segments=frozenset(segment for _, _, segment in named))
    tallies = count(selection, surveys_for(selection), [metric], split=split) if named else {}
    found = [
        (key, label, tallies[Slot(metric, key=segment)])
        for key, label, segment in named
        if Slot(metric, key=segment) in tallies
    ]
    return _measured_groups(found, metric, rule, scale)


def _measured_groups(
    tallied: Iterable[tuple[str | None, str, Tally]], metric: str, rule: Rule | None, scale: int | None
) -> list[Group]:
    """The groups with an answer, by name."""
    groups = []
    for key, label, tally in tallied:
        chosen = _rule_of(metric, rule, [tally])
        measured = _measured(chosen, _scale_of(chosen, [tally], scale), tally)
        if measured.n or measured.suppressed:
            groups.append(Group(key, label, measured))
    return sorted(groups, key=lambda group: (group.key is None, group.label.casefold(), group.key or ""))


def _rolled_up(of_unit: dict[Any, Tally], within: frozenset[UUID] | None) -> dict[Any, Tally]:
    """Each unit with everything below it, as the filter `unit` counts."""
    tree = unit_tree()
    rolled: dict[Any, Tally] = defaultdict(Tally)
    for unit_id, tally in of_unit.items():
        above = [unit.id for unit in tree.path(unit_id)] if unit_id else [None]
        for key in above:
            if key is None or within is None or key in within:
                rolled[key].merge(tally)
    return dict(rolled)


def _names(by: str, keys: Collection[Any]) -> dict[Any, tuple[str | None, str]]:
    """Public key and label of each group. One query at most."""
    given = [key for key in keys if key is not None]
    nothing: dict[Any, tuple[str | None, str]] = {None: (None, gettext("None"))}
    if by == "touchpoint":
        rows = Touchpoint.objects.filter(pk__in=given).values_list("pk", "key", "name")
        return {pk: (key, name) for pk, key, name in rows} | nothing
    if by == "survey":
        return {pk: (str(pk), name) for pk, name in Survey.objects.filter(pk__in=given).values_list("pk", "name")}
    if by == "unit":
        return {unit.id: (str(unit.id), unit.name) for unit in unit_tree().units.values()} | nothing
    if by == "channel":
        labels = dict(Channel.choices)
        return {channel: (channel, str(labels.get(channel, channel))) for channel in given}
    return {value: (value, value) for value in given} | nothing
