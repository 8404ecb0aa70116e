"""What this app adds to the shell and to the registries of lower layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

import apps.journeys.sharing  # noqa: F401 - maps can be shared
from apps.comments.registry import register_commentable
from apps.journeys.commenting import comment_marks, commentable_maps, parts_of_map
from apps.journeys.for_personas import maps_due, maps_of_personas
from apps.journeys.models import Journey, StepTouchpoint
from apps.journeys.queries import journeys, touchpoints_of_journey, window_of
from apps.journeys.registry import CardAction, MapPage, Mark, register_card_action, register_mark, register_page
from apps.metrics.filters import read_selection
from apps.metrics.queries import touchpoint_readings
from apps.metrics.registry import register_touchpoint_filter
from apps.personas.registry import register_maps
from apps.personas.reviews import Reviewable, register_reviewable
from apps.touchpoints.registry import Use, register_changes, register_scores, register_uses
from cxm.actor import Actor
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def maps_of(*, actor: Actor, touchpoint_ids: Collection[UUID]) -> dict[UUID, list[Use]]:
    """The maps each touchpoint stands on by name, each with its steps there. One query."""
    placed = StepTouchpoint.objects.filter(touchpoint_id__in=touchpoint_ids)
    if not actor.can("journeys.edit"):
        placed = placed.filter(step__stage__journey__published_version__isnull=False)
    rows = (
        placed.order_by("step__stage__journey__name", "step__stage__journey", "step__stage__position", "step__position")
        .values_list("touchpoint_id", "step__stage__journey", "step__stage__journey__name", "step__name")
        .distinct()
    )
    steps: dict[tuple[UUID, UUID], list[str]] = {}
    names: dict[UUID, str] = {}
    for touchpoint_id, journey_id, journey, step in rows:
        names[journey_id] = journey
        steps.setdefault((touchpoint_id, journey_id), []).append(step)
    found: dict[UUID, list[Use]] = {}
    for (touchpoint_id, journey_id), on in steps.items():
        use = Use(names[journey_id], "journeys:detail", journey_id, note=", ".join(on))
        found.setdefault(touchpoint_id, []).append(use)
    return found


def scores_of(*, actor: Actor, organization: Any, params: QueryDict) -> Mapping[UUID, Mapping[str, Any]]:
    """The scores of every touchpoint over the period of a query string, for the pages of the library. Two queries."""
    selection = read_selection(window_of(params), actor=actor, organization=organization)
    return {
        pk: {name: reading.metric for name, reading in readings.items()}
        for pk, readings in touchpoint_readings(selection).items()
    }


def changes_of(*, actor: Actor, organization: Any, params: QueryDict) -> Mapping[UUID, Mapping[str, Any]]:
    """How the scores of every touchpoint moved since the period of equal length before. Two queries."""
    selection = read_selection(window_of(params), actor=actor, organization=organization)
    return {
        pk: {name: reading.change for name, reading in readings.items() if reading.change}
        for pk, readings in touchpoint_readings(selection, compare_before=True).items()
    }


def search_journeys(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Maps whose name holds the text. One query."""
    rows = journeys(actor).filter(name__icontains=text, archived_at=None).order_by("name")[:limit]
    return [PaletteItem(row.name, org_url(organization, "journeys:detail", pk=row.pk), "route") for row in rows]


register_touchpoint_filter("journey", touchpoints_of_journey)
register_scores(scores_of)
register_changes(changes_of)
register_uses("maps", title=_("Journey map"), permission="journeys.view", source=maps_of, keeps=True)
register_commentable(
    "journey",
    url_name="journeys:comments",
    title_of=lambda journey: journey.name,
    permission="journeys.view",
    model=Journey,
    rows=commentable_maps,
    anchors=parts_of_map,
)
register_page(MapPage(_("Belief against measurement"), "mood-smile", "journeys:curves", "metrics.view", order=10))
register_maps(maps_of_personas)
register_reviewable(Reviewable("journey", _("Journey map"), "route", "journeys.view", "journeys:detail", due=maps_due))
register_page(MapPage(_("Compare"), "columns", "journeys:compare", "journeys.view", order=15))
register_page(MapPage(_("Coverage"), "target-arrow", "journeys:coverage", "journeys.view", order=20))
register_page(MapPage(_("Comments"), "messages", "journeys:comments", "journeys.view", order=30))
register_page(MapPage(_("Share"), "share", "journeys:share", "maps.share", order=60, keeps_filters=True))
register_page(MapPage(_("Export"), "download", "journeys:export", "journeys.view", order=70, keeps_filters=True))
register_mark(
    Mark("comments", _("Comments"), "message", "journeys.view", "journeys:part_comments", source=comment_marks)
)
register_card_action(CardAction(_("Comment"), "message-plus", "journeys:part_comments", "comments.write"))
register_nav(
    NavItem(
        group="understand",
        label=_("Journeys"),
        icon="route",
        url_name="journeys:list",
        permission="journeys.view",
        order=10,
        shortcut="j",
    )
)
register_command(label=_("Import a journey map"), icon="upload", url_name="journeys:import", permission="journeys.edit")
register_command(label=_("New journey map"), icon="plus", url_name="journeys:create", permission="journeys.edit")
register_searcher("journeys", permission="journeys.view", search=search_journeys, label=_("Journeys"))
