"""The rows of a draft as states: read whole, compared, and brought from one state into another."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.content import CARD_EXTRAS, STEP_FACTS, lane_key, lane_title
from apps.journeys.models import Card, Journey, Stage, Step, StepTouchpoint
from apps.journeys.people import owner_kept
from apps.journeys.services.edits.changes import State
from cxm.errors import Conflict, DomainError, NotFound
from cxm.ids import parse_uuid

Row = Stage | Step | StepTouchpoint | Card

MODELS: dict[str, type[Row]] = {"stage": Stage, "step": Step, "place": StepTouchpoint, "card": Card}
PATHS = {"stage": "journey", "step": "stage__journey", "place": "step__stage__journey", "card": "step__stage__journey"}
LIMITS = {
    "stage": content.MAX_STAGES,
    "step": content.MAX_STEPS,
    "place": content.MAX_PLACES,
    "card": content.MAX_CARDS,
}


def find(journey: Journey, kind: str, identifier: object) -> Any:
    """The row of this map with this id, or None. The lanes are on the map itself. One query."""
    if kind == "lanes":
        return journey
    key = parse_uuid(identifier)
    if key is None:
        return None
    rows: Any = MODELS[kind].objects.filter(pk=key, **{PATHS[kind]: journey})
    return (rows.select_related("touchpoint") if kind == "place" else rows).first()


def get(journey: Journey, kind: str, identifier: object, *, field: str | None = None) -> Any:
    """The row of this map with this id. Raises NotFound, or DomainError when the id was the value of a field."""
    row = find(journey, kind, identifier)
    if row is None and field:
        raise DomainError(_("This is not on the map any more. Choose another."), field=field, code="not_found")
    if row is None:
        raise NotFound(_("This is not on the map any more."))
    return row


def siblings(row: Any) -> list[Any]:
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


def landing(row: Any, position: int) -> int:
    """The place a row takes in its list when it is sent to `position`: never before the first or after the last."""
    return max(0, min(position, len(siblings(row))))


def place_of(row: Any) -> int:
    """0 for the first of its list."""
    return sum((other.position, other.pk) < (row.position, row.pk) for other in siblings(row))


def order_of(row: Any) -> tuple[str, ...]:
    """The ids of the list a card or touchpoint stands in, in order; of what is gone, the list without it."""
    if not isinstance(row, Card | StepTouchpoint):
        return ()
    others = siblings(row)
    rows = others if row.pk is None or row._state.adding else [*others, row]
    return tuple(str(other.pk) for other in sorted(rows, key=lambda other: (other.position, other.pk)))


def version_of(row: Any) -> int:
    """What If-Match of a change of this row names."""
    return row.lanes_version if isinstance(row, Journey) else row.version


# ---------------------------------------------------------------------------------------------------------------------
# Reading states


def _columns(row: Any) -> State:
    """What a state holds of a row, its place aside."""
    match row:
        case Journey():
            return {"lanes": row.lanes}
        case Stage():
            return {"name": row.name, "duration": row.duration}
        case Step():
            return {
                "stage": str(row.stage_id),
                "name": row.name,
                "belief": row.belief,
                "moment_of_truth": row.moment_of_truth,
                "evidence": row.evidence,
                "owner": str(row.owner_id) if row.owner_id else None,
                "review_date": row.review_date.isoformat() if row.review_date else None,
            }
        case StepTouchpoint():
            return {"step": str(row.step_id), "touchpoint": str(row.touchpoint_id)}
        case Card():
            return {
                "step": str(row.step_id),
                "lane": row.lane,
                "text": row.text,
                "evidence": row.evidence,
                "image": row.image,
                "owner": str(row.owner_id) if row.owner_id else None,
            }
    raise TypeError(row)


def state_of(row: Any) -> State:
    """A row as a state. One query, for its place."""
    return _columns(row) if isinstance(row, Journey) else {**_columns(row), "position": place_of(row)}


def full_state(row: Any) -> State:
    """A row with everything that stands in it, which would go with it."""
    if isinstance(row, Journey):
        return _columns(row)
    state = {**state_of(row), "version": row.version}
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


def completed(kind: str, state: State | None) -> State | None:
    """A stored state with every field of today; those kept before a field was known lack it."""
    if state is None or kind in ("place", "map", "lanes"):
        return state
    if kind == "card":
        return {**CARD_EXTRAS, **state}
    found = {**STEP_FACTS, **state} if kind == "step" else dict(state)
    if "cards" in found:
        found["cards"] = [{**CARD_EXTRAS, **card} for card in found["cards"]]
    if "steps" in found:
        found["steps"] = [completed("step", step) for step in found["steps"]]
    return found


def bare(state: Any) -> Any:
    """A state without what others may change in passing: places in a list and versions."""
    if isinstance(state, dict):
        return {name: bare(value) for name, value in state.items() if name not in ("position", "version")}
    if isinstance(state, list) and all("id" in item for item in state):
        return sorted((bare(item) for item in state), key=lambda item: item["id"])
    return state


def describe(row: Any) -> str:
    """Where a row is now and what it says, in words."""
    match row:
        case Journey():
            keys = [lane["key"] for lane in row.lanes] or content.STANDARD_LANES
            return _("Lanes: %(lanes)s") % {"lanes": ", ".join(lane_title(key, row.lanes) for key in keys)}
        case Stage():
            values = {"name": row.name, "position": place_of(row) + 1}
            return _("Stage “%(name)s”, position %(position)d") % values
        case Step():
            values = {"name": row.name, "stage": row.stage.name, "belief": content.belief_text(row.belief)}
            return _("Step “%(name)s” in “%(stage)s”, the team's view is %(belief)s") % values
        case StepTouchpoint():
            values = {"name": row.touchpoint.name, "step": row.step.name, "position": place_of(row) + 1}
            return _("“%(name)s” at %(step)s, position %(position)d") % values
        case Card():
            values = {
                "text": row.text,
                "lane": lane_title(row.lane, row.step.stage.journey.lanes),
                "step": row.step.name,
                "position": place_of(row) + 1,
            }
            return _("“%(text)s” in %(lane)s, %(step)s, position %(position)d") % values
    raise TypeError(row)


# ---------------------------------------------------------------------------------------------------------------------
# Writing states


def write(journey: Journey, kind: str, identifier: str, state: State | None) -> int:
    """Bring one row into a state: make, change, move or delete it. Gives its new version, 0 when it is gone."""
    if kind == "lanes":
        return _write_lanes(journey, state)
    row = find(journey, kind, identifier)
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
    others = siblings(row)
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


def _write_lanes(journey: Journey, state: State | None) -> int:
    journey.lanes = state["lanes"] if state else []
    journey.lanes_version += 1
    journey.save(update_fields=["lanes", "lanes_version"])
    return journey.lanes_version


def _set_columns(journey: Journey, kind: str, row: Any, state: State) -> None:
    if kind == "stage":
        row.journey, row.name, row.duration = journey, state["name"], state["duration"]
    elif kind == "step":
        row.stage = get(journey, "stage", state["stage"], field="stage")
        _set_step(row, state)
    elif kind == "place":
        row.step = get(journey, "step", state["step"], field="step")
        row.touchpoint_id = UUID(state["touchpoint"])
        same = StepTouchpoint.objects.filter(step=row.step, touchpoint_id=row.touchpoint_id).exclude(pk=row.pk)
        if same.exists():
            message = _("This touchpoint stands on “%(step)s” already.") % {"step": row.step.name}
            raise Conflict(message, field="touchpoint", code="duplicate")
    else:
        row.step = get(journey, "step", state["step"], field="step")
        _set_card(row, state)


def _set_step(row: Step, state: State) -> None:
    row.name, row.belief = state["name"], state["belief"]
    row.moment_of_truth, row.evidence = state["moment_of_truth"], state["evidence"]
    row.owner_id, row.review_date = owner_kept(state["owner"]), content.day_of(state["review_date"])


def _set_card(row: Card, state: State) -> None:
    row.lane, row.text, row.evidence = state["lane"], state["text"], state["evidence"]
    row.image, row.owner_id = state["image"], owner_kept(state["owner"])


def _write_children(row: Any, state: State) -> None:
    """Make what stood in a stage or step that is made (again)."""
    steps = []
    if isinstance(row, Stage):
        for raw in state.get("steps", []):
            step = Step(id=UUID(raw["id"]), stage=row, position=raw["position"], version=raw.get("version", 0) + 1)
            _set_step(step, raw)
            steps.append((step, raw))
        Step.objects.bulk_create([step for step, _raw in steps])
    elif isinstance(row, Step):
        steps.append((row, state))
    places, cards = [], []
    for step, around in steps:
        for raw in around.get("places", []):
            place = StepTouchpoint(id=UUID(raw["id"]), step=step, touchpoint_id=UUID(raw["touchpoint"]))
            place.position, place.version = raw["position"], raw["version"] + 1
            places.append(place)
        for raw in around.get("cards", []):
            card = Card(id=UUID(raw["id"]), step=step, position=raw["position"], version=raw["version"] + 1)
            _set_card(card, raw)
            cards.append(card)
    StepTouchpoint.objects.bulk_create(places)
    Card.objects.bulk_create(cards)


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
