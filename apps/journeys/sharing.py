"""A map behind a share link: what its version says and, where its maker chose it, scores; never a customer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.journeys.content import iter_steps
from apps.journeys.documents import STEP_WIDTH, file_name, map_pdf
from apps.journeys.map_filters import FILTERS, read_map_filters
from apps.journeys.models import Journey, JourneyVersion
from apps.journeys.sheets import MapSheet, journey_to_share, read_sheet, view_of
from apps.organizations.models import Organization
from apps.sharing.options import ShareOptions
from apps.sharing.registry import Described, Shared, SharedFile, SharedPage, register_shareable
from apps.touchpoints.periods import with_usual_period
from cxm.actor import Actor
from cxm.charts import Paint
from cxm.errors import DomainError, NotFound
from cxm.scope import current_tenant_id

DOCUMENT = "map.pdf"


def describe(ids: Collection[UUID]) -> Mapping[UUID, Described]:
    """Maps by id, with their versions; archived ones are missing. Two queries."""
    versions: dict[UUID, list[int]] = {}
    rows = JourneyVersion.objects.filter(journey__in=ids).order_by("-number").values_list("journey_id", "number")
    for journey_id, number in rows:
        versions.setdefault(journey_id, []).append(number)
    found = Journey.objects.filter(pk__in=ids, archived_at=None)
    return {row.pk: Described(row.name, "journeys:detail", tuple(versions.get(row.pk, ()))) for row in found}


def check(actor: Actor, pk: UUID, options: ShareOptions) -> None:
    """Whether this version and these filters can be shown, and by this actor. Raises DomainError."""
    numbers = describe([pk])[pk].versions
    if options.is_draft:
        actor.require("journeys.edit")
    elif options.number is not None and options.number not in numbers:
        raise DomainError(_("This version was never published."), field="options.version", code="not_found")
    elif not numbers:
        raise DomainError(_("Nothing is published yet: publish it, or share the draft."), field="options.version")
    if options.filters:
        organization = Organization.objects.get(pk=current_tenant_id())
        read_map_filters(_query(options), actor, organization)


def render(shared: Shared) -> SharedPage:
    """The board without anything to change on it. Raises NotFound when the map or the version is gone."""
    return SharedPage("journeys/shared.html", {"sheet": _sheet(shared), "key": shared.key, "document": DOCUMENT})


def open_file(shared: Shared, name: str) -> SharedFile:
    """The map as PDF, or a picture that stands on it. Raises NotFound."""
    if name == DOCUMENT:
        sheet = _sheet(shared, paint="literal", step_width=STEP_WIDTH)
        name = file_name(sheet.content["name"], sheet.view.number, "pdf")
        return SharedFile(map_pdf(sheet), "application/pdf", name, inline=False)
    sheet_content = _sheet(shared).content
    stored = f"{current_tenant_id()}/journeys/{name}"
    on_map = {card["image"] for step in iter_steps(sheet_content["stages"]) for card in step["cards"] if card["image"]}
    if stored not in on_map or not default_storage.exists(stored):
        raise NotFound
    with default_storage.open(stored) as file:
        return SharedFile(file.read(), "image/webp", "picture.webp")


def _sheet(shared: Shared, *, paint: Paint = "css", step_width: int = 192) -> MapSheet:
    options = shared.options
    journey = journey_to_share(shared.link.object_id)
    return read_sheet(
        actor=shared.actor,
        organization=shared.organization,
        view=view_of(journey, options.number, draft=options.is_draft),
        params=with_usual_period(_query(options)),
        quotes=options.show_quotes,
        masked=True,
        outside=True,
        while_in_force=options.number is not None,
        paint=paint,
        step_width=step_width,
    )


def _query(options: ShareOptions) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update(options.filters)
    return query


register_shareable(
    "journey",
    title=gettext_lazy("Journey map"),
    permission="journeys.view",
    render=render,
    describe=describe,
    check=check,
    open_file=open_file,
    quotes_label=gettext_lazy("Show the lane in customers' own words"),
    filters=FILTERS,
)
