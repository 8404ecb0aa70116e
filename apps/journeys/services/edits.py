"""Single changes of a draft: each one checked, locked, audited, counted and undoable.

A change is (kind, id, before, after): the state of one row, None where it did not exist. Applying `after` does it,
applying `before` undoes it; deleting a stage or step keeps what stood in it. Conflicts are found by row: whoever
changes a card says which version of that card they saw, so people working on different cards never meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys import content
from apps.journeys.content import lane_key, lane_title
from apps.journeys.drafts import write_draft
from apps.journeys.models import Card, Journey, MapEdit, Stage, Step, StepTouchpoint
from apps.journeys.services.maps import lock_journey
from apps.outbox.services import emit
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, NotFound, PreconditionFailed
from cxm.ids import parse_uuid, uuid7

UNDO_DAYS = 7

Row = Stage | Step | StepTouchpoint | Card
State = dict[str, Any]

MODELS: dict[str, type[Row]] = {"stage": Stage, "step": Step, "place": StepTouchpoint, "card": Card}
PATHS = {"stage": "journey", "step": "stage__journey", "place": "step__stage__journey", "card": "step__stage__journey"}
LIMITS = {
    "stage": content.MAX_STAGES,
    "step": content.MAX_STEPS,
    "place": content.MAX_PLACES,
    "card": content.MAX_CARDS,
}


@dataclass(frozen=True)
class Change:
    """What happened to one row, with its version afterwards (0 when it is gone)."""

    kind: str
    id: str
    before: State | None
    after: State | None
    version: int = 0

    @property
    def moves_columns(self) -> bool:
        """Whether columns of the board came, went or moved."""
        if self.kind in ("stage", "step"):
            if self.before is None or self.after is None:
                return True
            return any(self.before.get(name) != self.after.get(name) for name in ("position", "stage"))
        return self.kind == "map"


@dataclass(frozen=True)
class Edit:
    """The outcome of a service: its changes (none when all was so already) and a sentence for the person."""

    changes: tuple[Change, ...]
    said: str
    undoable: bool = True


class EditConflict(PreconditionFailed):
    """Somebody changed this row since the caller saw it: both sides in words, and the row as it is now."""

    def __init__(self, mine: str, theirs: str, change: Change) -> None:
        message = _("Somebody else changed this while you were working. Nothing was overwritten.")
        super().__init__(message, code="changed")
        self.mine, self.theirs, self.change = mine, theirs, change


# ---------------------------------------------------------------------------------------------------------------------
# Stages


@transaction.atomic
def add_stage(
    *, actor: Actor, journey: Journey, name: str, duration: str = "", position: int | None = None, id: object = None
) -> Edit:
    """Add a stage, with one step of the same name so that it has a column. Without a position it comes last."""
    journey = lock_journey(actor, journey)
    name = content.read_name(name)
    step: State = {"id": str(uuid7()), "name": name, "belief": None, "position": 0, "places": [], "cards": []}
    state = {"name": name, "duration": content.read_duration(duration), "position": position, "steps": [step]}
    return _add(actor, journey, "stage", id, state, _("Added stage “%(name)s”") % {"name": name})


@transaction.atomic
def rename_stage(
    *,
    actor: Actor,
    journey: Journey,
    stage_id: UUID,
    name: str,
    duration: str | None = None,
    version: int | None = None,
) -> Edit:
    """Rename a stage or say how long it lasts. A single step of the same name is renamed with it."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "stage", stage_id)
    before = _state(row)
    name = content.read_name(name)
    after = {**before, "name": name}
    if duration is not None:
        after["duration"] = content.read_duration(duration)
    said = _("Renamed stage to “%(name)s”") % {"name": name}
    steps = list(Step.objects.filter(stage=row)[:2])
    follower = steps[0] if len(steps) == 1 and steps[0].name == before["name"] else None
    wanted: list[tuple[str, Any, State, State | None]] = [("stage", row, before, after)]
    if follower is not None:
        step_before = _state(follower)
        wanted.append(("step", follower, step_before, {**step_before, "name": name}))
    return _change(actor, journey, wanted, version, said)


