"""Where the series of a touchpoint starts anew: with the version of the map that added, moved or removed it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise

from django.db.models import Q

from apps.journeys.content import complete
from apps.journeys.differences import changed_touchpoints
from apps.journeys.models import Journey, JourneyVersion


def series_starts(
    journey: Journey, start: datetime | None, end: datetime | None, *, until_version: int | None = None
) -> Mapping[str, datetime]:
    """Touchpoint key -> since when its score counts, for those that a version changed between `start` and `end`.

    An experience belongs to the version in force when it was had. A touchpoint that no version changed keeps its series
    and is missing here. `until_version` leaves later versions out. One query, none before a second version.
    """
    if (journey.published_version or 0) < 2:
        return {}
    last = until_version or journey.published_version
    rows = JourneyVersion.objects.filter(journey=journey, number__lte=last).order_by("number")
    if start is not None:
        rows = rows.filter(Q(in_force_to=None) | Q(in_force_to__gt=start))
    starts: dict[str, datetime] = {}
    for older, newer in pairwise(rows):
        began = newer.in_force_from
        if began is None or (end is not None and began >= end):
            continue
        starts |= dict.fromkeys(changed_touchpoints(complete(older.content), complete(newer.content)), began)
    return starts
