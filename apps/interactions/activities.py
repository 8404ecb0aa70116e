"""Commercial activities: campaigns, events, outbound calls and meetings, and the customers they touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import Customer
from apps.customers.services import people_called
from apps.interactions.event_match import EVENT_LENGTH, clean_where
from apps.interactions.models import Activity
from apps.interactions.store import PERMISSION, NewInteraction, record_interactions
from apps.interactions.touch_kinds import TOUCH_KINDS
from apps.interactions.touches import HAND, clean_touch, member, properties_of
from cxm.actor import Actor
from cxm.channels import Channel
from cxm.errors import DomainError, NotFound, read_fields
from cxm.texts import clean_text
from cxm.web.palette import PaletteItem
from cxm.web.urls import org_url

EDIT: Final = "activities.edit"
NAME_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 5_000
MAX_WINDOW: Final = 730
MOST_ADDED: Final = 5_000


def activities() -> QuerySet[Activity]:
    """The activities of the organisation, with their owners in the same query."""
    return Activity.objects.select_related("owner")


def activity_for(pk: UUID) -> Activity:
    """One activity. Raises NotFound."""
    found = activities().filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def search_activities(_actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Activities whose name holds the text, the newest first, for the palette. One query."""
    rows = Activity.objects.filter(name__icontains=text).order_by("-created_at", "-id")[:limit]
    return [
        PaletteItem(
            row.name, org_url(organization, "interactions:activity", pk=row.pk), "flag", str(row.get_kind_display())
        )
        for row in rows
    ]


@transaction.atomic
def create_activity(*, actor: Actor, values: Mapping[str, Any]) -> Activity:
    """Make an activity from CLEANERS; `name` alone is required. Raises DomainErrors naming each wrong field."""
    actor.require(EDIT)
    cleaned = clean_values({"name": None, **values})
    require_order(cleaned.get("starts_on"), cleaned.get("ends_on"))
    activity = Activity.objects.create(**{"kind": Activity.Kind.CAMPAIGN.value, **cleaned})
    record(actor=actor, action="interactions.activity_created", target=activity, fields=sorted(cleaned))
    return activity


@transaction.atomic
def update_activity(*, actor: Actor, activity: Activity, values: Mapping[str, Any]) -> Activity:
    """Change some of CLEANERS. Raises DomainErrors naming each wrong field, NotFound when it is gone."""
    actor.require(EDIT)
    row = locked(activity)
    cleaned = clean_values(values)
    require_order(cleaned.get("starts_on", row.starts_on), cleaned.get("ends_on", row.ends_on))
    changed = sorted(name for name, value in cleaned.items() if getattr(row, name) != value)
    if changed:
        for name in changed:
            setattr(row, name, cleaned[name])
        row.save(update_fields=[*changed, "updated_at"])
        record(actor=actor, action="interactions.activity_changed", target=row, fields=changed)
    return row


@transaction.atomic
def delete_activity(*, actor: Actor, activity: Activity) -> None:
    """Remove an activity; its touches stay on the customers' timelines. Raises NotFound."""
    actor.require(EDIT)
    row = locked(activity)
    record(actor=actor, action="interactions.activity_deleted", target=row)
    row.delete()


