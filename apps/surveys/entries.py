"""One answer as it comes in, and the row that is stored of it.

``read_entry`` reads what the API documents; imports, seeds and the respondent's pages build a ``NewResponse``
themselves. ``make_row`` checks the answers and fills what was left out. Neither writes anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
from django.utils.translation import gettext as _

from apps.customers.services import CustomerReference
from apps.surveys.answers import comment_text, headline_score, hidden_values, validate_answers
from apps.surveys.live import LiveSurvey, touchpoint_id
from apps.surveys.models import Response
from apps.touchpoints.models import Channel
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError
from cxm.ids import uuid7

Json = Any

FUTURE_ALLOWED: Final = timedelta(days=1)
"""How far ahead of our clock an answer may have been given."""
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
MAX_ATTRIBUTES: Final = 50
MAX_ATTRIBUTE_TEXT: Final = 1_000

CHANNELS: Final = frozenset(Channel.values)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class NewResponse:
    """What somebody answered. None means "not said": a default for a new answer, no change to an old one."""

    answers: Mapping[str, Json]
    customer: CustomerReference | None = None
    customer_id: UUID | None = None
    unit_id: UUID | None = None
    invitation_id: UUID | None = None
    touchpoint_id: UUID | None = None
    channel: str | None = None
    language: str | None = None
    occurred_at: datetime | None = None
    source_id: str | None = None
    state: str = Response.State.SUBMITTED
    contact_ok: bool | None = None
    attributes: Mapping[str, Json] | None = None
    facts: Mapping[str, str] | None = None
    """What came with the link: laid over the attributes that are there, and read by conditions on hidden fields."""
    experienced_at: datetime | None = None
    """When that was which the link asks about. Unlike ``occurred_at`` it does not make an answer an old one."""
    flags: tuple[str, ...] = ()
    day_only: bool = False
    """Keep the day and not the moment, in no time and in no id: for anonymous answers by invitation."""


@dataclass(slots=True)
class ResponseRow:
    """The columns of a stored answer, in the names of the model."""

    id: UUID
    survey_id: UUID
    version: int
    customer_id: UUID | None
    invitation_id: UUID | None
    touchpoint_id: UUID | None
    channel: str
    unit_id: UUID | None
    language: str
    answers: dict[str, Json]
    score: int | None
    score_question: str
    metric: str
    scale: int | None
    comment: str
    state: str
    contact_ok: bool
    occurred_at: datetime
    day: date
    recorded_at: datetime
    updated_at: datetime
    source: str
    source_id: str | None
    import_id: UUID | None
    attributes: dict[str, Json] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


def read_entry(raw: Json, live: LiveSurvey) -> NewResponse:
    """One answer from the documented JSON. Raises DomainErrors naming every field that cannot be read.

    Unknown fields are ignored. Whether the answers fit the survey is decided by ``make_row``.
    """
    if not isinstance(raw, dict):
        raise DomainError(_("An answer must be an object."), code="type")
    errors: list[FieldError] = []
    answers = raw.get("answers")
    if not isinstance(answers, dict):
        code = "required" if answers is None else "type"
        message = _("Give the answers by question id: {“question”: value}.")
        errors.append({"field": "answers", "code": code, "message": message})
        answers = {}
    values: dict[str, Any] = {}
    for name, target, reader in _READERS:
        value = raw.get(name)
        if value is not None:
            try:
                values[target] = reader(value, live)
            except DomainError as error:
                errors.extend({**found, "field": found["field"] or name} for found in error.errors)
    if errors:
        raise DomainErrors(errors)
    return NewResponse(answers, **values)


def _touchpoint(value: Json, live: LiveSurvey) -> UUID:
    found = touchpoint_id(value) if isinstance(value, str) and 0 < len(value) <= 64 else None
    if found is None:
        raise DomainError(_("There is no touchpoint with this key."), code="unknown")
    return found


def read_channel(value: Json, live: LiveSurvey | None = None) -> str:
    """A channel of the documented list. Raises DomainError."""
    if not isinstance(value, str) or value not in CHANNELS:
        raise DomainError(_("Choose one of %(channels)s.") % {"channels": ", ".join(Channel.values)}, code="choice")
    return value


def read_language(value: Json, live: LiveSurvey | None = None) -> str:
    """A language code, in lower case with hyphens. Raises DomainError."""
    if not isinstance(value, str) or len(value) > 16 or (value and not _LANGUAGE.fullmatch(value)):
        raise DomainError(_("Give a language code such as “en” or “pt-br”."), code="language")
    return value.replace("_", "-").lower()


def _flag(value: Json, live: LiveSurvey) -> bool:
    if not isinstance(value, bool):
        raise DomainError(_("This must be true or false."), code="type")
    return value


def _state(value: Json, live: LiveSurvey) -> str:
    return Response.State.SUBMITTED if _flag(value, live) else Response.State.PARTIAL


def _customer(value: Json, live: LiveSurvey) -> CustomerReference | None:
    return CustomerReference.of(value)


def read_source_id(value: Json, live: LiveSurvey | None = None) -> str:
    """The sender's own id of an answer, 1 to 200 characters; a whole number is its digits. Raises DomainError."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= 200 or _UNSTORABLE.search(text):
        raise DomainError(_("A source_id is a text of 1 to 200 characters."), code="source_id")
    return text


