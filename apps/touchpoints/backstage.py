"""What stands behind touchpoints: processes, systems and teams as records, and which touchpoint each serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.outbox.services import emit
from apps.touchpoints import rules
from apps.touchpoints.models import BackstageRecord, Touchpoint, TouchpointBackstage
from apps.touchpoints.services import read_owner_unit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, read_fields
from cxm.ids import parse_uuid

MOST_TOUCHPOINTS = 2000


def records() -> QuerySet[BackstageRecord]:
    """All records with their owner unit and how many touchpoints each stands behind, in one query."""
    return BackstageRecord.objects.select_related("owner_unit").annotate(use_count=Count("uses"))


def backstage_of(touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[BackstageRecord]]:
    """What stands behind each of these touchpoints, by kind and name; those without anything are missing. One query."""
    rows = TouchpointBackstage.objects.filter(touchpoint__in=touchpoint_ids).select_related("record")
    found: dict[UUID, list[BackstageRecord]] = {}
    for row in rows.order_by("record__kind", "record__name", "pk"):
        found.setdefault(row.touchpoint_id, []).append(row.record)
    return found


def touchpoints_before(row: BackstageRecord) -> QuerySet[Touchpoint]:
    """The touchpoints a record stands behind, by name."""
    return Touchpoint.objects.filter(backstage__record=row).order_by("name", "pk")


@transaction.atomic
def create_record(*, actor: Actor, **values: Any) -> BackstageRecord:
    """Write down a process, system or team: `kind` and `name`; `description`, `owner_unit`, `link`, `touchpoints`.

    `touchpoints` are keys or ids of those it stands behind. Raises DomainErrors naming each wrong field, Conflict when
    one of that kind and name exists. Emits touchpoints.backstage_changed.
    """
    actor.require("touchpoints.edit")
    clean = read_fields(_READERS, {"kind": None, "name": None, **values})
    placed = clean.pop("touchpoints", [])
    row = _saved(BackstageRecord(**clean))
    _place(row, placed)
    record(actor=actor, action="touchpoints.backstage_created", target=row)
    emit("touchpoints.backstage_changed", {"record": str(row.pk)})
    return row


@transaction.atomic
def update_record(*, actor: Actor, row: BackstageRecord, **changes: Any) -> BackstageRecord:
    """Change some of a record's fields; `touchpoints` replaces all it stands behind. Raises as `create_record`."""
    actor.require("touchpoints.edit")
    row = BackstageRecord.objects.select_for_update().get(pk=row.pk)
    clean = read_fields(_READERS, changes)
    placed = clean.pop("touchpoints", None)
    changed = [field for field, value in clean.items() if getattr(row, field) != value]
    for field in changed:
        setattr(row, field, clean[field])
    if changed:
        _saved(row)
    if placed is not None and _place(row, placed):
        changed.append("touchpoints")
    if changed:
        record(actor=actor, action="touchpoints.backstage_changed", target=row, fields=changed)
        emit("touchpoints.backstage_changed", {"record": str(row.pk)})
    return row


@transaction.atomic
def delete_record(*, actor: Actor, row: BackstageRecord) -> None:
    """Remove a record; the touchpoints it stood behind stay."""
    actor.require("touchpoints.edit")
    record(actor=actor, action="touchpoints.backstage_deleted", target=row)
    emit("touchpoints.backstage_changed", {"record": str(row.pk)})
    row.delete()


@transaction.atomic
def set_backstage(*, actor: Actor, touchpoint: Touchpoint, record_ids: Collection[UUID]) -> Touchpoint:
    """Say which records stand behind a touchpoint; those that are not named do not any more.

    Raises DomainError naming `backstage` for an id that is no record. Emits touchpoints.touchpoint_changed.
    """
    touchpoint = Touchpoint.objects.select_for_update().get(pk=touchpoint.pk)
    actor.require("touchpoints.edit", touchpoint.owner_unit_id)
    known = set(BackstageRecord.objects.filter(pk__in=record_ids).values_list("pk", flat=True))
    if set(record_ids) - known:
        raise DomainError(_("There is no such process, system or team."), field="backstage", code="not_found")
    before = set(TouchpointBackstage.objects.filter(touchpoint=touchpoint).values_list("record", flat=True))
    if before != known:
        TouchpointBackstage.objects.filter(touchpoint=touchpoint, record__in=before - known).delete()
        TouchpointBackstage.objects.bulk_create(
            TouchpointBackstage(touchpoint=touchpoint, record_id=pk) for pk in sorted(known - before)
        )
        record(actor=actor, action="touchpoints.changed", target=touchpoint, fields=["backstage"])
        emit("touchpoints.touchpoint_changed", {"touchpoint": str(touchpoint.pk)})
    return touchpoint


def _saved(row: BackstageRecord) -> BackstageRecord:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        message = _("There is one of this kind and name already.")
        raise Conflict(message, field="name", code="taken") from error
    return row


def _place(row: BackstageRecord, touchpoints: Collection[UUID]) -> bool:
    """Put the record behind exactly these touchpoints; whether anything changed."""
    before = set(TouchpointBackstage.objects.filter(record=row).values_list("touchpoint", flat=True))
    after = set(touchpoints)
    TouchpointBackstage.objects.filter(record=row, touchpoint__in=before - after).delete()
    TouchpointBackstage.objects.bulk_create(
        TouchpointBackstage(record=row, touchpoint_id=pk) for pk in sorted(after - before)
    )
    return before != after


def _read_kind(value: object) -> str:
    if value not in BackstageRecord.Kind.values:
        message = _("Must be one of: %(kinds)s.") % {"kinds": ", ".join(BackstageRecord.Kind.values)}
        raise DomainError(message, field="kind", code="required" if value in (None, "") else "choice")
    return str(value)


def _read_touchpoints(value: object) -> list[UUID]:
    """Ids of touchpoints given by key or id (or as rows). Raises DomainError naming `touchpoints`. One query."""
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MOST_TOUCHPOINTS:
        message = _("Must be a list of at most %(limit)d keys.") % {"limit": MOST_TOUCHPOINTS}
        raise DomainError(message, field="touchpoints")
    texts = [str(item.pk) if isinstance(item, Touchpoint) else item for item in value]
    if not all(isinstance(text, str) and "\x00" not in text for text in texts):
        raise DomainError(_("Give keys of touchpoints."), field="touchpoints")
    ids = {found for text in texts if (found := parse_uuid(text))}
    rows = list(Touchpoint.objects.filter(key__in=texts).values_list("pk", "key"))
    rows += Touchpoint.objects.filter(pk__in=ids).values_list("pk", "key") if ids else []
    known = {key: pk for pk, key in rows} | {str(pk): pk for pk, _key in rows}
    unknown = [text for text in texts if text not in known]
    if unknown:
        message = _("There is no touchpoint with the key “%(key)s”.") % {"key": unknown[0][:64]}
        raise DomainError(message, field="touchpoints", code="not_found")
    return list(dict.fromkeys(known[text] for text in texts))


_READERS: dict[str, Callable[[Any], Any]] = {
    "kind": _read_kind,
    "name": lambda value: rules.clean_text(value, field="name", limit=rules.NAME_LENGTH, required=True),
    "description": lambda value: rules.clean_text(value, field="description", limit=rules.DESCRIPTION_LENGTH),
    "owner_unit": read_owner_unit,
    "link": rules.clean_link,
    "touchpoints": _read_touchpoints,
}
