"""Every write of respondents' files: keeping one, giving it to its answer, and removing it for good."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.outbox.services import emit
from apps.surveys.definition import Definition, Question
from apps.surveys.entries import ResponseRow
from apps.surveys.live import LiveSurvey
from apps.surveys.models import ResponseFile
from apps.surveys.uploads import UploadRefused, read_upload
from cxm.actor import Actor
from cxm.errors import DomainError, FieldError
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id

KEPT_LOOSE: Final = timedelta(days=1)
"""How long a file waits for its answer."""
REMOVED: Final = "surveys.files_removed"


def keep_file(*, actor: Actor, live: LiveSurvey, question_id: str, file: BinaryIO, name: str) -> ResponseFile:
    """Keep a file that is to answer a question; without an answer it is removed after a day.

    Raises DomainError naming ``question`` or ``file``; NotAllowed.
    """
    if actor.kind not in ("respondent", "system"):
        actor.require("feedback.create")
    question = live.definition.questions.get(question_id) if live.definition else None
    if question is None or question.type != "file":
        raise DomainError(_("Name a question that is answered by a file."), field="question", code="unknown")
    try:
        return _keep(live.id, question, file, name)
    except UploadRefused as refused:
        raise DomainError(refused.problem.message, field="file", code=refused.problem.code) from None


def keep_files_of_form(
    *, live: LiveSurvey, questions: Iterable[Question], files: Mapping[str, UploadedFile[Any]]
) -> tuple[dict[str, str], dict[str, UploadRefused]]:
    """Keep the files that came with a screen, by question: the ids of those kept, and why the others were not."""
    kept: dict[str, str] = {}
    refused: dict[str, UploadRefused] = {}
    for question in questions:
        if question.id in files:
            file: Any = files[question.id]
            try:
                kept[question.id] = str(_keep(live.id, question, file, file.name or "").pk)
            except UploadRefused as problem:
                refused[question.id] = problem
    return kept, refused


def _keep(survey_id: UUID, question: Question, file: BinaryIO, name: str) -> ResponseFile:
    upload = read_upload(file, name, question)
    # The row first: a file that nothing names would never be removed again.
    path = f"{current_tenant_id()}/answers/{uuid4().hex}{upload.suffix}"
    row = ResponseFile.objects.create(
        survey_id=survey_id,
        question=question.id,
        name=upload.name,
        content_type=upload.content_type,
        size=len(upload.data),
        path=path,
    )
    default_storage.save(path, ContentFile(upload.data))
    return row


def files_in(definition: Definition | None, answers: Mapping[str, object]) -> dict[str, UUID]:
    """The files that answers name, by question."""
    if definition is None or not definition.file_questions:
        return {}
    found = {question: parse_uuid(answers.get(question)) for question in definition.file_questions}
    return {question: file for question, file in found.items() if file}


def claim_files(live: LiveSurvey, rows: Iterable[ResponseRow]) -> dict[UUID, list[FieldError]]:
    """Lock the files that these answers name; what is wrong, by the id of the row.

    A file belongs to one question of this survey, and to one answer: a repeat of that answer may name it again.
    """
    named = {row.id: files_in(live.definition, row.answers) for row in rows}
    wanted = {file for files in named.values() for file in files.values()}
    if not wanted:
        return {}
    stored = ResponseFile.objects.select_for_update(of=("self",)).select_related("response")
    found = {file.pk: file for file in stored.filter(pk__in=wanted, survey_id=live.id).order_by("pk")}
    taken: dict[UUID, object] = {
        pk: file.response.source_id or file.response.invitation_id or pk
        for pk, file in found.items()
        if file.response is not None
    }
    problems: dict[UUID, list[FieldError]] = {}
    for row in rows:
        owner = row.source_id or row.invitation_id or row.id
        for question, pk in named[row.id].items():
            if pk not in found or found[pk].question != question or taken.setdefault(pk, owner) != owner:
                message = _("There is no file with this id that was uploaded for this question.")
                problems.setdefault(row.id, []).append(
                    {"field": f"answers.{question}", "code": "file", "message": message}
                )
    return problems


def give_files(live: LiveSurvey, answers: Mapping[UUID, Mapping[str, object]]) -> None:
    """Give the claimed files to the answers, by the id of the answer."""
    for response_id, said in answers.items():
        if files := files_in(live.definition, said):
            ResponseFile.objects.filter(pk__in=files.values()).update(response_id=response_id)


def remove_files(files: QuerySet[ResponseFile]) -> int:
    """Remove files for good: the rows with this transaction, what is stored once it has committed."""
    rows = list(files.values_list("pk", "path"))
    if rows:
        ResponseFile.objects.filter(pk__in=[pk for pk, _path in rows]).delete()
        emit(REMOVED, {"paths": [path for _pk, path in rows]})
    return len(rows)


def remove_files_of(responses: Collection[UUID]) -> int:
    """Remove the files of these answers."""
    return remove_files(ResponseFile.objects.filter(response__in=responses))


@transaction.atomic
def remove_loose_files(*, limit: int = 1_000) -> int:
    """Remove at most ``limit`` files of the organisation in force that were never sent off; how many there were."""
    old = ResponseFile.objects.filter(response=None, created_at__lt=now() - KEPT_LOOSE).order_by("created_at")
    ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
    return remove_files(ResponseFile.objects.filter(pk__in=ids, response=None))
