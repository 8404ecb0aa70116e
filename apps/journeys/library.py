"""The touchpoints of the library, to be placed on a map."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.journeys.live import ICONS
from apps.touchpoints.models import Touchpoint

MOST_FOUND = 50


@dataclass(frozen=True)
class Offer:
    """A touchpoint that can be placed."""

    id: str
    name: str
    channel: str
    icon: str


@dataclass(frozen=True)
class Offers:
    """The first touchpoints found, by name; `more` says that there are further ones."""

    rows: list[Offer]
    more: bool


def library_for(text: str, rows: QuerySet[Touchpoint]) -> Offers:
    """Those of these touchpoints whose name or key holds the text. One query."""
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(key__icontains=text))
    found = list(rows.order_by("name", "pk")[: MOST_FOUND + 1])
    offers = [
        Offer(str(row.pk), row.name, row.get_channel_display(), ICONS.get(row.channel, "circle-dot"))
        for row in found[:MOST_FOUND]
    ]
    return Offers(offers, len(found) > MOST_FOUND)
