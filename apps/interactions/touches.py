"""Touches written down by hand: calls, meetings, visits, events attended, messages and notes.

A touch is an interaction with source "hand": an event called "Call", "Meeting", ..., with the properties outcome, text,
owner and owner_name. So segments, activities, touchpoints and the timeline treat it like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit.services import record
from apps.customers.models import Customer
from apps.interactions.models import Activity, Interaction
from apps.interactions.store import PERMISSION, RECORDED, NewInteraction, delete_interactions, record_interactions
from apps.interactions.touch_kinds import TOUCH_KINDS
from apps.organizations.models import Membership
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.channels import Channel
from cxm.errors import DomainError, NotFound, read_fields
from cxm.ids import parse_uuid
from cxm.partitions import EPOCH
from cxm.scope import current_tenant_id
from cxm.texts import clean_text

TEXT_LENGTH: Final = 10_000
OUTCOME_LENGTH: Final = 200
CLOCK_SKEW: Final = timedelta(minutes=5)
HAND: Final = Interaction.Source.HAND.value


def touches_of(customer: Customer) -> QuerySet[Interaction]:
    """The touches of a customer that were written down by hand. Order by id: ids sort by time."""
    rows = Interaction.objects.filter(customer=customer, source=HAND, kind__in=TOUCH_KINDS)
    return rows.select_related("activity")


def touch_of(customer: Customer, pk: UUID) -> Interaction:
    """One touch of a customer. Raises NotFound, also for what another system sent."""
    found = touches_of(customer).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def add_touch(*, actor: Actor, customer: Customer, values: Mapping[str, Any]) -> Interaction:
    """Write down a touch of a customer from CLEANERS; `kind` alone is required, the time is now without one.

    `owner` is a colleague (user, id or None: whoever writes it down), `activity` an activity, its id or None. Raises
    DomainErrors naming each wrong field, NotAllowed without interactions.create in the customer's unit.
    """
    actor.require(PERMISSION, customer.unit_id)
    if "owner" not in values and actor.user_id:
        values = {**values, "owner": actor.user_id}
    cleaned = clean_touch({"kind": None, **values})
    kind = TOUCH_KINDS[cleaned["kind"]]
    new = NewInteraction(
        event=kind.event,
        kind=cleaned["kind"],
        customer_id=customer.pk,
        occurred_at=cleaned.get("occurred_at") or now(),
        channel=cleaned.get("channel") or str(kind.channel),
        properties=properties_of(cleaned),
        source=HAND,
        activity_id=cleaned["activity"].pk if cleaned.get("activity") else None,
    )
    recorded = record_interactions(actor=actor, rows=[new])
    touch = Interaction.objects.select_related("activity").get(pk=recorded.ids[0])
    record(actor=actor, action="interactions.touch_added", target=touch, fields=["kind", *sorted(touch.properties)])
    return touch


@transaction.atomic
def update_touch(*, actor: Actor, customer: Customer, touch: Interaction, values: Mapping[str, Any]) -> Interaction:
    """Change some of CLEANERS of a touch. Nothing changed, nothing written.

    An interaction is filed under its time: with another `occurred_at` it gets another id. Raises as add_touch, and
    NotFound when it is gone.
    """
    actor.require(PERMISSION, customer.unit_id)
    row = locked(customer, touch)
    cleaned = clean_touch({"kind": row.kind, **values})
    wanted = {
        "kind": cleaned["kind"],
        "event": TOUCH_KINDS[cleaned["kind"]].event,
        "channel": cleaned.get("channel") or row.channel,
        "properties": properties_of({**said_by(row), **cleaned}),
        "activity_id": row.activity_id if "activity" not in cleaned else getattr(cleaned["activity"], "pk", None),
    }
    at = cleaned.get("occurred_at") or row.occurred_at
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    changed = sorted(name for name, value in wanted.items() if getattr(row, name) != value)
    if at == row.occurred_at:
        if not changed:
            return row
        Interaction.objects.filter(pk=row.pk).update(**wanted)
        told = {"customers": [str(customer.pk)], "events": sorted({row.event, wanted["event"]})}
        emit(RECORDED, {**told, "from": at.isoformat(), "to": at.isoformat()})
        found = row.pk
    else:
        delete_interactions(which=Q(pk=row.pk))
        new = NewInteraction(customer_id=row.identity_id, occurred_at=at, source=HAND, unit_id=row.unit_id, **wanted)
        found = record_interactions(actor=actor, rows=[new]).ids[0]
        changed = [*changed, "occurred_at"]
    record(actor=actor, action="interactions.touch_changed", target=row, fields=changed)
    return Interaction.objects.select_related("activity").get(pk=found)


@transaction.atomic
def delete_touch(*, actor: Actor, customer: Customer, touch: Interaction) -> None:
    """Remove a touch that was written down by hand. Raises NotAllowed, NotFound."""
    actor.require(PERMISSION, customer.unit_id)
    row = locked(customer, touch)
    record(actor=actor, action="interactions.touch_deleted", target=row, fields=["kind"])
    delete_interactions(which=Q(pk=row.pk))


def locked(customer: Customer, touch: Interaction) -> Interaction:
    """The touch, locked for the transaction. Raises NotFound."""
    row = Interaction.objects.select_for_update().filter(pk=touch.pk, customer=customer, source=HAND).first()
    if row is None:
        raise NotFound(_("There is no such touch."))
    return row


def clean_touch(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of CLEANERS among `values`, cleaned. Raises DomainErrors with every field that is wrong."""
    return read_fields(CLEANERS, values)


