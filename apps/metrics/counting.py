"""From a selection to counts of scores: over the whole window, by period, or by group.

Where the histograms know the filters, they are read; else the responses are, with the same result. Anonymous surveys
take their own way, so that no window, filter or split can be subtracted from another to isolate a few answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    Count,
    DateField,
    Expression,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    SmallIntegerField,
    Sum,
    UUIDField,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from apps.metrics.models import ScoreHistogram
from apps.metrics.scored_answers import COUNTS, further_questions
from apps.metrics.selection import Selection, Which, attribute
from apps.metrics.statistics import Histogram
from apps.metrics.statistics.privacy import Atom, Circumstances, atoms, enough, steps_for
from apps.metrics.statistics.privacy import Cell as PrivateCell
from apps.organizations.queries import unit_tree
from apps.organizations.unit_tree import UnitTree
from apps.segments.models import SegmentMember
from apps.surveys.models import Survey

Interval = Literal["day", "week", "month"]
INTERVALS: tuple[Interval, ...] = ("day", "week", "month")

NOW, BEFORE = "now", "before"


@dataclass(frozen=True, slots=True)
class SurveyFacts:
    """What counting needs to know of a survey."""

    id: UUID
    name: str
    kind: str
    relationship: bool
    anonymous: bool
    employees: bool
    touchpoint_id: UUID | None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a count belongs: a metric, the window asked for or the one before, and a period or a group of it."""

    metric: str
    window: str = NOW
    period: date | None = None
    key: Any = None


@dataclass(slots=True)
class Tally:
    """Counts of one slot by scale, how many answers stay hidden, and how many came as imported totals, by scale."""

    scales: dict[int, list[int]] = field(default_factory=dict)
    hidden: int = 0
    imported: dict[int, int] = field(default_factory=dict)

    def add(self, scale: int, counts: Iterable[int]) -> None:
        row = self.scales.get(scale)
        self.scales[scale] = list(counts) if row is None else [a + b for a, b in zip(row, counts, strict=True)]

    def add_cell(self, cell: Cell) -> None:
        self.add(cell.scale, cell.counts)
        if cell.keys.get("imported"):
            self.imported[cell.scale] = self.imported.get(cell.scale, 0) + sum(cell.counts)

    def merge(self, other: Tally) -> None:
        for scale, counts in other.scales.items():
            self.add(scale, counts)
        self.hidden += other.hidden
        for scale, n in other.imported.items():
            self.imported[scale] = self.imported.get(scale, 0) + n

    def histogram(self, scale: int) -> Histogram:
        return Histogram.from_columns(scale, self.scales.get(scale, [0] * 11))


Tallies = dict[Slot, Tally]
Grouping = Expression | F
"""What rows may be grouped by."""


@dataclass(frozen=True, slots=True)
class Split:
    """How a window is divided: by group (`by`), and each of the parts by period (`interval`); or not at all.

    By segment, an answer counts in every one of `segments` its customer belongs to now.
    """

    interval: Interval | None = None
    by: str | None = None
    segments: frozenset[UUID] = frozenset()

    @property
    def folded(self) -> bool:
        return self.by is None or self.by in COLUMNS

    def expressions(self) -> dict[str, Grouping]:
        keys: dict[str, Grouping] = {}
        if self.interval:
            keys["period"] = PERIODS[self.interval]
        if self.by == "segment":
            keys["key"] = segments_of_customer(self.segments)
        elif self.by:
            keys["key"] = F(COLUMNS[self.by]) if self.by in COLUMNS else attribute(self.by.partition(":")[2])
        return keys


def segments_of_customer(segments: Collection[UUID]) -> Func:
    """Those of `segments` that the customer of an answer belongs to now: one row each, none when in none."""
    memberships = SegmentMember.objects.filter(customer=OuterRef("customer"), segment__in=segments)
    return Func(ArraySubquery(memberships.values("segment")), function="unnest", output_field=UUIDField())


