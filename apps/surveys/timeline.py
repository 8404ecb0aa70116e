"""Answers on a customer's timeline, and surveys found from the palette and from touchpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.customers.profile_page import Figure
from apps.customers.timeline import TimelineItem, Wanted
from apps.surveys import queries, registry
from apps.surveys.models import Response, Survey
from apps.touchpoints.registry import Use
from cxm.actor import Actor
from cxm.web.palette import PaletteItem
from cxm.web.urls import org_url


def answer_items(wanted: Wanted) -> list[TimelineItem]:
    """A customer's answers, newest first. One query, by the index on customer and time."""
    rows = (
        Response.objects.select_related("survey", "touchpoint")
        .filter(wanted.condition(time="occurred_at", channel="channel"))
        .order_by("-occurred_at", "-id")[: wanted.limit]
    )
    return [_item(row) for row in rows]


def _item(row: Response) -> TimelineItem:
    about = row.touchpoint.name if row.touchpoint else row.survey.name
    label = row.metric.upper() if row.metric else _("Answer")
    title = f"{label} {row.score}: {about}" if row.score is not None else f"{label}: {about}"
    return TimelineItem(
        id=row.pk,
        kind="feedback",
        at=row.occurred_at,
        channel=row.channel,
        title=title,
        text=row.comment,
        page="dashboards:answer" if registry.answer_list() else "",
        page_kwargs={"pk": row.pk},
        icon="message-2",
        data={
            "survey": str(row.survey_id),
            "score": row.score,
            "metric": row.metric or None,
            "scale": row.scale,
            "state": row.state,
        },
    )


def answer_figures(actor: Actor, customer: Customer) -> list[Figure]:
    """How many answers a customer gave, and the last score from 0 to 10. Two short queries by the customer's index."""
    rows = Response.objects.filter(customer=customer)
    last = rows.filter(metric="nps", score__isnull=False).order_by("-occurred_at", "-id")
    score = last.values_list("score", flat=True).first()
    figures = [Figure(_("Answers"), rows.count())]
    return figures if score is None else [*figures, Figure(_("Last NPS answer"), score, _("of 10"))]


def search_surveys(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Surveys by name, for the palette. One query."""
    found = Survey.objects.filter(name__icontains=text).order_by("name", "pk")[:limit]
    return [
        PaletteItem(label=survey.name, url=org_url(organization, "surveys:detail", pk=survey.pk), icon="forms")
        for survey in found
    ]


def uses_by_surveys(*, actor: Actor, touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[Use]]:
    """The surveys that ask about each touchpoint. One query."""
    return {
        pk: [Use(survey.name, "surveys:detail", survey.pk, note=str(survey.get_state_display())) for survey in surveys]
        for pk, surveys in queries.surveys_of_touchpoints(touchpoint_ids).items()
    }