def _kind(value: object) -> str:
    if not isinstance(value, str) or value not in TOUCH_KINDS:
        raise DomainError(_("Choose one of %(values)s.") % {"values": ", ".join(TOUCH_KINDS)}, field="kind")
    return value


def _occurred_at(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise DomainError(_("Write a time as 2026-11-21T09:30:00Z."), field="occurred_at")
    if value > now() + CLOCK_SKEW:
        raise DomainError(_("This time is in the future."), field="occurred_at", code="future")
    if value < EPOCH:
        raise DomainError(_("This time is before 1970."), field="occurred_at", code="too_early")
    return value


def _channel(value: object) -> str:
    if value in (None, ""):
        return ""
    if value not in Channel.values:
        raise DomainError(_("Choose one of %(values)s.") % {"values": ", ".join(Channel.values)}, field="channel")
    return str(value)


def _outcome(value: object) -> str:
    return clean_text(value, field="outcome", limit=OUTCOME_LENGTH)


def _text(value: object) -> str:
    return clean_text(value, field="text", limit=TEXT_LENGTH)


def _owner(value: object) -> User | None:
    return member(value, field="owner")


def _activity(value: object) -> Activity | None:
    if value in (None, "") or isinstance(value, Activity):
        return value or None  # type: ignore[return-value]
    pk = parse_uuid(value)
    found = Activity.objects.filter(pk=pk).first() if pk else None
    if found is None:
        raise DomainError(_("There is no such activity."), field="activity", code="not_found")
    return found


CLEANERS: Final[Mapping[str, Any]] = {
    "kind": _kind,
    "occurred_at": _occurred_at,
    "channel": _channel,
    "outcome": _outcome,
    "owner": _owner,
    "text": _text,
    "activity": _activity,
}


def member(value: object, *, field: str) -> User | None:
    """A colleague by user or id; None for nobody. Raises DomainError naming the field for anybody else."""
    if value in (None, ""):
        return None
    pk = value.pk if isinstance(value, User) else parse_uuid(value)
    members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True).select_related("user")
    found = members.filter(user_id=pk).first() if pk else None
    if found is None:
        raise DomainError(_("There is no colleague with this id."), field=field, code="not_found")
    return found.user


def properties_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """What a touch says, as properties of the event; empty things are left out."""
    owner = cleaned.get("owner")
    if isinstance(owner, User):
        owner = {"owner": str(owner.pk), "owner_name": str(owner)}
    said = {"outcome": cleaned.get("outcome"), "text": cleaned.get("text"), **(owner or {})}
    return {name: value for name, value in said.items() if value}


def said_by(touch: Interaction) -> dict[str, Any]:
    """Outcome, text and owner of a touch as `properties_of` takes them; the owner as it was, member or no longer."""
    said = touch.properties
    owner = {name: said[name] for name in ("owner", "owner_name") if name in said}
    return {"outcome": said.get("outcome", ""), "text": said.get("text", ""), "owner": owner or None}
