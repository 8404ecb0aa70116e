"""Every change to customers and their consent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import ConsentRecord, Customer
from apps.customers.rules import CLEANERS, clean_email, clean_external_id, merge_attributes
from apps.organizations.models import Unit
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound
from cxm.ids import uuid7
from cxm.scope import current_tenant_id

FIELDS = ("external_id", "email", "phone", "name", "stage", "account", "unit", "language", "timezone", "attributes")
CLOCK_SKEW = timedelta(minutes=5)


@transaction.atomic
def create_customer(*, actor: Actor, **values: Any) -> Customer:
    """Make a customer from any of FIELDS; `unit` is a Unit, its id, or None.

    Raises DomainErrors naming each wrong field, Conflict for an external_id that exists.
    """
    cleaned = clean_values(values)
    require_branch(actor, cleaned.get("unit"))
    refuse_taken(cleaned.get("external_id"), except_id=None)
    with external_id_once():
        customer = Customer.objects.create(**cleaned)
    record(actor=actor, action="customers.created", target=customer, fields=sorted(cleaned))
    emit("customers.customer_created", {"customer": str(customer.pk)})
    return customer


@transaction.atomic
def update_customer(
    *,
    actor: Actor,
    customer: Customer | UUID,
    merge: bool = False,
    values: Mapping[str, Any] | None = None,
    **more: Any,
) -> Customer:
    """Change the given fields and leave the others. Nothing changed, nothing written.

    With `merge` the given attributes are laid over the stored ones (null takes one away), else they replace them.
    Raises NotFound, DomainErrors naming each wrong field, Conflict for an external_id of somebody else.
    """
    row = locked(customer)
    actor.require("customers.edit", row.unit_id)
    cleaned = clean_values({**(values or {}), **more})
    if "unit" in cleaned:
        require_branch(actor, cleaned["unit"])
    if merge and "attributes" in cleaned:
        merged = merge_attributes(row.attributes, cleaned["attributes"])
        cleaned["attributes"] = clean_values({"attributes": merged})["attributes"]
    changed = {name: value for name, value in cleaned.items() if differs(getattr(row, name), value)}
    if not changed:
        return row
    if "external_id" in changed:
        refuse_taken(changed["external_id"], except_id=row.pk)
    for name, value in changed.items():
        setattr(row, name, value)
    with external_id_once():
        row.save(update_fields=[*changed, "updated_at"])
    record(actor=actor, action="customers.updated", target=row, fields=sorted(changed))
    emit("customers.customer_updated", {"customer": str(row.pk), "fields": sorted(changed)})
    return row


@transaction.atomic
def upsert_customer(*, actor: Actor, external_id: str, values: Mapping[str, Any]) -> tuple[Customer, bool]:
    """Make the customer with this external_id, or change the one there is; (customer, whether it was made).

    Fields not given stay; attributes are merged. Safe under parallel calls with the same id: one makes it, the others
    change it. Raises like create_customer and update_customer.
    """
    cleaned = clean_values({**values, "external_id": external_id})
    wanted = cleaned["external_id"]
    if wanted is None:
        raise DomainError(_("Send the customer's own id."), field="external_id", code="required")
    actor.require("customers.edit")
    row = Customer.objects.filter(external_id=wanted).first()
    if row is None:
        require_branch(actor, cleaned.get("unit"))
        made = insert_missing([{"external_id": wanted}])
        row = Customer.objects.select_for_update().get(external_id=wanted)
        if row.pk in made:
            for name, value in cleaned.items():
                setattr(row, name, value)
            row.save()
            record(actor=actor, action="customers.created", target=row, fields=sorted(cleaned))
            emit("customers.customer_created", {"customer": str(row.pk)})
            return row, True
    others = {name: value for name, value in values.items() if name != "external_id"}
    return update_customer(actor=actor, customer=row, merge=True, values=others), False


@transaction.atomic
def delete_customer(*, actor: Actor, customer: Customer | UUID) -> None:
    """Remove a customer and the consent records. Answers stay, without a person. Raises NotFound."""
    row = locked(customer)
    actor.require("customers.edit", row.unit_id)
    record(actor=actor, action="customers.deleted", target=row)
    emit("customers.customer_deleted", {"customer": str(row.pk)})
    row.delete()


@transaction.atomic
def record_consent(
    *,
    actor: Actor,
    customer: Customer | UUID,
    purpose: str,
    channel: str = ConsentRecord.Channel.ANY,
    state: str = ConsentRecord.State.GIVEN,
    text_version: str = "",
    how: str = "",
    at: datetime | None = None,
) -> ConsentRecord:
    """Add a statement of consent or its withdrawal; the history is kept. The newest one counts.

    `how` says how it was given ("page", "phone call"); `at` may lie in the past, not in the future.
    """
    row = locked(customer)
    if actor.kind not in ("respondent", "system"):
        actor.require("customers.edit", row.unit_id)
    moment = now()
    errors: list[FieldError] = []
    for field, value, allowed in (
        ("purpose", purpose, ConsentRecord.Purpose.values),
        ("channel", channel, ConsentRecord.Channel.values),
        ("state", state, ConsentRecord.State.values),
    ):
        if value not in allowed:
            errors.append({"field": field, "code": "invalid", "message": choose_one_of(allowed)})
    for field, value, limit in (("text_version", text_version, 40), ("how", how, 80)):
        if len(value) > limit:
            message = _("Use at most %(limit)d characters.") % {"limit": limit}
            errors.append({"field": field, "code": "too_long", "message": message})
    if at is not None and at > moment + CLOCK_SKEW:
        errors.append({"field": "at", "code": "future", "message": _("This time is in the future.")})
    if errors:
        raise DomainErrors(errors)
    consent = ConsentRecord.objects.create(
        customer=row, purpose=purpose, channel=channel, state=state, text_version=text_version, how=how, at=at or moment
    )
    record(actor=actor, action=f"customers.consent_{state}", target=row, fields=[purpose, channel])
    emit("customers.consent_recorded", {"customer": str(row.pk), "consent": str(consent.pk)})
    return consent


def withdraw_consent(
    *, actor: Actor, customer: Customer | UUID, purpose: str, channel: str = "any", how: str = ""
) -> ConsentRecord:
    """Record that the customer no longer agrees to be reached for this purpose."""
    return record_consent(
        actor=actor, customer=customer, purpose=purpose, channel=channel, state=ConsentRecord.State.WITHDRAWN, how=how
    )


@transaction.atomic
def record_customer_viewed(*, actor: Actor, customer: Customer) -> None:
    """Write down that somebody opened this profile."""
    record(actor=actor, action="customers.viewed", target=customer)


@dataclass(frozen=True, slots=True)
class CustomerReference:
    """How an answer or an event names its customer: our id, their own id, or e-mail; the first given counts."""

    id: UUID | None = None
    external_id: str | None = None
    email: str | None = None

    @classmethod
    def of(cls, value: Any) -> CustomerReference | None:
        """Read `{"id"|"external_id"|"email": ...}` or null. Raises DomainErrors naming the field under `customer.`.

        Blocked values (`null`, `anonymous`, zeros) and empty ones mean no customer.
        """
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise DomainError(_("customer must be an object with id, external_id or email, or null."), field="customer")
        try:
            found = cls(
                id=UUID(str(value["id"])) if value.get("id") else None,
                external_id=reference_text(value.get("external_id"), "external_id", clean_external_id),
                email=reference_text(value.get("email"), "email", clean_email),
            )
        except ValueError:
            raise DomainError(_("There is no customer with this id."), field="customer.id", code="unknown") from None
        return found if found.id or found.external_id or found.email else None


def reference_text(value: Any, name: str, cleaner: Any) -> str | None:
    """One identifier of a reference, cleaned. Numbers are taken as their digits."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DomainError(_("Send text."), field=f"customer.{name}")
    try:
        cleaned: str | None = cleaner(str(value))
    except ValueError as error:
        raise DomainError(str(error), field=f"customer.{name}") from None
    return cleaned


