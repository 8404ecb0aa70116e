"""One answer in the words of the questions that were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext

from apps.customers.masking import may_read_unmasked
from apps.surveys.definition import Definition, Question
from apps.surveys.holding import readable
from apps.surveys.live import published_definition
from apps.surveys.models import Response, ResponseFile
from cxm.actor import Actor


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question and what was said to it. `score` with metric and scale for measured ones, `text` for words.

    `file` is the id of the file that answers it, for those who may read words unmasked; `text` is then its name.
    """

    title: str
    text: str
    score: int | None = None
    metric: str = ""
    scale: int = 0
    file: UUID | None = None


def answered_questions(response: Response, *, actor: Actor) -> list[AnsweredQuestion]:
    """Every question that was answered, in order, worded as in the version and language answered.

    One query, and none when the version is already known to this process. An answer whose question the version does
    not have (it was imported) stands at the end under its own name. Words are shown as this actor may read them.
    """
    definition = published_definition(response.survey_id, response.version)
    given: Mapping[str, Any] = response.answers
    questions = [
        _answered(definition, question, given[question.id], response.language)
        for question in definition.questions.values()
        if question.id in given
    ]
    unknown = [name for name in given if name not in definition.questions]
    if definition.file_questions & given.keys():
        questions = _with_files(definition, response, questions, actor)
    found = questions + [AnsweredQuestion(name, str(given[name])) for name in unknown]
    return [answer if answer.file else replace(answer, text=readable(response, actor, answer.text)) for answer in found]


def _answered(definition: Definition, question: Question, value: Any, language: str) -> AnsweredQuestion:
    title = definition.text(question.title, language)
    if question.scale and isinstance(value, int):
        label = question.labels.get(value)
        return AnsweredQuestion(
            title, definition.text(label, language) if label else "", value, question.metric, question.scale
        )
    return AnsweredQuestion(title, _in_words(definition, question, value, language))


def _with_files(
    definition: Definition, response: Response, questions: list[AnsweredQuestion], actor: Actor
) -> list[AnsweredQuestion]:
    """The same, with files by their names instead of their ids. One query."""
    stored = {str(file.pk): file for file in ResponseFile.objects.filter(response=response)}
    ids = [name for name in definition.questions if name in response.answers]
    shown = []
    for name, question in zip(ids, questions, strict=True):
        file = stored.get(str(response.answers[name])) if name in definition.file_questions else None
        if name in definition.file_questions:
            may_open = file is not None and may_read_unmasked(actor, response.unit_id)
            question = replace(
                question,
                text=(file.name if may_open else gettext("A file")) if file else gettext("A file that was removed"),
                file=file.pk if file and may_open else None,
            )
        shown.append(question)
    return shown


def _in_words(definition: Definition, question: Question, value: Any, language: str) -> str:
    labels = {choice.id: definition.text(choice.label, language) for choice in question.choices}
    if question.type == "matrix" and isinstance(value, Mapping):
        rows = {row.id: definition.text(row.label, language) for row in question.rows}
        return "; ".join(f"{rows.get(row, row)}: {labels.get(choice, choice)}" for row, choice in value.items())
    if isinstance(value, list):
        return ", ".join(labels.get(str(item), str(item)) for item in value)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if question.type == "date":
        day = parse_date(str(value))
        return date_format(day) if day else str(value)
    return labels.get(str(value), str(value))
