"""What guests see: the field for the code, the door, the map, and the vote."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.clients import client_ip
from apps.journeys.board_pages import board_page
from apps.journeys.models import Card
from apps.workshops import entry, rules, services
from apps.workshops.entry import GuestRequest, guest_page, workshop_page
from apps.workshops.forms import JoinForm
from apps.workshops.views import voting
from cxm.web.forms import domain_errors_into
from cxm.web.views import public_view, render_page

NOT_FOR_GUESTS: Final = frozenset({"version", "segment", "persona"})
"""What an address may ask of the pages of a map, but not for guests: published versions, and groups of customers."""

View = Callable[..., HttpResponseBase]


@public_view
def enter(request: HttpRequest) -> HttpResponse:
    """`/w/`: type the code."""
    if request.method != "POST":
        return render(request, "workshops/enter.html")
    code = rules.read_code(request.POST.get("code", ""))
    if not code:
        return entry.unknown_code(request)
    return HttpResponseRedirect(reverse("workshop", args=[rules.in_groups(code)]))


@workshop_page
def door(request: GuestRequest) -> HttpResponse:
    """`/w/<code>/`: choose a name and come in; who is in goes on to the map."""
    if request.guest is not None and request.method != "POST":
        return HttpResponseRedirect(request.map_base)
    form = JoinForm(request.POST if request.method == "POST" else None)
    is_open = request.workshop.is_open
    if request.method == "POST" and is_open and form.is_valid():
        with domain_errors_into(form):
            joined = services.join_workshop(
                workshop=request.workshop, name=form.cleaned_data["name"], ip=client_ip(request)
            )
            response = HttpResponseRedirect(request.map_base)
            entry.remember_guest(response, request, joined)
            return response
    context = {"form": form, "workshop": request.workshop, "organization": request.organization, "is_open": is_open}
    return render_page(request, "workshops/join.html", context)


@guest_page
@require_POST
def leave(request: GuestRequest) -> HttpResponse:
    """Go out, on this browser."""
    response = render(request, "workshops/left.html", {"workshop": request.workshop})
    entry.forget_guest(response, request)
    return response


@guest_page
def state(request: GuestRequest) -> HttpResponse:
    """What the bar keeps up with."""
    return voting.state_answer(request.workshop)


@guest_page
def vote(request: GuestRequest) -> HttpResponse:
    """The vote that is open, or what was voted on."""
    return voting.vote_answer(request, request.workshop)


@guest_page
def result(request: GuestRequest, number: int) -> HttpResponse:
    """How a vote came out."""
    return voting.result_answer(request, request.workshop, number)


# ---------------------------------------------------------------------------------------------------------------------
# The map: the pages of apps/journeys, reached under the code


@guest_page
def board(request: GuestRequest) -> HttpResponseBase:
    """`/w/<code>/map/`: the board, the table or the matrix of this one map."""
    _leave_out(request)
    return board_page(request, request.workshop.journey)  # type: ignore[arg-type]


def editing(view: View) -> View:
    """Reach a page that changes a map as a guest: always of the workshop's map, and as far as `access` lets a guest."""

    @guest_page
    @wraps(view)
    def wrapped(request: GuestRequest, **kwargs: Any) -> HttpResponseBase:
        _leave_out(request)
        answer = view(request, pk=request.workshop.journey_id, **kwargs)
        return answer if request.workshop.shows_names else _without_names(answer)

    return wrapped


def looking(view: View) -> View:
    """Reach a picture of the map as a guest: one that stands on this map now."""

    @guest_page
    @wraps(view)
    def wrapped(request: GuestRequest, name: str, **kwargs: Any) -> HttpResponseBase:
        image = f"{request.organization.pk}/journeys/{name}.webp"
        if not Card.objects.filter(step__stage__journey=request.workshop.journey_id, image=image).exists():
            raise Http404
        return view(request, pk=request.workshop.journey_id, name=name, **kwargs)

    return wrapped


def _leave_out(request: HttpRequest) -> None:
    kept = request.GET.copy()
    for name in NOT_FOR_GUESTS & set(kept):
        del kept[name]
    request.GET = kept  # type: ignore[assignment]


def _without_names(answer: HttpResponseBase) -> HttpResponseBase:
    """What the board keeps up with, without who is here and who did it: the host has switched names off."""
    if not isinstance(answer, JsonResponse):
        return answer
    body = json.loads(answer.content)
    if "who" not in body:
        return answer
    body["who"] = []
    for change in body["changes"]:
        change["by"] = ""
    answer.content = json.dumps(body).encode()
    return answer