@transaction.atomic
def move_stage(*, actor: Actor, journey: Journey, stage_id: UUID, position: int, version: int | None = None) -> Edit:
    """Put a stage at another place of the map (0 is first)."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "stage", stage_id)
    before = _state(row)
    position = _landing(Stage(pk=row.pk, journey=journey), position)
    said = _("Moved stage “%(name)s” to position %(position)d") % {"name": row.name, "position": position + 1}
    return _change(actor, journey, [("stage", row, before, {**before, "position": position})], version, said)


@transaction.atomic
def delete_stage(*, actor: Actor, journey: Journey, stage_id: UUID, version: int | None = None) -> Edit:
    """Remove a stage with everything in it; undo brings it back whole."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "stage", stage_id)
    said = _("Deleted stage “%(name)s”") % {"name": row.name}
    return _change(actor, journey, [("stage", row, _full_state(row), None)], version, said)


# ---------------------------------------------------------------------------------------------------------------------
# Steps


@transaction.atomic
def add_step(
    *, actor: Actor, journey: Journey, stage_id: UUID, name: str, position: int | None = None, id: object = None
) -> Edit:
    """Add a step to a stage. Without a position it comes last."""
    journey = lock_journey(actor, journey)
    stage = _get(journey, "stage", stage_id)
    name = content.read_name(name)
    state: State = {"stage": str(stage.pk), "name": name, "belief": None, "position": position}
    state |= {"places": [], "cards": []}
    return _add(actor, journey, "step", id, state, _("Added step “%(name)s”") % {"name": name})


@transaction.atomic
def rename_step(*, actor: Actor, journey: Journey, step_id: UUID, name: str, version: int | None = None) -> Edit:
    """Rename a step."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "step", step_id)
    before = _state(row)
    name = content.read_name(name)
    said = _("Renamed step to “%(name)s”") % {"name": name}
    return _change(actor, journey, [("step", row, before, {**before, "name": name})], version, said)


@transaction.atomic
def set_belief(
    *, actor: Actor, journey: Journey, step_id: UUID, belief: float | None, version: int | None = None
) -> Edit:
    """Say how the team thinks customers feel at a step, -2..2; None takes the belief back."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "step", step_id)
    before = _state(row)
    belief = content.read_belief(belief)
    values = {"name": row.name, "belief": content.belief_text(belief)}
    said = _("The team's view of “%(name)s” is %(belief)s") % values
    return _change(actor, journey, [("step", row, before, {**before, "belief": belief})], version, said)


@transaction.atomic
def move_step(
    *, actor: Actor, journey: Journey, step_id: UUID, stage_id: UUID, position: int, version: int | None = None
) -> Edit:
    """Put a step at another place of a stage of this map."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "step", step_id)
    stage = _get(journey, "stage", stage_id, field="stage")
    before = _state(row)
    position = _landing(Step(pk=row.pk, stage=stage), position)
    values = {"name": row.name, "stage": stage.name, "position": position + 1}
    said = _("Moved step “%(name)s” to “%(stage)s”, position %(position)d") % values
    after = {**before, "stage": str(stage.pk), "position": position}
    return _change(actor, journey, [("step", row, before, after)], version, said)


@transaction.atomic
def delete_step(*, actor: Actor, journey: Journey, step_id: UUID, version: int | None = None) -> Edit:
    """Remove a step with its cards and touchpoints from the map; undo brings it back whole."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "step", step_id)
    said = _("Deleted step “%(name)s”") % {"name": row.name}
    return _change(actor, journey, [("step", row, _full_state(row), None)], version, said)


# ---------------------------------------------------------------------------------------------------------------------
# Touchpoints on steps


@transaction.atomic
def place_touchpoint(
    *,
    actor: Actor,
    journey: Journey,
    step_id: UUID,
    touchpoint: Touchpoint,
    position: int | None = None,
    id: object = None,
) -> Edit:
    """Place a touchpoint of the library on a step. Raises Conflict when it stands there already."""
    journey = lock_journey(actor, journey)
    step = _get(journey, "step", step_id, field="step")
    state = {"step": str(step.pk), "touchpoint": str(touchpoint.pk), "position": position}
    said = _("Placed “%(name)s” on “%(step)s”") % {"name": touchpoint.name, "step": step.name}
    return _add(actor, journey, "place", id, state, said)


