"""The host's page beside a map, the screen for the room, and the pages on which members vote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.collectors.posters import qr_svg
from apps.journeys.models import Journey
from apps.journeys.queries import journey_for
from apps.workshops import queries, rules, services
from apps.workshops.addresses import address_of, code_for
from apps.workshops.forms import RoundForm, StartForm, WorkshopForm
from apps.workshops.models import Workshop, WorkshopGuest
from apps.workshops.views import voting
from cxm.errors import Conflict, DomainError, NotFound
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other, wants_json

SETTINGS = ("title", "guests_may", "votes_per_person", "shows_names", "shows_scores", "opens_library")


@permission_required("workshops.host")
def host(request: MemberRequest, pk: UUID) -> HttpResponse:
    """`journeys/<pk>/workshop/`: start a workshop; run the one that is open. POST does what `action` names."""
    journey = journey_for(request.actor, pk)
    workshop = queries.workshop_of(journey.pk)
    if workshop is None:
        return _start(request, journey)
    workshop.journey = journey
    lanes = queries.lane_choices(journey)
    forms: dict[str, Any] = {
        "settings": WorkshopForm(initial={name: getattr(workshop, name) for name in SETTINGS}),
        "round": RoundForm(lanes=lanes, initial={"votes_per_person": workshop.votes_per_person}),
    }
    action = request.POST.get("action", "")
    if request.method == "POST":
        if action == "settings":
            forms["settings"] = WorkshopForm(request.POST)
        elif action == "round":
            forms["round"] = RoundForm(request.POST, lanes=lanes)
        done = _act(request, workshop, action, forms.get(action))
        if done is not None:
            return done
    moment = queries.moment_of(workshop)
    context = {
        "settings_form": forms["settings"],
        "round_form": forms["round"],
        "guests": [(guest, queries.is_here(guest, moment.now)) for guest in queries.guests_of(workshop)],
        "rounds": queries.rounds_of(workshop),
        "past": queries.past_workshops(journey.pk),
        "address": address_of(workshop),
        "code": code_for(workshop),
        "journey": journey,
        "workshop": workshop,
        "moment": moment,
        "base": _base(request, journey),
    }
    return render_page(request, "workshops/host.html", context)


def _start(request: MemberRequest, journey: Journey) -> HttpResponse:
    form = StartForm(request.POST if request.method == "POST" else None, initial={"title": journey.name})
    if request.method == "POST" and request.POST.get("action") != "start":
        raise Conflict(_("This workshop has ended."))
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in SETTINGS}
        try:
            services.start_workshop(
                actor=request.actor, journey=journey, ends_at=timezone.now() + form.length, **values
            )
        except DomainError as error:
            add_domain_errors(form, error)
        else:
            messages.success(request, _("The workshop is open. Show the code."))
            return see_other(request, _base(request, journey))
    context = {"form": form, "journey": journey, "past": queries.past_workshops(journey.pk)}
    return render_page(request, "workshops/start.html", context)


def _act(request: MemberRequest, workshop: Workshop, action: str, form: Any) -> HttpResponse | None:
    """Do what a button of the page says, and back to the page; None when a form has errors to show."""
    actor = request.actor
    known: dict[str, Any] = {"actor": actor, "workshop": workshop}
    base = _base(request, workshop.journey)
    actions: dict[str, Callable[[], Any]] = {
        "end": lambda: services.end_workshop(**known),
        "extend": lambda: services.change_workshop(**known, ends_at=_later(workshop)),
        "renew": lambda: services.renew_code(**known),
        "remove": lambda: services.remove_guest(actor=actor, guest=_guest(workshop, request.POST.get("guest"))),
        "reveal": lambda: services.reveal_round(actor=actor, round=_round(workshop)),
        "timer_start": lambda: services.start_timer(**known, minutes=_minutes(request)),
        "timer_extend": lambda: services.extend_timer(**known, minutes=_minutes(request)),
        "timer_pause": lambda: services.pause_timer(**known),
        "timer_resume": lambda: services.resume_timer(**known),
        "timer_stop": lambda: services.stop_timer(**known),
        "settings": lambda: services.change_workshop(**known, **form.cleaned_data),
        "round": lambda: services.open_round(**known, **form.cleaned_data),
    }
    if action not in actions:
        raise DomainError(_("Choose what to do."), field="action")
    if form is not None:
        if not form.is_valid():
            return None
        try:
            actions[action]()
        except DomainError as error:
            add_domain_errors(form, error)
            return None
    else:
        done = actions[action]()
        if wants_json(request):
            return voting.state_answer(Workshop.objects.get(pk=workshop.pk))
        if action == "reveal":
            return see_other(request, f"{base}votes/{done.number}/")
        if action == "end":
            messages.success(request, _("The workshop has ended. Guests are out."))
    back = request.POST.get("back", "")
    return see_other(request, _board(request, workshop.journey) if back == "board" else base)


def _later(workshop: Workshop) -> Any:
    """A day more, up to the seven that are possible."""
    longest = workshop.opens_at + rules.LONGEST
    if workshop.ends_at >= longest:
        raise Conflict(_("A workshop lasts at most %(days)d days.") % {"days": rules.LONGEST.days})
    return min(workshop.ends_at + timedelta(days=1), longest)


def _guest(workshop: Workshop, text: str | None) -> WorkshopGuest:
    identifier = parse_uuid(text)
    guest = WorkshopGuest.objects.filter(pk=identifier, workshop=workshop).first() if identifier else None
    if guest is None:
        raise NotFound
    guest.workshop = workshop
    return guest


def _round(workshop: Workshop) -> Any:
    round = queries.running_round(workshop, timezone.now())
    if round is None:
        raise Conflict(_("This vote is over."))
    return round


def _minutes(request: MemberRequest) -> int:
    text = request.POST.get("minutes", "")
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise DomainError(_("Give a whole number of minutes."), field="minutes")
    return int(text)


def _base(request: MemberRequest, journey: Journey) -> str:
    return org_url(request.organization, "workshops:host", pk=journey.pk)


def _board(request: MemberRequest, journey: Journey) -> str:
    return org_url(request.organization, "journeys:detail", pk=journey.pk)


@permission_required("workshops.host")
def screen(request: MemberRequest, pk: UUID) -> HttpResponse:
    """`.../workshop/screen/`: code, QR code and clock, as large as the wall."""
    workshop = _open_workshop(request, pk)
    code = code_for(workshop)
    moment = queries.moment_of(workshop)
    context = {"workshop": workshop, "code": code, "moment": moment, "base": _base(request, workshop.journey)}
    return render_page(request, "workshops/screen.html", {**context, "address": address_of(workshop)})


@permission_required("workshops.host")
def qr(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The guests' address as a QR code."""
    return HttpResponse(qr_svg(address_of(_open_workshop(request, pk))), content_type="image/svg+xml")


