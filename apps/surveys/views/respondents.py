"""The respondent's pages. No sign-in, no cookie, nothing from anybody else; a GET never writes an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Literal
from uuid import UUID

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.urls import reverse

from apps.accounts.clients import client_ip
from apps.organizations.branding import dark_accent, is_colour, light_accent
from apps.organizations.models import Organization
from apps.organizations.queries import organization_by_slug
from apps.surveys.links import LinkContext, link_keeper, read_respondent_token
from apps.surveys.models import Survey
from apps.surveys.places import Place, place_of
from apps.surveys.queries import survey_by_slug
from apps.surveys.views.respondent_base import (
    BY_ADDRESS,
    Refused,
    View,
    page,
    respondent_page,
    take_token,
    unknown,
)
from apps.surveys.views.respondent_screens import (
    answerable,
    context_of,
    definition_of,
    explain,
    flags_of,
    form_token_of,
    known_survey,
    note_visit,
    said_in,
    save_and_go_on,
    show_screen,
    thank,
)
from apps.surveys.visits import (
    BY_LINK,
    OPEN_CHANNELS,
    Visit,
    record_provisional,
    withdraw_provisional,
)
from cxm.scope import tenant
from cxm.web.views import public_view

# -- personal links ----------------------------------------------------------------------------------------------------


def with_link(view: View) -> View:
    """Read the token and run the view in the organisation it names, with what stands behind the link.

    An altered, cut or foreign token, a deleted organisation and a vanished invitation are one and the same 404.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, token: str) -> HttpResponse:
        subject, keeper = read_respondent_token(token), link_keeper()
        organization = (
            Organization.objects.filter(pk=subject.organization_id, deleted_at=None).first()
            if subject and keeper
            else None
        )
        if subject is None or keeper is None or organization is None:
            raise unknown()
        with tenant(organization):
            link = keeper.resolve(subject.row_id)
            if link is None:
                raise unknown()
            return view(request, token, organization, link)

    return wrapped


