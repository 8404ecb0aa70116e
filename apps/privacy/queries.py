"""What is read for the privacy desk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.audit.queries import names_of_people
from apps.customers.models import Customer
from apps.customers.search import matching
from apps.customers.services import people_called, people_of
from apps.organizations.models import Membership
from apps.privacy.models import PrivacyRequest, PrivacySettings
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id

LOOK_UPS: Final = ("customers.viewed", "customers.exported", "customers.read")
"""Actions by which somebody saw a customer's data."""
MOST_FOUND: Final = 20


def privacy_requests() -> QuerySet[PrivacyRequest]:
    """Every request: the open ones first by deadline, then the answered ones, the newest first."""
    is_closed = Case(
        When(state__in=[PrivacyRequest.State.DONE, PrivacyRequest.State.REFUSED], then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    rows = PrivacyRequest.objects.select_related("customer", "assigned_to").alias(answered=is_closed)
    return rows.order_by("answered", "due_at", "-received_at", "id")


def overdue_requests() -> int:
    """How many requests wait for an answer beyond their deadline. One count by index."""
    open_states = [PrivacyRequest.State.OPEN, PrivacyRequest.State.WAITING]
    return PrivacyRequest.objects.filter(state__in=open_states, due_at__lt=now()).count()


def answer_days() -> int:
    """In how many days a request is to be answered: 30 unless the organisation chose another number. One query."""
    chosen = PrivacySettings.objects.values_list("answer_days", flat=True).first()
    return 30 if chosen is None else chosen


def corrected_fields(customer: UUID, *, since: datetime) -> list[str]:
    """Names of the profile's fields that were changed since a time, from the audit log. One query by index."""
    rows = AuditEntry.objects.filter(target_id=customer, action="customers.updated", at__gte=since)
    return sorted({name for fields in rows.values_list("fields", flat=True) for name in fields})


def find_customers(text: str) -> list[Customer]:
    """Up to 20 customers by id, identifier or name, for tying a request to one; a merged record means its person."""
    wanted = text.strip()[:200].replace("\x00", "")
    if not wanted:
        return []
    pk = parse_uuid(wanted)
    if pk is not None:
        return list(Customer.objects.filter(pk__in=people_of([pk]).values()))
    exact = list(Customer.objects.filter(pk__in=people_called([wanted]).values()))
    found = matching(Customer.objects.defer("search_text"), wanted).order_by("-created_at", "-id")[:MOST_FOUND]
    return [*exact, *(row for row in found if row.pk not in {row.pk for row in exact})]


def members() -> QuerySet[Any]:
    """Who can be given a request: the active members. One query."""
    active = Membership.objects.filter(organization=current_tenant_id(), is_active=True).values("user")
    return get_user_model().objects.filter(pk__in=active).order_by("name", "pk")


@dataclass(frozen=True, slots=True)
class LookUp:
    """That somebody saw a customer's data."""

    entry: AuditEntry
    who: str


def look_ups(customer: UUID) -> QuerySet[AuditEntry]:
    """Who saw this customer's data, the newest first. Served by the index on the target."""
    return AuditEntry.objects.filter(target_id=customer, action__in=LOOK_UPS).order_by("-at", "-id")


def with_names(entries: Iterable[AuditEntry]) -> list[LookUp]:
    """The lines with the names of the people as they are now. One query."""
    rows = list(entries)
    names = names_of_people(rows)
    return [LookUp(row, names.get(row.actor_id or UUID(int=0)) or row.actor_name or row.actor_kind) for row in rows]


@dataclass(frozen=True, slots=True)
class ProofLine:
    """A step of the proof with the name of who did it, as it is now."""

    step: str
    at: datetime
    who: str
    details: dict[str, Any]


def proof_lines(row: PrivacyRequest) -> list[ProofLine]:
    """The steps of a request, oldest first. One query for the names."""
    ids = {parse_uuid(step["by"].get("id")) for step in row.proof if step["by"].get("kind") == "user"}
    names = {user.pk: str(user) for user in get_user_model().objects.filter(pk__in=[pk for pk in ids if pk])}
    lines = []
    for step in row.proof:
        by = step["by"]
        who = names.get(parse_uuid(by.get("id")) or UUID(int=0)) or by["kind"]
        details = {name: value for name, value in step.items() if name not in ("step", "at", "by")}
        lines.append(ProofLine(step["step"], datetime.fromisoformat(step["at"]), who, details))
    return lines
