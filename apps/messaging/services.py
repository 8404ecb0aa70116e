"""Providers of an organisation: adding, changing, switching on; and keeping what they report."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.messaging import rules
from apps.messaging.backends import BACKENDS, LOCAL, Backend, backend_of
from apps.messaging.credentials import credentials_of, sealed
from apps.messaging.incoming import Report
from apps.messaging.models import DeliveryReport, LocalMessage, Provider
from apps.messaging.replies import LONGEST as LONGEST_REPLY
from apps.messaging.replies import own_words
from apps.outbox.services import emit_many
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, FieldError, NotFound
from cxm.secrets import SecretUnreadable

PERMISSION: Final = "organization.settings"
REPORTED: Final = "messaging.reported"
MOST_PROVIDERS: Final = 20
REPORTS_KEPT: Final = timedelta(days=90)
LOCAL_KEPT: Final = timedelta(days=30)
_ROWS: Final = 500


@transaction.atomic
def add_provider(
    *,
    actor: Actor,
    backend: str,
    name: str,
    sender: str = "",
    credentials: Mapping[str, Any] | None = None,
    per_second: int | None = None,
    per_day: int | None = None,
) -> Provider:
    """Add an account at a provider, switched off. `credentials` by the names of its `Backend.credentials`.

    Raises `DomainErrors` naming every field that cannot be.
    """
    actor.require_everywhere(PERMISSION)
    spoken = BACKENDS.get(backend)
    if spoken is None:
        raise DomainError(_("Choose one of the list."), field="backend")
    if Provider.objects.count() >= MOST_PROVIDERS:
        raise DomainError(_("There are %(n)d already. Delete one first.") % {"n": MOST_PROVIDERS}, code="too_many")
    fields, kept = _read(
        spoken,
        {"name": name, "sender": sender, "per_second": per_second, "per_day": per_day},
        credentials or {},
        former={},
    )
    provider = Provider.objects.create(kind=spoken.kind, backend=backend, credentials=sealed(kept), **fields)
    record(actor=actor, action="messaging.provider_added", target=provider, fields=["backend", *fields])
    return provider


@transaction.atomic
def change_provider(
    *, actor: Actor, provider: Provider, credentials: Mapping[str, Any] | None = None, **changes: Any
) -> Provider:
    """Change name, sender, limits or credentials. A secret that is left empty stays what it was."""
    actor.require_everywhere(PERMISSION)
    unknown = set(changes) - {"name", "sender", "per_second", "per_day"}
    if unknown:
        raise TypeError(f"not fields of a provider: {sorted(unknown)}")
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    before: dict[str, Any] = {
        name: getattr(provider, name) for name in ("name", "sender", "per_second", "per_day")
    }  # fmt: skip
    try:
        former = credentials_of(provider)
    except SecretUnreadable:
        former = {}
    fields, kept = _read(backend_of(provider), before | changes, credentials or {}, former=former)
    changed = [name for name, value in fields.items() if before[name] != value]
    changed += [name for name in sorted({*kept, *former}) if kept.get(name) != former.get(name)]
    if changed:
        for name, value in fields.items():
            setattr(provider, name, value)
        provider.credentials = sealed(kept)
        provider.save()
        record(actor=actor, action="messaging.provider_changed", target=provider, fields=changed)
    return provider


@transaction.atomic
def activate_provider(*, actor: Actor, provider: Provider) -> Provider:
    """Let messages leave through this provider; another one of the same kind is switched off."""
    actor.require_everywhere(PERMISSION)
    # All of the kind are locked, in one order, so that two people switching at once leave one switched on.
    rows = list(Provider.objects.select_for_update().filter(kind=provider.kind).order_by("pk"))
    chosen = next((row for row in rows if row.pk == provider.pk), None)
    if chosen is None:
        raise NotFound
    if chosen.is_active:
        return chosen
    for row in rows:
        if row.is_active:
            _switch(actor, row, on=False)
    return _switch(actor, chosen, on=True)


@transaction.atomic
def deactivate_provider(*, actor: Actor, provider: Provider) -> Provider:
    """Send nothing more through it. What it still reports is heard."""
    actor.require_everywhere(PERMISSION)
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    return _switch(actor, provider, on=False) if provider.is_active else provider


@transaction.atomic
def delete_provider(*, actor: Actor, provider: Provider) -> None:
    """Forget the account, its credentials and its reports. Its address for reports ends."""
    actor.require_everywhere(PERMISSION)
    record(actor=actor, action="messaging.provider_deleted", target=provider)
    Provider.objects.filter(pk=provider.pk).delete()


@transaction.atomic
def record_reports(*, provider: Provider, reports: Sequence[Report]) -> int:
    """Keep what a provider told, each report once, and tell `messaging.reported` of the new ones; how many there were.

    No permission is asked: the caller has checked the provider's signature.
    """
    rows = {
        report.event_id: DeliveryReport(
            provider=provider,
            event_id=report.event_id,
            kind=report.kind,
            message_id=report.message_id,
            reference=report.reference,
            address=report.address,
            text=report.text[:LONGEST_REPLY],
            code=report.code,
            happened_at=report.happened_at,
        )
        for report in reports
    }
    if not rows:
        return 0
    # In one order, so that two deliveries of the same reports wait for each other instead of dead-locking.
    ordered = [rows[event_id] for event_id in sorted(rows)]
    DeliveryReport.objects.bulk_create(ordered, batch_size=_ROWS, ignore_conflicts=True)
    ids = [row.pk for row in ordered]
    new = [
        pk
        for start in range(0, len(ids), _ROWS)
        for pk in DeliveryReport.objects.filter(pk__in=ids[start : start + _ROWS]).values_list("pk", flat=True)
    ]
    if new:
        emit_many(REPORTED, ({"report": str(pk)} for pk in new))
        Provider.objects.filter(pk=provider.pk).update(last_event_at=now())
    return len(new)


def finish_reports(report_ids: Iterable[uuid.UUID]) -> int:
    """Mark reports as acted on and forget the address and the words in them; how many that were."""
    return DeliveryReport.objects.filter(pk__in=list(report_ids), handled_at=None).update(
        handled_at=now(), address="", text=""
    )


@transaction.atomic
def reply_locally(*, actor: Actor, message: LocalMessage, text: str) -> LocalMessage:
    """Answer a message of the local provider, as the person with that number would."""
    actor.require_everywhere(PERMISSION)
    words = rules.reply_of(text)
    provider = message.provider
    if provider.backend != LOCAL:
        raise DomainError(_("Only messages of the local provider are answered here."), code="not_local")
    reply = LocalMessage.objects.create(provider=provider, to=message.to, text=words, incoming=True)
    record_reports(
        provider=provider,
        reports=[
            Report(
                event_id=str(reply.pk),
                kind=DeliveryReport.Kind.REPLIED,
                message_id="",
                reference=None,
                address=message.to,
                text=own_words(words),
                code="",
                happened_at=reply.created_at,
            )
        ],
    )
    return reply


def forget_person(*, addresses: Iterable[str]) -> int:
    """Take a person's addresses and numbers out of reports that wait, and messages to them; how many rows that were."""
    named = [address.lower() for address in addresses if address]
    reports = DeliveryReport.objects.filter(address__in=named).update(address="", text="")
    kept, _by_model = LocalMessage.objects.filter(to__in=named).delete()
    return reports + kept


