"""One respondent at one survey: who came by which link, what is stored so far, and saving what a screen says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import QueryDict
from django.utils.timezone import now

from apps.organizations.models import Organization
from apps.outbox.services import emit
from apps.surveys.answers import AnswerProblem, hidden_of_address, validate_answers, whole_number
from apps.surveys.definition import Definition, Question
from apps.surveys.entries import NewResponse
from apps.surveys.form_tokens import FormToken
from apps.surveys.links import LinkContext, link_keeper
from apps.surveys.live import LiveSurvey
from apps.surveys.models import Response
from apps.surveys.places import Place
from apps.surveys.respondent import field_name, read_form, visible_screens
from apps.surveys.services import keep_files_of_form, record_response
from apps.surveys.store import CHANGED, DELETED, event_payload
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.api.throttles import Limit
from cxm.errors import DomainErrors

SOURCE: Final = "page"
SCANNER: Final = "scanner"
"""Flag of an answer that a mail scanner may have given."""
STAFF_SESSION: Final = "staff_session"
"""Flag of a customer's answer that came from a browser in which somebody of the organisation is signed in."""
HIDDEN_PREFIX: Final = "h-"
"""In front of the names of hidden fields in a form."""
_ANSWERS: Final = "answers."
OPEN_CHANNELS: Final = frozenset({Channel.WEB, Channel.QR, Channel.SOCIAL, Channel.SMS, Channel.CHAT, Channel.APP})
"""What an open link may say of itself with ``?c=``; web otherwise."""


BY_LINK: Final = Limit(rate=2, burst=120)
"""Posts to one personal link: a person, a phone that resends, fifty taps at once."""


class AlreadyAnswered(Exception):
    """An anonymous survey's invitation was used: its answer cannot be found again."""


