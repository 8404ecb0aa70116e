"""Where the line of a score breaks: from this version on, the question asked was another one.

Answers before and after a break were given to different words or on another scale, so a move at that place says nothing
of the customers. Words count as changed when anything but case, spaces and punctuation differs in any language that
both versions have.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal
from uuid import UUID

from apps.surveys.definition import SCORE_TYPES, Definition, Question, Text, parse_definition
from apps.surveys.models import Survey, SurveyVersion
from cxm.scope import current_tenant_id

What = Literal["wording", "scale"]


@dataclass(frozen=True, slots=True)
class Change:
    """A scored question that is not the one it was before. ``metric`` is empty for a plain rating."""

    question: str
    metric: str
    what: What


@dataclass(frozen=True, slots=True)
class Break:
    """From ``at`` on, when ``version`` was published, ``question`` was asked in other words or on another scale."""

    at: datetime
    version: int
    question: str
    what: What
    metric: str = ""


MOST_KNOWN = 2_000
_known: dict[tuple[UUID, UUID, int], Definition] = {}


def breaks_of(survey: Survey) -> list[Break]:
    """The breaks of one survey, oldest first. Two queries, one once its versions are known to this process."""
    return breaks_of_surveys([survey.pk]).get(survey.pk, [])


def breaks_of_surveys(survey_ids: Collection[UUID]) -> dict[UUID, list[Break]]:
    """The breaks of several surveys, oldest first; those without any are missing. Two queries at most."""
    published: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
    rows = SurveyVersion.objects.filter(survey__in=survey_ids).order_by("number")
    for survey_id, number, at in rows.values_list("survey_id", "number", "published_at"):
        published[survey_id].append((number, at))
    changed = {survey_id: versions for survey_id, versions in published.items() if len(versions) > 1}
    definitions = _definitions(changed)
    found: dict[UUID, list[Break]] = {}
    for survey_id, versions in changed.items():
        breaks = [
            Break(at, number, change.question, change.what, change.metric)
            for (before, _), (number, at) in pairwise(versions)
            for change in changes_between(definitions[survey_id, before], definitions[survey_id, number])
        ]
        if breaks:
            found[survey_id] = breaks
    return found


def published_versions(survey_ids: Collection[UUID]) -> dict[UUID, list[tuple[datetime, Definition]]]:
    """What each survey asked, from when on, oldest first. Two queries at most, one once this process knows them."""
    published: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
    rows = SurveyVersion.objects.filter(survey__in=survey_ids).order_by("number")
    for survey_id, number, at in rows.values_list("survey_id", "number", "published_at"):
        published[survey_id].append((number, at))
    definitions = _definitions(published)
    return {
        survey_id: [(at, definitions[survey_id, number]) for number, at in versions]
        for survey_id, versions in published.items()
    }


def changes_between(before: Definition, after: Definition) -> list[Change]:
    """What breaks the line of a score between two versions.

    A question keeps its id, metric and scale for ever, so another scale comes as a new question of the same metric: the
    one that newly asks for a metric is compared with the one that asked for it before.
    """
    found = []
    asked_before = {question.metric: question for question in reversed(_scored(before)) if question.metric}
    for question in _scored(after):
        same = before.questions.get(question.id)
        predecessor = same or (asked_before.get(question.metric) if question.metric else None)
        if predecessor is None or predecessor.type not in SCORE_TYPES:
            continue
        if predecessor.scale != question.scale:
            found.append(Change(question.id, question.metric, "scale"))
        elif not same_words(predecessor, question):
            found.append(Change(question.id, question.metric, "wording"))
    return found


def same_words(before: Question, after: Question) -> bool:
    """Whether two scored questions ask the same: title and the words at the points of the scale."""
    if not _same_text(before.title, after.title):
        return False
    points = before.labels.keys() & after.labels.keys()
    return all(_same_text(before.labels[point], after.labels[point]) for point in points)


def plain(text: str) -> str:
    """A text without case, spaces and punctuation: what has to differ for a question to be another one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if unicodedata.category(sign)[0] not in "PZC")


def _same_text(before: Text, after: Text) -> bool:
    return all(plain(before[language]) == plain(after[language]) for language in before.keys() & after.keys())


def _scored(definition: Definition) -> list[Question]:
    return [question for question in definition.questions.values() if question.type in SCORE_TYPES]


def _definitions(versions: dict[UUID, list[tuple[int, datetime]]]) -> dict[tuple[UUID, int], Definition]:
    """The definitions of these versions: one query for all that this process has not read, since none ever changes."""
    tenant_id = current_tenant_id()
    wanted = [(survey_id, number) for survey_id, of_survey in versions.items() for number, _ in of_survey]
    if len(_known) > MOST_KNOWN:
        _known.clear()
    missing = {survey_id for survey_id, number in wanted if (tenant_id, survey_id, number) not in _known}
    found = {(survey_id, number): parse_definition(raw) for survey_id, number, raw in _read(missing)}
    _known.update({(tenant_id, *key): definition for key, definition in found.items()})
    return {key: found.get(key) or _known[tenant_id, *key] for key in wanted}


def _read(survey_ids: Collection[UUID]) -> Iterator[tuple[UUID, int, object]]:
    if survey_ids:
        rows = SurveyVersion.objects.filter(survey__in=survey_ids)
        yield from rows.values_list("survey_id", "number", "definition")
