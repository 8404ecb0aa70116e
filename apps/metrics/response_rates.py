"""The response rate: completed of delivered invitations, wherever there was a send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import TruncDate
from django.utils.timezone import make_aware

from apps.dispatch.models import Invitation
from apps.dispatch.queries import DELIVERED_STATES
from apps.metrics.counting import Interval, period_of
from apps.metrics.queries import Change
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric, measure_response_rate, newcombe_difference
from apps.segments.models import SegmentMember

EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
"""Days beyond which nothing was sent, and near whose far ends dates cannot be reckoned with."""


@dataclass(frozen=True, slots=True)
class ResponseRate:
    """The rate of a window, its change since the window before, and its periods in order."""

    metric: Metric
    change: Change | None
    series: list[Metric]


def response_rate(selection: Selection, survey_ids: Sequence[UUID], *, interval: Interval = "week") -> ResponseRate:
    """Invitations of these surveys whose mail went in the window, by the day it went. One query.

    Filters on channel, unit, segment and persona apply as they do to answers; those on the attributes of an answer do
    not, since who did not answer has none.
    """
    first, last = selection.days
    earlier = selection.before()
    start = earlier.first if earlier else selection.first
    rows = Invitation.objects.filter(survey__in=survey_ids, state__in=DELIVERED_STATES)
    if start is not None and start > EARLIEST:
        rows = rows.filter(send_at__gte=_midnight(start, selection))
    if selection.last is not None and selection.last < LATEST:
        rows = rows.filter(send_at__lt=_midnight(selection.last + timedelta(days=1), selection))
    if selection.touchpoints is not None:
        rows = rows.filter(touchpoint__in=selection.touchpoints)
    if selection.channels is not None:
        rows = rows.filter(channel__in=selection.channels)
    if selection.units is not None:
        rows = rows.filter(customer__unit__in=selection.units)
    for segments in selection.populations:
        rows = rows.filter(Exists(SegmentMember.objects.filter(segment__in=segments, customer=OuterRef("customer"))))
    by_day = (
        rows.order_by()
        .values(day=TruncDate("send_at", tzinfo=selection.zone))
        .annotate(delivered=Count("id"), completed=Count("id", filter=Q(state=Invitation.State.COMPLETED)))
        .values_list("day", "completed", "delivered")
    )
    now, before = [0, 0], [0, 0]
    periods: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for day, completed, delivered in by_day:
        inside = first <= day <= last
        for tally in (now, periods[period_of(day, interval)]) if inside else (before,):
            tally[0] += completed
            tally[1] += delivered
    change = None
    if now[1] and before[1]:
        difference = newcombe_difference((before[0], before[1]), (now[0], now[1]))
        change = Change(
            difference=difference.plain,
            low=difference.low,
            high=difference.high,
            significant=difference.significant,
            better=difference.value > 0,
            unit="percent",
        )
    return ResponseRate(
        measure_response_rate(*now), change, [measure_response_rate(*periods[start]) for start in sorted(periods)]
    )


def _midnight(day: date, selection: Selection) -> datetime:
    return make_aware(datetime.combine(day, time.min), selection.zone)