@dataclass(frozen=True)
class Visit:
    """A respondent at a survey that takes answers.

    ``link`` is the personal invitation, or None at an open link. ``form`` names the answer where no invitation may:
    at open links, and always for anonymous surveys. ``said`` are the hidden fields that came in the address or the
    form, ``flags`` what is odd about the visit.
    """

    organization: Organization
    live: LiveSurvey
    definition: Definition
    link: LinkContext | None
    form: FormToken | None
    channel: str
    ip: str | None = None
    place: Place | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @cached_property
    def facts(self) -> dict[str, str]:
        """What came with the link: the invitation's attributes, which nobody can alter, over what the address says."""
        return {**self.said, **(self.link.attributes if self.link else {})}

    @cached_property
    def hidden(self) -> dict[str, str]:
        """The values of the survey's hidden fields, for its conditions and sentences."""
        return hidden_of_address(self.definition, self.facts)

    @property
    def invitation_id(self) -> UUID | None:
        """The invitation that the answer is stored under."""
        return self.link.row_id if self.link and not self.live.anonymous else None

    @property
    def source_id(self) -> str | None:
        """What the answer is known by where no invitation stands for it."""
        if self.form is None or self.invitation_id:
            return None
        return self.place.source_id(self.form.nonce) if self.place else self.form.source_id

    @property
    def is_named(self) -> bool:
        """Whether the answer is stored with the customer who gave it."""
        known = self.link is not None or (self.place is not None and self.place.customer_id is not None)
        return known and not self.live.anonymous

    def stored(self) -> Response | None:
        """The answer so far. One query, none for a form that is new."""
        if self.invitation_id:
            return Response.objects.filter(invitation_id=self.invitation_id).first()
        if self.form:
            return Response.objects.filter(survey_id=self.live.id, source_id=self.source_id).first()
        return None


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of a screen: another one to show, ``done``, or errors on this one."""

    number: int
    done: bool = False
    errors: Mapping[str, AnswerProblem] | None = None
    answers: Mapping[str, Any] | None = None


Files = Mapping[str, UploadedFile]
"""The files of a form, by the name of their field."""


def save_screen(
    visit: Visit, form: QueryDict, *, number: int, back: bool, language: str, files: Files | None = None
) -> Saved:
    """Store what a screen says and say where to go on.

    Every screen is stored as it comes (partial until the last one is sent); the last write wins and what it replaced is
    kept. A screen with errors stores nothing but the files that came with it, so that nobody has to choose them again.
    Raises AlreadyAnswered, Conflict for a survey that was closed meanwhile or is full.
    """
    try:
        if len(visit.definition.screens) == 1:
            return _save_only_screen(visit, form, language, files)
        return _save_one_of_screens(visit, form, language, files, number=number, back=back)
    except DomainErrors as refused:
        if not any(error["field"].startswith(_ANSWERS) for error in refused.errors):
            raise
        # A file that was kept too long, or that is somebody else's: it has to be chosen again.
        wrong = {
            error["field"].removeprefix(_ANSWERS): AnswerProblem(error["code"], error["message"])
            for error in refused.errors
        }
        said = read_form(list(visit.definition.questions.values()), form)
        return Saved(number, errors=wrong, answers={name: value for name, value in said.items() if name not in wrong})


def _save_one_of_screens(
    visit: Visit, form: QueryDict, language: str, files: Files | None, *, number: int, back: bool
) -> Saved:
    stored = visit.stored()
    before = dict(stored.answers) if stored else {}
    hidden = visit.hidden
    screens = visible_screens(visit.definition, before, hidden)
    number = min(max(number, 1), len(screens))
    asked = screens[number - 1]
    here = {question.id for question in asked}
    given, refused = _read_screen(visit, asked, form, files)
    said = {**{name: value for name, value in before.items() if name not in here}, **given}
    checked = validate_answers(visit.definition, said, partial=True, hidden=hidden)
    if back:
        _record(visit, form, checked.values, language, Response.State.PARTIAL)
        return Saved(max(1, number - 1))
    problems = validate_answers(visit.definition, said, hidden=hidden).errors
    if wrong := {**{name: problem for name, problem in problems.items() if name in here}, **refused}:
        return Saved(number, errors=wrong, answers=said)
    screens = visible_screens(visit.definition, checked.values, hidden)
    if number < len(screens):
        _record(visit, form, checked.values, language, Response.State.PARTIAL)
        return Saved(number + 1)
    if problems:
        _record(visit, form, checked.values, language, Response.State.PARTIAL)
        first = next(n for n, shown in enumerate(screens, start=1) if any(q.id in problems for q in shown))
        return Saved(first, errors=problems, answers=said)
    _submit(visit, form, checked.values, language)
    return Saved(number, done=True)


def _save_only_screen(visit: Visit, form: QueryDict, language: str, files: Files | None) -> Saved:
    """The usual survey has one screen: nothing needs to be read before it is stored."""
    said, refused = _read_screen(visit, visit.definition.screens[0], form, files)
    checked = validate_answers(visit.definition, said, hidden=visit.hidden)
    if checked.errors or refused:
        return Saved(1, errors={**checked.errors, **refused}, answers=said)
    _submit(visit, form, checked.values, language)
    return Saved(1, done=True)


def _read_screen(
    visit: Visit, asked: Sequence[Question], form: QueryDict, files: Files | None
) -> tuple[dict[str, Any], dict[str, AnswerProblem]]:
    """What a form says about these questions, with the files that came with it kept, and why others were not."""
    said = read_form(asked, form)
    chosen = {question.id: files[field_name(question)] for question in asked if files and field_name(question) in files}
    if not chosen:
        return said, {}
    kept, refused = keep_files_of_form(live=visit.live, questions=asked, files=chosen)
    return {**said, **kept}, {name: problem.problem for name, problem in refused.items()}


def _submit(visit: Visit, form: QueryDict, answers: Mapping[str, Any], language: str) -> None:
    if not (visit.link and visit.live.anonymous):
        _record(visit, form, answers, language, Response.State.SUBMITTED)
        return
    keeper = link_keeper()
    with transaction.atomic():
        if keeper is None or not keeper.claim_single_answer(visit.link):
            raise AlreadyAnswered
        _record(visit, form, answers, language, Response.State.SUBMITTED)


def _record(visit: Visit, form: QueryDict, answers: Mapping[str, Any], language: str, state: str) -> None:
    link, origin = visit.link, visit.link or visit.place
    record_response(
        actor=Actor.respondent(visit.ip),
        survey_id=visit.live.id,
        source=SOURCE,
        entry=NewResponse(
            answers=answers,
            customer_id=origin.customer_id if origin else None,
            unit_id=origin.unit_id if origin else None,
            invitation_id=visit.invitation_id or (visit.place.invitation_id if visit.place else None),
            source_id=visit.source_id,
            touchpoint_id=origin.touchpoint_id if origin else None,
            channel=visit.channel,
            language=language,
            state=state,
            contact_ok=form.get("contact") == "1",
            facts=visit.facts or None,
            experienced_at=link.experienced_at if link else None,
            flags=visit.flags,
            day_only=visit.live.anonymous and link is not None,
        ),
    )


def record_provisional(
    visit: Visit, *, score: str, basis: Literal["interaction", "dwell"], suspect: bool
) -> int | None:
    """Keep the score that a mail link brought, once a person seems to look at it; the score, or None when it is none.

    What looks like a mail scanner is kept with a flag, as an unfinished answer that no score reads.
    """
    headline = visit.definition.headline
    value = whole_number(score)
    if headline is None or value is None or not headline.low <= value <= headline.high or not visit.invitation_id:
        return None
    states = Response.State
    state = states.PROVISIONAL_INTERACTION if basis == "interaction" else states.PROVISIONAL_DWELL
    link = visit.link
    record_response(
        actor=Actor.respondent(visit.ip),
        survey_id=visit.live.id,
        source=SOURCE,
        entry=NewResponse(
            answers={headline.id: value},
            customer_id=link.customer_id if link else None,
            unit_id=link.unit_id if link else None,
            invitation_id=visit.invitation_id,
            touchpoint_id=link.touchpoint_id if link else None,
            channel=visit.channel,
            facts=visit.facts or None,
            experienced_at=link.experienced_at if link else None,
            state=states.PARTIAL if suspect and basis == "dwell" else state,
            flags=(SCANNER,) if suspect and basis == "dwell" else (),
        ),
    )
    return value


@transaction.atomic
def void_dwell(visit: Visit) -> None:
    """Take a score that came by dwelling alone out of all scores, because mail scanners look like that; flag it.

    What a person sends later counts, and nothing is deleted.
    """
    rows = Response.objects.select_for_update().filter(invitation_id=visit.invitation_id)
    row = rows.filter(state=Response.State.PROVISIONAL_DWELL).first() if visit.invitation_id else None
    if row is not None:
        row.state, row.flags, row.updated_at = Response.State.PARTIAL, [*row.flags, SCANNER], now()
        row.save(update_fields=["state", "flags", "updated_at"])
        emit(CHANGED, event_payload(row.survey_id, [row]))


@transaction.atomic
def withdraw_provisional(visit: Visit) -> bool:
    """Take a provisional score back; False when there is none (an answer that was sent stays)."""
    states = (Response.State.PROVISIONAL_DWELL, Response.State.PROVISIONAL_INTERACTION)
    rows = Response.objects.select_for_update().filter(invitation_id=visit.invitation_id, state__in=states)
    row = rows.first() if visit.invitation_id else None
    if row is None:
        return False
    payload = event_payload(row.survey_id, [row])
    row.delete()
    emit(DELETED, payload)
    return True