@transaction.atomic
def move_place(
    *, actor: Actor, journey: Journey, place_id: UUID, step_id: UUID, position: int, version: int | None = None
) -> Edit:
    """Move a touchpoint to another step or place. Raises Conflict when it stands on that step already."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "place", place_id)
    step = _get(journey, "step", step_id, field="step")
    before = _state(row)
    position = _landing(StepTouchpoint(pk=row.pk, step=step), position)
    values = {"name": row.touchpoint.name, "lane": _("Touchpoints"), "step": step.name, "position": position + 1}
    said = _("Moved “%(name)s” to %(lane)s, %(step)s, position %(position)d") % values
    after = {**before, "step": str(step.pk), "position": position}
    return _change(actor, journey, [("place", row, before, after)], version, said)


@transaction.atomic
def remove_place(*, actor: Actor, journey: Journey, place_id: UUID, version: int | None = None) -> Edit:
    """Take a touchpoint off a step; it stays in the library."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "place", place_id)
    said = _("Removed “%(name)s” from the map") % {"name": row.touchpoint.name}
    return _change(actor, journey, [("place", row, _state(row), None)], version, said)


# ---------------------------------------------------------------------------------------------------------------------
# Cards


@transaction.atomic
def add_card(
    *,
    actor: Actor,
    journey: Journey,
    step_id: UUID,
    lane: str,
    text: str,
    evidence: str = "assumption",
    position: int | None = None,
    id: object = None,
) -> Edit:
    """Add a card. An id chosen by the caller makes a repeat harmless. Without a position it comes last in its lane."""
    journey = lock_journey(actor, journey)
    step = _get(journey, "step", step_id, field="step")
    state = {
        "step": str(step.pk),
        "lane": content.read_lane(lane),
        "text": content.read_card_text(text),
        "evidence": content.read_choice(evidence, "evidence", content.EVIDENCE, "assumption"),
        "position": position,
    }
    return _add(actor, journey, "card", id, state, _("Added “%(text)s”") % {"text": state["text"]})


@transaction.atomic
def edit_card(
    *,
    actor: Actor,
    journey: Journey,
    card_id: UUID,
    text: str,
    evidence: str | None = None,
    version: int | None = None,
) -> Edit:
    """Reword a card or say how well it is backed."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "card", card_id)
    before = _state(row)
    after = {**before, "text": content.read_card_text(text)}
    if evidence is not None:
        after["evidence"] = content.read_choice(evidence, "evidence", content.EVIDENCE, before["evidence"])
    said = _("Changed “%(text)s”") % {"text": after["text"]}
    return _change(actor, journey, [("card", row, before, after)], version, said)


@transaction.atomic
def move_card(
    *,
    actor: Actor,
    journey: Journey,
    card_id: UUID,
    step_id: UUID,
    position: int,
    lane: str | None = None,
    version: int | None = None,
) -> Edit:
    """Move a card to a place of a step (0 is first of its lane), and to another lane when one is named."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "card", card_id)
    step = _get(journey, "step", step_id, field="step")
    before = _state(row)
    after = {**before, "step": str(step.pk)}
    if lane is not None and lane_key(lane) != lane_key(before["lane"]):
        after["lane"] = content.read_lane(lane)
    position = after["position"] = _landing(Card(pk=row.pk, step=step, lane=after["lane"]), position)
    values = {
        "name": row.text,
        "lane": lane_title(after["lane"]),
        "step": step.name,
        "position": position + 1,
    }
    said = _("Moved “%(name)s” to %(lane)s, %(step)s, position %(position)d") % values
    return _change(actor, journey, [("card", row, before, after)], version, said)


@transaction.atomic
def delete_card(*, actor: Actor, journey: Journey, card_id: UUID, version: int | None = None) -> Edit:
    """Remove a card."""
    journey = lock_journey(actor, journey)
    row = _get(journey, "card", card_id)
    said = _("Deleted “%(text)s”") % {"text": row.text}
    return _change(actor, journey, [("card", row, _state(row), None)], version, said)


# ---------------------------------------------------------------------------------------------------------------------
# Undo and redo


