"""The scored questions that surveys ask at touchpoints: wording, scale, and whether they can be added."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.utils.translation import gettext as _

from apps.surveys import queries
from apps.surveys.breaks import published_versions, same_words
from apps.surveys.definition import SCORE_TYPES, Question
from apps.surveys.models import Survey
from apps.touchpoints.registry import AskedThere


def asked_at_touchpoints(*, touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[AskedThere]]:
    """What the published surveys of each touchpoint ask for a metric, by metric. Three queries at most.

    A question `differs` when another survey there asks for the same metric on another scale or in other words.
    """
    bound = queries.surveys_of_touchpoints(touchpoint_ids)
    published = published_versions([survey.pk for surveys in bound.values() for survey in surveys])
    found: dict[UUID, list[AskedThere]] = {}
    for touchpoint_id, surveys in bound.items():
        asked = [
            (survey, question)
            for survey in surveys
            if survey.pk in published
            for question in published[survey.pk][-1][1].questions.values()
            if question.type in SCORE_TYPES and question.metric
        ]
        rows = [
            _row(survey, question, [other for _survey, other in asked if other.metric == question.metric])
            for survey, question in asked
        ]
        if rows:
            found[touchpoint_id] = sorted(rows, key=lambda row: (row.metric, row.survey))
    return found


def _row(survey: Survey, question: Question, same_metric: list[Question]) -> AskedThere:
    differs = ""
    if any(other.scale != question.scale for other in same_metric):
        differs = _("Not comparable: the same metric is asked on another scale here.")
    elif any(not same_words(other, question) for other in same_metric):
        differs = _("Not comparable: the same metric is asked in other words here.")
    title = next((question.title[code] for code in survey.languages if code in question.title), question.id)
    return AskedThere(
        survey=survey.name,
        url_name="surveys:detail",
        object_id=survey.pk,
        state=str(survey.get_state_display()),
        metric=question.metric.upper(),
        wording=title,
        scale=_("%(low)d to %(high)d") % {"low": question.low, "high": question.high},
        differs=differs,
    )
