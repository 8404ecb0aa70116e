"""Every write to the touchpoint library."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.organizations.models import Unit
from apps.outbox.services import emit
from apps.touchpoints import registry, rules
from apps.touchpoints.models import Channel, Touchpoint, TouchpointName
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, read_fields
from cxm.ids import parse_uuid

FIELDS = ("name", "channel", "description", "event_match", "promise", "owner_unit", "target")


@transaction.atomic
def create_touchpoint(
    *,
    actor: Actor,
    name: str,
    key: str | None = None,
    channel: str | None = None,
    description: str = "",
    event_match: dict[str, Any] | None = None,
    owner_unit: Any = None,
    target: dict[str, float] | None = None,
    promise: dict[str, Any] | None = None,
) -> Touchpoint:
    """Add a touchpoint to the library.

    Without a key one is made of the name. `owner_unit` is a Unit, its id, or None. Raises DomainErrors naming each
    wrong field, Conflict when the key is taken.
    Emits touchpoints.touchpoint_created.
    """
    actor.require("touchpoints.edit")
    values = _clean(
        name=name,
        channel=channel,
        description=description,
        event_match=event_match,
        owner_unit=owner_unit,
        target=target,
        promise=promise,
    )
    _check_promise(values["promise"], values["event_match"])
    if values["owner_unit"]:
        actor.require("touchpoints.edit", values["owner_unit"].pk)
    wanted = rules.clean_key(key)
    touchpoint = Touchpoint(key=wanted or _free_key(values["name"]), **values)
    try:
        with transaction.atomic():
            touchpoint.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("Another touchpoint has this key. Choose another."), field="key", code="taken") from error
    record(actor=actor, action="touchpoints.created", target=touchpoint)
    emit("touchpoints.touchpoint_created", {"touchpoint": str(touchpoint.pk)})
    return touchpoint


@transaction.atomic
def update_touchpoint(*, actor: Actor, touchpoint: Touchpoint, **changes: Any) -> Touchpoint:
    """Change some of `FIELDS`; the key stays for ever, so that addresses and versions of maps stay true.

    A name that is given up is kept: the touchpoint is found by it and shown as formerly called so. Raises DomainError
    naming the field. Emits touchpoints.touchpoint_changed when something changed.
    """
    touchpoint = _lock(actor, touchpoint)
    if "key" in changes and rules.clean_key(changes.pop("key")) not in ("", touchpoint.key):
        message = _("The key of a touchpoint cannot change: maps and other systems refer to it.")
        raise DomainError(message, field="key", code="immutable")
    values = _clean(**changes)
    if values.get("owner_unit"):
        actor.require("touchpoints.edit", values["owner_unit"].pk)
    changed = [field for field, value in values.items() if getattr(touchpoint, field) != value]
    if "promise" in changed or "event_match" in changed:
        _check_promise(values.get("promise", touchpoint.promise), values.get("event_match", touchpoint.event_match))
    if changed:
        if "name" in changed:
            _keep_name(touchpoint, values["name"])
        for field in changed:
            setattr(touchpoint, field, values[field])
        touchpoint.save(update_fields=[*changed, "updated_at"])
        record(actor=actor, action="touchpoints.changed", target=touchpoint, fields=changed)
        emit("touchpoints.touchpoint_changed", {"touchpoint": str(touchpoint.pk)})
    return touchpoint


@transaction.atomic
def assign_owner(*, actor: Actor, touchpoints: Collection[UUID], owner_unit: object) -> int:
    """Give several touchpoints one owner unit (None for nobody); how many were changed.

    `owner_unit` is a Unit, its id, or None. Ids that are not of this organisation are passed over. Raises NotAllowed
    when the actor may not change one of them, DomainError naming `owner_unit`.
    """
    unit = read_owner_unit(owner_unit)
    rows = Touchpoint.objects.filter(pk__in=touchpoints).exclude(owner_unit=unit) if unit else None
    if rows is None:
        rows = Touchpoint.objects.filter(pk__in=touchpoints, owner_unit__isnull=False)
    found = list(rows.order_by("pk"))
    for row in found:
        update_touchpoint(actor=actor, touchpoint=row, owner_unit=unit)
    return len(found)


@transaction.atomic
def archive_touchpoints(*, actor: Actor, touchpoints: Collection[UUID]) -> int:
    """Take several touchpoints out of the lists; how many were in them. Raises NotAllowed as for each alone."""
    found = list(Touchpoint.objects.filter(pk__in=touchpoints, archived_at=None).order_by("pk"))
    for row in found:
        archive_touchpoint(actor=actor, touchpoint=row)
    return len(found)


@transaction.atomic
def archive_touchpoint(*, actor: Actor, touchpoint: Touchpoint) -> Touchpoint:
    """Take it out of the lists; maps, surveys and answers keep it. Archiving twice changes nothing."""
    touchpoint = _lock(actor, touchpoint)
    if touchpoint.archived_at is None:
        touchpoint.archived_at = timezone.now()
        touchpoint.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="touchpoints.archived", target=touchpoint)
    return touchpoint


@transaction.atomic
def unarchive_touchpoint(*, actor: Actor, touchpoint: Touchpoint) -> Touchpoint:
    """Bring an archived touchpoint back into the lists."""
    touchpoint = _lock(actor, touchpoint)
    if touchpoint.archived_at is not None:
        touchpoint.archived_at = None
        touchpoint.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="touchpoints.unarchived", target=touchpoint)
    return touchpoint


@transaction.atomic
def delete_touchpoint(*, actor: Actor, touchpoint: Touchpoint) -> None:
    """Remove a touchpoint that nothing uses.

    Raises Conflict that says where it is used; such a touchpoint can be archived instead.
    """
    touchpoint = _lock(actor, touchpoint)
    system = Actor.system("where a touchpoint is used")
    uses = [
        f"{kind.title}: {use.label}"
        for kind in registry.USES.values()
        if kind.keeps
        for use in kind.source(actor=system, touchpoint_ids=[touchpoint.pk]).get(touchpoint.pk, [])
    ]
    if uses:
        message = _("It is still used: %(uses)s. Archive it instead.") % {"uses": "; ".join(uses[:5])}
        raise Conflict(message, code="in_use")
    record(actor=actor, action="touchpoints.deleted", target=touchpoint)
    try:
        with transaction.atomic():
            touchpoint.delete()
    except (ProtectedError, IntegrityError) as error:
        message = _("Answers or maps still refer to it. Archive it instead.")
        raise Conflict(message, code="in_use") from error


def _keep_name(touchpoint: Touchpoint, name: str) -> None:
    """Remember the name that is given up; one that is taken up again is no former one any more."""
    TouchpointName.objects.filter(touchpoint=touchpoint, name=name).delete()
    TouchpointName.objects.update_or_create(
        touchpoint=touchpoint, name=touchpoint.name, defaults={"until": timezone.now()}
    )


def _check_promise(promise: dict[str, Any] | None, event_match: dict[str, Any] | None) -> None:
    if promise and promise["start"] is None and event_match is None:
        message = _("Say which event makes the promise, or give the touchpoint an event.")
        raise DomainError(message, field="promise.start", code="required")


def _lock(actor: Actor, touchpoint: Touchpoint) -> Touchpoint:
    """The row as it is now, locked, after asking whether the actor may change it."""
    locked = Touchpoint.objects.select_for_update().get(pk=touchpoint.pk)
    actor.require("touchpoints.edit", locked.owner_unit_id)
    return locked


def _clean(**given: Any) -> dict[str, Any]:
    """The given fields, checked together, so that one answer names all that is wrong."""
    return read_fields(_READERS, given)


def _read_name(value: object) -> str:
    return rules.clean_text(value, field="name", limit=rules.NAME_LENGTH, required=True)


def _read_description(value: object) -> str:
    return rules.clean_text(value, field="description", limit=rules.DESCRIPTION_LENGTH)


def _read_channel(value: object) -> str:
    channel = value or Channel.OTHER.value
    if channel not in Channel.values:
        message = _("Must be one of: %(channels)s.") % {"channels": ", ".join(Channel.values)}
        raise DomainError(message, field="channel", code="choice")
    return str(channel)


def read_owner_unit(value: object) -> Unit | None:
    """A unit of this organisation by itself or its id."""
    if isinstance(value, Unit):
        return value
    if value is None or value == "":
        return None
    identifier = parse_uuid(value)
    unit = Unit.objects.filter(pk=identifier).first() if identifier else None
    if unit is None:
        raise DomainError(_("There is no unit with this id."), field="owner_unit", code="not_found")
    return unit


_READERS: dict[str, Callable[[Any], Any]] = {
    "name": _read_name,
    "channel": _read_channel,
    "description": _read_description,
    "event_match": rules.clean_event_match,
    "owner_unit": read_owner_unit,
    "target": rules.clean_target,
    "promise": rules.clean_promise,
}


def _free_key(name: str) -> str:
    """A key made of the name that no touchpoint has yet. One query."""
    base = rules.key_from_name(name)
    taken = set(Touchpoint.objects.filter(key__startswith=base[:50]).values_list("key", flat=True))
    if base not in taken:
        return base
    numbers = iter(range(2, len(taken) + 3))
    return next(key for number in numbers if (key := f"{base[: rules.KEY_LENGTH - 6]}-{number}") not in taken)