@transaction.atomic
def undo_edit(*, actor: Actor, journey: Journey) -> Edit:
    """Take back the actor's latest change of this map that is still done, up to seven days back.

    A change on which somebody has built since is left alone, and the answer says so.
    """
    journey = lock_journey(actor, journey)
    edit = _stack(actor, journey).filter(undone=False).order_by("-id").first()
    if edit is None:
        return Edit((), _("There is nothing to undo."), undoable=False)
    backwards = [Change(**{**raw, "before": raw["after"], "after": raw["before"]}) for raw in reversed(edit.change)]
    return _repeat(actor, journey, edit, backwards, undone=True, said=_("Undone"))


@transaction.atomic
def redo_edit(*, actor: Actor, journey: Journey) -> Edit:
    """Do again what the actor undid last."""
    journey = lock_journey(actor, journey)
    edit = _stack(actor, journey).filter(undone=True).order_by("id").first()
    if edit is None:
        return Edit((), _("There is nothing to redo."), undoable=False)
    forwards = [Change(**raw) for raw in edit.change]
    return _repeat(actor, journey, edit, forwards, undone=False, said=_("Done again"))


def undo_and_redo(actor: Actor, journey: Journey) -> tuple[bool, bool]:
    """Whether there is something to undo and to redo. One query."""
    found = set(_stack(actor, journey).values_list("undone", flat=True).distinct())
    return False in found, True in found


def _stack(actor: Actor, journey: Journey) -> Any:
    since = timezone.now() - timedelta(days=UNDO_DAYS)
    return MapEdit.objects.filter(journey=journey, actor_id=actor.id, at__gte=since)


def _repeat(actor: Actor, journey: Journey, edit: MapEdit, wanted: list[Change], *, undone: bool, said: str) -> Edit:
    """Apply the changes when every row still is what they start from; otherwise forget the edit and say so."""
    try:
        with transaction.atomic():
            done = [_repeat_one(journey, change) for change in wanted]
    except DomainError:
        edit.delete()
        message = _("Somebody has changed this since. It was left as it is.")
        return Edit((), message, undoable=False)
    edit.undone = undone
    edit.save(update_fields=["undone"])
    _note(actor, journey, "journeys.undone" if undone else "journeys.redone")
    return Edit(tuple(done), said, undoable=False)


def _repeat_one(journey: Journey, change: Change) -> Change:
    if change.kind == "map":
        write_draft(journey, cast(list[content.StageContent], change.after))
        return change
    row = _find(journey, change.kind, change.id)
    whole = change.before is None or change.after is None
    now = None if row is None else (_full_state(row) if whole else _state(row))
    if _bare(now) != _bare(change.before):
        raise Conflict(_("Somebody has changed this since."))
    version = _write(journey, change.kind, change.id, change.after)
    return Change(change.kind, change.id, now, change.after, version)


def _bare(state: Any) -> Any:
    """A state without what others may change in passing: places in a list and versions."""
    if isinstance(state, dict):
        return {name: _bare(value) for name, value in state.items() if name not in ("position", "version")}
    if isinstance(state, list):
        return sorted((_bare(item) for item in state), key=lambda item: item["id"])
    return state


# ---------------------------------------------------------------------------------------------------------------------
# Rows and states


def _find(journey: Journey, kind: str, identifier: object) -> Any:
    """The row of this map with this id, or None. One query."""
    key = parse_uuid(identifier)
    if key is None:
        return None
    rows: Any = MODELS[kind].objects.filter(pk=key, **{PATHS[kind]: journey})
    return (rows.select_related("touchpoint") if kind == "place" else rows).first()


def _get(journey: Journey, kind: str, identifier: object, *, field: str | None = None) -> Any:
    """The row of this map with this id. Raises NotFound, or DomainError when the id was the value of a field."""
    row = _find(journey, kind, identifier)
    if row is None and field:
        raise DomainError(_("This is not on the map any more. Choose another."), field=field, code="not_found")
    if row is None:
        raise NotFound(_("This is not on the map any more."))
    return row


def _siblings(row: Any) -> list[Any]:
    """The rows that share a list with this one, in order, without it."""
    rows: Any
    match row:
        case Stage():
            rows = Stage.objects.filter(journey_id=row.journey_id)
        case Step():
            rows = Step.objects.filter(stage_id=row.stage_id)
        case StepTouchpoint():
            rows = StepTouchpoint.objects.filter(step_id=row.step_id)
        case Card():
            rows = Card.objects.filter(step_id=row.step_id)
    found = [other for other in rows.order_by("position", "id") if other.pk != row.pk]
    if isinstance(row, Card):
        found = [other for other in found if lane_key(other.lane) == lane_key(row.lane)]
    return found


