"""How a chunk of mapped rows becomes answers or customers, through the services that pages and the API call too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from apps.customers.services import upsert_customer
from apps.imports.dates import ISO, parse_date
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportJob
from apps.surveys.definition import parse_definition
from apps.surveys.models import Survey, SurveyVersion
from apps.surveys.services import record_responses
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import create_touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError

Candidate = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of the chunk (by index) that cannot be taken, and why."""

    index: int
    reason: str


class RowWriter(Protocol):
    """Takes the rows of a chunk and says which it refused."""

    def take(self, rows: list[Candidate]) -> list[Refusal]: ...


def writer_for(job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> RowWriter:
    """The writer of this job's kind of rows."""
    if job.kind == "customers":
        return CustomerWriter()
    assert job.survey is not None
    return ResponseWriter(job, job.survey, mapping, zone)


class CustomerWriter:
    """Rows as customers; one that exists (same number) is changed."""

    actor = Actor.system("import")

    def take(self, rows: list[Candidate]) -> list[Refusal]:
        refusals = []
        for index, values in rows:
            fields: dict[str, Any] = {key: text for key, text in values.items() if not key.startswith("attributes.")}
            fields["attributes"] = _attributes(values)
            number = fields.pop("external_id", "")
            if not number:
                refusals.append(Refusal(index, _("There is no customer number.")))
                continue
            try:
                with transaction.atomic():
                    upsert_customer(actor=self.actor, external_id=number, values=fields)
            except DomainError as error:
                refusals.append(Refusal(index, _reason(error)))
        return refusals


class ResponseWriter:
    """Rows as answers to one survey."""

    actor = Actor.system("import")

    def __init__(self, job: ImportJob, survey: Survey, mapping: ColumnMapping, zone: ZoneInfo) -> None:
        version = SurveyVersion.objects.get(survey=survey, number=survey.current_version or 0)
        definition = parse_definition(version.definition)
        if definition.headline is None:
            raise DomainError(_("This survey asks for no score."), field="survey")
        self.score_question = definition.headline.id
        self.comment_question = definition.comment.id if definition.comment else None
        self.job, self.survey, self.mapping, self.zone = job, survey, mapping, zone
        self.touchpoints: dict[str, str] = {}
        self.made: list[str] = []
        for key, name in Touchpoint.objects.filter(archived_at=None).values_list("key", "name"):
            self.touchpoints.setdefault(name.strip().lower(), key)
            self.touchpoints[key] = key

    def take(self, rows: list[Candidate]) -> list[Refusal]:
        if self.job.dry_run:  # what the former chunk made was let go again
            for name in self.made:
                del self.touchpoints[name]
            self.made.clear()
        refusals, items, indexes = [], [], []
        for index, values in rows:
            try:
                items.append(self._item(values))
                indexes.append(index)
            except (DomainError, ValueError) as error:
                refusals.append(Refusal(index, _reason(error)))
        outcome = record_responses(
            actor=self.actor, survey_id=self.survey.pk, entries=items, source="import", import_id=self.job.pk
        )
        for place, errors in outcome.refused:
            refusals.append(Refusal(indexes[place], " ".join(error["message"] for error in errors)))
        return refusals

    def _item(self, values: dict[str, str]) -> dict[str, Any]:
        score = values.get("score")
        if score is None:
            raise ValueError(_("There is no score."))
        answers: dict[str, Any] = {self.score_question: score}
        if self.comment_question and (comment := values.get("comment")):
            answers[self.comment_question] = comment
        item: dict[str, Any] = {"answers": answers, "source_id": values["source_id"]}
        customer = {key.split(".")[1]: text for key, text in values.items() if key.startswith("customer.")}
        if customer:
            item["customer"] = customer
        if occurred := values.get("occurred_at"):
            item["occurred_at"] = parse_date(occurred, self.mapping.date_format or ISO, self.zone).isoformat()
        elif "occurred_at" in self.mapping.columns:
            raise ValueError(_("There is no date."))
        if touchpoint := values.get("touchpoint"):
            item["touchpoint"] = self._touchpoint_key(touchpoint)
        for name in ("channel", "language"):
            if name in values:
                item[name] = values[name]
        if attributes := _attributes(values):
            item["attributes"] = attributes
        return item

    def _touchpoint_key(self, text: str) -> str:
        """The key of the touchpoint with this key or name, made when the mapping says so."""
        known = self.touchpoints.get(text) or self.touchpoints.get(text.lower())
        if known is None:
            if not self.mapping.create_touchpoints:
                message = _(
                    "There is no touchpoint “%(name)s”. Create it first, or have the import create touchpoints."
                )
                raise ValueError(message % {"name": text[:80]})
            known = create_touchpoint(actor=self.actor, name=text).key
            self.touchpoints[text.lower()] = known
            self.made.append(text.lower())
        return known


def _attributes(values: dict[str, str]) -> dict[str, str]:
    return {key.removeprefix("attributes."): text for key, text in values.items() if key.startswith("attributes.")}


def _reason(error: Exception) -> str:
    if isinstance(error, DomainError):
        return " ".join(entry["message"] for entry in error.errors) or error.message
    return str(error)
