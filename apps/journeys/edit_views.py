"""Single changes of a map: a page with plain forms for each thing on it, and the same addresses for the board's script.

The script asks for JSON and sends the version it saw as If-Match; a form sends it as a hidden field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.journeys import queries, services
from apps.journeys.content import lane_title
from apps.journeys.forms import BeliefForm, CardForm, PlaceForm, StageForm, StepForm
from apps.journeys.models import Card, Journey, Stage, Step, StepTouchpoint
from apps.journeys.services.edits import (
    Edit,
    EditConflict,
    place_beside,
    stage_beside,
    step_beside,
    undo_and_redo,
)
from cxm.errors import DomainError, NotFound
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other, wants_json

Action = Callable[[], Edit]


# ---------------------------------------------------------------------------------------------------------------------
# Stages and steps


@permission_required("journeys.edit")
def stage_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a stage, at the end or at `position`."""
    journey = queries.journey_for(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        position = number(request, "position")
        return services.add_stage(actor=request.actor, journey=journey, position=position, **values)

    return new_page(request, journey, StageForm, add, _("New stage"))


@permission_required("journeys.edit")
def stage_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Rename, move or delete a stage."""
    journey = queries.journey_for(request.actor, pk)
    known: dict[str, Any] = {
        "actor": request.actor,
        "journey": journey,
        "stage_id": item,
        "version": version_of(request),
    }

    def rename(values: dict[str, Any]) -> Edit:
        if "duration" not in request.POST:
            values.pop("duration")
        return services.rename_stage(**known, **values)

    def move() -> Edit:
        position = stage_beside(journey, item, request.POST["action"])
        return standing() if position is None else services.move_stage(**known, position=position)

    actions: dict[str, Action] = {
        "earlier": move,
        "later": move,
        "delete": lambda: services.delete_stage(**known),
    }
    row = Stage.objects.filter(pk=item, journey=journey).first()
    steps = list(Step.objects.filter(stage_id=item).order_by("position", "id")) if row else []
    return item_page(request, journey, row, "stage", StageForm, rename, actions, title=_("Stage"), steps=steps)


@permission_required("journeys.edit")
def step_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a step to the stage `stage`."""
    journey = queries.journey_for(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        return services.add_step(actor=request.actor, journey=journey, stage_id=given(request, "stage"), **values)

    return new_page(request, journey, StepForm, add, _("New step"), hidden=("stage",))


@permission_required("journeys.edit")
def step_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Rename, move or delete a step, and say how the team thinks customers feel there."""
    journey = queries.journey_for(request.actor, pk)
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
    return item_page(
        request,
        journey,
        row,
        "step",
        StepForm,
        lambda values: services.rename_step(**known, **values),
        actions,
        title=_("Step"),
        belief_form=BeliefForm(initial={"belief": row.belief if row else None}),
        places=places,
        cards=[(lane_title(card.lane), card) for card in cards],
    )


# ---------------------------------------------------------------------------------------------------------------------
# Cards and touchpoints


@permission_required("journeys.edit")
def card_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a card to the lane `lane` of the step `step`."""
    journey = queries.journey_for(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        return services.add_card(
            actor=request.actor,
            journey=journey,
            step_id=given(request, "step"),
            lane=request.POST.get("lane", ""),
            id=request.POST.get("id"),
            **values,
        )

    lane = request.POST.get("lane") or request.GET.get("lane", "")
    title = _("New card in %(lane)s") % {"lane": lane_title(lane[:40].replace("\x00", ""))}
    return new_page(request, journey, CardForm, add, title, hidden=("step", "lane"))


@permission_required("journeys.edit")
def card_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Reword, move or delete a card."""
    journey = queries.journey_for(request.actor, pk)
    known: dict[str, Any] = {
        "actor": request.actor,
        "journey": journey,
        "card_id": item,
        "version": version_of(request),
    }

    def save(values: dict[str, Any]) -> Edit:
        if "evidence" not in request.POST:
            values.pop("evidence")
        return services.edit_card(**known, **values)

    row = Card.objects.filter(pk=item, step__stage__journey=journey).select_related("step").first()
    actions = moves(request, journey, "card", item, lambda **to: services.move_card(**known, **to))
    actions["delete"] = lambda: services.delete_card(**known)
    title = lane_title(row.lane) if row else ""
    return item_page(request, journey, row, "card", CardForm, save, actions, title=title)


@permission_required("journeys.edit")
def place_new(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Place a touchpoint on the step `step`."""
    journey = queries.journey_for(request.actor, pk)

    def add(values: dict[str, Any]) -> Edit:
        return services.place_touchpoint(
            actor=request.actor, journey=journey, step_id=given(request, "step"), touchpoint=values["touchpoint"]
        )

    return new_page(request, journey, PlaceForm, add, _("Place a touchpoint"), hidden=("step",))


@permission_required("journeys.edit")
def place_edit(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Move a touchpoint on the map or take it off."""
    journey = queries.journey_for(request.actor, pk)
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


@permission_required("journeys.edit")
@require_POST
def undo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take back the latest own change."""
    journey = queries.journey_for(request.actor, pk)
    return done(request, journey, services.undo_edit(actor=request.actor, journey=journey))


@permission_required("journeys.edit")
@require_POST
def redo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Do again what was undone last."""
    journey = queries.journey_for(request.actor, pk)
    return done(request, journey, services.redo_edit(actor=request.actor, journey=journey))


# ---------------------------------------------------------------------------------------------------------------------
# The two kinds of page, and the answers


def new_page(
    request: MemberRequest,
    journey: Journey,
    form_class: type[forms.Form],
    add: Callable[[dict[str, Any]], Edit],
    title: str,
    hidden: tuple[str, ...] = (),
) -> HttpResponse:
    """A form that adds something; `hidden` parameters say where it goes."""
    form = form_class(request.POST or None)
    if request.method == "POST" and wants_json(request):
        return done(request, journey, add(loose_values(form)))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            return done(request, journey, add(form.cleaned_data))
    source = request.POST if request.method == "POST" else request.GET
    context = {
        "journey": journey,
        "form": form,
        "title": title,
        "hidden": [(name, source.get(name, "")) for name in (*hidden, "position") if source.get(name)],
        "offers_touchpoint": form_class is PlaceForm,
    }
    return render_page(request, "journeys/new_item.html", context)


def item_page(
    request: MemberRequest,
    journey: Journey,
    row: Any,
    kind: str,
    form_class: type[forms.Form] | None,
    save: Callable[[dict[str, Any]], Edit] | None,
    actions: dict[str, Action],
    **more: Any,
) -> HttpResponse:
    """A page for one thing on the map: its fields, its moves, and its end. POST does what `action` names."""
    action = request.POST.get("action", "save")
    form = None
    if form_class:
        initial = {name: getattr(row, name, "") for name in form_class.base_fields} if row else {}
        form = form_class(request.POST if request.method == "POST" and action not in actions else None, initial=initial)
    try:
        if request.method == "POST" and action in actions:
            return done(request, journey, actions[action]())
        if request.method == "POST" and form and save and wants_json(request):
            return done(request, journey, save(loose_values(form)))
        if request.method == "POST" and form and save and form.is_valid():
            return done(request, journey, save(form.cleaned_data))
    except EditConflict as conflict:
        return conflicting(request, journey, conflict)
    except DomainError as error:
        if form is None or not form.is_bound or wants_json(request) or error.status in (403, 404):
            raise
        add_domain_errors(form, error)
    if row is None:
        raise NotFound(_("This is not on the map any more."))
    context = {"journey": journey, "row": row, "kind": kind, "form": form, "moves": list(actions), **more}
    return render_page(request, "journeys/item.html", context)


def done(request: MemberRequest, journey: Journey, edit: Edit) -> HttpResponse:
    """Back to the board with what was done; for the script, the change as it now stands."""
    if not wants_json(request):
        messages.success(request, edit.said)
        return see_other(request, org_url(request.organization, "journeys:detail", pk=journey.pk))
    undo_possible, redo_possible = undo_and_redo(request.actor, journey)
    return JsonResponse(
        {
            "changes": [change.as_json() for change in edit.changes],
            "say": edit.said,
            "saved": saved_at(),
            "revision": edit.revision,
            "undoable": edit.undoable and bool(edit.changes),
            "undo": undo_possible,
            "redo": redo_possible,
            "reload": any(change.moves_columns for change in edit.changes),
        }
    )


def conflicting(request: MemberRequest, journey: Journey, conflict: EditConflict) -> HttpResponse:
    """412 with both sides; the form can be sent again on top of what is there now, knowing it."""
    if wants_json(request):
        body = {
            "detail": conflict.message,
            "mine": conflict.mine,
            "theirs": conflict.theirs,
            "changes": [conflict.change.as_json()],
            "saved": saved_at(),
        }
        return JsonResponse(body, status=conflict.status)
    sent = [(name, value) for name, value in request.POST.items() if name not in ("version", "csrfmiddlewaretoken")]
    context = {"journey": journey, "conflict": conflict, "sent": sent}
    return render(request, "journeys/conflict.html", context, status=conflict.status)


def saved_at() -> str:
    """ "All changes saved · 14:02", in the reader's time zone."""
    return _("All changes saved · %(time)s") % {"time": date_format(timezone.localtime(), "H:i")}


def standing() -> Edit:
    """Nothing to do: it stands at that end already."""
    return Edit((), _("It cannot go further in that direction."), undoable=False)


def moves(
    request: MemberRequest, journey: Journey, kind: str, item: UUID, move: Callable[..., Edit]
) -> dict[str, Action]:
    """The moves of a card or touchpoint: to a named step and position, or one place in a direction."""

    def to_position() -> Edit:
        return move(step_id=given(request, "step"), position=number(request, "position") or 0)

    def one_place() -> Edit:
        target = place_beside(journey, kind, item, request.POST["action"])
        return standing() if target is None else move(step_id=target[0], position=target[1])

    return {"move": to_position, "earlier": one_place, "later": one_place, "up": one_place, "down": one_place}


def loose_values(form: forms.Form) -> dict[str, Any]:
    """What the script sent of a form's fields, for the service to check; choices of rows are looked up here."""
    form.is_valid()
    values = {name: form.data.get(name, "") for name in form.fields}
    values.update({name: value for name, value in form.cleaned_data.items() if name in form.data})
    if "touchpoint" in form.fields and "touchpoint" not in form.cleaned_data:
        raise DomainError(_("Choose a touchpoint."), field="touchpoint")
    return values


def version_of(request: MemberRequest) -> int | None:
    """The version the sender saw: If-Match of the script, or the hidden field of a form."""
    text = request.headers.get("If-Match", "").strip('"') or request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def given(request: MemberRequest, name: str) -> UUID:
    """An id among the parameters. Raises DomainError naming it."""
    identifier = parse_uuid(request.POST.get(name) or request.GET.get(name))
    if identifier is None:
        raise DomainError(_("Choose where it goes."), field=name, code="required")
    return identifier


def number(request: MemberRequest, name: str) -> int | None:
    """A whole number among the parameters, None for anything else."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