def read_time(value: Json, live: LiveSurvey) -> datetime:
    """When the experience was, from ISO 8601. Without a zone it is UTC; a day alone is its start in the organisation's.

    Raises DomainError for what is no time, lies more than a day ahead, or before 1900.
    """
    moment = value if isinstance(value, datetime) else None
    if isinstance(value, str) and len(value) <= 40:
        try:
            moment = datetime.fromisoformat(value)
            if len(value) <= 10:
                moment = datetime.combine(moment.date(), time(), live.zone)
        except ValueError:
            moment = None
    if moment is None:
        raise DomainError(_("Give a time in ISO 8601, such as 2026-11-21T09:30:00Z."), code="time")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        if moment < EARLIEST:
            raise DomainError(_("This lies before 1900."), code="past")
        if moment > datetime.now(UTC) + FUTURE_ALLOWED:
            raise DomainError(_("This lies in the future."), code="future")
        return moment.astimezone(UTC)
    except OverflowError:
        raise DomainError(_("This time is out of range."), code="time") from None


def read_attributes(value: Json, live: LiveSurvey | None = None) -> dict[str, Json]:
    """Further facts of an answer: a flat object of at most 50 texts, numbers and booleans. Raises DomainError."""
    if not isinstance(value, dict) or len(value) > MAX_ATTRIBUTES:
        raise DomainError(_("Attributes are an object of at most %(n)d fields.") % {"n": MAX_ATTRIBUTES}, code="type")
    for name, entry in value.items():
        if not 0 < len(name) <= 64 or _UNSTORABLE.search(name):
            raise DomainError(_("An attribute's name has 1 to 64 characters."), code="name")
        if not isinstance(entry, str | int | float | bool | None):
            raise DomainError(_("An attribute is a text, a number or true or false."), code="type")
        if isinstance(entry, str) and (len(entry) > MAX_ATTRIBUTE_TEXT or _UNSTORABLE.search(entry)):
            message = _("An attribute's text has at most %(n)d characters.") % {"n": MAX_ATTRIBUTE_TEXT}
            raise DomainError(message, code="too_long")
    return {name: entry for name, entry in value.items() if entry is not None}


_READERS: Final = (
    ("customer", "customer", _customer),
    ("touchpoint", "touchpoint_id", _touchpoint),
    ("channel", "channel", read_channel),
    ("language", "language", read_language),
    ("occurred_at", "occurred_at", read_time),
    ("source_id", "source_id", read_source_id),
    ("completed", "state", _state),
    ("contact_ok", "contact_ok", _flag),
    ("attributes", "attributes", read_attributes),
)
"""Documented field, where it goes in a ``NewResponse``, and what reads it."""


def make_row(
    live: LiveSurvey, entry: NewResponse, *, source: str, now: datetime, import_id: UUID | None = None
) -> ResponseRow:
    """Check the answers against the published version and fill in what was not said.

    Raises Conflict for a survey that takes no answers, DomainErrors with ``answers.<question>`` for each that is wrong.
    An anonymous survey's row has neither customer nor invitation, and no attributes.
    """
    definition = live.definition
    if definition is None:
        raise Conflict(_("This survey is a draft: publish it before sending answers."), code="draft")
    closing = live.closing
    if closing and (entry.occurred_at or now) >= closing:
        message = _("This survey was closed on %(day)s: only answers given before can be taken.")
        day_closed = closing.astimezone(live.zone).date().isoformat()
        raise Conflict(message % {"day": day_closed}, field="occurred_at", code="closed")
    occurred_at = entry.occurred_at or entry.experienced_at or now
    if entry.day_only:
        now, occurred_at = _start_of_day(now, live.zone), _start_of_day(occurred_at, live.zone)
    partial = entry.state != Response.State.SUBMITTED
    hidden = hidden_values(definition, entry.attributes, entry.facts, entry.answers) if definition.hidden else {}
    checked = validate_answers(definition, entry.answers, partial=partial, hidden=hidden)
    if checked.errors:
        raise DomainErrors(
            {"field": f"answers.{question}", "code": problem.code, "message": problem.message}
            for question, problem in checked.errors.items()
        )
    headline = definition.headline
    score = headline_score(definition, checked.values)
    named = not live.anonymous
    return ResponseRow(
        id=uuid4() if entry.day_only else uuid7(),
        survey_id=live.id,
        version=live.version,
        customer_id=entry.customer_id if named else None,
        invitation_id=entry.invitation_id if named else None,
        touchpoint_id=entry.touchpoint_id or live.touchpoint_id,
        channel=entry.channel or Channel.API,
        unit_id=entry.unit_id,
        language=entry.language or "",
        answers=checked.values,
        score=score,
        score_question=headline.id if headline else "",
        metric=headline.metric if headline else "",
        scale=headline.scale if headline else None,
        comment=comment_text(definition, checked.values),
        state=entry.state,
        contact_ok=bool(entry.contact_ok) and named,
        occurred_at=occurred_at,
        day=_day_in(live.zone, occurred_at),
        recorded_at=now,
        updated_at=now,
        source=source,
        source_id=entry.source_id,
        import_id=import_id,
        attributes={**(entry.attributes or {}), **(entry.facts or {}), **hidden} if named else {},
        flags=list(entry.flags),
    )


def _start_of_day(moment: datetime, zone: ZoneInfo) -> datetime:
    return datetime.combine(moment.astimezone(zone).date(), time(), zone).astimezone(UTC)


@lru_cache(maxsize=1_000)
def _day_in(zone: ZoneInfo, moment: datetime) -> date:
    """The calendar day of a moment; the answers of a list often share theirs."""
    return moment.astimezone(zone).date()


def as_json(value: Json) -> str:
    """JSON for a jsonb column."""
    return msgspec.json.encode(value).decode()
