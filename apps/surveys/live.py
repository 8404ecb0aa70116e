"""What the hot path needs to know of a survey, kept in this process for a few seconds.

A published version never changes, so its parsed definition is kept for good. Everything else (state, touchpoint, time
zone) is read again after ``TTL`` seconds, and at once when a process of this machine has changed a survey: the time of
a file in the data directory says so, which costs two microseconds to ask. Processes on other machines, with a data
directory of their own, hear of it within ``TTL``. A survey that takes no answers is never kept.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from apps.organizations.models import Organization
from apps.surveys.definition import Definition, parse_definition
from apps.surveys.models import Survey, SurveyVersion
from apps.touchpoints.models import Touchpoint
from cxm.errors import NotFound
from cxm.scope import current_tenant_id

TTL: Final = 3.0
"""Seconds. A closed survey may take answers on other machines for this long."""

_MOST_KEPT: Final = 5_000


@dataclass(frozen=True, slots=True)
class LiveSurvey:
    """A survey as it takes answers. ``version`` is 0 and ``definition`` None before the first publication.

    ``closing`` is the moment from which on it takes none: when it was closed, or when it is going to be.
    """

    id: UUID
    tenant_id: UUID
    state: str
    anonymous: bool
    version: int
    definition: Definition | None
    touchpoint_id: UUID | None
    closed_at: datetime | None
    zone: ZoneInfo
    closes_at: datetime | None = None
    answer_limit: int | None = None
    for_employees: bool = False
    touchpoint_name: str = ""

    @property
    def closing(self) -> datetime | None:
        """The earlier of the two; None while it is open without an end."""
        if self.closed_at and self.closes_at:
            return min(self.closed_at, self.closes_at)
        return self.closed_at or self.closes_at

    def takes_answers(self, at: datetime) -> bool:
        """Whether a respondent may answer at this time, as far as that can be said without counting answers."""
        return (
            self.state == Survey.State.LIVE
            and self.definition is not None
            and (self.closes_at is None or at < self.closes_at)
        )


_surveys: dict[tuple[UUID, UUID], tuple[float, int, LiveSurvey]] = {}
_touchpoints: dict[UUID, tuple[float, dict[str, UUID], dict[UUID, str]]] = {}


def live_survey(survey_id: UUID) -> LiveSurvey:
    """The survey of the organisation in force. Raises NotFound. Costs three queries every ``TTL`` seconds."""
    key = (current_tenant_id(), survey_id)
    kept = _surveys.get(key)
    changed = last_change()  # asked before the survey is read: a change in between makes what we keep stale, not wrong
    if kept and kept[0] > time.monotonic() and kept[1] == changed:
        return kept[2]
    survey = Survey.objects.select_related("touchpoint").filter(pk=survey_id).first()
    if survey is None:
        raise NotFound
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=key[0])
    live = LiveSurvey(
        id=survey.pk,
        tenant_id=key[0],
        state=survey.state,
        anonymous=survey.anonymous,
        version=survey.current_version or 0,
        definition=published_definition(survey.pk, survey.current_version) if survey.current_version else None,
        touchpoint_id=survey.touchpoint_id,
        closed_at=survey.closed_at,
        zone=ZoneInfo(zone),
        closes_at=survey.closes_at,
        answer_limit=survey.answer_limit,
        for_employees=survey.audience == Survey.Audience.EMPLOYEES,
        touchpoint_name=survey.touchpoint.name if survey.touchpoint else "",
    )
    if len(_surveys) >= _MOST_KEPT:
        _surveys.clear()
    if live.state == Survey.State.LIVE:
        _surveys[key] = (time.monotonic() + TTL, changed, live)
    return live


def last_change() -> int:
    """When a survey of this installation was last changed on this machine, in nanoseconds; 0 for never."""
    try:
        return _change_file().stat().st_mtime_ns
    except OSError:
        return 0


def tell_processes() -> None:
    """Have every process of this machine read its surveys anew. Where the directory cannot be written, ``TTL`` does."""
    with suppress(OSError):
        file = _change_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        moment = time.time_ns()
        os.utime(file, ns=(moment, moment))


def _change_file() -> Path:
    return Path(settings.DATA_DIR) / "surveys-changed"


def published_definition(survey_id: UUID, number: int) -> Definition:
    """The parsed definition of a published version: read once a process, because versions are frozen."""
    return _published(current_tenant_id(), survey_id, number)


@lru_cache(maxsize=2_000)
def _published(tenant_id: UUID, survey_id: UUID, number: int) -> Definition:
    raw = SurveyVersion.objects.values_list("definition", flat=True).get(survey_id=survey_id, number=number)
    return parse_definition(raw)


def forget_survey(survey_id: UUID, tenant_id: UUID | None = None) -> None:
    """Read the survey of this organisation (the one in force when not given) anew next time, in this process."""
    _surveys.pop((tenant_id or current_tenant_id(), survey_id), None)


def touchpoint_id(key: str) -> UUID | None:
    """The touchpoint with this key, or None. Archived ones count: late answers about them still come."""
    tenant_id = current_tenant_id()
    kept = _touchpoints.get(tenant_id)
    if kept and kept[0] > time.monotonic() and key in kept[1]:
        return kept[1][key]
    return _read_touchpoints(tenant_id)[0].get(key)


def touchpoint_key(pk: UUID | None) -> str | None:
    """The key of a touchpoint, or None."""
    if pk is None:
        return None
    tenant_id = current_tenant_id()
    kept = _touchpoints.get(tenant_id)
    if kept and kept[0] > time.monotonic() and pk in kept[2]:
        return kept[2][pk]
    return _read_touchpoints(tenant_id)[1].get(pk)


def touchpoint_name(pk: UUID | None) -> str:
    """What a touchpoint is called; "" for none. One query."""
    return Touchpoint.objects.filter(pk=pk).values_list("name", flat=True).first() or "" if pk else ""


def _read_touchpoints(tenant_id: UUID) -> tuple[dict[str, UUID], dict[UUID, str]]:
    by_key = dict(Touchpoint.objects.values_list("key", "pk"))
    by_id = {pk: key for key, pk in by_key.items()}
    if len(_touchpoints) >= _MOST_KEPT:
        _touchpoints.clear()
    _touchpoints[tenant_id] = (time.monotonic() + TTL, by_key, by_id)
    return by_key, by_id
