"""Doing a change: the version the caller saw is checked, rows are written, and the change is kept for undo and told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.models import Journey, MapChange, MapEdit
from apps.journeys.services.edits.changes import Change, Edit, EditConflict, State
from apps.journeys.services.edits.rows import (
    MODELS,
    describe,
    find,
    full_state,
    get,
    order_of,
    place_of,
    state_of,
    version_of,
    write,
)
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainErrors
from cxm.ids import parse_uuid, uuid7

UNDO_DAYS = 7
FORGET_EVERY = 50
"""After how many changes of a map those that no screen can be waiting for are forgotten."""

Wanted = tuple[str, Any, State, State | None]


def add(actor: Actor, journey: Journey, kind: str, identifier: object, state: State, said: str) -> Edit:
    """Make a row under the id the caller chose or a new one; the same id again changes nothing."""
    key = parse_uuid(identifier) if identifier else uuid7()
    if key is None:
        raise DomainErrors([{"field": "id", "code": "invalid", "message": _("Is not an id.")}])
    existing = find(journey, kind, key)
    if existing is not None:
        now = state_of(existing)
        same = Change(kind, str(key), now, now, existing.version, order_of(existing))
        return Edit((same,), said, revision=journey.revision)
    if MODELS[kind].objects.filter(pk=key).exists():
        raise Conflict(_("This id is taken. Choose another."), field="id", code="taken")
    version = write(journey, kind, str(key), state)
    row = get(journey, kind, key)
    change = Change(kind, str(key), None, full_state(row), version, order_of(row))
    return keep(actor, journey, (change,), said, f"journeys.{kind}_added")


def change_rows(actor: Actor, journey: Journey, wanted: list[Wanted], version: int | None, said: str) -> Edit:
    """Bring rows from `before` to `after`; the first one is the row the caller saw in `version`.

    Raises EditConflict when that row has another version and is not yet what the caller wants.
    """
    kind, row, before, after = wanted[0]
    if before == after:
        same = Change(kind, str(row.pk), before, after, version_of(row), order_of(row))
        return Edit((same,), said, revision=journey.revision)
    if version is not None and version != version_of(row):
        current = Change(kind, str(row.pk), None, state_of(row), version_of(row), order_of(row))
        raise EditConflict(said, describe(row), current)
    changes = tuple(_done(journey, *each) for each in wanted)
    verb = "deleted" if after is None else "changed"
    return keep(actor, journey, changes, said, f"journeys.{kind}_{verb}")


def _done(journey: Journey, kind: str, row: Any, before: State, after: State | None) -> Change:
    version = write(journey, kind, str(row.pk), after)
    if after is None:
        return Change(kind, str(row.pk), before, None, version, order_of(_gone(row)))
    now = find(journey, kind, row.pk)
    if "position" in after:
        after = {**after, "position": place_of(now)}
    return Change(kind, str(row.pk), before, after, version, order_of(now))


def _gone(row: Any) -> Any:
    """A row that was deleted, so that the order of the list it stood in is given without it."""
    row._state.adding = True
    return row


def keep(actor: Actor, journey: Journey, changes: tuple[Change, ...], said: str, action: str) -> Edit:
    """Remember the changes for undo; what was undone before cannot be redone any more."""
    if actor.id is not None:
        MapEdit.objects.filter(journey=journey, actor_id=actor.id, undone=True).delete()
        stored = [{"kind": c.kind, "id": c.id, "before": c.before, "after": c.after} for c in changes]
        MapEdit.objects.create(journey=journey, actor_id=actor.id, change=stored)
        MapEdit.objects.filter(journey=journey, at__lt=timezone.now() - timedelta(days=UNDO_DAYS)).delete()
    revision = note(actor, journey, action, changes, said)
    return Edit(changes, said, revision=revision)


def note(
    actor: Actor,
    journey: Journey,
    action: str,
    changes: tuple[Change, ...],
    said: str = "",
    fields: tuple[str, ...] = (),
) -> int:
    """Count the change, keep it for other editors' screens, tell the audit log and who listens; the new revision."""
    journey.revision += 1
    journey.updated_at = timezone.now()
    journey.save(update_fields=["revision", "updated_at"])
    MapChange.objects.create(
        journey=journey,
        revision=journey.revision,
        actor_id=actor.id,
        actor_name=actor.name[:120],
        changes=[{**change.as_json(), "redraw": change.moves_columns} for change in changes],
        said=said[:1400],
    )
    if journey.revision % FORGET_EVERY == 0:
        MapChange.objects.filter(journey=journey, at__lt=timezone.now() - timedelta(days=UNDO_DAYS)).delete()
    record(actor=actor, action=action, target=journey, fields=fields)
    emit("journeys.draft_changed", {"journey": str(journey.pk)})
    return journey.revision
