"""Voting and results, the same page for members and guests; both come here after they were let in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.workshops import queries, services
from apps.workshops.models import VoteRound, Workshop
from apps.workshops.services.votes import is_running
from cxm.errors import Conflict, DomainError, NotFound
from cxm.ids import parse_uuid
from cxm.web.views import render_page, see_other, wants_json


def state_answer(workshop: Workshop) -> HttpResponse:
    """The moment as JSON."""
    response = JsonResponse(queries.moment_of(workshop).as_json)
    response["Cache-Control"] = "no-store"
    return response


def vote_answer(request: Any, workshop: Workshop) -> HttpResponse:
    """GET: the ballot of the open vote and the votes before it. POST `place`: give a card or step the own dots."""
    round = queries.running_round(workshop, timezone.now())
    if request.method == "POST":
        return _place(request, workshop, round)
    ballot = queries.ballot_of(round, workshop.journey, request.actor) if round else None
    past = [found for found in queries.rounds_of(workshop) if round is None or found.pk != round.pk]
    context = {"ballot": ballot, "past": past, "in_vote": True, **frame(request, workshop)}
    return render_page(request, "workshops/vote.html", context)


def _place(request: Any, workshop: Workshop, round: VoteRound | None) -> HttpResponse:
    if round is None or request.POST.get("round") not in (None, str(round.number)):
        raise DomainError(_("This vote is over."), code="over")
    text, _colon, dots = request.POST.get("place", "").partition(":")
    thing = parse_uuid(text)
    if thing is None:
        raise NotFound(_("This cannot be voted on, or it is not on the map any more."))
    if not (dots.isascii() and dots.isdigit() and len(dots) < 4):
        raise DomainError(_("Give a whole number of dots."), field="place")
    left = services.set_dots(actor=request.actor, round=round, thing=thing, dots=int(dots))
    said = ngettext("%(left)d dot left.", "%(left)d dots left.", left) % {"left": left}
    if wants_json(request):
        return JsonResponse({"dots": int(dots), "left": left, "say": said})
    messages.success(request, said)
    return see_other(request, f"{request.workshop_base}vote/#t-{thing}")


def result_answer(request: Any, workshop: Workshop, number: int) -> HttpResponse:
    """A result, as a page or as dots by card and step; while the vote runs, on to the ballot."""
    round = queries.round_of(workshop, number)
    if wants_json(request):
        if is_running(round, workshop, timezone.now()):
            raise Conflict(_("This vote runs. Nobody sees its result before the end."))
        return JsonResponse({"number": round.number, "question": round.question, "dots": queries.dots_in(round)})
    result = queries.result_of(round)
    if result is None:
        return see_other(request, f"{request.workshop_base}vote/")
    most = max((place.dots for place in result.places), default=1)
    return render_page(request, "workshops/result.html", {"result": result, "most": most, **frame(request, workshop)})


def frame(request: Any, workshop: Workshop) -> dict[str, Any]:
    """What surrounds these pages: layout, addresses, and the bar."""
    is_guest = getattr(request, "map_base", None) is not None
    return {
        "workshop": workshop,
        "journey": workshop.journey,
        "moment": queries.moment_of(workshop),
        "layout": getattr(request, "map_layout", "shell.html"),
        "is_guest": is_guest,
        "base": request.workshop_base,
        "may_host": request.actor.can("workshops.host"),
    }
