"""What the board of a map shows of real paths, from the newest kept numbers: opening a map counts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string

from apps.journeys.models import StepTouchpoint
from apps.paths.definition import PERMISSION
from apps.paths.models import PathReport
from apps.paths.presenting import figures
from cxm.actor import Actor


def newest_report(journey_id: UUID) -> PathReport | None:
    """The newest kept numbers of everybody on this map. One query."""
    rows = PathReport.objects.filter(
        journey=journey_id,
        kind=PathReport.Kind.PATHS,
        result__isnull=False,
        definition__scope__populations=[],
        definition__scope__channels=None,
        definition__scope__units=None,
    )
    return rows.order_by("-as_of").first()


def shares_of_steps(*, actor: Actor, journey_id: UUID) -> Mapping[str, int]:
    """Per cent of customers who met a touchpoint of each step, by step id. Two queries, one without numbers."""
    report = newest_report(journey_id) if actor.visible_units(PERMISSION) is None else None
    if report is None or not report.result:
        return {}
    rates = {one["touchpoint"]: one["rate"] or 0.0 for one in report.result["touchpoints"]}
    found: dict[str, int] = {}
    placed = StepTouchpoint.objects.filter(step__stage__journey=journey_id, touchpoint__key__in=list(rates))
    for step, key in placed.values_list("step_id", "touchpoint__key"):
        found[str(step)] = max(found.get(str(step), 0), round(100 * rates[key]))
    return found


def paths_bar(*, request: Any, journey_id: UUID) -> str:
    """Who follows, skips, loops and stops, in one line over the board; "" while nothing was counted. One query."""
    actor = request.actor
    if not actor.can(PERMISSION) or actor.visible_units(PERMISSION) is not None:
        return ""
    report = newest_report(journey_id)
    if report is None or not report.result or not report.result["customers"]:
        return ""
    context = {"report": report, "figures": figures(report.result), "journey_id": journey_id}
    return render_to_string("paths/_bar.html", context, request=request)