def forget_old() -> int:
    """Remove reports after 90 days and messages of the local provider after 30; how many."""
    reports, _by_model = DeliveryReport.objects.filter(received_at__lt=now() - REPORTS_KEPT).delete()
    kept, _by_model = LocalMessage.objects.filter(created_at__lt=now() - LOCAL_KEPT).delete()
    return reports + kept


def _switch(actor: Actor, provider: Provider, *, on: bool) -> Provider:
    provider.is_active = on
    provider.save(update_fields=["is_active", "updated_at"])
    record(actor=actor, action=f"messaging.provider_switched_{'on' if on else 'off'}", target=provider)
    return provider


def _read(
    backend: Backend, values: Mapping[str, Any], credentials: Mapping[str, Any], *, former: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields and credentials as they are stored. Raises `DomainErrors` with everything that is wrong."""
    errors: list[FieldError] = []
    kept: dict[str, str] = {}
    fields: dict[str, Any] = {}
    try:
        kept = rules.credentials_for(backend, credentials, former)
    except DomainErrors as error:
        errors += error.errors
    readers: dict[str, Any] = {
        "name": rules.name_of,
        "sender": lambda value: rules.sender_for(backend, value, {**former, **kept}),
        "per_second": lambda value: rules.limit_of(value, "per_second", rules.MOST_PER_SECOND),
        "per_day": lambda value: rules.limit_of(value, "per_day", rules.MOST_PER_DAY),
    }
    for name, read in readers.items():
        try:
            fields[name] = read(values[name])
        except DomainError as error:
            errors += error.errors
    if errors:
        raise DomainErrors(errors)
    return fields, kept
