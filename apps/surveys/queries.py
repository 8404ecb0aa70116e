"""Every read of surveys and answers that is longer than one filter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Value

from apps.customers.masking import PERMISSION as MASKING_PERMISSION
from apps.organizations.models import Organization
from apps.surveys.models import Response, ResponseFile, Survey
from cxm.actor import Actor
from cxm.scope import current_tenant_id

ANONYMOUS_ROWS_FROM: Final = 8
"""Answers of an anonymous survey are listed one by one only when there are this many: fewer comments tell who wrote."""


def surveys() -> QuerySet[Survey]:
    """Every survey of the organisation, with its touchpoint."""
    return Survey.objects.select_related("touchpoint")


def survey_by_slug(slug: str) -> Survey | None:
    """The survey at an open link's address. One query."""
    return Survey.objects.select_related("touchpoint").filter(slug=slug).first()


def responses_visible_to(actor: Actor, permission: str = "feedback.view") -> QuerySet[Response]:
    """Answers the actor may read, with customer and touchpoint; on a branch, those of its units only."""
    rows = Response.objects.select_related("customer", "touchpoint")
    units = actor.visible_units(permission)
    return rows if units is None else rows.filter(unit_id__in=units)


def responses_of(survey: Survey, actor: Actor) -> QuerySet[Response]:
    """The answers of a survey that the actor may read one by one.

    Of an anonymous survey these are all or none: all from eight answers on (or the organisation's higher threshold),
    and none to somebody who sees only a branch; rows tell by ``of_anonymous`` that only their words may be shown. One
    query more for an anonymous survey.
    """
    rows = responses_visible_to(actor).filter(survey=survey).annotate(of_anonymous=Value(survey.anonymous))
    if survey.anonymous and not may_list_anonymous(survey, actor):
        return rows.none()
    return rows


def may_list_anonymous(survey: Survey, actor: Actor) -> bool:
    """Whether the answers of an anonymous survey may be listed one by one."""
    if actor.visible_units("feedback.view") is not None:
        return False
    threshold = Organization.objects.values_list("anonymity_threshold", flat=True).get(pk=current_tenant_id())
    return Response.objects.filter(survey=survey).count() >= max(ANONYMOUS_ROWS_FROM, threshold)


def answer_file(pk: UUID, actor: Actor) -> ResponseFile | None:
    """A file of an answer that the actor may read, and whose words the actor may read unmasked; else None."""
    visible = responses_visible_to(actor, MASKING_PERMISSION).filter(pk__in=responses_visible_to(actor).values("pk"))
    found = ResponseFile.objects.select_related("survey").filter(pk=pk, response__in=visible.values("pk")).first()
    if found is None or (found.survey.anonymous and not may_list_anonymous(found.survey, actor)):
        return None
    return found


def survey_is_anonymous(survey_id: UUID) -> bool:
    """Whether a survey keeps no way from an answer to a person. One query."""
    return Survey.objects.filter(pk=survey_id, anonymous=True).exists()


def answer_counts(survey_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many answers were sent to each survey; those without any are missing. One query."""
    rows = Response.objects.filter(survey__in=survey_ids, state=Response.State.SUBMITTED)
    return dict(rows.values_list("survey").annotate(n=Count("pk")).order_by())


def states_of(survey: Survey) -> Mapping[str, int]:
    """How many answers a survey has in each state, and how many look like mail scanners (``scanner``). One query."""
    figures: dict[str, int] = Response.objects.filter(survey=survey).aggregate(
        scanner=Count("pk", filter=Q(flags__contains=["scanner"])),
        **{state: Count("pk", filter=Q(state=state)) for state in Response.State.values},
    )
    return figures


def score_counts(survey: Survey) -> dict[int, int]:
    """How often each score of the headline question was given, from the sent answers. One query."""
    rows = Response.objects.filter(survey=survey, state=Response.State.SUBMITTED, score__isnull=False)
    return dict(rows.values_list("score").annotate(n=Count("pk")).order_by("score"))


def surveys_of_touchpoints(touchpoint_ids: Collection[UUID]) -> dict[UUID, list[Survey]]:
    """The surveys that ask about each touchpoint; those without any are missing. One query."""
    found: dict[UUID, list[Survey]] = {}
    for survey in Survey.objects.filter(touchpoint__in=touchpoint_ids).order_by("name", "pk"):
        if survey.touchpoint_id:
            found.setdefault(survey.touchpoint_id, []).append(survey)
    return found
