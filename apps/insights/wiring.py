"""What this app adds to the shell, to the maps, to customers and to exports."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.comments.registry import register_commentable
from apps.customers.holders import TableHolder, register_holder
from apps.customers.masking import mask_text
from apps.insights import evidence, queries
from apps.insights.filters import InsightFilter
from apps.insights.holding import withdraw
from apps.insights.models import Insight
from apps.journeys.registry import (
    CardAction,
    MapPage,
    Mark,
    register_card_action,
    register_insights,
    register_mark,
    register_page,
)
from apps.personas.evidence import EvidenceKind, register_evidence
from cxm.actor import Actor
from cxm.errors import DomainErrors
from cxm.exports import ExportKind, Rows, register_export
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url

CHUNK = 500


def search_insights(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Insights whose title holds every word, newest first. One query on the trigram index."""
    rows = queries.insights(actor)
    for word in text.lower().split()[:10]:
        rows = rows.filter(title_lower__contains=word)
    return [
        PaletteItem(
            queries.readable(actor, row, row.title),
            org_url(organization, "insights:detail", pk=row.pk),
            "notebook",
            detail=row.get_kind_display(),
        )
        for row in rows.order_by("-created_at", "-pk")[:limit]
    ]


def title_for_anybody(insight: Insight) -> str:
    """What stands in the mail and the list of a mention: the title without names and numbers, whoever reads it."""
    return mask_text(insight.title, (insight.customer.name,) if insight.customer else ())


def check_insight_filters(actor: Actor, organization: Any, query: QueryDict) -> None:
    """Raise DomainErrors naming the filters of the list that cannot be read."""
    found = InsightFilter(query, queryset=queries.insights(actor), request=_Reader(actor))
    if not found.form.is_valid():
        raise DomainErrors(
            {"field": f"filters.{name}", "code": error.code or "invalid", "message": " ".join(error.messages)}
            for name, errors in found.form.errors.as_data().items()
            for error in errors
        )


def insight_rows(actor: Actor, organization: Any, query: QueryDict) -> Rows:
    """The insights that the list shows under this query, five hundred at a time."""
    rows = InsightFilter(query, queryset=queries.insights(actor), request=_Reader(actor)).qs
    found = []
    for row in rows.order_by("created_at", "pk").iterator(chunk_size=CHUNK):
        found.append(row)
        if len(found) == CHUNK:
            yield from _cells(actor, found)
            found = []
    yield from _cells(actor, found)


def count_insights(actor: Actor, organization: Any, query: QueryDict) -> int:
    """How many insights the list shows under this query."""
    return InsightFilter(query, queryset=queries.insights(actor), request=_Reader(actor)).qs.count()


class _Reader:
    """What the filters ask of a request: who reads."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor


def _cells(actor: Actor, rows: list[Insight]) -> Rows:
    for shown in queries.show(actor, rows):
        row = shown.insight
        yield (
            str(row.pk), row.kind, shown.title, shown.body, shown.source, row.source_date, row.people, row.score,
            row.persona.name if row.persona else "", row.consent, row.link,
            "; ".join(f"{place.journey}: {place.label}" for place in shown.places),
            "; ".join(touchpoint.key for touchpoint in shown.touchpoints), row.created_at,
        )  # fmt: skip


register_insights(queries.insights_of_steps)
register_mark(
    Mark(
        name="insights",
        label=_("Insights"),
        icon="notebook",
        permission="insights.view",
        url_name="insights:list",
        source=queries.counts_on_map,
    )
)
register_card_action(
    CardAction(label=_("Add an insight"), icon="notebook", url_name="insights:create", permission="insights.edit")
)
register_page(
    MapPage(
        label=_("Insights of this map"),
        icon="notebook",
        url_name="insights:of_map",
        permission="insights.view",
        order=40,
    )
)
register_commentable(
    "insight",
    url_name="insights:detail",
    title_of=title_for_anybody,
    permission="insights.view",
    model=Insight,
    rows=queries.insights,
)
register_holder(
    TableHolder(
        "insights",
        Insight,
        label=_("Insights"),
        represent=queries.represent_for_person,
        on_erase=withdraw,
        order=("created_at", "pk"),
    )
)
register_export(
    ExportKind(
        name="insights",
        permission="insights.view",
        columns=(
            "id", "kind", "title", "body", "source", "source_date", "people", "score", "persona", "consent", "link",
            "places", "touchpoints", "created_at",
        ),
        check=check_insight_filters,
        rows=insight_rows,
        count=count_insights,
    )
)  # fmt: skip
register_nav(
    NavItem(
        group="understand",
        label=_("Insights"),
        icon="notebook",
        url_name="insights:list",
        permission="insights.view",
        order=60,
    )
)
register_nav(
    NavItem(
        group="settings",
        label=_("Insights"),
        icon="notebook",
        url_name="insights:settings",
        permission="organization.settings",
        order=75,
    )
)
register_command(label=_("New insight"), icon="notebook", url_name="insights:create", permission="insights.edit")
register_searcher("insights", permission="insights.view", search=search_insights, label=_("Insights"))
register_evidence(
    EvidenceKind("insight", _("Insight"), "insights.view", search=evidence.offered, resolve=evidence.resolved)
)
