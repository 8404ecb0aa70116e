"""Which answers a number is about: the one value that pages, the API, exports and drill-downs are built from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import reduce
from operator import or_
from typing import Literal
from uuid import UUID

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from apps.metrics.models import ScoreHistogram
from apps.metrics.scored_answers import counted_states
from apps.metrics.statistics.privacy import Circumstances
from apps.segments.models import SegmentMember
from apps.surveys.models import Response

Which = Literal["relationship", "touchpoint", "any"]
"""Surveys that count where none is named: about the firm, after an experience, or both."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters, resolved: keys have become ids, a unit its whole branch, dates the days of the organisation's calendar.

    None means no filter; an empty set means nothing at all. Each of `populations` is a set of segments: the customer
    who answered belongs to one of them now; an answer without a customer belongs to none. `first` and `last` are whole
    days, both included; `since` and `until` are instants, `until` excluded. Only one of the two pairs is used.
    `states` are states of the answer in place of those that count; one of `flags` must stand at the answer.
    """

    surveys: frozenset[UUID] | None = None
    which: Which = "relationship"
    touchpoints: frozenset[UUID] | None = None
    channels: frozenset[str] | None = None
    units: frozenset[UUID] | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    populations: tuple[frozenset[UUID], ...] = ()
    first: date | None = None
    last: date | None = None
    since: datetime | None = None
    until: datetime | None = None
    zone: tzinfo = UTC
    threshold: int = 5
    include_provisional: bool = False
    languages: frozenset[str] | None = None
    versions: frozenset[int] | None = None
    states: frozenset[str] | None = None
    flags: frozenset[str] | None = None

    @property
    def folded(self) -> bool:
        """Whether the histograms can answer: they know survey, touchpoint, channel, unit and day, and no more."""
        return not self.tells_people_apart and not self.populations and self.since is None and self.until is None

    @property
    def tells_people_apart(self) -> bool:
        """Whether it filters by what only single answers have. Of an anonymous survey nothing is shown then."""
        return bool(self.attributes) or any(
            wanted is not None for wanted in (self.languages, self.versions, self.states, self.flags)
        )

    def covers(self, where: Circumstances) -> bool:
        """Whether answers in these circumstances are selected, by everything but the time."""
        return (
            (self.touchpoints is None or where.touchpoint in self.touchpoints)
            and (self.channels is None or where.channel in self.channels)
            and (self.units is None or (bool(where.unit) and where.unit[-1] in self.units))
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but the choice of surveys is filtered."""
        return self.first is not None or self.last is not None or not self.folded or self.cut

    @property
    def cut(self) -> bool:
        """Whether touchpoint, channel or unit is filtered."""
        return any(wanted is not None for wanted in (self.touchpoints, self.channels, self.units))

    @property
    def days(self) -> tuple[date, date]:
        """The whole days inside the window, open ends as far as dates go. Of instants, days cut in part are outside."""
        first, last = self.first or date.min, self.last or date.max
        if self.since is not None:
            local = self.since.astimezone(self.zone)
            first = local.date() + timedelta(days=local.time() > time.min)
        if self.until is not None:
            last = self.until.astimezone(self.zone).date() - timedelta(days=1)
        return first, last

    def before(self) -> Selection | None:
        """The same filters over the period of equal length just before; None for a window that is open or instants."""
        if self.first is None or self.last is None:
            return None
        length = self.last - self.first + timedelta(days=1)
        if self.first - date.min < length:
            return None
        return replace(self, first=self.first - length, last=self.first - timedelta(days=1))

    def dimensions(self) -> Q:
        """The filters on touchpoint, channel and unit, whose columns both tables have; on responses also the others."""
        q = Q()
        if self.touchpoints is not None:
            q &= Q(touchpoint__in=self.touchpoints)
        if self.channels is not None:
            q &= Q(channel__in=self.channels)
        if self.units is not None:
            q &= Q(unit__in=self.units)
        for index, (_, value) in enumerate(self.attributes):
            q &= Q(**{f"attribute{index}": value})
        for name in ("language", "version", "state"):
            wanted = getattr(self, f"{name}s")
            if wanted is not None:
                q &= Q(**{f"{name}__in": wanted})
        if self.flags is not None:
            q &= reduce(or_, (Q(flags__contains=[flag]) for flag in sorted(self.flags)), Q(pk__in=[]))
        for segments in self.populations:
            q &= Q(Exists(SegmentMember.objects.filter(segment__in=segments, customer=OuterRef("customer"))))
        return q

    def window(self) -> Q:
        """The filter on time."""
        q = Q()
        if self.first is not None:
            q &= Q(day__gte=self.first)
        if self.last is not None:
            q &= Q(day__lte=self.last)
        if self.since is not None:
            q &= Q(occurred_at__gte=self.since)
        if self.until is not None:
            q &= Q(occurred_at__lt=self.until)
        return q

    def histograms(self) -> QuerySet[ScoreHistogram]:
        """Histogram rows, not yet filtered, but without totals of months that the window cuts. Only where `folded`.

        A total of a month belongs to the month as a whole: no part of it can be told apart.
        """
        cut = []
        if self.first is not None and self.first.day > 1:
            cut.append(self.first.replace(day=1))
        if self.last is not None and self.last < date.max and (self.last + timedelta(days=1)).day > 1:
            cut.append(self.last.replace(day=1))
        rows = ScoreHistogram.objects.all()
        return rows.exclude(is_imported=True, day__in=cut) if cut else rows

    def responses(self) -> QuerySet[Response]:
        """Responses that count, not yet filtered, with the attributes that `dimensions` compares."""
        rows = Response.objects.all()
        if self.states is None:
            rows = rows.filter(state__in=counted_states(self.include_provisional))
        return rows.alias(**{f"attribute{index}": attribute(name) for index, (name, _) in enumerate(self.attributes)})


def attribute(name: str) -> Coalesce:
    """An attribute of the answer, else of the customer who gave it, as text."""
    return Coalesce(
        KeyTextTransform(name, F("attributes")),
        KeyTextTransform(name, F("customer__attributes")),
        output_field=CharField(),
    )