def _landing(row: Any, position: int) -> int:
    """The place a row takes in its list when it is sent to `position`: never before the first or after the last."""
    return max(0, min(position, len(_siblings(row))))


def _place_of(row: Any) -> int:
    """0 for the first of its list."""
    return sum((other.position, other.pk) < (row.position, row.pk) for other in _siblings(row))


def _columns(row: Any) -> State:
    """What a state holds of a row, its place aside."""
    match row:
        case Stage():
            return {"name": row.name, "duration": row.duration}
        case Step():
            return {"stage": str(row.stage_id), "name": row.name, "belief": row.belief}
        case StepTouchpoint():
            return {"step": str(row.step_id), "touchpoint": str(row.touchpoint_id)}
        case Card():
            return {"step": str(row.step_id), "lane": row.lane, "text": row.text, "evidence": row.evidence}
    raise TypeError(row)


def _state(row: Any) -> State:
    """A row as a state. One query, for its place."""
    return {**_columns(row), "position": _place_of(row)}


def _full_state(row: Any) -> State:
    """A row with everything that stands in it, which would go with it."""
    state = {**_state(row), "version": row.version}
    if isinstance(row, Stage):
        state["steps"] = [_child(step) for step in Step.objects.filter(stage=row).order_by("position", "id")]
        steps = {step["id"]: step for step in state["steps"]}
        for step in steps.values():
            step |= {"places": [], "cards": []}
        for place in StepTouchpoint.objects.filter(step__stage=row).order_by("position", "id"):
            steps[str(place.step_id)]["places"].append(_child(place))
        for card in Card.objects.filter(step__stage=row).order_by("position", "id"):
            steps[str(card.step_id)]["cards"].append(_child(card))
        for step in steps.values():
            step.pop("stage")
    elif isinstance(row, Step):
        state["places"] = [
            _child(place) for place in StepTouchpoint.objects.filter(step=row).order_by("position", "id")
        ]
        state["cards"] = [_child(card) for card in Card.objects.filter(step=row).order_by("position", "id")]
    return state


def _child(row: Any) -> State:
    state = {"id": str(row.pk), **_columns(row), "position": row.position, "version": row.version}
    if not isinstance(row, Step):
        state.pop("step")
    return state


def _write(journey: Journey, kind: str, identifier: str, state: State | None) -> int:
    """Bring one row into a state: make, change, move or delete it. Gives its new version, 0 when it is gone."""
    row = _find(journey, kind, identifier)
    if state is None:
        if row is not None:
            row.delete()
        return 0
    is_new = row is None
    if is_new:
        _require_room(journey, kind, state)
        row = MODELS[kind](id=UUID(identifier), version=state.get("version", 0))
    _set_columns(journey, kind, row, state)
    row.version += 1
    others = _siblings(row)
    wanted = len(others) if state.get("position") is None else max(0, min(state["position"], len(others)))
    row.position = wanted
    late = [(other, at) for at, other in enumerate([*others[:wanted], row, *others[wanted:]]) if other.position != at]
    for other, at in late:
        other.position = at
    row.save(force_insert=is_new)
    MODELS[kind].objects.bulk_update([other for other, _at in late if other is not row], ["position"])
    if is_new:
        _write_children(row, state)
    return row.version


def _set_columns(journey: Journey, kind: str, row: Any, state: State) -> None:
    if kind == "stage":
        row.journey, row.name, row.duration = journey, state["name"], state["duration"]
    elif kind == "step":
        row.stage = _get(journey, "stage", state["stage"], field="stage")
        row.name, row.belief = state["name"], state["belief"]
    elif kind == "place":
        row.step = _get(journey, "step", state["step"], field="step")
        row.touchpoint_id = UUID(state["touchpoint"])
        same = StepTouchpoint.objects.filter(step=row.step, touchpoint_id=row.touchpoint_id).exclude(pk=row.pk)
        if same.exists():
            message = _("This touchpoint stands on “%(step)s” already.") % {"step": row.step.name}
            raise Conflict(message, field="touchpoint", code="duplicate")
    else:
        row.step = _get(journey, "step", state["step"], field="step")
        row.lane, row.text, row.evidence = state["lane"], state["text"], state["evidence"]


