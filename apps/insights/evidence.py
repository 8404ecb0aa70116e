"""Insights as evidence for the lines of a persona."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.utils.formats import date_format

from apps.insights import queries
from apps.insights.models import Insight
from apps.personas.evidence import Resolved
from cxm.actor import Actor
from cxm.web.urls import org_url

MOST_OFFERED: Final = 200


def offered(actor: Actor, _organization: Any) -> list[tuple[str, str]]:
    """The newest insights the actor may read, as (id, title). One query."""
    rows = queries.insights(actor).order_by("-created_at", "-pk")[:MOST_OFFERED]
    return [(str(row.pk), queries.readable(actor, row, row.title)) for row in rows]


def resolved(actor: Actor, organization: Any, ids: Collection[str]) -> dict[str, Resolved]:
    """Those of these insights the actor may read, with their kind and date. One query."""
    return {
        str(row.pk): Resolved(
            title=queries.readable(actor, row, row.title),
            url=org_url(organization, "insights:detail", pk=row.pk),
            note=_note(row),
        )
        for row in queries.insights(actor).filter(pk__in=ids)
    }


def _note(row: Insight) -> str:
    day = date_format(row.source_date, "DATE_FORMAT") if row.source_date else ""
    return " · ".join(part for part in (str(row.get_kind_display()), day) if part)
