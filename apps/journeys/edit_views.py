"""Single changes of a map: stages, steps, cards, touchpoints, undo and redo.

Who may come here is decided where these views are given an address (`apps.journeys.urls.edit_urls`): members by their
role, guests of a workshop by their code. The same pages answer both, under the address of the map they came by.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.journeys import services
from apps.journeys.access import map_to_edit, placeable
from apps.journeys.addresses import map_context
from apps.journeys.content import EVIDENCE, lane_title
from apps.journeys.edit_pages import (
    Action,
    done,
    given,
    hidden_values,
    item_page,
    moves,
    new_page,
    number,
    standing,
    version_of,
)
from apps.journeys.forms import BeliefForm, CardForm, LibraryForm, NewTouchpointForm, StageForm, StepForm
from apps.journeys.library import library_for
from apps.journeys.models import Card, Stage, Step, StepTouchpoint
from apps.journeys.services.edits import Edit, stage_beside, step_beside
from apps.touchpoints.services import create_touchpoint
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors
from cxm.web.http import MemberRequest
from cxm.web.views import render_page, wants_json

# ---------------------------------------------------------------------------------------------------------------------
# Stages and steps


def stage_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a stage, at the end or at `position`."""
    journey = map_to_edit(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        position = number(request, "position")
        return services.add_stage(actor=request.actor, journey=journey, position=position, **{"name": "", **values})

    return new_page(request, journey, StageForm, add, _("New stage"))


def stage_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Rename, move or delete a stage."""
    journey = map_to_edit(request.actor, pk)
    known: dict[str, Any] = {
        "actor": request.actor,
        "journey": journey,
        "stage_id": item,
        "version": version_of(request),
    }

    def move() -> Edit:
        position = stage_beside(journey, item, request.POST["action"])
        return standing() if position is None else services.move_stage(**known, position=position)

    actions: dict[str, Action] = {
        "earlier": move,
        "later": move,
        "delete": lambda: services.delete_stage(**known),
    }
    row = Stage.objects.filter(pk=item, journey=journey).first()
    form = partial(StageForm, initial={"name": row.name, "duration": row.duration} if row else None)
    steps = list(Step.objects.filter(stage_id=item).order_by("position", "id")) if row else []

    def rename(values: dict[str, Any]) -> Edit:
        return services.rename_stage(**known, **{"name": "", **values})

    return item_page(
        request, journey, row, "stage", without_files(form), rename, actions, title=_("Stage"), steps=steps
    )


def step_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a step to the stage `stage`."""
    journey = map_to_edit(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        stage = given(request, "stage")
        return services.add_step(actor=request.actor, journey=journey, stage_id=stage, name=values.get("name", ""))

    return new_page(request, journey, partial(StepForm, only_name=True), add, _("New step"), hidden=("stage",))


def step_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Rename, move or delete a step, say what is known of it, and how the team thinks customers feel there."""
    journey = map_to_edit(request.actor, pk)
    known: dict[str, Any] = {
        "actor": request.actor,
        "journey": journey,
        "step_id": item,
        "version": version_of(request),
    }

    def move() -> Edit:
        target = step_beside(journey, item, request.POST["action"])
        return standing() if target is None else services.move_step(**known, stage_id=target[0], position=target[1])

    def believe() -> Edit:
        form = BeliefForm(request.POST)
        if not form.is_valid():
            raise DomainError(str(next(iter(form.errors["belief"]))), field="belief")
        return services.set_belief(**known, belief=form.cleaned_data["belief"])

    actions: dict[str, Action] = {
        "belief": believe,
        "earlier": move,
        "later": move,
        "delete": lambda: services.delete_step(**known),
    }
    row = Step.objects.filter(pk=item, stage__journey=journey).select_related("stage").first()
    places = StepTouchpoint.objects.filter(step=item).select_related("touchpoint").order_by("position", "id")
    cards = Card.objects.filter(step=item).order_by("lane", "position", "id")
    form = partial(StepForm, step=row, asks_owner=request.actor.kind != "guest")
    return item_page(
        request,
        journey,
        row,
        "step",
        without_files(form),
        lambda values: services.edit_step(**known, **values),
        actions,
        title=_("Step"),
        belief_form=BeliefForm(initial={"belief": row.belief if row else None}),
        places=places,
        cards=[(lane_title(card.lane, journey.lanes), card) for card in cards],
    )


# ---------------------------------------------------------------------------------------------------------------------
# Cards and touchpoints


def card_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a card to the lane `lane` of the step `step`."""
    journey = map_to_edit(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        return services.add_card(
            actor=request.actor,
            journey=journey,
            step_id=given(request, "step"),
            lane=request.POST.get("lane", ""),
            id=request.POST.get("id"),
            position=number(request, "position"),
            text=values.get("text", ""),
            evidence=values.get("evidence", EVIDENCE[0]),
        )

    lane = request.POST.get("lane") or request.GET.get("lane", "")
    title = _("New card in %(lane)s") % {"lane": lane_title(lane[:40].replace("\x00", ""), journey.lanes)}
    return new_page(request, journey, partial(CardForm, is_new=True), add, title, hidden=("step", "lane"))


def card_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Reword, move or delete a card; say how well it is backed and whose it is; give it a picture."""
    journey = map_to_edit(request.actor, pk)
    known: dict[str, Any] = {
        "actor": request.actor,
        "journey": journey,
        "card_id": item,
        "version": version_of(request),
    }

    def save(values: dict[str, Any]) -> Edit:
        picture = values.pop("picture", None)
        removed = values.pop("remove_picture", None)
        if picture or removed:
            values["picture"] = picture or None
        return services.edit_card(**known, **values)

    row = Card.objects.filter(pk=item, step__stage__journey=journey).select_related("step").first()
    lane = request.POST.get("lane") or None
    actions = moves(request, journey, "card", item, lambda **to: services.move_card(**known, lane=lane, **to))
    actions["delete"] = lambda: services.delete_card(**known)
    title = lane_title(row.lane, journey.lanes) if row else ""
    form = partial(CardForm, card=row, asks_owner=request.actor.kind != "guest")
    return item_page(request, journey, row, "card", form, save, actions, title=title)


def place_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Place a touchpoint on the step `step`: one of the library, or a new one that the library gets with it."""
    journey = map_to_edit(request.actor, pk)
    may_create = request.actor.can("touchpoints.edit")
    new_form = NewTouchpointForm(request.POST if "name" in request.POST else None)
    if request.method == "POST":
        try:
            return done(request, journey, _placed(request, journey, new_form if may_create else None))
        except DomainError as error:
            if not new_form.is_bound or wants_json(request) or error.status in (403, 404):
                raise
            new_form.is_valid()
            add_domain_errors(new_form, error)
    search = LibraryForm(request.GET)
    step_id = parse_uuid(request.GET.get("step"))
    step = Step.objects.filter(pk=step_id, stage__journey=journey).first() if step_id else None
    context = {
        **map_context(request, journey),
        "step": step,
        "found": library_for(search.text(), placeable(request.actor, journey)),
        "search": search,
        "new_form": new_form if may_create else None,
        "hidden": hidden_values(request, ("step", "position")),
    }
    return render_page(request, "journeys/place_new.html", context, partial="found")


@transaction.atomic
def _placed(request: MemberRequest, journey: Any, new_form: NewTouchpointForm | None) -> Edit:
    """Place what was sent: the touchpoint with the id `touchpoint`, or one made of `new_form`."""
    if new_form is not None and new_form.is_bound:
        values = {name: request.POST.get(name, "") for name in ("name", "channel")}
        touchpoint = create_touchpoint(actor=request.actor, name=values["name"], channel=values["channel"] or None)
    else:
        key = parse_uuid(request.POST.get("touchpoint"))
        found = placeable(request.actor, journey).filter(pk=key).first() if key else None
        if found is None:
            raise DomainError(_("Choose a touchpoint."), field="touchpoint")
        touchpoint = found
    return services.place_touchpoint(
        actor=request.actor,
        journey=journey,
        step_id=given(request, "step"),
        touchpoint=touchpoint,
        position=number(request, "position"),
        id=request.POST.get("id"),
    )


def place_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Move a touchpoint on the map or take it off."""
    journey = map_to_edit(request.actor, pk)
    known: dict[str, Any] = {
        "actor": request.actor,
        "journey": journey,
        "place_id": item,
        "version": version_of(request),
    }
    row = StepTouchpoint.objects.filter(pk=item, step__stage__journey=journey)
    actions = moves(request, journey, "place", item, lambda **to: services.move_place(**known, **to))
    actions["delete"] = lambda: services.remove_place(**known)
    place = row.select_related("touchpoint", "step").first()
    return item_page(request, journey, place, "place", None, None, actions, title=_("Touchpoint on the map"))


# ---------------------------------------------------------------------------------------------------------------------
# Undo and redo


@require_POST
def undo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take back the latest own change."""
    journey = map_to_edit(request.actor, pk)
    return done(request, journey, services.undo_edit(actor=request.actor, journey=journey))


@require_POST
def redo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Do again what was undone last."""
    journey = map_to_edit(request.actor, pk)
    return done(request, journey, services.redo_edit(actor=request.actor, journey=journey))


def without_files(make_form: Any) -> Any:
    """A form that takes no files, made as one that does."""
    return lambda data, _files=None: make_form(data)
