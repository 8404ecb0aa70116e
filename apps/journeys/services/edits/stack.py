"""Undo and redo: each person takes back their own changes, over the whole session and after a reload."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.drafts import read_draft, write_draft
from apps.journeys.models import Journey, MapEdit
from apps.journeys.services.edits.changes import Change, Edit
from apps.journeys.services.edits.keeping import UNDO_DAYS, note
from apps.journeys.services.edits.rows import bare, completed, find, full_state, order_of, state_of, write
from apps.journeys.services.locking import lock_journey
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError


@transaction.atomic
def undo_edit(*, actor: Actor, journey: Journey) -> Edit:
    """Take back the actor's latest change of this map that is still done, up to seven days back.

    A change on which somebody has built since is left alone, and the answer says so.
    """
    journey = lock_journey(actor, journey)
    edit = _stack(actor, journey).filter(undone=False).order_by("-id").first()
    if edit is None:
        return Edit((), _("There is nothing to undo."), undoable=False, revision=journey.revision)
    backwards = [_change(raw, raw["after"], raw["before"]) for raw in reversed(edit.change)]
    return _repeat(actor, journey, edit, backwards, undone=True, said=_("Undone"))


@transaction.atomic
def redo_edit(*, actor: Actor, journey: Journey) -> Edit:
    """Do again what the actor undid last."""
    journey = lock_journey(actor, journey)
    edit = _stack(actor, journey).filter(undone=True).order_by("id").first()
    if edit is None:
        return Edit((), _("There is nothing to redo."), undoable=False, revision=journey.revision)
    forwards = [_change(raw, raw["before"], raw["after"]) for raw in edit.change]
    return _repeat(actor, journey, edit, forwards, undone=False, said=_("Done again"))


def undo_and_redo(actor: Actor, journey: Journey) -> tuple[bool, bool]:
    """Whether there is something to undo and to redo. One query."""
    found = set(_stack(actor, journey).values_list("undone", flat=True).distinct())
    return False in found, True in found


def _stack(actor: Actor, journey: Journey) -> Any:
    since = timezone.now() - timedelta(days=UNDO_DAYS)
    return MapEdit.objects.filter(journey=journey, actor_id=actor.id, at__gte=since)


def _change(raw: dict[str, Any], before: Any, after: Any) -> Change:
    kind = raw["kind"]
    return Change(kind, raw["id"], completed(kind, before), completed(kind, after))


def _repeat(actor: Actor, journey: Journey, edit: MapEdit, wanted: list[Change], *, undone: bool, said: str) -> Edit:
    """Apply the changes when every row still is what they start from; otherwise forget the edit and say so."""
    try:
        with transaction.atomic():
            done = tuple(_repeat_one(journey, change) for change in wanted)
    except DomainError:
        edit.delete()
        message = _("Somebody has changed this since. It was left as it is.")
        return Edit((), message, undoable=False, revision=journey.revision)
    edit.undone = undone
    edit.save(update_fields=["undone"])
    revision = note(actor, journey, "journeys.undone" if undone else "journeys.redone", done, said)
    return Edit(done, said, undoable=False, revision=revision)


def _repeat_one(journey: Journey, change: Change) -> Change:
    if change.kind == "map":
        if _by_lanes(read_draft(journey).content["stages"]) != _by_lanes(cast(list[Any], change.before)):
            raise Conflict(_("Somebody has changed this since."))
        write_draft(journey, content.complete_stages(cast(list[Any], change.after)))
        return change
    row = find(journey, change.kind, change.id)
    whole = change.before is None or change.after is None
    now = None if row is None else (full_state(row) if whole else state_of(row))
    if bare(now) != bare(change.before):
        raise Conflict(_("Somebody has changed this since."))
    version = write(journey, change.kind, change.id, change.after)
    there = find(journey, change.kind, change.id)
    if there is None:
        row._state.adding = True
    return Change(change.kind, change.id, now, change.after, version, order_of(there if there is not None else row))


def _by_lanes(stages: list[Any]) -> list[Any]:
    """Stages with the cards of a step lane by lane: across lanes their order says nothing."""
    return [
        {**stage, "steps": [{**step, "cards": sorted(step["cards"], key=_lane_of)} for step in stage["steps"]]}
        for stage in content.complete_stages(stages)
    ]


def _lane_of(card: dict[str, Any]) -> str:
    return content.lane_key(card["lane"])
