"""Interactions on a customer's timeline, and how many there were lately."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers.models import Customer
from apps.customers.profile_page import Figure
from apps.customers.timeline import Position, TimelineItem, Wanted
from apps.interactions.models import Interaction
from apps.interactions.store import PERMISSION
from apps.interactions.touch_kinds import TOUCH_KINDS, outcome_words
from cxm.actor import Actor
from cxm.partitions import during, lowest_id

Kind = Interaction.Kind
KINDS: Final[dict[str, Any]] = {
    Kind.EVENT: gettext_lazy("Events"),
    Kind.PAGE: gettext_lazy("Page views"),
    Kind.SCREEN: gettext_lazy("Screen views"),
    Kind.CALL: gettext_lazy("Calls"),
    Kind.MEETING: gettext_lazy("Meetings"),
    Kind.VISIT: gettext_lazy("Visits"),
    Kind.ATTENDANCE: gettext_lazy("Events attended"),
    Kind.MESSAGE: gettext_lazy("Messages"),
    Kind.NOTE: gettext_lazy("Notes"),
}
ICONS: Final = {Kind.EVENT: "bolt", Kind.PAGE: "world", Kind.SCREEN: "device-mobile"} | {
    kind: touch.icon for kind, touch in TOUCH_KINDS.items()
}
MOST_FACTS: Final = 40
LONGEST_FACT: Final = 500
RECENT_DAYS: Final = 90
OF_TOUCHES: Final = frozenset({"outcome", "text", "owner", "owner_name"})


def interaction_items(wanted: Wanted) -> list[TimelineItem]:
    """What a customer did and what was done with one, newest first.

    One query by the index on customer and id: ids sort by time, so page and period are a range of ids, and only the
    months that it touches are read.
    """
    rows = Interaction.objects.filter(during(wanted.start, wanted.end), customer_id=wanted.customer_id)
    if wanted.before is not None:
        rows = rows.filter(pk__lt=id_before(wanted.before))
    if wanted.kinds:
        rows = rows.filter(kind__in=wanted.kinds)
    if wanted.channel:
        rows = rows.filter(channel=wanted.channel)
    return [item_of(row) for row in rows.select_related("activity").order_by("-id")[: wanted.limit]]


def id_before(position: Position) -> UUID:
    """The bound below which the ids of everything older lie: of an earlier time, or of the same and a smaller id.

    Times of interactions are whole milliseconds and stand in their ids, so at equal time the ids decide.
    """
    at, pk = position
    start = lowest_id(at)
    if at.microsecond % 1000:
        return start
    return max(start, min(pk, lowest_id(at + timedelta(milliseconds=1))))


def item_of(row: Interaction) -> TimelineItem:
    """An interaction as the timeline shows it."""
    said = row.properties
    is_touch = row.kind in TOUCH_KINDS
    is_ours = row.source == Interaction.Source.HAND
    outcome = outcome_words(row.kind, text_of(said.get("outcome"))) if is_touch else ""
    return TimelineItem(
        id=row.pk,
        kind=row.kind,
        at=row.occurred_at,
        channel=row.channel,
        title=title_of(row),
        text=text_of(said.get("text")) if is_touch else "",
        outcome=outcome,
        page="interactions:touch_edit" if is_ours else "",
        page_kwargs={"pk": row.customer_id, "touch_id": row.pk} if is_ours else {},
        page_permission=PERMISSION,
        icon=ICONS.get(Kind(row.kind), "point"),
        kind_label=row.get_kind_display(),
        facts=tuple(facts_of(row, is_touch=is_touch)),
        data={
            "event": row.event,
            "properties": said,
            "source": row.source,
            "activity": str(row.activity_id) if row.activity_id else None,
        },
    )


def title_of(row: Interaction) -> str:
    """What happened, in a few words."""
    said = row.properties
    if row.kind in TOUCH_KINDS:
        label = str(TOUCH_KINDS[row.kind].label)
        named = row.activity.name if row.activity else "" if row.event == TOUCH_KINDS[row.kind].event else row.event
        return f"{label}: {named}" if named else label
    if row.kind in (Kind.PAGE, Kind.SCREEN):
        seen = next((text for name in ("title", "name", "path", "url") if (text := text_of(said.get(name)))), row.event)
        return _("Viewed %(page)s") % {"page": seen[:200]}
    return row.event


def facts_of(row: Interaction, *, is_touch: bool) -> list[tuple[str, str]]:
    """Names and values to open below an item: the properties that its title and text do not show."""
    facts = []
    if is_touch and (owner := text_of(row.properties.get("owner_name"))):
        facts.append((_("Owner"), owner))
    if row.activity and not is_touch:
        facts.append((_("Activity"), row.activity.name))
    hidden = OF_TOUCHES if is_touch else frozenset()
    for name, value in row.properties.items():
        if name not in hidden:
            facts.append((str(name), text_of(value)[:LONGEST_FACT]))
    if row.is_time_received:
        facts.append((_("Time"), _("its own time could not be believed; this is when it came in")))
    return facts[:MOST_FACTS]


def text_of(value: Any) -> str:
    """A property's value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(text_of(inner) for inner in value[:50])
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text_of(inner)}" for name, inner in list(value.items())[:50])
    return str(value)


def interaction_figures(actor: Actor, customer: Customer) -> list[Figure]:
    """How often the customer was met in 90 days, and when last. Two short queries by the customer's index."""
    rows = Interaction.objects.filter(customer=customer)
    since = now() - timedelta(days=RECENT_DAYS)
    last = rows.order_by("-id").values_list("occurred_at", flat=True).first()
    recent = rows.filter(during(since, None)).order_by().count()
    figures = [Figure(_("Interactions, %(days)d days") % {"days": RECENT_DAYS}, recent)]
    return [*figures, Figure(_("Last seen"), last)] if last else figures
