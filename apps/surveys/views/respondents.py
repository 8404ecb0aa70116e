"""The respondent's pages. No sign-in, no cookie, nothing from anybody else; a GET never writes an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.clients import client_ip
from apps.organizations.branding import dark_accent, is_colour, light_accent
from apps.organizations.models import Organization
from apps.organizations.queries import membership_at, organization_by_slug
from apps.surveys.answers import hidden_of_address, whole_number
from apps.surveys.definition import MAX_FILE_MB, Definition
from apps.surveys.form_tokens import FormToken, new_form_token, read_form_token
from apps.surveys.links import LinkContext, link_keeper, read_respondent_token
from apps.surveys.live import LiveSurvey, live_survey, touchpoint_name
from apps.surveys.models import Response, ResponseFile, Survey
from apps.surveys.piping import PipedValues, pipe
from apps.surveys.places import Place, place_of
from apps.surveys.queries import survey_by_slug
from apps.surveys.respondent import (
    accepted_languages,
    build_screen,
    choose_language,
    effort,
    first_open_screen,
    language_choices,
    piped_values,
    read_form,
    repeats_answers,
)
from apps.surveys.respondent_texts import LANGUAGES, respondent_texts
from apps.surveys.services import is_full
from apps.surveys.uploads import MEGABYTE
from apps.surveys.visits import (
    BY_LINK,
    HIDDEN_PREFIX,
    OPEN_CHANNELS,
    STAFF_SESSION,
    AlreadyAnswered,
    Visit,
    record_provisional,
    save_screen,
    void_dwell,
    withdraw_provisional,
)
from apps.surveys.wording import is_right_to_left
from cxm.api.throttles import Limit, throttle
from cxm.errors import Conflict, NotFound
from cxm.ids import parse_uuid
from cxm.scope import tenant
from cxm.web.views import public_view, respondent_csp

BY_ADDRESS = Limit(rate=2, burst=120)
"""Posts to open links from one address: a shop's network, a crowd at a poster."""

UPLOADS = Limit(rate=0.1, burst=20)
"""Screens with files, from one personal link or one address."""
MAX_BODY = 3 * MAX_FILE_MB * MEGABYTE
"""Bytes of one screen, its files included."""

View = Callable[..., Any]


