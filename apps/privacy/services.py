"""Every write of the privacy desk: taking a request in, finding the person, checking who asks, answering."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import Customer
from apps.customers.restriction import restrict_customer
from apps.customers.services import update_customer
from apps.customers.stopping import stop_contacting
from apps.organizations.models import Membership
from apps.outbox.services import emit
from apps.privacy.erasure import erase_customer, person_of, remove_file
from apps.privacy.models import PrivacyRequest, PrivacySettings
from apps.privacy.personal_copy import write_copy
from apps.privacy.queries import answer_days, corrected_fields
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound
from cxm.scope import current_tenant_id

PERMISSION: Final = "privacy.manage"
Kind, State, Identity = PrivacyRequest.Kind, PrivacyRequest.State, PrivacyRequest.Identity
NEEDS_IDENTITY: Final = frozenset({Kind.ACCESS, Kind.CORRECT, Kind.ERASE})
"""What could harm the person when somebody else asked for it."""
COPY_KEPT: Final = timedelta(days=30)
"""How long the copy made for somebody can be downloaded; its hash stays."""

_TEXTS: Final = {"person": 200, "reply_to": 254, "wish": 5_000, "notes": 5_000}
_CHOICES: Final = {
    "kind": Kind.values,
    "came_by": PrivacyRequest.CameBy.values,
    "identity_method": PrivacyRequest.IdentityMethod.values,
    "refusal": PrivacyRequest.Refusal.values,
}


@transaction.atomic
def open_request(
    *,
    actor: Actor,
    kind: str,
    customer: UUID | None = None,
    person: str = "",
    reply_to: str = "",
    wish: str = "",
    notes: str = "",
    came_by: str = PrivacyRequest.CameBy.EMAIL.value,
    received_at: datetime | None = None,
    due_at: datetime | None = None,
    assigned_to: UUID | None = None,
) -> PrivacyRequest:
    """Take in a request. Its deadline is the organisation's number of days after it came, unless one is given.

    Raises DomainErrors naming each wrong field.
    """
    actor.require_everywhere(PERMISSION)
    values: dict[str, Any] = {"kind": kind, "came_by": came_by, "person": person, "reply_to": reply_to}
    values |= {"wish": wish, "notes": notes, "received_at": received_at or now(), "due_at": due_at}
    values |= {"customer": customer, "assigned_to": assigned_to}
    cleaned = _cleaned(values)
    if not cleaned["due_at"]:
        cleaned["due_at"] = cleaned["received_at"] + timedelta(days=answer_days())
    row = PrivacyRequest(**cleaned)
    row.subject_id = row.customer_id
    _prove(row, actor, "received", {"kind": row.kind, "came_by": row.came_by})
    row.save()
    record(actor=actor, action="privacy.request_opened", target=row, fields=["kind"])
    emit("privacy.request_opened", {"request": str(row.pk)})
    return row


@transaction.atomic
def update_request(*, actor: Actor, request: UUID, values: Mapping[str, Any]) -> PrivacyRequest:
    """Change what is known of an open request: person, reply_to, wish, notes, customer, due_at, assigned_to, waiting.

    `waiting` (bool) says that the person has to do something. Another customer makes the identity unchecked again.
    Raises NotFound, Conflict for a closed one, DomainErrors naming each wrong field.
    """
    actor.require_everywhere(PERMISSION)
    row = _open(request)
    known = {"person", "reply_to", "wish", "notes", "customer", "due_at", "assigned_to", "came_by"}
    cleaned = _cleaned({name: value for name, value in values.items() if name in known})
    if "due_at" in cleaned and cleaned["due_at"] is None:
        raise DomainError(_("A request needs a deadline."), field="due_at", code="required")
    if "waiting" in values:
        cleaned["state"] = State.WAITING if values["waiting"] else State.OPEN
    changed = [name for name, value in cleaned.items() if getattr(row, name) != value]
    if not changed:
        return row
    for name in changed:
        setattr(row, name, cleaned[name])
    steps = {
        "customer_id": "person_found" if row.customer_id else "person_unset",
        "due_at": "deadline_moved",
        "assigned_to_id": "assigned",
        "state": "waiting" if row.state == State.WAITING else "resumed",
    }
    if "customer_id" in changed:
        row.subject_id = row.customer_id
        row.identity, row.identity_method = Identity.UNCHECKED, ""
        row.identity_at = row.identity_by = None
    for name, step in steps.items():
        if name in changed:
            _prove(row, actor, step, {"due_at": row.due_at.isoformat()} if name == "due_at" else {})
    row.save()
    record(actor=actor, action="privacy.request_changed", target=row, fields=sorted(changed))
    return row


@transaction.atomic
def check_identity(*, actor: Actor, request: UUID, method: str, confirmed: bool) -> PrivacyRequest:
    """Write down how it was made sure that the person asks for their own data, and what came out.

    Raises NotFound, Conflict for a closed one, DomainErrors naming `method` or `customer`.
    """
    actor.require_everywhere(PERMISSION)
    row = _open(request)
    cleaned = _cleaned({"identity_method": method})
    if confirmed and row.customer_id is None:
        raise DomainError(_("Find the customer first: an identity is that of somebody."), field="customer")
    row.identity_method = cleaned["identity_method"]
    row.identity = Identity.CONFIRMED if confirmed else Identity.FAILED
    row.identity_at, row.identity_by_id = now(), actor.user_id
    _prove(row, actor, "identity_checked", {"method": row.identity_method, "result": row.identity})
    row.save()
    record(actor=actor, action="privacy.identity_checked", target=row, fields=["identity"])
    return row


def complete_request(*, actor: Actor, request: UUID, changes: Mapping[str, Any] | None = None) -> PrivacyRequest:
    """Do what was asked for, and keep the proof of it.

    access: the copy is written and its hash kept. correct: `changes` (fields of the customer) are made; without any,
    the profile must have been changed since the request came. restrict: the person's data is used no more. object:
    consent is withdrawn and nobody contacts the person. erase: the person is erased, and the request emptied.

    Raises NotFound, Conflict for a closed one, DomainError naming `customer`, `identity` or `changes` when something
    is missing, and whatever the action raises.
    """
    with transaction.atomic():
        actor.require_everywhere(PERMISSION)
        row = _open(request)
        if row.customer_id is None:
            raise DomainError(_("Find the customer first."), field="customer", code="required")
        if row.kind in NEEDS_IDENTITY and row.identity != Identity.CONFIRMED:
            message = _("Make sure first that it is the person who asks, and record how.")
            raise DomainError(message, field="identity", code="required")
        details = _ACTIONS[Kind(row.kind)](actor, row, changes or {})
        if row.kind == Kind.ERASE:
            row.refresh_from_db()
        _close(row, actor, State.DONE, details)
    return row


def _access(actor: Actor, row: PrivacyRequest, changes: Mapping[str, Any]) -> dict[str, Any]:
    person = person_of(_customer_id(row))
    copy = write_copy(person)
    row.file, row.file_sha256, row.file_size = copy.name, copy.sha256, copy.size
    record(actor=actor, action="customers.exported", target=person)
    return {"sha256": copy.sha256, "bytes": copy.size}


def _correct(actor: Actor, row: PrivacyRequest, changes: Mapping[str, Any]) -> dict[str, Any]:
    if changes:
        update_customer(actor=actor, customer=_customer_id(row), merge=True, values=changes)
    fields = corrected_fields(_customer_id(row), since=row.created_at)
    if not fields:
        message = _("Nothing was changed on the profile since the request came. Correct it first.")
        raise DomainError(message, field="changes", code="required")
    return {"fields": fields}


def _restrict(actor: Actor, row: PrivacyRequest, changes: Mapping[str, Any]) -> dict[str, Any]:
    restrict_customer(actor=actor, customer=_customer_id(row))
    return {}


def _object(actor: Actor, row: PrivacyRequest, changes: Mapping[str, Any]) -> dict[str, Any]:
    stop_contacting(actor=actor, customer=_customer_id(row), how="privacy request")
    return {}


def _erase(actor: Actor, row: PrivacyRequest, changes: Mapping[str, Any]) -> dict[str, Any]:
    erased = erase_customer(actor=actor, customer=_customer_id(row))
    return {"erasure": str(erased.id), "found": erased.found}


def _customer_id(row: PrivacyRequest) -> UUID:
    if row.customer_id is None:
        raise NotFound
    return row.customer_id


_ACTIONS: Final = {
    Kind.ACCESS: _access,
    Kind.CORRECT: _correct,
    Kind.RESTRICT: _restrict,
    Kind.OBJECT: _object,
    Kind.ERASE: _erase,
}


@transaction.atomic
def refuse_request(*, actor: Actor, request: UUID, reason: str, note: str = "") -> PrivacyRequest:
    """Close a request without doing what it asks for, with the reason the person is told.

    Raises NotFound, Conflict for a closed one, DomainErrors naming `reason` or `note`.
    """
    actor.require_everywhere(PERMISSION)
    row = _open(request)
    if reason not in PrivacyRequest.Refusal.values:
        raise DomainError(_choose(PrivacyRequest.Refusal.values), field="reason", code="invalid_choice")
    row.refusal = reason
    row.refusal_note = _text("note", note, 5_000)
    _close(row, actor, State.REFUSED, {"reason": reason})
    return row


@transaction.atomic
def delete_request(*, actor: Actor, request: UUID) -> None:
    """Remove a request that was taken in by mistake. One that was answered is proof and stays. Raises Conflict."""
    actor.require_everywhere(PERMISSION)
    row = _open(request)
    record(actor=actor, action="privacy.request_deleted", target=row)
    row.delete()


@transaction.atomic
def record_copy_taken(*, actor: Actor, request: PrivacyRequest) -> None:
    """Write down that the copy made for a person was downloaded."""
    actor.require_everywhere(PERMISSION)
    row = PrivacyRequest.objects.select_for_update().get(pk=request.pk)
    _prove(row, actor, "copy_taken", {})
    row.save(update_fields=["proof", "updated_at"])
    record(actor=actor, action="privacy.copy_taken", target=row)


@transaction.atomic
def set_answer_days(*, actor: Actor, days: int) -> None:
    """In how many days requests are to be answered: 1..90, for requests that come from now on."""
    actor.require_everywhere(PERMISSION)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 90:
        raise DomainError(_("Choose 1 to 90 days."), field="answer_days")
    if days == answer_days():
        return
    PrivacySettings.objects.update_or_create(defaults={"answer_days": days}, tenant_id=current_tenant_id())
    record(actor=actor, action="privacy.settings_changed", fields=["answer_days"])


def forget_old_copies() -> int:
    """Remove copies that were made more than 30 days ago; how many. Their hashes stay."""
    old = PrivacyRequest.objects.exclude(file="").filter(closed_at__lt=now() - COPY_KEPT)
    with transaction.atomic():
        files = list(old.select_for_update().values_list("file", flat=True))
        old.update(file="")
    for file in files:
        remove_file(file)
    return len(files)


def _open(pk: UUID) -> PrivacyRequest:
    """The request, locked. Raises NotFound, and Conflict when it was answered."""
    row = PrivacyRequest.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound
    if row.is_closed:
        raise Conflict(_("This request was answered already. Open a new one."), code="closed")
    return row


def _close(row: PrivacyRequest, actor: Actor, state: str, details: dict[str, Any]) -> None:
    row.state, row.closed_at = state, now()
    _prove(row, actor, state, details)
    row.save()
    action = "privacy.request_done" if state == State.DONE else "privacy.request_refused"
    record(actor=actor, action=action, target=row, fields=[row.kind])
    emit("privacy.request_closed", {"request": str(row.pk)})


def _prove(row: PrivacyRequest, actor: Actor, step: str, details: dict[str, Any]) -> None:
    """Add a step to the proof: what, when, by whom (an id), and figures. Never a personal value."""
    by = {"kind": actor.kind, "id": str(actor.id) if actor.id else None}
    row.proof = [*row.proof, {"step": str(step), "at": now().astimezone(UTC).isoformat(), "by": by, **details}]


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request, cleaned. Raises DomainErrors with every field that is wrong."""
    cleaned: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in values.items():
        try:
            if name in _TEXTS:
                cleaned[name] = _text(name, value, _TEXTS[name])
            elif name in _CHOICES:
                if value not in _CHOICES[name]:
                    raise DomainError(_choose(_CHOICES[name]), field=name, code="invalid_choice")
                cleaned[name] = str(value)
            elif name == "customer":
                cleaned["customer_id"] = _known_customer(value)
            elif name == "assigned_to":
                cleaned["assigned_to_id"] = _known_member(value)
            elif name in ("received_at", "due_at"):
                cleaned[name] = _time(name, value)
        except DomainError as error:
            errors += error.errors
    if errors:
        raise DomainErrors(errors)
    return cleaned


