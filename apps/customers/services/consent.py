"""What customers agreed to, and withdrew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import ConsentRecord, Customer
from apps.customers.services.fields import choose_one_of, locked
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import DomainErrors, FieldError

CLOCK_SKEW: Final = timedelta(minutes=5)


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
