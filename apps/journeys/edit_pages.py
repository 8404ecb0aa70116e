"""The two kinds of page through which a draft is changed, and their answers.

A page adds something or is about one thing on the map; both are plain forms. The board's script sends the same forms
and asks for JSON; it sends the version it saw as If-Match, a form as a hidden field.
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

from apps.journeys.addresses import map_base, map_context
from apps.journeys.models import Journey
from apps.journeys.people import named
from apps.journeys.services.edits import Change, Edit, EditConflict, place_beside, undo_and_redo
from cxm.errors import DomainError, NotFound
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.views import render_page, see_other, wants_json

Action = Callable[[], Edit]
FormMaker = Callable[..., forms.Form]


def new_page(
    request: MemberRequest,
    journey: Journey,
    make_form: FormMaker,
    add: Callable[[dict[str, Any]], Edit],
    title: str,
    hidden: tuple[str, ...] = (),
) -> HttpResponse:
    """A form that adds something; `hidden` parameters say where it goes."""
    form = make_form(request.POST or None)
    if request.method == "POST" and wants_json(request):
        return done(request, journey, add(sent_values(form)))
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            return done(request, journey, add(form.cleaned_data))
    context = {
        **map_context(request, journey),
        "form": form,
        "title": title,
        "hidden": hidden_values(request, (*hidden, "position")),
    }
    return render_page(request, "journeys/new_item.html", context)


def item_page(
    request: MemberRequest,
    journey: Journey,
    row: Any,
    kind: str,
    make_form: FormMaker | None,
    save: Callable[[dict[str, Any]], Edit] | None,
    actions: dict[str, Action],
    **more: Any,
) -> HttpResponse:
    """A page for one thing on the map: its fields, its moves, and its end. POST does what `action` names."""
    action = request.POST.get("action", "save")
    form = None
    if make_form:
        sent = request.method == "POST" and action not in actions
        form = make_form(request.POST if sent else None, request.FILES if sent else None)
    try:
        if request.method == "POST" and action in actions:
            return done(request, journey, actions[action]())
        if request.method == "POST" and form and save and wants_json(request):
            return done(request, journey, save(sent_values(form)))
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
    context = {**map_context(request, journey), "row": row, "kind": kind, "form": form, **more}
    return render_page(request, "journeys/item.html", context, partial="item")


def done(request: MemberRequest, journey: Journey, edit: Edit, *, to: str = "") -> HttpResponse:
    """Back to the board (or the page `to` below it) with what was done; for the script, the change as it now stands."""
    if not wants_json(request):
        messages.success(request, edit.said)
        return see_other(request, map_base(request, journey) + to)
    undo_possible, redo_possible = undo_and_redo(request.actor, journey)
    return JsonResponse(
        {
            "changes": [change.as_json() for change in edit.changes],
            "people": people_of(edit.changes),
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
            "people": people_of([conflict.change]),
            "saved": saved_at(),
        }
        return JsonResponse(body, status=conflict.status)
    sent = [(name, value) for name, value in request.POST.items() if name not in ("version", "csrfmiddlewaretoken")]
    context = {**map_context(request, journey), "conflict": conflict, "sent": sent}
    return render(request, "journeys/conflict.html", context, status=conflict.status)


def people_of(changes: Any) -> dict[str, dict[str, str]]:
    """Name and initials of the owners in changes, by id. No query when there are none, else one."""
    rows = (change.after for change in changes if isinstance(change, Change) and change.kind != "map")
    owners = (after.get("owner") for after in rows if after)
    return {key: person.as_json() for key, person in named(owners).items()}


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


# ---------------------------------------------------------------------------------------------------------------------
# Reading what was sent


def sent_values(form: forms.Form) -> dict[str, Any]:
    """Those fields of a form that the script sent, for the service to check; choices of rows are looked up here."""
    form.is_valid()
    sent = {**{name: form.data.get(name) for name in form.fields if name in form.data}}
    sent |= {name: form.files.get(name) for name in form.fields if name in form.files}
    return {name: form.cleaned_data.get(name, value) for name, value in sent.items()}


def hidden_values(request: MemberRequest, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Those parameters that say where something goes, to be sent along with a form."""
    source = request.POST if request.method == "POST" else request.GET
    return [(name, value) for name in names if (value := source.get(name, ""))]


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