def _write_children(row: Any, state: State) -> None:
    """Make what stood in a stage or step that is made (again)."""
    steps = []
    if isinstance(row, Stage):
        for raw in state.get("steps", []):
            step = Step(id=UUID(raw["id"]), stage=row, name=raw["name"], belief=raw["belief"], position=raw["position"])
            step.version = raw.get("version", 0) + 1
            steps.append((step, raw))
        Step.objects.bulk_create([step for step, _raw in steps])
    elif isinstance(row, Step):
        steps.append((row, state))
    StepTouchpoint.objects.bulk_create(
        StepTouchpoint(
            id=UUID(raw["id"]),
            step=step,
            touchpoint_id=UUID(raw["touchpoint"]),
            position=raw["position"],
            version=raw["version"] + 1,
        )
        for step, around in steps
        for raw in around.get("places", [])
    )
    Card.objects.bulk_create(
        Card(
            id=UUID(raw["id"]),
            step=step,
            lane=raw["lane"],
            text=raw["text"],
            evidence=raw["evidence"],
            position=raw["position"],
            version=raw["version"] + 1,
        )
        for step, around in steps
        for raw in around.get("cards", [])
    )


def _require_room(journey: Journey, kind: str, state: State) -> None:
    """Raise DomainError when the map would outgrow its limits."""
    steps = state.get("steps", [state] if kind == "step" else [])
    more = {
        "stage": int(kind == "stage"),
        "step": len(steps),
        "place": sum(len(step["places"]) for step in steps) + (kind == "place"),
        "card": sum(len(step["cards"]) for step in steps) + (kind == "card"),
    }
    for what, count in more.items():
        if count and MODELS[what].objects.filter(**{PATHS[what]: journey}).count() + count > LIMITS[what]:
            message = _("The map is full: at most %(limit)d of these are taken.") % {"limit": LIMITS[what]}
            raise DomainError(message, code="max_items")


# ---------------------------------------------------------------------------------------------------------------------
# Doing it


def _add(actor: Actor, journey: Journey, kind: str, identifier: object, state: State, said: str) -> Edit:
    """Make a row under the id the caller chose or a new one; the same id again changes nothing."""
    key = parse_uuid(identifier) if identifier else uuid7()
    if key is None:
        raise DomainErrors([{"field": "id", "code": "invalid", "message": _("Is not an id.")}])
    existing = _find(journey, kind, key)
    if existing is not None:
        return Edit((Change(kind, str(key), _state(existing), _state(existing), existing.version),), said)
    if MODELS[kind].objects.filter(pk=key).exists():
        raise Conflict(_("This id is taken. Choose another."), field="id", code="taken")
    version = _write(journey, kind, str(key), state)
    row = _get(journey, kind, key)
    change = Change(kind, str(key), None, _full_state(row), version)
    return _keep(actor, journey, (change,), said, f"journeys.{kind}_added")


def _change(
    actor: Actor,
    journey: Journey,
    wanted: list[tuple[str, Any, State, State | None]],
    version: int | None,
    said: str,
) -> Edit:
    """Bring rows from `before` to `after`; the first one is the row the caller saw in `version`.

    Raises EditConflict when that row has another version and is not yet what the caller wants.
    """
    kind, row, before, after = wanted[0]
    if before == after:
        return Edit((Change(kind, str(row.pk), before, after, row.version),), said)
    if version is not None and version != row.version:
        current = Change(kind, str(row.pk), None, _state(row), row.version)
        raise EditConflict(said, describe(row), current)
    changes = []
    for each_kind, each_row, each_before, each_after in wanted:
        new_version = _write(journey, each_kind, str(each_row.pk), each_after)
        if each_after is not None and "position" in each_after:
            each_after = {**each_after, "position": _place_of(_get(journey, each_kind, each_row.pk))}
        changes.append(Change(each_kind, str(each_row.pk), each_before, each_after, new_version))
    verb = "deleted" if after is None else "changed"
    return _keep(actor, journey, tuple(changes), said, f"journeys.{kind}_{verb}")


