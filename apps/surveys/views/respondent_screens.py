"""A visit on a page: its screens shown and saved, the thanks, and what is stored of whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)

from apps.organizations.models import Organization
from apps.organizations.queries import membership_at
from apps.surveys.answers import hidden_of_address, whole_number
from apps.surveys.definition import Definition
from apps.surveys.form_tokens import FormToken, new_form_token, read_form_token
from apps.surveys.links import LinkContext, link_keeper
from apps.surveys.live import LiveSurvey, live_survey, touchpoint_name
from apps.surveys.models import Response, ResponseFile
from apps.surveys.piping import PipedValues, pipe
from apps.surveys.places import Place
from apps.surveys.registry import witness_device
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
from apps.surveys.respondent_texts import respondent_texts
from apps.surveys.services import is_full
from apps.surveys.views.respondent_base import (
    UPLOADS,
    Refused,
    direction_of,
    page,
    take_token,
    unknown,
)
from apps.surveys.visits import (
    HIDDEN_PREFIX,
    STAFF_SESSION,
    AlreadyAnswered,
    Visit,
    save_screen,
    void_dwell,
)
from cxm.errors import Conflict, NotFound
from cxm.ids import parse_uuid


def known_survey(survey_id: UUID) -> LiveSurvey:
    """The survey as respondents meet it; 404 for one that is not there or was never published."""
    try:
        live = live_survey(survey_id)
    except NotFound:
        raise unknown() from None
    if live.definition is None:
        raise unknown()
    return live


def definition_of(live: LiveSurvey) -> Definition:
    """What the survey asks. Raises Refused (404) for a draft."""
    if live.definition is None:
        raise unknown()
    return live.definition


def answerable(survey_id: UUID) -> tuple[LiveSurvey, Definition]:
    """A survey that takes answers now, and what it asks. Raises Refused: 404, or 410 for one that is closed."""
    live = known_survey(survey_id)
    if live.definition is None or not live.takes_answers(datetime.now(UTC)):
        raise Refused("closed", HTTPStatus.GONE)
    return live, live.definition


def said_in(request: HttpRequest, definition: Definition) -> dict[str, str]:
    """The hidden fields: by their own names in the address, with a prefix in a form."""
    if not definition.hidden:
        return {}
    posted = request.method == "POST"
    given, prefix = (request.POST, HIDDEN_PREFIX) if posted else (request.GET, "")
    return hidden_of_address(
        definition, {hidden.id: given.get(f"{prefix}{hidden.id}", "") for hidden in definition.hidden}
    )


def flags_of(request: HttpRequest, organization: Organization, live: LiveSurvey) -> tuple[str, ...]:
    """What is odd about an answer that is being sent: somebody of the organisation is signed in in this browser.

    Employees who answer a survey for employees are no oddity. One query or two, for a browser with our session only.
    """
    if request.method != "POST" or live.for_employees or settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return ()
    user = request.user
    if not user.is_authenticated:
        return ()
    return (STAFF_SESSION,) if membership_at(user, organization.slug) else ()


def form_token_of(request: HttpRequest, live: LiveSurvey, place: Place | None = None) -> FormToken | None:
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


def _language(request: HttpRequest, definition: Definition, wanted: str) -> str:
    """`?lang=`, then the customer's language, then the browser's, then the survey's first."""
    asked = (request.POST if request.method == "POST" else request.GET).get("lang", "")
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    return choose_language(definition, asked, wanted, *accepted)


def context_of(
    request: HttpRequest, organization: Organization, live: LiveSurvey, *, wanted: str, token: str = ""
) -> dict[str, Any]:
    """What every page of a survey needs: its sentences in the chosen language, and the way to the others."""
    definition = live.definition
    assert definition is not None
    language = _language(request, definition, wanted)
    texts = respondent_texts(language)
    return {
        "t": {key: text.replace("{organization}", organization.name) for key, text in texts.items()},
        "language": language,
        "direction": direction_of(language),
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
        kept += said_in(request, definition).items()
    return f"&{urlencode(kept)}" if kept else ""


def note_visit(request: HttpRequest, visit: Visit, link: LinkContext) -> None:
    """Append the opening of a personal link to its events; take back a dwelling that now looks like a scanner."""
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


def show_screen(request: HttpRequest, visit: Visit, home: str, *, wanted: str, token: str = "") -> HttpResponse:
    """The screen that a visitor is at, with what was answered so far. Raises Refused (410) when the survey is full."""
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
    context = context_of(request, visit.organization, visit.live, wanted=wanted, token=token)
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


def save_and_go_on(request: HttpRequest, visit: Visit, home: str, *, wanted: str) -> HttpResponse:
    """Store what a screen says; the next screen, the thanks, or the same screen with what is wrong on it."""
    language = _language(request, visit.definition, wanted)
    token = home.rstrip("/").rpartition("/")[2] if visit.link else ""
    number = whole_number(request.POST.get("page", "")) or 1
    if visit.form is None and visit.invitation_id is None:
        return _ask_again(request, visit, home, number, wanted=wanted, token=token)
    try:
        if request.FILES:
            take_token(f"upload:{visit.link.row_id if visit.link else visit.ip}", UPLOADS)
        if not visit.live.anonymous:
            key = str(visit.invitation_id) if visit.invitation_id or visit.form is None else visit.form.source_id
            witness_device(key, ip=visit.ip, user_agent=request.headers.get("User-Agent", ""))
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


def thank(
    request: HttpRequest,
    visit: Visit,
    *,
    wanted: str,
    change: str | None = None,
    token: str = "",
    embedded: bool = False,
) -> HttpResponse:
    """The last page: thanks, which may repeat what was said, and one link for everybody."""
    live, definition = visit.live, visit.definition
    context = context_of(request, visit.organization, live, wanted=wanted, token=token)
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


def explain(
    request: HttpRequest,
    context: dict[str, Any],
    organization: Organization,
    live: LiveSurvey,
    *,
    home: str,
    named: bool,
    member: bool = False,
) -> HttpResponse:
    """What is stored, who sees it, and how accessible these pages are."""
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
