"""A page of the timeline as people read it: by days, repeated page views as one line, a link where there is a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from django.http import QueryDict
from django.urls import NoReverseMatch
from django.utils.formats import date_format
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.customers.models import Customer
from apps.customers.timeline import Position, TimelineItem, timeline_of
from apps.customers.timeline_filters import DAY, TimelineFilter
from cxm.actor import Actor
from cxm.channels import Channel
from cxm.ids import parse_uuid
from cxm.web.urls import org_url

SIZE = 50
REPEATED = frozenset({"page", "screen"})
"""Kinds of which equal ones, one after another, stand in one line."""
CHANNELS = dict(Channel.choices)


@dataclass(frozen=True, slots=True)
class Line:
    """An item as the page shows it; `times` is how many equal ones it stands for."""

    item: TimelineItem
    url: str
    clock: str
    channel: str
    kind: Any
    times: int = 1

    @property
    def times_words(self) -> str:
        """How many equal ones, in words."""
        return ngettext("%(times)d time", "%(times)d times", self.times) % {"times": self.times}


@dataclass(frozen=True, slots=True)
class Day:
    """The lines of one day."""

    label: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """What the template draws."""

    filter: TimelineFilter
    days: list[Day]
    older_url: str
    newest_url: str
    is_first: bool
    first_day: str
    last_day: str


def timeline_page(*, actor: Actor, organization: Any, customer: Customer, query: QueryDict) -> TimelinePage:
    """The page that a query string names: filters as in TimelineFilter, and `before`. One query a source."""
    asked = TimelineFilter(query, actor=actor, organization=organization)
    before = position(query.get("before", ""))
    items = timeline_of(actor=actor, customer=customer, **asked.conditions(), before=before, limit=SIZE + 1)
    more, items = len(items) > SIZE, items[:SIZE]
    kinds = dict(asked.kinds)
    lines = [
        Line(
            item,
            link_of(actor, organization, item),
            f"{localtime(item.at):%H:%M}",
            str(CHANNELS.get(item.channel, item.channel)),
            item.kind_label or kinds.get(item.kind, item.kind),
        )
        for item in items
    ]
    return TimelinePage(
        filter=asked,
        days=by_day(lines),
        older_url=address(query, before=position_text(items[-1])) if more else "",
        newest_url=address(query),
        is_first=before is None,
        first_day=day_typed(query.get("from", "")),
        last_day=day_typed(query.get("to", "")),
    )


def day_typed(text: str) -> str:
    """A day of the address for its field, "" for a time or what is neither."""
    return text if DAY.fullmatch(text) else ""


def by_day(lines: Sequence[Line]) -> list[Day]:
    """The lines under the days of the reader's zone, repeated page views joined."""
    today = localdate()
    grouped = groupby(lines, key=lambda line: localdate(line.item.at))
    return [Day(day_label(day, today), list(joined(of_day))) for day, of_day in grouped]


def joined(lines: Iterable[Line]) -> Iterable[Line]:
    """Equal page views that follow each other as one line: the newest, with their number."""
    for (kind, _title), group in groupby(lines, key=lambda line: (line.item.kind, line.item.title)):
        same = list(group)
        if kind in REPEATED:
            yield replace(same[0], times=len(same))
        else:
            yield from same


def day_label(day: date, today: date) -> str:
    """A day in words: today, yesterday, 12 October 2026."""
    if day == today:
        return _("Today")
    if (today - day).days == 1:
        return _("Yesterday")
    return str(date_format(day, "j F Y"))


def position(text: str) -> Position | None:
    """A place in the timeline from the address, `<time>_<id>`; None for anything else."""
    at, _underscore, pk = text.partition("_")
    found = parse_uuid(pk)
    try:
        moment = datetime.fromisoformat(at)
        moment = (moment.replace(tzinfo=moment.tzinfo or UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (moment, found) if found else None


def position_text(item: TimelineItem) -> str:
    """The place of an item as `position` reads it."""
    return f"{item.at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}_{item.id}"


def address(query: QueryDict, **changes: str) -> str:
    """The query string of the profile with the same filters, at another place of the timeline."""
    changed = QueryDict(mutable=True)
    for name in ("kind", "channel", "from", "to"):
        changed.setlist(name, [value for value in query.getlist(name) if value])
    for name, value in changes.items():
        changed[name] = value
    return f"?{changed.urlencode()}"


def link_of(actor: Actor, organization: Any, item: TimelineItem) -> str:
    """The page of a timeline item, "" when it has none or this person may not open it."""
    if not item.page or (item.page_permission and not actor.can(item.page_permission)):
        return ""
    try:
        return org_url(organization, item.page, **item.page_kwargs)
    except NoReverseMatch:
        return ""