@transaction.atomic
def resolve_customers(*, actor: Actor, references: Iterable[CustomerReference]) -> dict[CustomerReference, UUID]:
    """The customer's id for each reference; an unknown external_id or e-mail makes one, an unknown id is left out.

    For services that record what customers do: the right to do that is theirs to check. An e-mail that several
    customers have means the one made first. Costs two queries, and one insert when some are missing, for any number.
    """
    wanted = list(dict.fromkeys(references))
    found = look_up(wanted)
    missing = [reference for reference in wanted if reference not in found and not reference.id]
    if missing:
        made = insert_missing([{"external_id": r.external_id, "email": r.email} for r in missing])
        found |= look_up(missing)
        if made:
            record(actor=actor, action="customers.created", fields=["external_id", "email"])
            for customer_id in made:
                emit("customers.customer_created", {"customer": str(customer_id)})
    return found


def resolve_customer(*, actor: Actor, reference: CustomerReference) -> UUID:
    """One reference; raises DomainError on `customer.id` when it names a customer that is not there."""
    found = resolve_customers(actor=actor, references=[reference])
    if reference not in found:
        raise DomainError(_("There is no customer with this id."), field="customer.id", code="unknown")
    return found[reference]


def look_up(references: Iterable[CustomerReference]) -> dict[CustomerReference, UUID]:
    """The references that exist, by whichever identifier counts for each."""
    references = list(references)
    ids = {r.id for r in references if r.id}
    external_ids = {r.external_id for r in references if not r.id and r.external_id}
    emails = {r.email for r in references if not r.id and not r.external_id and r.email}
    matches = Q(pk__in=ids) | Q(external_id__in=external_ids)
    by_id: dict[UUID, UUID] = {}
    by_external_id: dict[str, UUID] = {}
    if ids or external_ids:
        for pk, external_id in Customer.objects.filter(matches).values_list("pk", "external_id"):
            by_id[pk] = pk
            if external_id:
                by_external_id[external_id] = pk
    by_email: dict[str, UUID] = {}
    if emails:
        rows = Customer.objects.filter(email__in=emails).order_by("created_at", "pk").values_list("email", "pk")
        for email, pk in rows:
            by_email.setdefault(email or "", pk)
    found: dict[CustomerReference, UUID] = {}
    for reference in references:
        if reference.id:
            match = by_id.get(reference.id)
        elif reference.external_id:
            match = by_external_id.get(reference.external_id)
        else:
            match = by_email.get(reference.email or "")
        if match:
            found[reference] = match
    return found


