"""Rows as answers to one survey."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.imports.dates import ISO, parse_date
from apps.imports.journal import Change
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportChange, ImportJob
from apps.imports.staging import StagedRow
from apps.imports.writers.base import (
    PeopleSeen,
    Refusal,
    Taken,
    TouchpointFinder,
    Writer,
    free_values,
    reason_of,
    sentences,
)
from apps.surveys.definition import parse_definition
from apps.surveys.models import Response, SurveyVersion
from apps.surveys.services import record_responses
from cxm.errors import DomainError

FORMER = ("answers", "customer_id", "touchpoint_id", "channel", "language", "occurred_at", "attributes")


class ResponseWriter(Writer):
    """A number that came before changes its answer."""

    def __init__(self, job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> None:
        assert job.survey is not None
        self._job, self._survey, self._zone = job, job.survey, zone
        version = SurveyVersion.objects.get(survey=self._survey, number=self._survey.current_version or 0)
        definition = parse_definition(version.definition)
        if definition.headline is None:
            raise DomainError(_("This survey asks for no score."), field="survey")
        self._score_question = definition.headline.id
        self._comment_question = definition.comment.id if definition.comment else None
        self._is_dated = "occurred_at" in mapping.columns
        self._date_format = mapping.date_format or ISO
        self._touchpoints = TouchpointFinder(self.actor, may_create=mapping.create_touchpoints)

    def take(self, rows: list[tuple[int, StagedRow]]) -> Taken:
        self._touchpoints.begin()
        taken = Taken()
        items: list[dict[str, Any]] = []
        places: list[int] = []
        for index, row in rows:
            try:
                items.append(self._item(row.values))
                places.append(index)
            except (DomainError, ValueError) as error:
                taken.refusals.append(Refusal(index, reason_of(error)))
        source_ids = [item["source_id"] for item in items]
        before = self._stored(source_ids)
        people = [item["customer"] for item in items if "customer" in item]
        seen = PeopleSeen(
            {person["external_id"] for person in people if "external_id" in person},
            {person["email"].lower() for person in people if "email" in person and "external_id" not in person},
        )
        outcome = record_responses(
            actor=self.actor, survey_id=self._survey.pk, entries=items, source="import", import_id=self._job.pk
        )
        for place, errors in outcome.refused:
            taken.refusals.append(Refusal(places[place], sentences(errors)))
        taken.created = outcome.created
        taken.changes = [Change(ImportChange.Kind.CUSTOMER.value, pk) for pk in seen.made()]
        for pk, (updated_at, _former) in (self._stored(source_ids) if before else {}).items():
            if pk in before and before[pk][0] != updated_at:
                taken.updated += 1
                stated = {"updated_at": updated_at.isoformat()}
                taken.changes.append(Change(ImportChange.Kind.RESPONSE.value, pk, before[pk][1], stated))
        return taken

    def kept(self) -> None:
        self._touchpoints.keep()

    def _stored(self, source_ids: list[str]) -> dict[UUID, tuple[datetime, dict[str, Any]]]:
        """The answers under these numbers: when they were last changed, and what the journal keeps. One query."""
        rows = Response.objects.filter(survey=self._survey, source_id__in=source_ids)
        return {
            row["id"]: (
                row["updated_at"],
                {
                    name: value if isinstance(value, str | dict) or value is None else _text(value)
                    for name, value in row.items()
                    if name in FORMER
                },
            )
            for row in rows.values("id", "updated_at", *FORMER)
        }

    def _item(self, values: dict[str, str]) -> dict[str, Any]:
        score = values.get("score")
        if score is None:
            raise ValueError(_("There is no score."))
        answers: dict[str, Any] = {self._score_question: score}
        if self._comment_question and (comment := values.get("comment")):
            answers[self._comment_question] = comment
        item: dict[str, Any] = {"answers": answers, "source_id": values["source_id"]}
        customer = {key.split(".")[1]: text for key, text in values.items() if key.startswith("customer.")}
        if customer:
            item["customer"] = customer
        if occurred := values.get("occurred_at"):
            item["occurred_at"] = parse_date(occurred, self._date_format, self._zone).isoformat()
        elif self._is_dated:
            raise ValueError(_("There is no date."))
        if touchpoint := values.get("touchpoint"):
            item["touchpoint"] = self._touchpoints.find(touchpoint)[1]
        for name in ("channel", "language"):
            if name in values:
                item[name] = values[name]
        if attributes := free_values(values, "attributes.", are_typed=False):
            item["attributes"] = attributes
        return item


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
