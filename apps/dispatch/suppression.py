"""Who must not be mailed: putting them on the list, and taking them off."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import Customer
from apps.dispatch.fatigue import SUPPRESSED
from apps.dispatch.input import address_field, one_field
from apps.dispatch.models import Invitation, Suppression
from cxm.actor import Actor
from cxm.errors import DomainError


def suppress(
    *, actor: Actor, reason: str, email: str = "", customer: Customer | None = None, note: str = ""
) -> Suppression:
    """Never mail this address (or this customer, who has none here) again; effective when this returns.

    What was queued for them is blocked at once. Suppressing again changes nothing. No permission is asked: the
    callers are the respondent's own click, a bounce, an opt-out word, and `add_suppression` for people.
    """
    email = (email or (customer.email if customer else "") or "").strip().lower()
    if not email and customer is None:
        raise DomainError(_("Give an e-mail address."), field="email", code="required")
    with transaction.atomic():
        who: dict[str, Any] = {"email": email} if email else {"email": "", "customer": customer}
        suppression, made = Suppression.objects.get_or_create(
            **who, lifted_at=None, defaults={"reason": reason, "note": note, "customer": customer}
        )
        mine = Q(customer__email=email) if email else Q(customer=customer)
        Invitation.objects.filter(
            state=Invitation.State.QUEUED, pk__in=Invitation.objects.filter(mine).values("pk")
        ).update(state=Invitation.State.BLOCKED, reason=SUPPRESSED, leased_until=None)
        if made:
            record(actor=actor, action="dispatch.suppressed", target=suppression, fields=["reason"])
    return suppression


def add_suppression(*, actor: Actor, email: str, note: str = "") -> Suppression:
    """Put an address on the suppression list by hand. Raises `DomainError` naming `email` or `note`."""
    actor.require("surveys.send")
    email = address_field(email, "email")
    return suppress(actor=actor, email=email, reason=Suppression.Reason.MANUAL, note=one_field(note, "note", 200))


def lift_suppression(*, actor: Actor, suppression: Suppression, reason: str) -> None:
    """Take somebody off the suppression list. The entry stays as history, with `reason`.

    Raises `DomainError` naming `reason` when it is empty: somebody once said stop.
    """
    actor.require_everywhere("organization.settings")
    because = one_field(reason, "reason", 200)
    if not because:
        raise DomainError(
            _("Say why this person may be mailed again, for example “asked us on the phone”."),
            field="reason",
            code="required",
        )
    with transaction.atomic():
        lifted = (
            Suppression.objects.in_force()
            .filter(pk=suppression.pk)
            .update(lifted_at=now(), lifted_because=because, lifted_by_id=actor.user_id)
        )
        if lifted:
            record(actor=actor, action="dispatch.suppression_lifted", target=suppression)
