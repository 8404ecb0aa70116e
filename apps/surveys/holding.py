"""What answers hold of a person: for merging, exporting, erasing, aging, and for readers who see no names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from apps.customers.masking import mask_text, mask_values, may_read_unmasked
from apps.outbox.services import emit
from apps.surveys.definition import CHOICE_TYPES, SCORE_TYPES
from apps.surveys.live import published_definition
from apps.surveys.models import Response, ResponseFile, ResponseRevision, SurveyVersion
from apps.surveys.representation import represent_response
from apps.surveys.services import remove_files_of
from apps.surveys.store import CHANGED, event_payload
from cxm.actor import Actor

COUNTED_TYPES: Final = SCORE_TYPES | CHOICE_TYPES
"""Answers that numbers are made of: a score, or ids of choices that the author wrote."""
CHUNK: Final = 1_000
FORGOTTEN: Final = "words_forgotten"
"""Flag of an answer whose own words are gone."""


def represent_answer(row: Response) -> dict[str, Any]:
    """An answer, with what it said before it was changed, for the person to read."""
    earlier = ResponseRevision.objects.filter(response=row).order_by("replaced_at", "pk")
    files = ResponseFile.objects.filter(response=row).order_by("created_at", "pk")
    return {
        **represent_response(row, touchpoint=None, customer_external_id=None),
        "earlier": [{"answers": revision.answers, "replaced_at": revision.replaced_at} for revision in earlier],
        "files": [
            {
                "id": str(file.pk),
                "question": file.question,
                "name": file.name,
                "content_type": file.content_type,
                "size": file.size,
            }
            for file in files
        ],
    }


def readable(response: Response, actor: Actor, text: str) -> str:
    """Something that was said in this answer, as the actor may read it. Reads the customer only to mask."""
    if not text or may_read_unmasked(actor, response.unit_id):
        return text
    return mask_text(text, (response.customer.name,) if response.customer else ())


def readable_comment(response: Response, actor: Actor) -> str:
    """The comment of an answer, as the actor may read it."""
    return readable(response, actor, response.comment)


def mask_answer(represented: dict[str, Any], response: Response, actor: Actor) -> dict[str, Any]:
    """An answer of the API as this actor may read it: words, attributes and ids of other systems without names."""
    if may_read_unmasked(actor, response.unit_id):
        return represented
    names = (response.customer.name,) if response.customer else ()

    def mask(text: str) -> str:
        return mask_text(text, names)

    counted = _counted_questions(response)
    answers = {
        question: value if question in counted else mask_values(value, mask)
        for question, value in represented["answers"].items()
    }
    return {
        **represented,
        "answers": answers,
        "comment": mask(represented["comment"]),
        "attributes": mask_values(represented["attributes"], mask),
        "source_id": mask(represented["source_id"] or "") or None,
    }


def _counted_questions(response: Response) -> frozenset[str]:
    """The ids of the questions whose answers are scores or choices. No query once the version is known."""
    try:
        questions = published_definition(response.survey_id, response.version).questions
    except SurveyVersion.DoesNotExist:
        return frozenset()
    return frozenset(question.id for question in questions.values() if question.type in COUNTED_TYPES)


def without_words(response: Response) -> Mapping[str, Any]:
    """The answers that scores and counts are made of; what the person wrote in own words is not among them."""
    counted = _counted_questions(response) | {response.score_question}
    return {
        question: value
        for question, value in response.answers.items()
        if question in counted and (question != response.score_question or isinstance(value, int))
    }


def forget_person_and_words(rows: QuerySet[Response]) -> int:
    """Erasing a person: the bare scores and choices stay where they were counted, so that no number moves."""
    return _forget(rows, person=True, words=True)


def _forget(rows: QuerySet[Response], *, person: bool, words: bool) -> int:
    touched = 0
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        chunk = list(Response.objects.select_for_update().filter(pk__in=ids[start : start + CHUNK]).order_by("pk"))
        fields = ["updated_at"]
        if person:
            fields += ["customer", "source_id", "contact_ok"]
        if words:
            fields += ["answers", "comment", "attributes", "flags"]
            ResponseRevision.objects.filter(response__in=[row.pk for row in chunk]).delete()
            remove_files_of([row.pk for row in chunk])
        by_survey: dict[UUID, list[Response]] = defaultdict(list)
        for row in chunk:
            row.updated_at = now()
            if person:
                row.customer_id, row.source_id, row.contact_ok = None, None, False
            if words:
                row.answers, row.comment, row.attributes = dict(without_words(row)), "", {}
                row.flags = [*(flag for flag in row.flags if flag != FORGOTTEN), FORGOTTEN]
            by_survey[row.survey_id].append(row)
        Response.objects.bulk_update(chunk, fields, batch_size=CHUNK)
        for survey_id, changed in by_survey.items():
            emit(CHANGED, event_payload(survey_id, changed))
        touched += len(chunk)
    return touched


def aged_words(before: datetime) -> QuerySet[Response]:
    """Answers from before a time whose words were not taken out yet."""
    return Response.objects.filter(~Q(flags__contains=[FORGOTTEN]), occurred_at__lt=before)


def aged_people(before: datetime) -> QuerySet[Response]:
    """Answers from before a time that still belong to somebody."""
    return Response.objects.filter(customer__isnull=False, occurred_at__lt=before)


def count_aged_words(before: datetime) -> int:
    """How many there are. Reads the answers of that time."""
    return aged_words(before).count()


def count_aged_people(before: datetime) -> int:
    """How many there are. Reads the answers of that time."""
    return aged_people(before).count()


def purge_aged_words(before: datetime, limit: int) -> int:
    """Empty at most `limit` of them; scores and choices stay."""
    return _forget(_oldest(aged_words(before), limit), person=False, words=True)


def purge_aged_people(before: datetime, limit: int) -> int:
    """Take the customer from at most `limit` of them."""
    return _forget(_oldest(aged_people(before), limit), person=True, words=False)


def _oldest(rows: QuerySet[Response], limit: int) -> QuerySet[Response]:
    return Response.objects.filter(pk__in=list(rows.order_by("occurred_at").values_list("pk", flat=True)[:limit]))


def answered_since(customers: Collection[UUID], since: datetime) -> set[UUID]:
    """Those of these customers who answered since a time. One query."""
    rows: Iterable[UUID | None] = (
        Response.objects.filter(customer__in=customers, occurred_at__gte=since)
        .values_list("customer_id", flat=True)
        .distinct()
    )
    return {customer for customer in rows if customer is not None}
