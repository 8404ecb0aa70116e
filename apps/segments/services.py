"""Every write to segments that somebody asks for. What keeps their members right by itself is in refresh.py."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import Customer
from apps.outbox.services import emit
from apps.segments import membership, refresh
from apps.segments.models import Segment, SegmentMember
from apps.segments.queries import QUICK_SECONDS
from apps.segments.references import read_rule
from apps.segments.registry import uses_of
from apps.touchpoints.rules import clean_text
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError

NAME_LENGTH = 120
DESCRIPTION_LENGTH = 2_000
MODES = ("add", "replace")
QUICK_MEMBERS = 20_000
"""More changes than this are left to a worker, so that a request holds no more rows than these."""


@transaction.atomic
def create_segment(
    *, actor: Actor, name: str, description: str | None = "", kind: str | None = Segment.Kind.LIVE, rule: object = None
) -> Segment:
    """Make a segment. A live one needs a rule; a static one has none, its members are set by list.

    Members are computed at once when that is quick, else by a worker (``state`` is ``computing``).
    Emits ``segments.segment_created``.

    Raises:
        DomainErrors: each wrong field by its place (``rule.all.0.op``).
        Conflict: the name is taken.
    """
    actor.require("segments.edit")
    errors: list[FieldError] = []
    kind = kind or Segment.Kind.LIVE
    if kind not in Segment.Kind.values:
        message = _("Must be one of: %(kinds)s.") % {"kinds": ", ".join(Segment.Kind.values)}
        errors.append({"field": "kind", "code": "invalid_choice", "message": message})
    values = _clean(errors, kind, None, {"name": name, "description": description, "rule": rule})
    if errors:
        raise DomainErrors(errors)
    segment = Segment(kind=kind, created_by_id=actor.user_id, refresh_at=now(), **values)
    if kind == Segment.Kind.STATIC:
        segment.state, segment.size, segment.computed_at, segment.refresh_at = Segment.State.READY, 0, now(), None
    _save(segment)
    record(actor=actor, action="segments.created", target=segment)
    emit("segments.segment_created", {"segment": str(segment.pk)})
    if kind == Segment.Kind.LIVE:
        _compute_quickly(segment)
    return segment


@transaction.atomic
def update_segment(*, actor: Actor, segment: Segment, **changes: Any) -> Segment:
    """Change name, description or rule; the kind stays. A new rule takes effect at once or when a worker is done.

    Emits ``segments.segment_changed`` when something changed. Raises as :func:`create_segment` does.
    """
    actor.require("segments.edit")
    row = membership.locked(segment.pk)
    if row is None:
        raise Conflict(_("This segment has been deleted."), code="deleted")
    errors: list[FieldError] = []
    if changes.pop("kind", None) not in (None, "", row.kind):
        message = _("A segment stays live or static. Make a new one.")
        errors.append({"field": "kind", "code": "immutable", "message": message})
    values = _clean(errors, row.kind, row.pk, changes)
    if errors:
        raise DomainErrors(errors)
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    if not changed:
        return row
    for name in changed:
        setattr(row, name, values[name])
    if "rule" in changed:
        row.state, row.refresh_at, row.attempts = Segment.State.COMPUTING, now(), 0
        row.revision += 1
        row.error = ""
    _save(row, [*changed, "state", "refresh_at", "attempts", "revision", "error", "updated_at"])
    record(actor=actor, action="segments.changed", target=row, fields=changed)
    emit("segments.segment_changed", {"segment": str(row.pk)})
    if "rule" in changed:
        _compute_quickly(row)
        refresh.request_refresh(pk for pk in refresh.dependents_of(row.pk) if pk != row.pk)
    return row


@transaction.atomic
def delete_segment(*, actor: Actor, segment: Segment) -> None:
    """Delete a segment that nothing uses. Emits ``segments.segment_deleted``. Raises Conflict naming its users."""
    actor.require("segments.edit")
    row = membership.locked(segment.pk)
    if row is None:
        raise Conflict(_("This segment has been deleted."), code="deleted")
    dependents = Segment.objects.filter(pk__in=refresh.dependents_of(row.pk)).order_by("name")
    users = [_("Segment “%(name)s”") % {"name": other.name} for other in dependents] + uses_of([row.pk]).get(row.pk, [])
    if users:
        message = _("It is still used: %(users)s. Change these first.") % {"users": "; ".join(users[:5])}
        raise Conflict(message, code="in_use")
    record(actor=actor, action="segments.deleted", target=row)
    emit("segments.segment_deleted", {"segment": str(row.pk)})
    SegmentMember.objects.filter(segment_id=row.pk)._raw_delete("default")
    row.delete()


@transaction.atomic
def refresh_now(*, actor: Actor, segment: Segment) -> None:
    """Have a segment computed anew by a worker, also one that was given up."""
    actor.require("segments.edit")
    refresh.request_refresh([segment.pk])


@transaction.atomic
def set_static_members(
    *,
    actor: Actor,
    segment: Segment,
    customer_ids: Collection[UUID],
    import_id: UUID | None = None,
    mode: str = "add",
) -> int:
    """Put customers on a static list (``add``), or make the list these and no others (``replace``); how many came.

    Whom the actor may not see, who is merged into somebody else or asked not to be worked on is left out without a
    word: check before where it matters. Segments that refer to the list follow. Raises Conflict for a live segment.
    """
    actor.require("segments.edit")
    if mode not in MODES:
        raise DomainError(_("Must be one of: %(modes)s.") % {"modes": ", ".join(MODES)}, field="mode")
    row = _static(segment)
    ids = _visible(actor, customer_ids)
    if mode == "replace":
        SegmentMember.objects.filter(segment_id=row.pk).exclude(customer_id__in=ids).delete()
    came = 0
    for first in range(0, len(ids), membership.CHUNK):
        came += membership.add(row, ids[first : first + membership.CHUNK], import_id=import_id)
    _changed(actor, row, row.size + came if mode == "add" and row.size is not None else None, import_id)
    return came


@transaction.atomic
def remove_static_members(
    *,
    actor: Actor,
    segment: Segment,
    customer_ids: Collection[UUID] | None = None,
    import_id: UUID | None = None,
) -> int:
    """Take customers off a static list: these, or those that an import brought; how many went."""
    actor.require("segments.edit")
    row = _static(segment)
    if import_id is not None:
        gone = SegmentMember.objects.filter(segment_id=row.pk, import_id=import_id).delete()[0]
    else:
        gone = membership.remove(row, _visible(actor, customer_ids or ()))
    _changed(actor, row, None, import_id)
    return gone


def _static(segment: Segment) -> Segment:
    row = membership.locked(segment.pk)
    if row is None:
        raise Conflict(_("This segment has been deleted."), code="deleted")
    if row.kind != Segment.Kind.STATIC:
        message = _("The members of a live segment follow from its rule. Make a static segment for a list.")
        raise Conflict(message, code="live")
    return row


def _visible(actor: Actor, customer_ids: Collection[UUID]) -> list[UUID]:
    units = actor.visible_units("customers.view")
    if units is None:
        return list(customer_ids)
    rows = Customer.objects.filter(pk__in=list(customer_ids), unit_id__in=units)
    return list(rows.values_list("pk", flat=True))


def _changed(actor: Actor, row: Segment, size: int | None, import_id: UUID | None) -> None:
    """Write down the new size (counted where it is not known) and have what refers to the list follow.

    An import writes its own entry in the audit log, not one for each portion.
    """
    size = membership.count(row.pk) if size is None else size
    Segment.objects.filter(pk=row.pk).update(size=size, computed_at=now())
    if import_id is None:
        record(actor=actor, action="segments.members_changed", target=row)
    refresh.request_refresh(refresh.dependents_of(row.pk))


def _clean(errors: list[FieldError], kind: str, segment_id: UUID | None, given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            if name == "name":
                values[name] = clean_text(value, field=name, limit=NAME_LENGTH, required=True)
            elif name == "description":
                values[name] = clean_text(value, field=name, limit=DESCRIPTION_LENGTH)
            else:
                values[name] = _clean_rule(kind, segment_id, value)
        except DomainError as error:
            errors += error.errors
    return values


def _clean_rule(kind: str, segment_id: UUID | None, value: object) -> dict[str, Any]:
    if kind == Segment.Kind.STATIC:
        if value not in (None, {}, ""):
            message = _("A static segment has no rule. Leave it out, or make the segment live.")
            raise DomainError(message, field="rule", code="static")
        return {}
    return read_rule(value, segment_id=segment_id).as_json()


def _save(segment: Segment, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            segment.save(update_fields=fields)
    except IntegrityError as error:
        raise Conflict(_("Another segment has this name. Choose another."), field="name", code="taken") from error


def _compute_quickly(segment: Segment) -> None:
    """Compute inside the request when that takes no more than two seconds; else a worker does."""
    try:
        with transaction.atomic():
            done = refresh.refresh_segment(segment.pk, seconds=QUICK_SECONDS, most=QUICK_MEMBERS)
    except OperationalError:
        done = False
    if done:
        segment.refresh_from_db()
    else:
        refresh.wake()