class Refused(Exception):
    """A page that ends here: an answer with its status, and the sentences that say why."""

    def __init__(self, name: str, status: HTTPStatus, *, retry_after: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.status = status
        self.retry_after = retry_after


def respondent_page(view: View) -> View:
    """What all these pages share: no sign-in, no CSRF cookie, no cache, no referrer, no index, the strict policy."""

    @csrf_exempt
    @public_view
    @respondent_csp()
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            _refuse_giants(request)
            response = view(request, *args, **kwargs)
        except Refused as refused:
            response = refusal(request, refused)
        return response

    return wrapped


def _refuse_giants(request: HttpRequest) -> None:
    """Before a byte of it is read: nobody fills the disk through an open link."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        raise Refused("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def page(template: str, context: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    """A page without the app's context processors: nothing here knows of sessions or people."""
    return HttpResponse(render_to_string(f"respondent/{template}.html", context), status=status)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A page of one sentence, in the reader's language as the browser names it."""
    wanted = [request.GET.get("lang", ""), *accepted_languages(request.headers.get("Accept-Language", ""))]
    language = next((code for code in (w.partition("-")[0].lower() for w in wanted) if code in LANGUAGES), "en")
    texts = respondent_texts(language)
    response = page(
        "message",
        {
            "t": texts,
            "language": language,
            "direction": _direction(language),
            "heading": texts[refused.name],
            "text": texts[f"{refused.name}_text"],
        },
        refused.status,
    )
    if refused.retry_after:
        response["Retry-After"] = refused.retry_after
    return response


def unknown() -> Refused:
    """The one answer to every link that leads nowhere, whatever is wrong with it."""
    return Refused("unknown", HTTPStatus.NOT_FOUND)


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
    live, definition = _answerable(link.survey_id)
    if link.closed:
        raise Refused("closed", HTTPStatus.GONE)
    if link.answered and live.anonymous:
        raise Refused("answered", HTTPStatus.GONE)
    form = _form_token(request, live) if live.anonymous else None
    visit = Visit(
        organization,
        live,
        definition,
        link,
        form,
        link.channel,
        client_ip(request),
        said=_said(request, definition),
        flags=_flags(request, organization, live),
    )
    home = reverse("respondent", args=[token])
    if request.method == "POST":
        _take_token(f"respond:{link.row_id}", BY_LINK)
        return _save(request, visit, home, wanted=link.language)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if not live.anonymous:
        _note_visit(request, visit, link)
    return _show(request, visit, home, wanted=link.language, token=token)


@respondent_page
@with_link
def personal_done(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/done/`: thanks, and the way back to change the answer while the survey is open."""
    live = _live(link.survey_id)
    change = (
        None
        if live.anonymous or not live.takes_answers(datetime.now(UTC)) or link.closed
        else reverse("respondent", args=[token])
    )
    form = _form_token(request, live) if live.anonymous else None
    visit = Visit(organization, live, _definition(live), link, form, link.channel)
    return _thank(request, visit, wanted=link.language, change=change, token=token)


@respondent_page
@with_link
def provisional(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/provisional/`: the score of the mail's link, once a person touched or looked at the page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    live, definition = _answerable(link.survey_id)
    if not organization.include_provisional or live.anonymous or link.closed:
        raise unknown()
    _take_token(f"respond:{link.row_id}", BY_LINK)
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
    context = _context(request, organization, _live(link.survey_id), wanted=link.language, token=token)
    stop_text = context["t"]["stop_text"].replace("{address}", link.address or "…")
    return page("stop", {**context, "stopped": stopped, "stop_text": stop_text})


@respondent_page
@with_link
def personal_privacy(request: HttpRequest, token: str, organization: Organization, link: LinkContext) -> HttpResponse:
    """`/r/<token>/privacy/`: who asks, what is stored, who sees it, and how accessible the pages are."""
    live = _live(link.survey_id)
    context = _context(request, organization, live, wanted=link.language, token=token)
    home = reverse("respondent", args=[token])
    return _explain(request, context, organization, live, home=home, named=True, member=link.member)


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
    live, definition = _answerable(survey_id)
    visit = Visit(
        organization=organization,
        live=live,
        definition=definition,
        link=None,
        form=_form_token(request, live, place),
        channel=place.channel if place else channel if channel in OPEN_CHANNELS else "web",
        ip=client_ip(request),
        place=place,
        said=_said(request, definition),
        flags=_flags(request, organization, live),
    )
    if request.method == "POST":
        _take_token(f"respond:{visit.ip}", BY_ADDRESS)
        return _save(request, visit, home, wanted="")
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return _show(request, visit, home, wanted="")


def thank_openly(
    request: HttpRequest,
    organization: Organization,
    survey_id: UUID,
    *,
    embedded: bool = False,
    place: Place | None = None,
) -> HttpResponse:
    """Thanks, at whatever place."""
    live = _live(survey_id)
    channel = place.channel if place else "web"
    form = _form_token(request, live, place)
    visit = Visit(organization, live, _definition(live), None, form, channel, place=place)
    return _thank(request, visit, wanted="", embedded=embedded)


def explain_openly(request: HttpRequest, organization: Organization, survey_id: UUID, *, home: str) -> HttpResponse:
    """What is stored of somebody who came without an invitation."""
    live = _live(survey_id)
    context = _context(request, organization, live, wanted="")
    return _explain(request, context, organization, live, home=home, named=False)


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


# -- what both share ---------------------------------------------------------------------------------------------------


def _live(survey_id: UUID) -> LiveSurvey:
    try:
        live = live_survey(survey_id)
    except NotFound:
        raise unknown() from None
    if live.definition is None:
        raise unknown()
    return live


def _definition(live: LiveSurvey) -> Definition:
    if live.definition is None:
        raise unknown()
    return live.definition


def _answerable(survey_id: UUID) -> tuple[LiveSurvey, Definition]:
    live = _live(survey_id)
    if live.definition is None or not live.takes_answers(datetime.now(UTC)):
        raise Refused("closed", HTTPStatus.GONE)
    return live, live.definition


def _said(request: HttpRequest, definition: Definition) -> dict[str, str]:
    """The hidden fields: by their own names in the address, with a prefix in a form."""
    if not definition.hidden:
        return {}
    posted = request.method == "POST"
    given, prefix = (request.POST, HIDDEN_PREFIX) if posted else (request.GET, "")
    return hidden_of_address(
        definition, {hidden.id: given.get(f"{prefix}{hidden.id}", "") for hidden in definition.hidden}
    )


def _flags(request: HttpRequest, organization: Organization, live: LiveSurvey) -> tuple[str, ...]:
    """What is odd about an answer that is being sent: somebody of the organisation is signed in in this browser.

    Employees who answer a survey for employees are no oddity. One query or two, for a browser with our session only.
    """
    if request.method != "POST" or live.for_employees or settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return ()
    user = request.user
    if not user.is_authenticated:
        return ()
    return (STAFF_SESSION,) if membership_at(user, organization.slug) else ()


def _form_token(request: HttpRequest, live: LiveSurvey, place: Place | None = None) -> FormToken | None:
    """The token that came back with the form or the address; a new one for a new visit, None for a wrong one.

    One query for a token over a week old: an answer that was begun can be finished until the survey closes.
    """
    given = (request.POST if request.method == "POST" else request.GET).get("t", "")
    if given:
        token = read_form_token(live.id, given)
        if token and token.is_old:
            known_by = place.source_id(token.nonce) if place else token.source_id
            if not Response.objects.filter(survey_id=live.id, source_id=known_by).exists():
                return None
        return token
    return None if request.method == "POST" else new_form_token(live.id)


def _take_token(name: str, limit: Limit) -> None:
    verdict = throttle().take(name, limit)
    if not verdict.allowed:
        raise Refused("too_many", HTTPStatus.TOO_MANY_REQUESTS, retry_after=verdict.headers["Retry-After"])


def _direction(language: str) -> str:
    return "rtl" if is_right_to_left(language) else "ltr"


def _language(request: HttpRequest, definition: Definition, wanted: str) -> str:
    """`?lang=`, then the customer's language, then the browser's, then the survey's first."""
    asked = (request.POST if request.method == "POST" else request.GET).get("lang", "")
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    return choose_language(definition, asked, wanted, *accepted)


def _context(
    request: HttpRequest, organization: Organization, live: LiveSurvey, *, wanted: str, token: str = ""
) -> dict[str, Any]:
    definition = live.definition
    assert definition is not None
    language = _language(request, definition, wanted)
    texts = respondent_texts(language)
    return {
        "t": {key: text.replace("{organization}", organization.name) for key, text in texts.items()},
        "language": language,
        "direction": _direction(language),
        "others": language_choices(definition, language),
        "keep": _kept(request, definition),
        "organization": organization,
        "anonymous": live.anonymous,
        "token": token,
    }


def _kept(request: HttpRequest, definition: Definition) -> str:
    """The rest of the address, for the links to other languages."""
    kept = [(name, request.GET[name][:100]) for name in ("s", "t", "c", "p", "page") if name in request.GET]
    if request.method != "POST":
        kept += _said(request, definition).items()
    return f"&{urlencode(kept)}" if kept else ""


def _note_visit(request: HttpRequest, visit: Visit, link: LinkContext) -> None:
    keeper = link_keeper()
    score = _preselected(request, visit.definition)
    if keeper:
        kind: Literal["get", "head", "prefill"] = (
            "head" if request.method == "HEAD" else "prefill" if score is not None else "get"
        )
        agent = request.headers.get("User-Agent", "")
        keeper.record_visit(link, kind=kind, score=score, user_agent=agent)
        stored = visit.stored() if visit.organization.include_provisional else None
        if stored and stored.state == Response.State.PROVISIONAL_DWELL and keeper.is_suspect(link, user_agent=agent):
            void_dwell(visit)


def _preselected(request: HttpRequest, definition: Definition) -> int | None:
    """The score in `?s=`, when it is one of the headline question's."""
    score, headline = whole_number(request.GET.get("s", "")), definition.headline
    return score if score is not None and headline and headline.low <= score <= headline.high else None


def _show(request: HttpRequest, visit: Visit, home: str, *, wanted: str, token: str = "") -> HttpResponse:
    if visit.form is None and visit.invitation_id is None:
        return HttpResponseRedirect(home)
    stored = visit.stored()
    if (stored is None or stored.state != Response.State.SUBMITTED) and is_full(visit.live):
        raise Refused("closed", HTTPStatus.GONE)
    answers = dict(stored.answers) if stored else {}
    if stored and visit.definition.hidden:
        visit = replace(visit, said={**hidden_of_address(visit.definition, stored.attributes), **visit.said})
    chosen = _preselected(request, visit.definition)
    headline = visit.definition.headline
    prefilled = None
    if chosen is not None and headline and (stored is None or stored.state != Response.State.SUBMITTED):
        answers[headline.id] = prefilled = chosen
    number = whole_number(request.GET.get("page", "")) or 1
    if "page" not in request.GET and stored and stored.state == Response.State.PARTIAL:
        number = first_open_screen(visit.definition, answers, visit.hidden)
    return _form_page(
        request, visit, home, answers, number, wanted=wanted, token=token, prefilled=prefilled, stored=stored
    )


def _form_page(
    request: HttpRequest,
    visit: Visit,
    home: str,
    answers: Any,
    number: int,
    *,
    wanted: str,
    token: str = "",
    prefilled: int | None = None,
    stored: Response | None = None,
    errors: Any = None,
    expired: bool = False,
) -> HttpResponse:
    context = _context(request, visit.organization, visit.live, wanted=wanted, token=token)
    texts, language = context["t"], context["language"]
    screen = build_screen(
        visit.definition,
        answers,
        number,
        language,
        errors,
        values=_values(visit, answers, language),
        file_names=_file_names(visit, answers),
    )
    said = tuple(visit.said.items())
    provisional_on = (
        visit.organization.include_provisional and prefilled is not None and visit.invitation_id is not None
    )
    note = "prefilled_provisional" if provisional_on else "prefilled"
    named = visit.is_named
    return page(
        "form",
        {
            **context,
            "home": home,
            "privacy": f"{home}privacy/?lang={language}",
            "provisional": f"{home}provisional/" if provisional_on else "",
            "screen": screen,
            "form_token": visit.form.text if visit.form else "",
            "channel": visit.channel if visit.link is None else "",
            "said": [(f"{HIDDEN_PREFIX}{name}", text) for name, text in said],
            "resume": _resume_address(visit, home, said, language) if screen.number > 1 else "",
            "survey_id": visit.live.id if visit.invitation_id and screen.total == 1 else "",
            "prefilled": texts[note].replace("{score}", str(prefilled)) if prefilled is not None else "",
            "progress": texts["progress"].format(n=screen.number, total=screen.total),
            "effort": effort(visit.definition, language),
            "who": texts[_who_sees(visit)],
            "may_contact": named and screen.is_last,
            "contact": bool(stored and stored.contact_ok) or request.POST.get("contact") == "1",
            "expired": expired,
            "carried": visit.place.carried if visit.place else (),
            "embedded": visit.place is not None and visit.place.embedded,
        },
        HTTPStatus.UNPROCESSABLE_ENTITY if screen.errors or expired else HTTPStatus.OK,
    )


def _who_sees(visit: Visit) -> str:
    """The sentence that says with what the answer is seen."""
    if visit.live.anonymous:
        return "anonymous"
    if visit.link and visit.link.member:
        return "member"
    return "identified" if visit.is_named else "unlinked"


def _values(visit: Visit, answers: Mapping[str, Any], language: str) -> PipedValues:
    """What this visit's sentences may repeat. One query when the touchpoint is not the survey's own."""
    link, live = visit.link, visit.live
    own = (link.touchpoint_id if link else visit.place.touchpoint_id if visit.place else None) or live.touchpoint_id
    return piped_values(
        visit.definition,
        answers,
        language,
        hidden=visit.hidden,
        customer_name=link.name if link and not live.anonymous else "",
        organization=visit.organization.name,
        touchpoint=live.touchpoint_name if own == live.touchpoint_id else touchpoint_name(own),
    )


def _file_names(visit: Visit, answers: Mapping[str, Any]) -> dict[str, str]:
    """What the files given so far are called. No query without any."""
    ids = [answers[name] for name in visit.definition.file_questions if isinstance(answers.get(name), str)]
    known = [pk for pk in map(parse_uuid, ids) if pk]
    if not known:
        return {}
    rows = ResponseFile.objects.filter(pk__in=known, survey_id=visit.live.id)
    return {str(pk): name for pk, name in rows.values_list("pk", "name")}


def _resume_address(visit: Visit, home: str, said: tuple[tuple[str, str], ...], language: str) -> str:
    """Where an answer that was begun goes on, on whatever device. A personal link is such an address by itself."""
    if visit.form is None:
        return ""
    channel = [("c", visit.channel)] if visit.link is None else []
    carried = visit.place.carried if visit.place else ()
    query = urlencode([("t", visit.form.text), ("lang", language), *channel, *carried, *said])
    return f"{settings.BASE_URL}{home}?{query}"


def _save(request: HttpRequest, visit: Visit, home: str, *, wanted: str) -> HttpResponse:
    language = _language(request, visit.definition, wanted)
    token = home.rstrip("/").rpartition("/")[2] if visit.link else ""
    number = whole_number(request.POST.get("page", "")) or 1
    if visit.form is None and visit.invitation_id is None:
        return _ask_again(request, visit, home, number, wanted=wanted, token=token)
    try:
        if request.FILES:
            _take_token(f"upload:{visit.link.row_id if visit.link else visit.ip}", UPLOADS)
        saved = save_screen(
            visit,
            request.POST,
            number=number,
            back=request.POST.get("go") == "back",
            language=language,
            files=request.FILES,
        )
    except AlreadyAnswered:
        raise Refused("answered", HTTPStatus.GONE) from None
    except Conflict:
        raise Refused("closed", HTTPStatus.GONE) from None
    if saved.errors:
        return _form_page(
            request, visit, home, saved.answers, saved.number, wanted=wanted, token=token, errors=saved.errors
        )
    form = f"&t={visit.form.text}" if visit.form else ""
    if saved.done:
        return _go_on(request, f"{home}done/?lang={language}{form if repeats_answers(visit.definition) else ''}")
    form += f"&{urlencode(visit.said)}" if visit.said else ""
    channel = "" if visit.link else f"&c={visit.channel}"
    carried = f"&{urlencode(visit.place.carried)}" if visit.place and visit.place.carried else ""
    return _go_on(request, f"{home}?lang={language}&page={saved.number}{form}{channel}{carried}")


def _ask_again(request: HttpRequest, visit: Visit, home: str, number: int, *, wanted: str, token: str) -> HttpResponse:
    """A form that was open for over a week, or is not ours: the same questions, what was written, and a new token."""
    fresh = replace(visit, form=new_form_token(visit.live.id))
    answers = read_form(list(visit.definition.questions.values()), request.POST)
    return _form_page(request, fresh, home, answers, number, wanted=wanted, token=token, expired=True)


def _go_on(request: HttpRequest, address: str) -> HttpResponse:
    """A redirect; to our script, which cannot see redirects before following them, the address."""
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"next": address})
    response = HttpResponseRedirect(address)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _thank(
    request: HttpRequest,
    visit: Visit,
    *,
    wanted: str,
    change: str | None = None,
    token: str = "",
    embedded: bool = False,
) -> HttpResponse:
    live, definition = visit.live, visit.definition
    context = _context(request, visit.organization, live, wanted=wanted, token=token)
    language = context["language"]
    stored = visit.stored() if repeats_answers(definition) else None
    values = _values(visit, stored.answers if stored else {}, language)
    said = {key: pipe(definition.text(text, language), values) for key, text in definition.thank_you.items()}
    link = definition.thank_you_link
    return page(
        "message",
        {
            **context,
            "heading": said.get("title") or context["t"]["done"],
            "text": said.get("text") or ("" if embedded else context["t"]["done_close"]),
            "change": f"{change}?lang={language}" if change else "",
            "link": link and {"url": link.url, "label": definition.text(link.label, language)},
            "embedded": embedded,
            "embed_state": "done",
        },
    )


def _explain(
    request: HttpRequest,
    context: dict[str, Any],
    organization: Organization,
    live: LiveSurvey,
    *,
    home: str,
    named: bool,
    member: bool = False,
) -> HttpResponse:
    about = "anonymous" if live.anonymous else "member" if member else "identified" if named else "unlinked"
    texts = context["t"]
    personal_text = texts[f"privacy_{about}"].replace("{threshold}", str(organization.anonymity_threshold))
    return page(
        "privacy",
        {
            **context,
            "home": f"{home}?lang={context['language']}",
            "personal": personal_text,
            "files": bool(live.definition and live.definition.file_questions),
        },
    )


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