class _DayOf(Func):
    """Arithmetic on a day that stays a date: date_trunc would make it a time in some zone, and cost far more.

    The first of January of the year 1 was a Monday; `extract` would give a numeric, which is slow to reckon with.
    """

    output_field = DateField()


COLUMNS = {
    "touchpoint": "touchpoint_id",
    "survey": "survey_id",
    "relationship": "survey__relationship",
    "channel": "channel",
    "unit": "unit_id",
}
"""Splits that both tables know, and the column that each is by."""

PERIODS: dict[Interval, Grouping] = {
    "day": F("day"),
    "week": _DayOf(F("day"), template="(%(expressions)s - mod(%(expressions)s - DATE '0001-01-01', 7))"),
    "month": _DayOf(F("day"), template="(%(expressions)s - (date_part('day', %(expressions)s)::int - 1))"),
}


def period_of(day: date, interval: Interval) -> date:
    """The first day of the period a day belongs to. Weeks start on Monday."""
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def next_period(start: date, interval: Interval) -> date:
    """The first day of the period after the one that starts here."""
    if interval == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if interval == "week" else 1)


def all_surveys() -> list[SurveyFacts]:
    """Every survey of the organisation, those of employees too. One query."""
    rows = Survey.objects.order_by("name", "id").values_list(
        "id", "name", "kind", "relationship", "anonymous", "audience", "touchpoint_id", "languages"
    )
    return [
        SurveyFacts(
            *row[:5], employees=row[5] == Survey.Audience.EMPLOYEES, touchpoint_id=row[6], languages=tuple(row[7])
        )
        for row in rows
    ]


def surveys_for(
    selection: Selection, which: Which | None = None, *, among: Sequence[SurveyFacts] | None = None
) -> list[SurveyFacts]:
    """The surveys whose answers count. One query, or none when all surveys are given in `among`.

    Named surveys, whatever they are; else surveys of customers of the kind the selection asks for. What employees
    answer never mixes with what customers answer.
    """
    facts = all_surveys() if among is None else among
    if selection.surveys is not None:
        return [survey for survey in facts if survey.id in selection.surveys]
    wanted = which or selection.which
    return [
        survey
        for survey in facts
        if not survey.employees and (wanted == "any" or survey.relationship == (wanted == "relationship"))
    ]


def count(
    selection: Selection,
    surveys: Sequence[SurveyFacts],
    metrics: Collection[str],
    *,
    split: Split | None = None,
    compare: bool = False,
) -> Tallies:
    """Count the answers of the surveys. One query on the histograms or the responses, one more an anonymous survey.

    With `compare`, the window before is counted too. Each group has a slot for the whole window and, with an interval,
    one for each period; without `by` there is one group, whose key is None.
    """
    split = split or Split()
    windows = {NOW: selection.days}
    earlier = selection.before() if compare else None
    if earlier:
        windows[BEFORE] = earlier.days
        window = Q(day__gte=earlier.first, day__lte=selection.last)
    else:
        window = selection.window()
    tallies: Tallies = defaultdict(Tally)
    identified = [survey.id for survey in surveys if not survey.anonymous]
    if identified:
        keys = dict(split.expressions())
        if earlier:
            keys["window"] = Case(When(day__gte=selection.first, then=Value(NOW)), default=Value(BEFORE))
        for row in _cells(selection, split.folded, identified, metrics, window & selection.dimensions(), keys):
            whole = Slot(row.metric, row.keys.get("window", NOW), key=row.keys.get("key"))
            tallies[whole].add_cell(row)
            if split.interval and (split.interval == "month" or not row.keys.get("imported")):
                tallies[replace(whole, period=row.keys["period"])].add_cell(row)
    if selection.populations or split.by == "segment":
        return dict(tallies)  # an anonymous answer has no customer, so it belongs to no segment
    for survey in surveys:
        if survey.anonymous:
            for slot, tally in _count_anonymous(selection, survey, metrics, split, windows).items():
                tallies[slot].merge(tally)
    return dict(tallies)