def insert_missing(rows: list[dict[str, Any]]) -> set[UUID]:
    """Insert customers known by an identifier alone; one that appeared meanwhile is left as it is. Ids of the new ones.

    E-mails are not unique (a household shares one), so parallel inserts of one e-mail are kept in line by a lock on it.
    """
    emails = sorted({row["email"] for row in rows if not row.get("external_id") and row.get("email")})
    with connection.cursor() as cursor:
        for email in emails:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{current_tenant_id()}:{email}"])
    known = set(Customer.objects.filter(email__in=emails).values_list("email", flat=True)) if emails else set()
    new: list[Customer] = []
    for row in rows:
        if row.get("external_id"):
            new.append(Customer(id=uuid7(), external_id=row["external_id"], email=row.get("email")))
        elif row["email"] not in known:
            known.add(row["email"])
            new.append(Customer(id=uuid7(), email=row["email"]))
    Customer.objects.bulk_create(new, ignore_conflicts=True)
    return set(Customer.objects.filter(pk__in=[customer.pk for customer in new]).values_list("pk", flat=True))


def clean_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of FIELDS among `values`, cleaned. Raises DomainErrors with every field that is wrong."""
    cleaned: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in values.items():
        if name not in FIELDS:
            continue
        try:
            cleaned[name] = clean_value(name, value)
        except ValueError as error:
            errors.append({"field": name, "code": "invalid", "message": str(error)})
    if errors:
        raise DomainErrors(errors)
    return cleaned


def clean_value(name: str, value: Any) -> Any:
    """One field. Raises ValueError with a sentence."""
    if name == "stage":
        stage = value or Customer.Stage.CUSTOMER
        if stage not in Customer.Stage.values:
            raise ValueError(choose_one_of(Customer.Stage.values))
        return stage
    if name == "unit":
        if value is None or isinstance(value, Unit):
            return value
        unit = Unit.objects.filter(pk=value).first()
        if unit is None:
            raise ValueError(_("There is no such unit."))
        return unit
    return CLEANERS[name](value)


def choose_one_of(values: Iterable[str]) -> str:
    """The sentence for a value outside a short list."""
    return _("Choose one of %(values)s.") % {"values": ", ".join(values)}


def require_branch(actor: Actor, unit: Unit | None) -> None:
    """Raise unless the actor may keep customers in this unit; who has a branch only must choose a unit of it."""
    actor.require("customers.edit", unit.pk if unit else None)
    if unit is None and not actor.can_everywhere("customers.edit"):
        raise DomainError(_("Choose a unit of your own branch."), field="unit", code="required")


def refuse_taken(external_id: str | None, *, except_id: UUID | None) -> None:
    """Raise Conflict when another customer has this external_id."""
    if not external_id:
        return
    others = Customer.objects.filter(external_id=external_id)
    if (others.exclude(pk=except_id) if except_id else others).exists():
        raise external_id_taken()


@contextmanager
def external_id_once() -> Iterator[None]:
    """Turn the database's refusal of an external_id that somebody took this very moment into the same Conflict."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "customer_external_id" in str(error):
            raise external_id_taken() from None
        raise


def external_id_taken() -> Conflict:
    """The refusal of an external_id in use."""
    return Conflict(_("Another customer has this external id."), field="external_id", code="taken")


def differs(old: Any, new: Any) -> bool:
    """Whether a field changes. Attributes are compared as JSON, where true is not 1."""
    if isinstance(new, dict):
        return json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True)
    return bool(old != new)


def locked(customer: Customer | UUID) -> Customer:
    """The row, locked for the transaction. Raises NotFound."""
    pk = customer.pk if isinstance(customer, Customer) else customer
    row = Customer.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(_("There is no such customer."))
    return row
