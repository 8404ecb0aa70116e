"""A kiosk: what its page needs to run without a connection, and taking what it kept meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.urls import reverse

from apps.collectors.models import Collector, RefusedAnswer
from apps.collectors.queries import place_at
from apps.collectors.services import note_seen
from apps.collectors.texts import kiosk_texts
from apps.organizations.models import Organization
from apps.surveys.definition import Definition, Question
from apps.surveys.entries import NewResponse
from apps.surveys.live import LiveSurvey, live_survey
from apps.surveys.respondent_texts import respondent_texts
from apps.surveys.services import is_full, record_responses
from apps.surveys.wording import LANGUAGE_NAMES, is_right_to_left
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.api.throttles import Limit
from cxm.errors import FieldError

MOST_AT_ONCE: Final = 50
"""Answers in one delivery; the device sends what it kept in as many as it takes."""
BY_KIOSK: Final = Limit(rate=1, burst=60)
"""Deliveries from one kiosk: an answer a second for ever is more than any queue of people gives."""
MOST_REFUSED: Final = 1_000
"""Refused answers that are remembered of one kiosk."""

_NUMBER = re.compile(r"[A-Za-z0-9-]{8,64}")
_MOST_MS: Final = 10**14


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one answer: its number on the device, and why it was not taken ("" when it was)."""

    number: str
    refused: str = ""


def asks(question: Question, *, ask_text: bool) -> bool:
    """Whether a kiosk asks this: text only when it is switched on or the survey cannot do without; files never."""
    if question.type == "text":
        return ask_text or question.required
    return question.type != "file"


def cannot_run(definition: Definition) -> bool:
    """Whether the survey insists on a file, which nobody can give at a kiosk."""
    return any(question.type == "file" and question.required for question in definition.questions.values())


def is_open(live: LiveSurvey) -> bool:
    """Whether the kiosk may ask now. One query for a survey with a limit of answers, else none."""
    definition = live.definition
    if definition is None or not live.takes_answers(datetime.now(UTC)) or cannot_run(definition):
        return False
    return not is_full(live)


def programme(collector: Collector, organization: Organization, live: LiveSurvey) -> dict[str, Any]:
    """Everything the device needs to ask and to thank without a connection, as JSON.

    ``open`` false and no definition when the survey takes no answers.
    """
    definition = live.definition
    languages = list(definition.languages) if definition else ["en"]
    ask_text = bool(collector.settings.get("ask_text"))
    return {
        "open": (open_now := is_open(live)),
        "version": live.version,
        "definition": definition.to_json() if definition and open_now else None,
        "skip": [
            question.id
            for question in (definition.questions.values() if definition else ())
            if not asks(question, ask_text=ask_text)
        ],
        "language": collector.language if collector.language in languages else languages[0],
        "languages": [
            {
                "code": code,
                "name": LANGUAGE_NAMES.get(code, code.upper()),
                "direction": "rtl" if is_right_to_left(code) else "ltr",
                "texts": _texts(code, organization.name),
            }
            for code in languages
        ],
        "organization": organization.name,
        "logo": reverse("organization_logo", args=[organization.slug]) if organization.logo else "",
        "most": MOST_AT_ONCE,
    }


def _texts(code: str, name: str) -> dict[str, str]:
    around = respondent_texts(code)
    chosen = {
        key: around[key]
        for key in (
            "languages",
            "next",
            "back",
            "send",
            "place",
            "error_required",
            "error_rows",
            "error_number",
            "done",
            "closed",
            "closed_text",
            "optional",
        )
    }
    return {key: text.replace("{organization}", name) for key, text in {**chosen, **kiosk_texts(code)}.items()}


def take_answers(*, collector: Collector, answers: Sequence[Any], device_now: object, ip: str | None) -> list[Outcome]:
    """Store what a device kept; one outcome an answer, in order. Sending again changes nothing.

    An answer's time is what its age says by the device's own clock, counted back from ours: so a clock that is wrong
    does no harm, and no answer lies in the future or before the kiosk was opened. What is refused is remembered by its
    number until it is taken. Raises NotFound for a survey that is gone.
    """
    live = live_survey(collector.survey_id)
    now = datetime.now(UTC)
    place = place_at(collector, Channel.KIOSK)
    ask_text = bool(collector.settings.get("ask_text"))
    entries: list[NewResponse] = []
    outcomes: list[Outcome | None] = []
    numbers: list[str] = []
    for raw in answers:
        number = raw.get("id") if isinstance(raw, Mapping) else None
        if not isinstance(number, str) or not _NUMBER.fullmatch(number) or not isinstance(raw.get("answers"), Mapping):
            outcomes.append(Outcome(number if isinstance(number, str) else "", "unreadable"))
            continue
        outcomes.append(None)
        numbers.append(number)
        entries.append(
            NewResponse(
                answers=_asked_only(live.definition, raw["answers"], ask_text=ask_text),
                unit_id=place.unit_id,
                touchpoint_id=place.touchpoint_id,
                channel=place.channel,
                language=_language(live.definition, raw.get("language")),
                occurred_at=_moment(collector, raw.get("at"), device_now, now),
                source_id=place.source_id(number),
            )
        )
    recorded = record_responses(actor=Actor.respondent(ip), survey_id=live.id, entries=entries, source="kiosk")
    refused = {index: _code(errors) for index, errors in recorded.refused}
    told = [Outcome(number, refused.get(index, "")) for index, number in enumerate(numbers)]
    _remember(collector, told)
    note_seen(collector.pk)
    waiting = iter(told)
    return [outcome or next(waiting) for outcome in outcomes]


@transaction.atomic
def _remember(collector: Collector, outcomes: Sequence[Outcome]) -> None:
    """Note which answers were refused, and forget those that were taken since."""
    taken = [outcome.number for outcome in outcomes if not outcome.refused]
    refused = [outcome for outcome in outcomes if outcome.refused]
    known = RefusedAnswer.objects.filter(collector=collector)
    if taken:
        known.filter(source_id__in=taken).delete()
    if refused and known.count() + len(refused) <= MOST_REFUSED:
        RefusedAnswer.objects.bulk_create(
            [RefusedAnswer(collector=collector, source_id=o.number, code=o.refused[:32]) for o in refused],
            ignore_conflicts=True,
        )


def _asked_only(definition: Definition | None, answers: Mapping[str, Any], *, ask_text: bool) -> dict[str, Any]:
    """The answers without those to questions that this kiosk does not ask."""
    if definition is None:
        return dict(answers)
    silent = {question.id for question in definition.questions.values() if not asks(question, ask_text=ask_text)}
    return {name: value for name, value in answers.items() if name not in silent}


def _language(definition: Definition | None, said: object) -> str:
    return said if isinstance(said, str) and definition is not None and said in definition.languages else ""


def _moment(collector: Collector, at: object, device_now: object, now: datetime) -> datetime:
    """When an answer was given: our clock, less its age by the device's."""
    if not _is_clock(at) or not _is_clock(device_now):
        return now
    age = timedelta(milliseconds=max(0, device_now - at))  # type: ignore[operator]
    return max(now - min(age, now - collector.created_at), collector.created_at)


def _is_clock(value: object) -> bool:
    """Whether this is a time in milliseconds since 1970."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _MOST_MS


def _code(errors: Sequence[FieldError]) -> str:
    return errors[0]["code"] if errors else "invalid"