def describe(row: Any) -> str:
    """Where a row is now and what it says, in words."""
    match row:
        case Stage():
            values = {"name": row.name, "position": _place_of(row) + 1}
            return _("Stage “%(name)s”, position %(position)d") % values
        case Step():
            values = {"name": row.name, "stage": row.stage.name, "belief": content.belief_text(row.belief)}
            return _("Step “%(name)s” in “%(stage)s”, the team's view is %(belief)s") % values
        case StepTouchpoint():
            values = {"name": row.touchpoint.name, "step": row.step.name, "position": _place_of(row) + 1}
            return _("“%(name)s” at %(step)s, position %(position)d") % values
        case Card():
            values = {
                "text": row.text,
                "lane": lane_title(row.lane),
                "step": row.step.name,
                "position": _place_of(row) + 1,
            }
            return _("“%(text)s” in %(lane)s, %(step)s, position %(position)d") % values
    raise TypeError(row)


def _keep(actor: Actor, journey: Journey, changes: tuple[Change, ...], said: str, action: str) -> Edit:
    """Remember the changes for undo; what was undone before cannot be redone any more."""
    if actor.id is not None:
        MapEdit.objects.filter(journey=journey, actor_id=actor.id, undone=True).delete()
        stored = [{"kind": c.kind, "id": c.id, "before": c.before, "after": c.after} for c in changes]
        MapEdit.objects.create(journey=journey, actor_id=actor.id, change=stored)
        MapEdit.objects.filter(journey=journey, at__lt=timezone.now() - timedelta(days=UNDO_DAYS)).delete()
    _note(actor, journey, action)
    return Edit(changes, said)


def _note(actor: Actor, journey: Journey, action: str) -> None:
    """Count the change, tell the audit log and who listens."""
    Journey.objects.filter(pk=journey.pk).update(revision=F("revision") + 1, updated_at=timezone.now())
    record(actor=actor, action=action, target=journey)
    emit("journeys.draft_changed", {"journey": str(journey.pk)})


def public_state(change: Change, state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A state as the board reads it: flat, the lane by its usual name."""
    if state is None or change.kind == "map":
        return None
    flat = {name: value for name, value in state.items() if name not in ("steps", "cards", "places", "version")}
    if "lane" in flat:
        flat["lane"] = lane_key(flat["lane"])
    return flat


# ---------------------------------------------------------------------------------------------------------------------
# Moves by direction, for forms and menus


def place_beside(journey: Journey, kind: str, identifier: UUID, direction: str) -> tuple[UUID, int] | None:
    """Where a card or touchpoint lands one place up or down, or one step earlier or later: (step id, position).

    None when it stands at that end already. Two or three queries.
    """
    row = _get(journey, kind, identifier)
    if direction in ("up", "down"):
        others, at = len(_siblings(row)), _place_of(row)
        position = at + (1 if direction == "down" else -1)
        return (row.step_id, position) if 0 <= position <= others else None
    steps = list(
        Step.objects.filter(stage__journey=journey)
        .order_by("stage__position", "stage__id", "position", "id")
        .values_list("pk", flat=True)
    )
    at = steps.index(row.step_id) + (1 if direction == "later" else -1)
    return (steps[at], content.MAX_CARDS) if 0 <= at < len(steps) else None


def step_beside(journey: Journey, identifier: UUID, direction: str) -> tuple[UUID, int] | None:
    """Where a step lands one place earlier or later, over the edge of its stage too: (stage id, position)."""
    row = _get(journey, "step", identifier)
    others, at = len(_siblings(row)), _place_of(row)
    position = at + (1 if direction == "later" else -1)
    if 0 <= position <= others:
        return row.stage_id, position
    stages = list(Stage.objects.filter(journey=journey).order_by("position", "id").values_list("pk", flat=True))
    beside = stages.index(row.stage_id) + (1 if direction == "later" else -1)
    if not 0 <= beside < len(stages):
        return None
    return stages[beside], 0 if direction == "later" else content.MAX_STEPS


def stage_beside(journey: Journey, identifier: UUID, direction: str) -> int | None:
    """The position of a stage one place earlier or later; None when it stands at that end already."""
    row = _get(journey, "stage", identifier)
    position = _place_of(row) + (1 if direction == "later" else -1)
    return position if 0 <= position <= len(_siblings(row)) else None