def locked(activity: Activity) -> Activity:
    """The activity, locked for the transaction. Raises NotFound."""
    row = Activity.objects.select_for_update().filter(pk=activity.pk).first()
    if row is None:
        raise NotFound(_("There is no such activity."))
    return row


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a list of customers: how many were touched, and the entries that name nobody (the first 100)."""

    touched: int
    unknown: list[str]
    unknown_count: int


@transaction.atomic
def add_customers(
    *,
    actor: Actor,
    activity: Activity,
    references: str,
    kind: str,
    occurred_at: datetime | None = None,
    outcome: str = "",
) -> Added:
    """Write down the same touch for many customers, named by external id or e-mail, apart by lines or commas.

    An entry that names nobody is told of and left out; one that several customers share means the one made first.
    Customers of a unit in which the actor may not record are unknown to the actor. Raises DomainErrors, NotAllowed.
    """
    actor.require(PERMISSION)
    activity = locked(activity)
    entries = list(dict.fromkeys(part for entry in re.split(r"[\n\r,;\t]+", references) if (part := entry.strip())))
    if not entries:
        raise DomainError(_("Name at least one customer."), field="customers", code="required")
    if len(entries) > MOST_ADDED:
        message = _("At most %(limit)d customers are taken at once.") % {"limit": MOST_ADDED}
        raise DomainError(message, field="customers", code="max_items")
    for entry in entries:
        clean_text(entry, field="customers", limit=254)
    cleaned = clean_touch({"kind": kind, "occurred_at": occurred_at, "outcome": outcome, "owner": actor.user_id})
    touch = TOUCH_KINDS[cleaned["kind"]]
    found = customers_named(actor, entries)
    unknown = [entry for entry in entries if entry not in found]
    rows = [
        NewInteraction(
            event=touch.event,
            kind=cleaned["kind"],
            customer_id=customer,
            occurred_at=cleaned["occurred_at"] or now(),
            channel=activity.channel if activity.channel != Channel.OTHER else touch.channel.value,
            properties=properties_of(cleaned),
            source=HAND,
            activity_id=activity.pk,
            order=order,
        )
        for order, customer in enumerate(dict.fromkeys(found.values()))
    ]
    record_interactions(actor=actor, rows=rows)
    record(actor=actor, action="interactions.activity_customers_added", target=activity, fields=["customers"])
    return Added(len(rows), unknown[:100], len(unknown))


def customers_named(actor: Actor, entries: list[str]) -> dict[str, UUID]:
    """The people that external ids and e-mail addresses name, of the units in which the actor may record."""
    found = people_called(entries)
    units = actor.visible_units(PERMISSION)
    if units is not None:
        reachable = set(Customer.objects.filter(pk__in=found.values(), unit_id__in=units).values_list("pk", flat=True))
        found = {entry: person for entry, person in found.items() if person in reachable}
    return found


def require_order(starts_on: date | None, ends_on: date | None) -> None:
    """Raise DomainError when the end lies before the start."""
    if starts_on and ends_on and ends_on < starts_on:
        raise DomainError(_("The end lies before the start."), field="ends_on", code="range")


def clean_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of CLEANERS among `values`, cleaned. Raises DomainErrors with every field that is wrong."""
    return read_fields(CLEANERS, values)


def one_of(value: object, allowed: list[str], default: str, *, field: str) -> str:
    """A value of a short list; the default for none."""
    if value in (None, ""):
        return default
    if value not in allowed:
        raise DomainError(_("Choose one of %(values)s.") % {"values": ", ".join(allowed)}, field=field)
    return str(value)


def clean_day(value: object, *, field: str) -> date | None:
    """A day or None."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise DomainError(_("Write a day as 2026-11-21."), field=field)


def clean_window(value: object) -> int:
    """Days, 1..MAX_WINDOW; 30 for none."""
    if value is None:
        return 30
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_WINDOW:
        message = _("Must be a whole number of days from 1 to %(limit)d.") % {"limit": MAX_WINDOW}
        raise DomainError(message, field="window_days", code="range")
    return value


CLEANERS: Final[Mapping[str, Any]] = {
    "name": lambda value: clean_text(value, field="name", limit=NAME_LENGTH, required=True),
    "kind": lambda value: one_of(value, Activity.Kind.values, Activity.Kind.CAMPAIGN.value, field="kind"),
    "channel": lambda value: one_of(value, Channel.values, Channel.OTHER.value, field="channel"),
    "description": lambda value: clean_text(value, field="description", limit=DESCRIPTION_LENGTH),
    "owner": lambda value: member(value, field="owner"),
    "starts_on": lambda value: clean_day(value, field="starts_on"),
    "ends_on": lambda value: clean_day(value, field="ends_on"),
    "success_event": lambda value: clean_text(value, field="success_event", limit=EVENT_LENGTH),
    "success_where": lambda value: clean_where(value, field="success_where"),
    "window_days": clean_window,
}
