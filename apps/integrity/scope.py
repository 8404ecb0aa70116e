"""What a question about integrity is asked of: filters of scores, how to group, which segments to tell apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, get_args
from uuid import UUID

from django.http import QueryDict
from django.utils.timezone import localdate, make_aware, now
from django.utils.translation import gettext

from apps.integrity.flags import FLAGS
from apps.metrics.filters import Errors, read_selection, values_of
from apps.metrics.selection import Selection
from apps.organizations.models import Organization
from apps.personas.models import Persona
from apps.segments.models import Segment
from cxm.actor import Actor
from cxm.ids import parse_uuid

By = Literal["touchpoint", "unit", "agent"]
USUAL_DAYS: Final = 90
METRICS: Final = ("nps", "csat", "ces")
MOST_SEGMENTS: Final = 6
EARLIEST, LATEST = date(1971, 1, 1), date(2200, 1, 1)
"""Days beyond which nothing happened, and near whose far ends dates cannot be reckoned with."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A selection of any surveys, with how to group, the metric asked for, segments in order, and a mark."""

    selection: Selection
    by: By = "touchpoint"
    metric: str | None = None
    segments: tuple[UUID, ...] = ()
    flag: str | None = None

    @property
    def start(self) -> datetime:
        """The first instant of the window."""
        return self.selection.since or self._midnight(self.selection.first, EARLIEST)

    @property
    def end(self) -> datetime:
        """The instant after the window; nothing later than tomorrow has happened."""
        last = self.selection.last
        end = self.selection.until or self._midnight(last and min(last, LATEST) + timedelta(days=1), LATEST)
        return max(self.start, min(end, now() + timedelta(days=1)))

    def _midnight(self, day: date | None, otherwise: date) -> datetime:
        held = min(max(day or otherwise, EARLIEST), LATEST + timedelta(days=1))
        return make_aware(datetime.combine(held, time.min), self.selection.zone)


def read_scope(
    params: QueryDict, *, actor: Actor, organization: Organization, permission: str = "metrics.view"
) -> Scope:
    """The scope that a query string names, within what the actor may see; without a period, the last 90 days.

    Of the filters of scores, those that people who did not answer can be told by: `survey`, `touchpoint`, `journey`,
    `unit`, `from` and `to`. Besides: `by` (touchpoint, unit or agent), `metric`, `flag`, and `by_segment`: at most six
    segments in order, without any those that personas are bound to. Raises DomainErrors naming what cannot be read.
    """
    errors = Errors()
    selection = read_selection(
        with_period(params), actor=actor, organization=organization, permission=permission, errors=errors
    )
    by = _one_of(params, "by", get_args(By), errors) or "touchpoint"
    metric = _one_of(params, "metric", METRICS, errors)
    flag = _one_of(params, "flag", tuple(FLAGS), errors)
    segments = _segments(params, errors)
    errors.raise_if_any()
    plain = replace(selection, which="any", channels=None, attributes=(), populations=())
    return Scope(plain, by, metric, segments, flag)  # type: ignore[arg-type]


def with_period(params: QueryDict) -> QueryDict:
    """The parameters, with the last 90 days where they name no period."""
    if params.get("from") or params.get("to") or params.get("period") == "all":
        return params
    filled, today = params.copy(), localdate()
    filled["from"], filled["to"] = (today - timedelta(days=USUAL_DAYS - 1)).isoformat(), today.isoformat()
    return filled


def _one_of(params: QueryDict, name: str, allowed: tuple[str, ...], errors: Errors) -> str | None:
    value = params.get(name) or None
    if value and value not in allowed:
        errors.add(name, gettext("Choose one of %(all)s.") % {"all": ", ".join(allowed)})
        return None
    return value


def _segments(params: QueryDict, errors: Errors) -> tuple[UUID, ...]:
    values = values_of(params, "by_segment")
    if not values:
        bound = Persona.objects.filter(segment_id__isnull=False, archived_at=None).order_by("name", "pk")
        found = list(dict.fromkeys(bound.values_list("segment_id", flat=True)))[:MOST_SEGMENTS]
        return tuple(segment for segment in found if segment)
    if len(values) > MOST_SEGMENTS:
        errors.add("by_segment", gettext("Choose at most %(most)s segments.") % {"most": MOST_SEGMENTS}, "too_many")
        return ()
    wanted = [parse_uuid(value) for value in values]
    known = set(Segment.objects.filter(pk__in=[pk for pk in wanted if pk]).values_list("pk", flat=True))
    if unknown := [value for value, pk in zip(values, wanted, strict=True) if pk not in known]:
        message = gettext("There is no such segment here: %(value)s.")
        errors.add("by_segment", message % {"value": unknown[0].replace("\x00", "")[:80]}, "not_found")
    return tuple(dict.fromkeys(pk for pk in wanted if pk in known))
