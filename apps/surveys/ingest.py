"""Answers on the fast lane (see ``cxm.ingest``): by the API, one or a list, and from the respondent's page.

Proven keys are remembered for a few seconds, so that a revoked key ends within that time in every process.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import QueryDict

from apps.accounts.clients import client_ip
from apps.organizations.models import Organization
from apps.organizations.proven_keys import REMEMBERED, proven_key
from apps.surveys.entries import NewResponse, read_entry
from apps.surveys.links import LinkContext, LinkKeeper, link_keeper, read_respondent_token
from apps.surveys.live import LiveSurvey, live_survey
from apps.surveys.registry import witness_device
from apps.surveys.representation import represent_outcome, represent_recorded
from apps.surveys.respondent import accepted_languages, choose_language, read_form
from apps.surveys.services import record_first_answer_of_link, record_response, record_responses
from apps.surveys.visits import BY_LINK, Visit, save_screen
from cxm.api.etags import etag_of
from cxm.api.problems import BadBody
from cxm.api.renderers import render_json
from cxm.api.throttles import api_limit, throttle
from cxm.ids import parse_uuid
from cxm.ingest import Environ, FastAnswer, absolute_url, leased_throttle, parse_plain_json
from cxm.scope import tenant

_MOST_KEPT: Final = 10_000
_organizations: dict[UUID, tuple[float, Organization]] = {}

API_PATTERN: Final = r"/api/v1/surveys/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/responses/"
PAGE_PATTERN: Final = r"/r/([A-Za-z0-9_-]{66})/"


class _Request:
    """As much of a request as ``client_ip`` reads."""

    def __init__(self, environ: Environ) -> None:
        self.META = environ
        self.headers = {"X-Forwarded-For": environ.get("HTTP_X_FORWARDED_FOR", "")}


def answer_api(environ: Environ, body: bytes, match: re.Match[str]) -> FastAnswer | None:
    """`POST surveys/{id}/responses/` with a good key and good answers."""
    if "HTTP_IDEMPOTENCY_KEY" in environ or not environ.get("CONTENT_TYPE", "").startswith("application/json"):
        return None
    scheme, _space, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    known = proven_key(token) if scheme.lower() == "bearer" else None
    if known is None or not known[1].can("feedback.create"):
        return None
    organization, actor = known
    try:
        data = parse_plain_json(body)
    except BadBody:
        return None
    with tenant(organization.pk):
        live = live_survey(UUID(match[1]))
        entry = None if isinstance(data, list) else read_entry(data, live)
        verdict = leased_throttle.take(f"{organization.pk}:{actor.id}", api_limit())
        if not verdict.allowed:
            return None
        limits = tuple(verdict.headers.items())
        if entry is None:
            outcome = record_responses(actor=actor, survey_id=live.id, entries=data)
            return FastAnswer(HTTPStatus.OK, render_json(represent_outcome(outcome)), (*_JSON, *limits))
        recorded = record_response(actor=actor, survey_id=live.id, entry=entry)
        rendered = render_json(represent_recorded(recorded))
    location = absolute_url(environ, f"{environ['PATH_INFO']}{recorded.row.id}/")
    headers = (("ETag", etag_of(rendered)), ("Location", location))
    return FastAnswer(HTTPStatus.CREATED, rendered, (*_JSON, *headers, *limits))


_JSON: Final = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "private, no-cache"),
    ("Vary", "Authorization"),
)


def answer_page(environ: Environ, body: bytes, match: re.Match[str]) -> FastAnswer | None:
    """`POST /r/<token>/`: the only screen of a survey that is not anonymous, filled in without a mistake."""
    if settings.SESSION_COOKIE_NAME in environ.get("HTTP_COOKIE", ""):
        return None  # somebody who is signed in here: the common way looks who
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    subject, keeper = read_respondent_token(match[1]), link_keeper()
    if kind != "application/x-www-form-urlencoded" or subject is None or keeper is None:
        return None
    organization = _organization(subject.organization_id)
    if organization is None:
        return None
    form = QueryDict(body, encoding="utf-8")
    with tenant(organization.pk):
        if (survey_id := parse_uuid(form.get("sv", ""))) and not live_survey(survey_id).anonymous:
            witness_device(
                str(subject.row_id),
                ip=client_ip(_Request(environ)),  # type: ignore[arg-type]
                user_agent=environ.get("HTTP_USER_AGENT", ""),
            )
        language = _first_answer(environ, form, subject.row_id, keeper) or _any_answer(
            environ, form, organization, keeper.resolve(subject.row_id)
        )
    if not language:
        return None
    address = f"{environ['PATH_INFO']}done/?lang={language}"
    if "application/json" in environ.get("HTTP_ACCEPT", ""):
        return FastAnswer(
            HTTPStatus.OK, render_json({"next": address}), (("Content-Type", "application/json"), *_PRIVATE)
        )
    return FastAnswer(
        HTTPStatus.SEE_OTHER, b"", (("Location", address), ("Content-Type", "text/html; charset=utf-8"), *_PRIVATE)
    )


def _first_answer(environ: Environ, form: QueryDict, row_id: UUID, keeper: LinkKeeper) -> str:
    """The language of an answer that was stored in one statement; "" when that is not the case it takes.

    The form names its survey, so that nothing has to be read first; the statement proves it.
    """
    survey_id = parse_uuid(form.get("sv", ""))
    live = live_survey(survey_id) if survey_id else None
    definition = live.definition if live else None
    if live is None or definition is None or definition.hidden or not _takes_one_screen(live) or not form.get("lang"):
        return ""
    language = choose_language(definition, form.get("lang", ""))
    if not throttle().local.take(f"respond:{row_id}", BY_LINK).allowed:
        return ""
    entry = NewResponse(
        answers=read_form(definition.screens[0], form),
        invitation_id=row_id,
        language=language,
        contact_ok=form.get("contact") == "1",
    )
    stored = record_first_answer_of_link(survey_id=live.id, entry=entry, open_link_sql=keeper.open_link_sql)
    return language if stored else ""


def _any_answer(environ: Environ, form: QueryDict, organization: Organization, link: LinkContext | None) -> str:
    """The language of an answer that was stored or changed through its link; "" when it was not."""
    if link is None or link.closed:
        return ""
    live = live_survey(link.survey_id)
    if not _takes_one_screen(live) or live.definition is None:
        return ""
    visit = Visit(
        organization,
        live,
        live.definition,
        link,
        None,
        link.channel,
        client_ip(_Request(environ)),  # type: ignore[arg-type]
    )
    if not throttle().local.take(f"respond:{link.row_id}", BY_LINK).allowed:
        return ""
    accepted = accepted_languages(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    language = choose_language(live.definition, form.get("lang", ""), link.language, *accepted)
    return "" if save_screen(visit, form, number=1, back=False, language=language).errors else language


def _takes_one_screen(live: LiveSurvey) -> bool:
    return (
        live.takes_answers(datetime.now(UTC))
        and not live.anonymous
        and live.definition is not None
        and len(live.definition.screens) == 1
    )


_PRIVATE: Final = (("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex"))


def _organization(pk: UUID) -> Organization | None:
    kept = _organizations.get(pk)
    if kept and kept[0] > time.monotonic():
        return kept[1]
    found = Organization.objects.filter(pk=pk, deleted_at=None).first()
    if found:
        if len(_organizations) >= _MOST_KEPT:
            _organizations.clear()
        _organizations[pk] = (time.monotonic() + REMEMBERED, found)
    return found