def _choose(values: Any) -> str:
    return _("Choose one of %(values)s.") % {"values": ", ".join(values)}


def _text(name: str, value: Any, longest: int) -> str:
    text = str(value or "").strip()
    if len(text) > longest:
        raise DomainError(_("Use at most %(n)d characters.") % {"n": longest}, field=name, code="too_long")
    if any(character == "\x00" or 0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise DomainError(_("This holds characters that cannot be stored. Type it anew."), field=name)
    return text


def _time(name: str, value: Any) -> datetime | None:
    """A time within 20 years of now; not in the future for the receipt."""
    if value is None:
        return None
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, 12, tzinfo=UTC)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    moment = now()
    if name == "received_at" and at > moment + timedelta(days=1):
        raise DomainError(_("This time is in the future."), field=name, code="future")
    if abs(at - moment) > timedelta(days=7_300):
        raise DomainError(_("Choose a day within twenty years."), field=name, code="out_of_range")
    return at


def _known_customer(value: Any) -> UUID | None:
    pk: UUID | None = value.pk if isinstance(value, Customer) else value
    if pk is None:
        return None
    try:
        return person_of(pk).pk
    except NotFound:
        raise DomainError(_("There is no customer with this id."), field="customer", code="unknown") from None


def _known_member(value: Any) -> UUID | None:
    pk: UUID | None = value.pk if isinstance(value, get_user_model()) else value
    if pk is None:
        return None
    members = Membership.objects.filter(organization=current_tenant_id(), is_active=True, user=pk)
    if not members.exists():
        raise DomainError(_("This person is no member."), field="assigned_to", code="unknown")
    return pk