@respondent_page
@with_link
def personal(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/`: GET shows the questions, POST saves a screen."""
    live, definition = answerable(link.survey_id)
    if link.closed:
        raise Refused("closed", HTTPStatus.GONE)
    if link.answered and live.anonymous:
        raise Refused("answered", HTTPStatus.GONE)
    form = form_token_of(request, live) if live.anonymous else None
    visit = Visit(
        organization,
        live,
        definition,
        link,
        form,
        link.channel,
        client_ip(request),
        said=said_in(request, definition),
        flags=flags_of(request, organization, live),
    )
    home = reverse("respondent", args=[token])
    if request.method == "POST":
        take_token(f"respond:{link.row_id}", BY_LINK)
        return save_and_go_on(request, visit, home, wanted=link.language)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if not live.anonymous:
        note_visit(request, visit, link)
    return show_screen(request, visit, home, wanted=link.language, token=token)


@respondent_page
@with_link
def personal_done(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/done/`: thanks, and the way back to change the answer while the survey is open."""
    live = known_survey(link.survey_id)
    change = (
        None
        if live.anonymous or not live.takes_answers(datetime.now(UTC)) or link.closed
        else reverse("respondent", args=[token])
    )
    form = form_token_of(request, live) if live.anonymous else None
    visit = Visit(organization, live, definition_of(live), link, form, link.channel)
    return thank(request, visit, wanted=link.language, change=change, token=token)


@respondent_page
@with_link
def provisional(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/provisional/`: the score of the mail's link, once a person touched or looked at the page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    live, definition = answerable(link.survey_id)
    if not organization.include_provisional or live.anonymous or link.closed:
        raise unknown()
    take_token(f"respond:{link.row_id}", BY_LINK)
    visit = Visit(organization, live, definition, link, None, link.channel, client_ip(request))
    if request.POST.get("undo") == "1":
        return JsonResponse({"undone": withdraw_provisional(visit)})
    keeper, agent = link_keeper(), request.headers.get("User-Agent", "")
    basis: Literal["interaction", "dwell"] = "interaction" if request.POST.get("basis") == "interaction" else "dwell"
    suspect = keeper is not None and keeper.is_suspect(link, user_agent=agent)
    score = record_provisional(visit, score=request.POST.get("s", ""), basis=basis, suspect=suspect)
    return JsonResponse(
        {"score": score}, status=HTTPStatus.OK if score is not None else HTTPStatus.UNPROCESSABLE_ENTITY
    )


@respondent_page
@with_link
def stop(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/stop/`: a page with one button; a POST, also a mail program's (RFC 8058), is in force at once."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    stopped = request.method == "POST"
    keeper = link_keeper()
    if stopped and keeper:
        keeper.stop(link, ip=client_ip(request))
    context = context_of(request, organization, known_survey(link.survey_id), wanted=link.language, token=token)
    stop_text = context["t"]["stop_text"].replace("{address}", link.address or "…")
    return page("stop", {**context, "stopped": stopped, "stop_text": stop_text})


@respondent_page
@with_link
def personal_privacy(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/privacy/`: who asks, what is stored, who sees it, and how accessible the pages are."""
    live = known_survey(link.survey_id)
    context = context_of(request, organization, live, wanted=link.language, token=token)
    home = reverse("respondent", args=[token])
    return explain(request, context, organization, live, home=home, named=True, member=link.member)


# -- open links --------------------------------------------------------------------------------------------------------


def with_open_survey(view: View) -> View:
    """Find organisation and survey by their addresses; a draft and what never existed are one and the same 404."""

    @wraps(view)
    def wrapped(request: HttpRequest, org: str, survey: str) -> HttpResponse:
        organization = organization_by_slug(org)
        if organization is None or organization.deleted_at:
            raise unknown()
        with tenant(organization):
            found = survey_by_slug(survey)
            if found is None or found.state == Survey.State.DRAFT:
                raise unknown()
            return view(request, organization, found)

    return wrapped


@respondent_page
@with_open_survey
def open_link(request: HttpRequest, organization: Organization, survey: Survey) -> HttpResponse:
    """`/s/<org>/<survey>/`: anybody may answer; the form's token stands for the answer."""
    given = request.POST if request.method == "POST" else request.GET
    place = place_of(token=given.get("p", ""), survey_id=survey.pk)
    channel = given.get("c", "")
    home = reverse("open_survey", args=[organization.slug, survey.slug])
    return answer_openly(request, organization, survey.pk, place, home=home, channel=channel)


def answer_openly(
    request: HttpRequest,
    organization: Organization,
    survey_id: UUID,
    place: Place | None,
    *,
    home: str,
    channel: str = "",
) -> HttpResponse:
    """Questions for whoever comes, at a place or at none: GET shows them, POST saves a screen.

    ``home`` is the address of the page; ``done/`` and ``privacy/`` stand below it. Raises Refused.
    """
    live, definition = answerable(survey_id)
    visit = Visit(
        organization=organization,
        live=live,
        definition=definition,
        link=None,
        form=form_token_of(request, live, place),
        channel=place.channel if place else channel if channel in OPEN_CHANNELS else "web",
        ip=client_ip(request),
        place=place,
        said=said_in(request, definition),
        flags=flags_of(request, organization, live),
    )
    if request.method == "POST":
        take_token(f"respond:{visit.ip}", BY_ADDRESS)
        return save_and_go_on(request, visit, home, wanted="")
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return show_screen(request, visit, home, wanted="")


def thank_openly(
    request: HttpRequest,
    organization: Organization,
    survey_id: UUID,
    *,
    embedded: bool = False,
    place: Place | None = None,
) -> HttpResponse:
    """Thanks, at whatever place."""
    live = known_survey(survey_id)
    channel = place.channel if place else "web"
    form = form_token_of(request, live, place)
    visit = Visit(organization, live, definition_of(live), None, form, channel, place=place)
    return thank(request, visit, wanted="", embedded=embedded)


def explain_openly(request: HttpRequest, organization: Organization, survey_id: UUID, *, home: str) -> HttpResponse:
    """What is stored of somebody who came without an invitation."""
    live = known_survey(survey_id)
    context = context_of(request, organization, live, wanted="")
    return explain(request, context, organization, live, home=home, named=False)


@respondent_page
@with_open_survey
def open_done(request: HttpRequest, organization: Organization, survey: Survey) -> HttpResponse:
    """Thanks after an open link."""
    place = place_of(token=request.GET.get("p", ""), survey_id=survey.pk)
    return thank_openly(request, organization, survey.pk, place=place)


@respondent_page
@with_open_survey
def open_privacy(request: HttpRequest, organization: Organization, survey: Survey) -> HttpResponse:
    """What is stored of somebody who opened a public link."""
    home = reverse("open_survey", args=[organization.slug, survey.slug])
    return explain_openly(request, organization, survey.pk, home=home)


@public_view
def accent_stylesheet(request: HttpRequest, slug: str) -> HttpResponse:
    """The organisation's colour on respondent pages, light and dark; an empty sheet when it has none."""
    organization = organization_by_slug(slug)
    colour = organization.accent if organization and is_colour(organization.accent) else ""
    sheet = ""
    if colour:
        light, dark = light_accent(colour), dark_accent(colour)
        sheet = (
            f":root{{--ac:{light.fill};--on:{light.on};--tint:{light.tint}}}"
            f"@media (prefers-color-scheme:dark){{:root{{--ac:{dark.fill};--on:{dark.on};--tint:{dark.tint}}}}}"
        )
    response = HttpResponse(sheet, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300"
    return response