@permission_required("journeys.view")
def past(request: MemberRequest, pk: UUID, item: UUID) -> HttpResponse:
    """`.../workshop/<id>/`: a workshop that is over, with what was voted."""
    journey = journey_for(request.actor, pk)
    workshop = Workshop.objects.filter(pk=item, journey=journey).select_related("host").first()
    if workshop is None or not workshop.is_over:
        raise NotFound
    workshop.journey = journey
    rows = WorkshopGuest.objects.filter(workshop=workshop).order_by("joined_at", "pk")
    guests = list(rows) if request.actor.can("workshops.host") else None
    rounds = queries.rounds_of(workshop)
    context = {"journey": journey, "workshop": workshop, "guests": guests, "results": queries.results_of(rounds)}
    return render_page(request, "workshops/past.html", {**context, "base": _base(request, journey)})


@permission_required("journeys.view")
def last_vote(request: MemberRequest) -> HttpResponse:
    """`workshops/last-vote/?journey=<id>`: where the dots on a map come from."""
    pk = parse_uuid(request.GET.get("journey"))
    round = queries.last_round(journey_for(request.actor, pk).pk) if pk else None
    if round is None:
        raise NotFound
    kwargs: dict[str, Any] = {"pk": round.workshop.journey_id}
    if round.workshop.is_over:
        return see_other(request, org_url(request.organization, "workshops:past", item=round.workshop_id, **kwargs))
    return see_other(request, org_url(request.organization, "workshops:result", number=round.number, **kwargs))


def _open_workshop(request: MemberRequest, pk: UUID) -> Workshop:
    journey = journey_for(request.actor, pk)
    workshop = queries.workshop_of(journey.pk)
    if workshop is None:
        raise NotFound(_("No workshop is open on this map."))
    workshop.journey = journey
    return workshop


# ---------------------------------------------------------------------------------------------------------------------
# What every member of the organisation may do in a workshop


def member_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """A page of the workshop that is open on a map, for everybody who may see maps."""

    @permission_required("journeys.view")
    @wraps(view)
    def wrapped(request: Any, pk: UUID, **kwargs: Any) -> HttpResponse:
        workshop = _open_workshop(request, pk)
        request.workshop_base = _base(request, workshop.journey)
        return view(request, workshop, **kwargs)

    return wrapped


@member_page
def state(request: MemberRequest, workshop: Workshop) -> HttpResponse:
    """What the bar keeps up with."""
    return voting.state_answer(workshop)


@member_page
def vote(request: MemberRequest, workshop: Workshop) -> HttpResponse:
    """The vote that is open, or what was voted on."""
    return voting.vote_answer(request, workshop)


@member_page
def result(request: MemberRequest, workshop: Workshop, number: int) -> HttpResponse:
    """How a vote came out."""
    return voting.result_answer(request, workshop, number)
