"""How long each kind of data is kept: the organisation's rules, what they would remove, and removing it.

The kinds are those that apps registered (apps/customers/retention.py). A rule is a number of months, or none: keep.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import Customer
from apps.customers.retention import RETENTION, RetentionKind, active_among
from apps.organizations.models import Organization
from apps.privacy.erasure import erase_customer, forget_request_rows
from apps.privacy.models import PrivacyRequest
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.scope import current_tenant_id

PERMISSION: Final = "privacy.manage"
MOST_MONTHS: Final = 600
LONGEST: Final = timedelta(minutes=10)
"""How long one organisation is worked on before the next has its turn; the rest follows in the next round."""
CLOSED: Final = (PrivacyRequest.State.DONE, PrivacyRequest.State.REFUSED)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind with its rule; ``before`` is None where the data is kept. ``would_remove`` when it was asked for."""

    kind: RetentionKind
    months: int | None
    before: datetime | None
    would_remove: int | None = None


def months_ago(moment: datetime, months: int) -> datetime:
    """The same day and time so many calendar months earlier; the last day of a shorter month."""
    number = moment.year * 12 + moment.month - 1 - months
    year, month = number // 12, number % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def rules(*, counted: bool = False) -> list[Rule]:
    """The rule of every kind, in the order of their labels. `counted` adds one count for each rule that removes."""
    chosen = Organization.objects.values_list("retention", flat=True).get(pk=current_tenant_id())
    return [_rule(kind, chosen.get(kind.name), counted) for kind in _kinds()]


def preview(months: Mapping[str, int | None]) -> list[Rule]:
    """The rules as they would be with these months, with what each would remove now. Raises like `set_retention`."""
    clean = _cleaned(months)
    chosen = Organization.objects.values_list("retention", flat=True).get(pk=current_tenant_id())
    return [_rule(kind, {**chosen, **clean}.get(kind.name), counted=True) for kind in _kinds()]


def _kinds() -> list[RetentionKind]:
    return [RETENTION[name] for name in sorted(RETENTION)]


def _rule(kind: RetentionKind, months: int | None, counted: bool) -> Rule:
    before = months_ago(now(), months) if months else None
    return Rule(kind, months or None, before, kind.count(before) if counted and before else None)


@transaction.atomic
def set_retention(*, actor: Actor, months: Mapping[str, Any]) -> None:
    """Set how many months the named kinds are kept; None keeps for ever. Kinds that are not named stay as they are.

    Raises DomainErrors naming each kind that is unknown or whose number is too small or no number.
    """
    actor.require_everywhere(PERMISSION)
    clean = _cleaned(months)
    organization = Organization.objects.select_for_update().get(pk=current_tenant_id())
    wanted = {**organization.retention, **clean}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    changed = sorted(name for name in clean if organization.retention.get(name) != wanted.get(name))
    if not changed:
        return
    organization.retention = wanted
    organization.save(update_fields=["retention", "updated_at"])
    record(actor=actor, action="privacy.retention_changed", target=organization, fields=changed)


def _cleaned(months: Mapping[str, Any]) -> dict[str, int | None]:
    errors: list[FieldError] = []
    clean: dict[str, int | None] = {}
    for name, value in months.items():
        kind = RETENTION.get(name)
        if kind is None:
            message = _("There is no such kind. Choose among %(kinds)s.") % {"kinds": ", ".join(sorted(RETENTION))}
            errors.append({"field": str(name)[:60], "code": "unknown", "message": message})
        elif value is None:
            clean[name] = None
        elif isinstance(value, bool) or not isinstance(value, int) or not kind.least <= value <= MOST_MONTHS:
            message = _("Choose %(least)d to %(most)d months, or nothing to keep.")
            message %= {"least": kind.least, "most": MOST_MONTHS}
            errors.append({"field": name, "code": "out_of_range", "message": message})
        else:
            clean[name] = value
    if errors:
        raise DomainErrors(errors)
    return clean


def apply_retention(*, actor: Actor) -> dict[str, int]:
    """Remove what the organisation's rules say, in chunks with a commit each; how many rows by kind.

    Each chunk is written to the audit log with its number. Not inside a transaction.
    """
    if actor.kind != "system":
        raise DomainError("Only the platform applies retention rules.")
    removed: dict[str, int] = {}
    deadline = monotonic() + LONGEST.total_seconds()
    for rule in rules():
        while rule.before is not None and monotonic() < deadline:
            with transaction.atomic():
                number = rule.kind.purge(rule.before, rule.kind.chunk)
                if number:
                    fields = [rule.kind.name, f"rows: {number}"]
                    record(actor=actor, action="privacy.retention_applied", fields=fields)
            removed[rule.kind.name] = removed.get(rule.kind.name, 0) + number
            if number < rule.kind.chunk:
                break
    return removed


# -- the kinds of this app ---------------------------------------------------------------------------------------------


def _inactive(before: datetime, limit: int | None = None) -> list[UUID]:
    """People who were not changed and did nothing since a time, at most `limit`. Reads 5,000 customers at a time."""
    found: list[UUID] = []
    last: UUID | None = None
    while limit is None or len(found) < limit:
        rows = Customer.objects.filter(updated_at__lt=before, created_at__lt=before).order_by("pk")
        block = list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:5_000])
        if not block:
            break
        last = block[-1]
        active = active_among(block, before)
        found += [pk for pk in block if pk not in active]
    return found if limit is None else found[:limit]


def count_inactive(before: datetime) -> int:
    """How many people were not changed and did nothing since a time."""
    return len(_inactive(before))


def purge_inactive(before: datetime, limit: int) -> int:
    """Erase at most `limit` of them, as one person after another is erased by hand."""
    people = _inactive(before, limit)
    for person in people:
        erase_customer(actor=Actor.system("retention"), customer=person)
    return len(people)


def count_closed_requests(before: datetime) -> int:
    """Requests answered before a time."""
    return PrivacyRequest.objects.filter(state__in=CLOSED, closed_at__lt=before).count()


def purge_closed_requests(before: datetime, limit: int) -> int:
    """Remove at most `limit` of them, with their proof."""
    old = PrivacyRequest.objects.filter(state__in=CLOSED, closed_at__lt=before)
    rows = PrivacyRequest.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit]))
    forget_request_rows(rows)
    return rows.delete()[0]
