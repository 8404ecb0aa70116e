"""What guests see: the field for the code, the door, the map, and the vote."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.http import require_POST

from apps.accounts.clients import client_ip
from apps.workshops import entry, rules, services
from apps.workshops.entry import GuestRequest, guest_page, workshop_page
from apps.workshops.forms import JoinForm
from apps.workshops.views import voting
from cxm.web.forms import domain_errors_into
from cxm.web.views import public_view, render_page

MAP_PAGES: Final = frozenset(
    {
        "detail",
        "changes",
        "stage_new",
        "stage",
        "step_new",
        "step",
        "card_new",
        "card",
        "place_new",
        "place",
        "undo",
        "redo",
    }
)
"""The pages of a map that guests reach, by their names in apps/journeys/urls.py. All others are none of theirs."""

PARAMETERS: Final = frozenset({"view", "evidence", "since", "stage", "step", "lane", "position", "from", "to", "where"})
"""What a guest's address may ask of those pages: no other version, no segment, no persona."""


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
    form = JoinForm(request.POST or None)
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


@guest_page
def map_page(request: GuestRequest, rest: str = "") -> HttpResponseBase:
    """`/w/<code>/map/...`: the board and the pages of what is on it, of this one map.

    The views are those of apps/journeys; the actor and the base of the addresses make the difference.
    """
    try:
        match = resolve(f"/journeys/{request.workshop.journey_id}/{rest}", urlconf="apps.journeys.urls")
    except Resolver404:
        raise Http404 from None
    if match.url_name not in MAP_PAGES or match.kwargs.get("pk") != request.workshop.journey_id:
        raise Http404
    request.GET = _own_parameters(request.GET)  # type: ignore[assignment]
    return match.func(request, *match.args, **match.kwargs)


def _own_parameters(given: QueryDict) -> QueryDict:
    kept: Any = QueryDict(mutable=True)
    for name in PARAMETERS & set(given):
        kept[name] = given[name]
    return kept
