"""Recording interactions by the API: one or a list of JSON objects, each taken or refused on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.identity import Named, clean_named
from apps.customers.models import Customer
from apps.customers.services import CustomerReference
from apps.interactions.messages import MAX_EVENT, MAX_PROPERTIES, read_time
from apps.interactions.models import Interaction, InteractionKey
from apps.interactions.store import PERMISSION, NewInteraction, key_of, record_interactions
from cxm.actor import Actor
from cxm.channels import Channel
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.partitions import placed_time

MOST_AT_ONCE: Final = 1_000
MAX_SOURCE_ID: Final = 200
SOURCE: Final = Interaction.Source.API.value


@dataclass(slots=True)
class RecordedList:
    """What became of a list. ``refused`` holds the place in the list and what was wrong there."""

    accepted: int = 0
    refused: list[tuple[int, list[FieldError]]] = field(default_factory=list)


@transaction.atomic
def record_entry(*, actor: Actor, entry: Mapping[str, Any]) -> UUID:
    """Store one interaction given as the documented JSON object; its id. A repeat of a source_id changes it.

    Raises DomainErrors naming the field, NotAllowed.
    """
    actor.require(PERMISSION)
    row = read_entry(entry, received_at=now())
    _require_customers([row])
    recorded = record_interactions(actor=actor, rows=[row], update_known=True)
    return recorded.ids.get(0) or _stored_id(row)


@transaction.atomic
def record_entries(*, actor: Actor, entries: Sequence[Any]) -> RecordedList:
    """Store up to 1,000 interactions; each is taken or refused on its own, a repeat of a source_id changes it.

    Raises NotAllowed, and DomainError for a list that is too long.
    """
    actor.require(PERMISSION)
    if len(entries) > MOST_AT_ONCE:
        raise DomainError(_("Send at most %(n)d interactions at once.") % {"n": MOST_AT_ONCE}, code="too_many")
    received_at = now()
    outcome = RecordedList()
    places: list[int] = []
    rows: list[NewInteraction] = []
    for place, entry in enumerate(entries):
        try:
            rows.append(read_entry(entry, received_at=received_at, order=place))
            places.append(place)
        except DomainError as error:
            outcome.refused.append((place, error.errors))
    unknown = _unknown_customers(rows)
    taken: list[NewInteraction] = []
    for place, row in zip(places, rows, strict=True):
        if row.customer_id in unknown:
            outcome.refused.append((place, _no_such_customer().errors))
        else:
            taken.append(row)
    if taken:
        record_interactions(actor=actor, rows=taken, update_known=True)
    outcome.accepted = len(taken)
    outcome.refused.sort(key=lambda refused: refused[0])
    return outcome


def read_entry(entry: Any, *, received_at: datetime, order: int = 0) -> NewInteraction:
    """Read `{customer, event, occurred_at, channel, properties, source_id}`. Raises DomainErrors naming each field."""
    if not isinstance(entry, Mapping):
        raise DomainError(_("Send an object."), code="not_an_object")
    errors: list[FieldError] = []

    def wrong(name: str, message: str, code: str = "invalid") -> None:
        errors.append({"field": name, "code": code, "message": message})

    event = entry.get("event")
    if not isinstance(event, str) or not event.strip():
        wrong("event", _("Send the name of the event."), "required")
    elif len(event.strip()) > MAX_EVENT:
        wrong("event", _("Use at most %(limit)d characters.") % {"limit": MAX_EVENT}, "too_long")
    channel = entry.get("channel") or Channel.API.value
    if channel not in Channel.values:
        wrong("channel", _("Choose one of %(names)s.") % {"names": ", ".join(Channel.values)})
    properties = entry.get("properties") or {}
    if not isinstance(properties, dict) or len(properties) > MAX_PROPERTIES:
        message = _("Send an object of at most %(most)d names.") % {"most": MAX_PROPERTIES}
        wrong("properties", message)
    source_id = entry.get("source_id")
    if source_id is not None and (not isinstance(source_id, str | int) or len(str(source_id)) > MAX_SOURCE_ID):
        wrong("source_id", _("Send a text of at most %(limit)d characters.") % {"limit": MAX_SOURCE_ID})
    occurred_at = received_at
    try:
        said = entry.get("occurred_at")
        if said is not None and not isinstance(said, str):
            raise ValueError
        occurred_at = read_time(said) or received_at
    except ValueError:
        wrong("occurred_at", _("Write a time as 2026-11-21T09:30:00Z."))
    reference = None
    try:
        reference = CustomerReference.of(entry.get("customer"))
        if reference is None:
            wrong("customer", _("Say whose it is: id, external_id or email."), "required")
    except DomainError as error:
        errors += error.errors
    if errors or reference is None:
        raise DomainErrors(errors)
    return NewInteraction(
        event=str(event).strip(),
        occurred_at=occurred_at,
        named=None if reference.id else _named(reference, placed_time(occurred_at, received_at)[0]),
        customer_id=reference.id,
        channel=str(channel),
        properties=properties,
        source=SOURCE,
        key=None if source_id in (None, "") else str(source_id),
        order=order,
    )


def _named(reference: CustomerReference, at: datetime) -> Named:
    """The first identifier of the reference counts."""
    email = None if reference.external_id else reference.email
    return clean_named(user_id=reference.external_id, email=email, phone=None, anonymous_id=None, at=at)


def _unknown_customers(rows: Sequence[NewInteraction]) -> set[UUID]:
    given = {row.customer_id for row in rows if row.customer_id}
    return given - set(Customer.records.filter(pk__in=given).values_list("pk", flat=True)) if given else set()


def _require_customers(rows: Sequence[NewInteraction]) -> None:
    if _unknown_customers(rows):
        raise _no_such_customer()


def _no_such_customer() -> DomainError:
    return DomainError(_("There is no customer with this id."), field="customer.id", code="unknown")


def _stored_id(row: NewInteraction) -> UUID:
    """The id under which a repeat that changed nothing is stored."""
    assert row.key is not None
    found = InteractionKey.objects.get(pk=key_of(SOURCE, row.key)).interaction_id
    assert found is not None
    return found
