"""Every write to places that somebody asks for, and the note that a place was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.collectors.addresses import LAST_VERSION
from apps.collectors.models import Collector
from apps.collectors.options import read_options
from apps.organizations.models import Unit
from apps.outbox.services import emit
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.api.throttles import Limit, throttle
from cxm.errors import Conflict, DomainError, NotFound, read_fields
from cxm.ids import parse_uuid
from cxm.texts import clean_text

NAME_LENGTH: Final = 120
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly it is known when a place was last seen."""
PIN_TRIES: Final = Limit(rate=1 / 180, burst=5)
"""Guesses at a kiosk's PIN: five, then one every three minutes."""


@transaction.atomic
def create_collector(
    *,
    actor: Actor,
    survey: Any,
    kind: str,
    name: str,
    unit: Any = None,
    touchpoint: Any = None,
    language: str | None = "",
    settings: object = None,
) -> Collector:
    """Open a place for a survey: a kiosk, a poster or a widget.

    ``survey`` and ``unit`` are rows or ids, ``touchpoint`` a row, its key or None. Raises DomainErrors naming each
    wrong field, NotAllowed. Emits ``collectors.collector_created``.
    """
    actor.require("surveys.edit")
    found = _read_survey(survey)
    if kind not in Collector.Kind.values:
        message = _("Must be one of: %(kinds)s.") % {"kinds": ", ".join(Collector.Kind.values)}
        raise DomainError(message, field="kind", code="choice")
    values = read_fields(
        {
            "name": _read_name,
            "unit": _read_unit,
            "touchpoint": _read_touchpoint,
            "language": lambda given: _read_language(given, found),
            "settings": lambda given: read_options(kind, given),
        },
        {"name": name, "unit": unit, "touchpoint": touchpoint, "language": language, "settings": settings},
    )
    _require_branch(actor, values["unit"])
    collector = Collector.objects.create(survey=found, kind=kind, created_by_id=actor.user_id, **values)
    record(actor=actor, action="collectors.created", target=collector)
    emit("collectors.collector_created", {"collector": str(collector.pk)})
    return collector


@transaction.atomic
def update_collector(*, actor: Actor, collector: Collector, **changes: Any) -> Collector:
    """Change a place's name, unit, touchpoint, language or settings; its survey and kind stay.

    Settings are laid over those there are. Raises DomainErrors naming each wrong field, NotAllowed, NotFound.
    """
    actor.require("surveys.edit")
    row = _lock(collector)
    for fixed, present in (("survey", row.survey_id), ("kind", row.kind)):
        given = changes.pop(fixed, None)
        if given not in (None, present, str(present)) and getattr(given, "pk", None) != present:
            raise DomainError(_("This cannot change: open another place instead."), field=fixed, code="immutable")
    values = read_fields(
        {
            "name": _read_name,
            "unit": _read_unit,
            "touchpoint": _read_touchpoint,
            "language": lambda given: _read_language(given, row.survey),
            "settings": lambda given: read_options(row.kind, given, row.settings),
        },
        changes,
    )
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    if "unit" in changed:
        _require_branch(actor, values["unit"])
    if changed:
        for name in changed:
            setattr(row, name, values[name])
        row.save(update_fields=[*changed, "updated_at"])
        record(actor=actor, action="collectors.changed", target=row, fields=changed)
    return row


@transaction.atomic
def revoke_collector(*, actor: Actor, collector: Collector) -> Collector:
    """End a place: its address takes no further answers. Doing it twice is doing it once."""
    actor.require("surveys.edit")
    row = _lock(collector)
    if row.revoked_at is None:
        row.revoked_at = now()
        row.save(update_fields=["revoked_at", "updated_at"])
        record(actor=actor, action="collectors.revoked", target=row)
    return row


@transaction.atomic
def renew_collector(*, actor: Actor, collector: Collector) -> Collector:
    """Give a place another address; the ones before end, and a place that was ended is open again.

    Raises Conflict after 255 addresses.
    """
    actor.require("surveys.edit")
    row = _lock(collector)
    if row.key_version >= LAST_VERSION:
        raise Conflict(_("This place had 255 addresses: open another one."), code="too_many")
    row.key_version += 1
    row.revoked_at = None
    row.save(update_fields=["key_version", "revoked_at", "updated_at"])
    record(actor=actor, action="collectors.renewed", target=row)
    return row


@transaction.atomic
def delete_collector(*, actor: Actor, collector: Collector) -> None:
    """Remove a place; the answers given there stay."""
    actor.require("surveys.edit")
    row = _lock(collector)
    record(actor=actor, action="collectors.deleted", target=row)
    row.delete()


def note_seen(collector_id: UUID) -> None:
    """Remember that somebody answered here, or that the kiosk is on; written at most once a minute."""
    due = Q(last_seen_at=None) | Q(last_seen_at__lt=now() - SEEN_EVERY)
    Collector.objects.filter(due, pk=collector_id).update(last_seen_at=now())


def check_pin(*, collector: Collector, pin: str) -> bool | None:
    """Whether this is the kiosk's PIN; None when it was guessed too often lately."""
    if not throttle().take(f"kiosk-pin:{collector.pk}", PIN_TRIES).allowed:
        return None
    return len(pin) <= 8 and bool(collector.settings.get("pin")) and check_password(pin, collector.settings["pin"])


def _require_branch(actor: Actor, unit: Unit | None) -> None:
    """Who runs one branch gives answers to that branch alone. Raises NotAllowed."""
    if unit is not None:
        actor.require("surveys.edit", unit.pk)


def _lock(collector: Collector) -> Collector:
    row = Collector.objects.select_for_update(of=("self",)).select_related("survey").filter(pk=collector.pk).first()
    if row is None:
        raise NotFound
    return row


def _read_survey(value: object) -> Survey:
    if isinstance(value, Survey):
        return value
    identifier = parse_uuid(value)
    found = Survey.objects.filter(pk=identifier).first() if identifier else None
    if found is None:
        raise DomainError(_("There is no survey with this id."), field="survey", code="not_found")
    return found


def _read_name(value: object) -> str:
    return clean_text(value, field="name", limit=NAME_LENGTH, required=True)


def _read_unit(value: object) -> Unit | None:
    if isinstance(value, Unit):
        return value
    if value is None or value == "":
        return None
    identifier = parse_uuid(value)
    found = Unit.objects.filter(pk=identifier).first() if identifier else None
    if found is None:
        raise DomainError(_("There is no unit with this id."), field="unit", code="not_found")
    return found


def _read_touchpoint(value: object) -> Touchpoint | None:
    if isinstance(value, Touchpoint):
        return value
    if value is None or value == "":
        return None
    key = clean_text(value, field="touchpoint", limit=64)
    found = Touchpoint.objects.filter(key=key).first()
    if found is None:
        raise DomainError(_("There is no touchpoint with this key."), field="touchpoint", code="not_found")
    return found


def _read_language(value: object, survey: Survey) -> str:
    """One of the survey's languages, "" for its first."""
    text = clean_text(value, field="language", limit=16).lower()
    if text and text not in survey.languages:
        message = _("The survey speaks %(languages)s.") % {"languages": ", ".join(survey.languages)}
        raise DomainError(message, field="language", code="choice")
    return text