# Reading


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts of the scores 0..10 for one combination of keys."""

    metric: str
    scale: int
    counts: tuple[int, ...]
    keys: Mapping[str, Any]


def _cells(
    selection: Selection,
    folded: bool,
    survey_ids: Collection[UUID],
    metrics: Collection[str],
    where: Q,
    keys: Mapping[str, Grouping],
) -> list[Cell]:
    if selection.folded and folded:
        rows = selection.histograms().filter(where, survey__in=survey_ids, metric__in=metrics)
        keys = {**keys, "imported": F("is_imported")}
        return _grouped(rows, F("metric"), F("scale"), keys, lambda index: Sum(f"c{index}"))
    return _cells_of_responses(selection, survey_ids, metrics, where, keys)


def _cells_of_responses(
    selection: Selection,
    survey_ids: Collection[UUID],
    metrics: Collection[str],
    where: Q,
    keys: Mapping[str, Grouping],
) -> list[Cell]:
    rows = selection.responses().filter(where, survey__in=survey_ids)
    headline = rows.filter(metric__in=metrics, score__isnull=False)
    cells = _grouped(headline, F("metric"), F("scale"), keys, _times_given("score"))
    versions: dict[tuple[str, str, int], list[tuple[UUID, int]]] = defaultdict(list)
    for question in further_questions(survey_ids):
        if question.metric in metrics:
            key = (question.question, question.metric, question.scale)
            versions[key].append((question.survey_id, question.version))
    for (question_id, metric, scale), asked in versions.items():
        of_versions = Q()
        for survey_id, number in asked:
            of_versions |= Q(survey=survey_id, version=number)
        answered = (
            rows.filter(of_versions, answers__has_key=question_id)
            .exclude(score_question=question_id)
            .alias(further=Cast(KeyTextTransform(question_id, "answers"), SmallIntegerField()))
        )
        cells += _grouped(answered, Value(metric), Value(scale), keys, _times_given("further"))
    return cells


def _times_given(column: str) -> Callable[[int], Expression]:
    return lambda score: Count("id", filter=Q(**{column: score}))


def _grouped(
    rows: QuerySet[Any],
    metric: Grouping,
    scale: Grouping,
    keys: Mapping[str, Grouping],
    counted: Callable[[int], Expression],
) -> list[Cell]:
    names = [f"by_{name}" for name in keys]
    groups = {"by_metric": metric, "by_scale": scale, **{f"by_{name}": expression for name, expression in keys.items()}}
    found = (
        rows.order_by()
        .values(**groups)
        .annotate(**{f"n{index}": counted(index) for index in range(len(COUNTS))})
        .values_list("by_metric", "by_scale", *names, *(f"n{index}" for index in range(len(COUNTS))))
    )
    start = 2 + len(names)
    return [Cell(row[0], row[1], row[start:], dict(zip(keys, row[2:start], strict=True))) for row in found]


# Anonymous surveys


def _count_anonymous(
    selection: Selection,
    survey: SurveyFacts,
    metrics: Collection[str],
    split: Split,
    windows: Mapping[str, tuple[date, date]],
) -> Tallies:
    """Counts of one anonymous survey, as far as they may be shown (statistics/privacy.py says why).

    The survey is read whole, from the histograms, so that every question is cut into the same atoms whatever is asked.
    """
    rows = ScoreHistogram.objects.filter(survey=survey.id, metric__in=metrics, is_imported=False)
    keys = {name: F(column) for name, column in CIRCUMSTANCES.items()} | {"question": F("question")}
    found = _grouped(rows, F("metric"), F("scale"), keys, lambda index: Sum(f"c{index}"))
    tree = unit_tree() if any(row.keys["unit"] for row in found) else UnitTree({}, {})
    questions: dict[tuple[str, int, str], list[PrivateCell]] = defaultdict(list)
    for row in found:
        where = circumstances(row.keys, tree)
        scores = {score: count for score, count in enumerate(row.counts) if count}
        questions[row.metric, row.scale, row.keys["question"]].append(PrivateCell(where, sum(row.counts), scores))
    tallies: Tallies = defaultdict(Tally)
    for (metric, scale, _question), cells in questions.items():
        steps = steps_for(cells, employees=survey.employees)
        for atom in atoms(cells, steps, enough(selection.threshold), selection.threshold):
            _release(tallies, selection, survey, split, metric, scale, atom, windows)
        if sum(cell.n for cell in cells) < selection.threshold:
            for cell in cells:
                _release(tallies, selection, survey, split, metric, scale, (cell,), windows, whole=False)
    return tallies


CIRCUMSTANCES = {"day": "day", "unit": "unit_id", "touchpoint": "touchpoint_id", "channel": "channel"}
"""What an anonymous answer is told apart by, and the columns of it."""


def circumstances(keys: Mapping[str, Any], tree: UnitTree) -> Circumstances:
    """The circumstances of a group of answers by those columns."""
    path = tuple(unit.id for unit in tree.path(keys["unit"])) if keys["unit"] else ()
    return Circumstances(keys["day"], path, keys["touchpoint"], keys["channel"])


def _release(
    tallies: Tallies,
    selection: Selection,
    survey: SurveyFacts,
    split: Split,
    metric: str,
    scale: int,
    atom: Atom,
    windows: Mapping[str, tuple[date, date]],
    whole: bool = True,
) -> None:
    """Add an atom to every slot that it lies wholly inside, and note in the others how much of it stays hidden.

    Touchpoint and channel are not crossed with each other: who narrows twice looks for somebody.
    """
    crossed = sum(
        (
            selection.touchpoints is not None and survey.touchpoint_id not in selection.touchpoints,
            selection.channels is not None,
            split.by in ("touchpoint", "channel") and split.by is not None,
        )
    )
    tellable = whole and crossed < 2 and not selection.tells_people_apart and split.by in (None, *COLUMNS)
    wanted = selection.covers
    keys = [_key_of(cell.where, split, survey) for cell in atom]
    common = _common_key(atom, keys, split) if tellable and all(wanted(cell.where) for cell in atom) else NOTHING
    for name, window in windows.items():
        days = [cell.where.day for cell in atom]
        spans: dict[date | None, tuple[date, date]] = {None: window}
        if split.interval:
            for day in days:
                start = period_of(day, split.interval)
                end = min(next_period(start, split.interval) - timedelta(days=1), window[1])
                spans[start] = (max(start, window[0]), end)
        for period, (first, last) in spans.items():
            if common is not NOTHING and all(first <= day <= last for day in days):
                tally = tallies[Slot(metric, name, period, common)]
                for cell in atom:
                    tally.add(scale, [int(cell.sums.get(score, 0)) for score in range(len(COUNTS))])
                continue
            for cell, key in zip(atom, keys, strict=True):
                if wanted(cell.where) and first <= cell.where.day <= last:
                    tallies[Slot(metric, name, period, key)].hidden += cell.n


NOTHING = object()
"""No group that an atom could be shown in."""


def _key_of(where: Circumstances, split: Split, survey: SurveyFacts) -> Any:
    """The group of a split that these answers belong to."""
    if split.by == "unit":
        return where.unit[-1] if where.unit else None
    if split.by in ("touchpoint", "channel"):
        return getattr(where, split.by)
    return {"survey": survey.id, "relationship": survey.relationship}.get(split.by or "")


def _common_key(atom: Atom, keys: Sequence[Any], split: Split) -> Any:
    """The one group that all of an atom belongs to: of units the deepest that holds them all. NOTHING if there is none.

    Groups by unit are added up the tree afterwards, so an atom of several teams counts from their common branch on.
    """
    if len(set(keys)) == 1:
        return keys[0]
    if split.by != "unit":
        return NOTHING
    shared = [level[0] for level in zip(*(cell.where.unit for cell in atom), strict=False) if len(set(level)) == 1]
    return shared[-1] if shared else NOTHING
