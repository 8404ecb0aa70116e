"""Rows as past results: how often each score was given in a month."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.imports.dates import ISO, parse_date
from apps.imports.journal import Change
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportChange, ImportJob
from apps.imports.staging import StagedRow
from apps.imports.writers.base import Refusal, Taken, TouchpointFinder, Writer, reason_of
from apps.metrics.totals import MeasuredQuestion, record_total
from apps.surveys.definition import parse_definition
from apps.surveys.models import SurveyVersion
from cxm.channels import Channel
from cxm.errors import DomainError

SCORE = "score."
_MONTH = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})")
_MONTH_FIRST = re.compile(r"(?P<month>\d{1,2})/(?P<year>\d{4})")
_COUNT = re.compile(r"[0-9]{1,9}(\.0+)?")


class TotalWriter(Writer):
    """Counts of a month; those an earlier import brought for the same month, touchpoint and channel are replaced."""

    def __init__(self, job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> None:
        assert job.survey is not None
        self._job, self._survey, self._zone = job, job.survey, zone
        version = SurveyVersion.objects.get(survey=self._survey, number=self._survey.current_version or 0)
        headline = parse_definition(version.definition).headline
        if headline is None or not headline.metric:
            raise DomainError(_("This survey asks for no score."), field="survey")
        self._question = MeasuredQuestion(headline.id, headline.metric, headline.scale)
        self._date_format = mapping.date_format
        self._touchpoints = TouchpointFinder(self.actor, may_create=mapping.create_touchpoints)

    def take(self, rows: list[tuple[int, StagedRow]]) -> Taken:
        self._touchpoints.begin()
        taken = Taken()
        for index, row in rows:
            try:
                with transaction.atomic():
                    self._take_one(row.values, taken)
            except (DomainError, ValueError) as error:
                taken.refusals.append(Refusal(index, reason_of(error)))
        return taken

    def kept(self) -> None:
        self._touchpoints.keep()

    def _take_one(self, values: dict[str, str], taken: Taken) -> None:
        month = self._month(values.get("month", ""))
        counts = {}
        for target, text in values.items():
            if target.startswith(SCORE):
                score = int(target.removeprefix(SCORE))
                if not _COUNT.fullmatch(text):
                    message = _("“%(text)s” is not a number of answers (score %(score)d).")
                    raise ValueError(message % {"text": text[:40], "score": score})
                count = int(float(text))
                if count or score in self._question.scores:
                    counts[score] = count
        channel = values.get("channel", Channel.OTHER.value).lower()
        if channel not in Channel.values:
            message = _("There is no channel “%(channel)s”. Known: %(known)s.")
            raise ValueError(message % {"channel": channel[:40], "known": ", ".join(Channel.values)})
        touchpoint = self._touchpoints.find(values["touchpoint"])[0] if "touchpoint" in values else None
        stored = record_total(
            actor=self.actor,
            survey=self._survey,
            question=self._question,
            month=month,
            counts=counts,
            touchpoint_id=touchpoint or self._survey.touchpoint_id,
            channel=channel,
            import_id=self._job.pk,
        )
        if stored.former is None:
            taken.created += 1
        elif stored.former["import_id"] == str(self._job.pk):
            raise DomainError(_("This month stands in the file twice; the first row counts."), field="month")
        elif stored.is_changed:
            taken.updated += 1
        taken.changes.append(Change(ImportChange.Kind.TOTAL.value, stored.id, stored.former))

    def _month(self, text: str) -> dt.date:
        if not text:
            raise ValueError(_("There is no month."))
        found = _MONTH.fullmatch(text) or _MONTH_FIRST.fullmatch(text)
        if found and not self._date_format:
            try:
                month = dt.date(int(found["year"]), int(found["month"]), 1)
            except ValueError:
                raise ValueError(_("“%(text)s” is not a month.") % {"text": text[:40]}) from None
        else:
            moment = parse_date(text, self._date_format or ISO, self._zone)
            month = moment.astimezone(self._zone).date().replace(day=1)
        if not dt.date(1970, 1, 1) <= month <= now().astimezone(self._zone).date():
            raise ValueError(_("“%(text)s” lies before 1970 or in the future.") % {"text": text[:40]})
        return month
