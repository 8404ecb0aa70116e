"""The pages of versions: publishing, history, comparing, restoring, and a to-be map from a map."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.journeys import queries, services
from apps.journeys.compare import DRAFT, Comparison, compare_maps
from apps.journeys.compare_page import build_page
from apps.journeys.forms import PublishForm
from apps.journeys.history import history, unpublished, versions_of
from apps.journeys.models import Journey, JourneyVersion
from cxm.actor import Actor
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 10


@permission_required("journeys.publish")
def journey_publish(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What is about to be published, and why."""
    journey = queries.journey_for(request.actor, pk)
    form = PublishForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            version = services.publish_journey(actor=request.actor, journey=journey, **form.cleaned_data)
            messages.success(request, _("Version %(number)d is published.") % {"number": version.number})
            return see_other(request, org_url(request.organization, "journeys:detail", pk=pk))
    context = {"form": form, "journey": journey, **_told(unpublished(queries.draft_view(journey)))}
    return render_page(request, "journeys/publish.html", context)


@permission_required("journeys.view")
def journey_versions(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What was published when and why, with what each version changed and how its map scored."""
    journey = queries.journey_for(request.actor, pk)
    may_edit = request.actor.can("journeys.edit")
    page = Paginator(versions_of(journey), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "journey": journey,
        "page": page,
        "history": history(
            actor=request.actor, organization=request.organization, journey=journey, rows=list(page.object_list)
        ),
        "draft": _told(unpublished(queries.draft_view(journey))) if may_edit else {},
        "may_edit": may_edit,
        "can_measure": request.actor.can("metrics.view"),
        "counterparts": counterparts(request.actor, journey),
    }
    return render_page(request, "journeys/versions.html", context)


def _told(found: list[Any]) -> dict[str, list[Any]]:
    """Differences parted into those that say something about customers or the team, and those of mere reading."""
    return {
        "differences": [one for one in found if not one.cosmetic],
        "cosmetic": [one for one in found if one.cosmetic],
    }


@permission_required("journeys.view")
def journey_compare(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Two versions, the draft and a version, or the map of how it is and how it shall be, side by side."""
    journey = queries.journey_for(request.actor, pk)
    compared = compare_maps(
        actor=request.actor,
        organization=request.organization,
        journey=journey,
        a=request.GET.get("a", ""),
        b=request.GET.get("b", ""),
    )
    only = bool(request.GET.get("only"))
    context = {
        "journey": journey,
        "compared": compared,
        "stages": build_page(compared, only_differing=only),
        "sides": [(_("Left"), compared.a), (_("Right"), compared.b)],
        "choices": choices(request.actor, journey, compared),
        "only": only,
    }
    return render_page(request, "journeys/compare.html", context)


def choices(actor: Actor, journey: Journey, compared: Comparison) -> list[tuple[str, str]]:
    """What can stand on either side: the draft, every version, and the maps that belong with this one."""
    numbers = JourneyVersion.objects.filter(journey=journey).order_by("-number").values_list("number", flat=True)
    found = [(DRAFT, _("Draft"))] if actor.can("journeys.edit") else []
    found += [(str(number), _("Version %(number)d") % {"number": number}) for number in numbers]
    found += [(str(other.pk), other.name) for other in counterparts(actor, journey)]
    known = {value for value, _label in found}
    sides = (compared.a, compared.b)
    return found + [(side.key, f"{side.journey.name}, {side.label}") for side in sides if side.key not in known]


def counterparts(actor: Actor, journey: Journey) -> list[Journey]:
    """The map of how it is behind a to-be map, and the to-be maps of this one, that the actor may see. One query."""
    rows = queries.journeys(actor).filter(archived_at=None).order_by("name")
    related = rows.filter(as_is=journey) | (rows.filter(pk=journey.as_is_id) if journey.as_is_id else rows.none())
    return list(related)


@permission_required("journeys.edit")
@require_POST
def journey_to_be(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Make a map of how it shall be from this one."""
    journey = queries.journey_for(request.actor, pk)
    made = services.make_to_be(actor=request.actor, journey=journey)
    messages.success(request, _("This map starts as a copy. Change it to how it shall be."))
    return see_other(request, org_url(request.organization, "journeys:detail", pk=made.pk))


@permission_required("journeys.edit")
@require_POST
def journey_restore(request: MemberRequest, pk: UUID, number: int) -> HttpResponse:
    """Make the draft what a version was."""
    journey = queries.journey_for(request.actor, pk)
    services.restore_version(actor=request.actor, journey=journey, number=number)
    messages.success(request, _("The draft is version %(number)d again. Undo brings it back.") % {"number": number})
    return see_other(request, org_url(request.organization, "journeys:detail", pk=pk))
