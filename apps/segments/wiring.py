"""What segments add to the registries of the apps below."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from apps.customers.filters import register_customer_filter
from apps.customers.holders import register_holder
from apps.customers.models import Customer
from apps.customers.profile_page import register_profile_section
from apps.segments.holding import MembershipHolder
from apps.segments.models import Segment, SegmentMember
from apps.segments.queries import members, membership_condition
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.exports import ExportKind, Rows, register_export
from cxm.ids import parse_uuid
from cxm.queues import Queue, register_queue
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def every_segment(_request: Any) -> QuerySet[Segment]:
    """The segments to choose from; read when the filter is used."""
    return Segment.objects.order_by("name")


def in_segment(rows: QuerySet[Customer], _name: str, segment: Segment | None) -> QuerySet[Customer]:
    """The customers who belong to a segment now."""
    return rows if segment is None else rows.filter(membership_condition(segment.pk, customer="pk"))


def check_segment(actor: Actor, organization: Any, query: QueryDict) -> None:
    """Raise DomainError unless the filter names a segment, and the actor may see segments."""
    actor.require("segments.view")
    _segment(query)


def member_rows(actor: Actor, organization: Any, query: QueryDict) -> Rows:
    """The people of a segment whom the actor may see, with the time since which they belong, a thousand at a time."""
    segment = _segment(query)
    people = members(actor, segment).order_by("created_at", "id")
    found: list[Customer] = []
    for person in people.iterator(chunk_size=1000):
        found.append(person)
        if len(found) == 1000:
            yield from _with_since(segment, found)
            found = []
    yield from _with_since(segment, found)


def _with_since(segment: Segment, people: list[Customer]) -> Rows:
    since = dict(SegmentMember.objects.filter(segment=segment, customer__in=people).values_list("customer_id", "since"))
    for person in people:
        yield (str(person.pk), person.external_id, person.email, person.name, person.stage, since.get(person.pk))


def _segment(query: QueryDict) -> Segment:
    pk = parse_uuid(query.get("segment"))
    segment = Segment.objects.filter(pk=pk).first() if pk else None
    if segment is None:
        message = translate("Say which segment, by its id.")
        raise DomainError(message, field="filters.segment", code="not_found")
    return segment


def search_segments(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Segments whose name holds the text. One query."""
    rows = Segment.objects.filter(name__icontains=text).order_by("name")[:limit]
    return [PaletteItem(row.name, org_url(organization, "segments:detail", pk=row.pk), "chart-pie") for row in rows]


def segments_of_profile(_actor: Actor, customer: Customer) -> dict[str, Any]:
    """The segments a customer is in, by name, with since when. One query."""
    rows = SegmentMember.objects.filter(customer=customer).select_related("segment").order_by("segment__name")
    return {"memberships": [(row.segment, row.since) for row in rows]}


register_customer_filter(
    "segment",
    extend_schema_field(OpenApiTypes.UUID)(
        django_filters.ModelChoiceFilter(
            queryset=every_segment, method=in_segment, label=_("Segment"), empty_label=_("All segments")
        )
    ),
)
register_holder(MembershipHolder(_("Segments")))
register_export(
    ExportKind(
        name="segment_members",
        permission="customers.export",
        columns=("id", "external_id", "email", "name", "stage", "since"),
        check=check_segment,
        rows=member_rows,
    )
)
register_queue(
    Queue(
        "segments",
        "segments_segment",
        due="refresh_at <= now() AND (leased_until IS NULL OR leased_until < now())",
        since="coalesce(leased_until, refresh_at)",
    )
)
register_profile_section(
    "segments", order=30, permission="segments.view", load=segments_of_profile, template="segments/_profile.html"
)
register_nav(
    NavItem(
        group="understand",
        label=_("Segments"),
        icon="chart-pie",
        url_name="segments:list",
        permission="segments.view",
        order=40,
    )
)
register_command(label=_("New segment"), icon="plus", url_name="segments:create", permission="segments.edit")
register_searcher("segments", permission="segments.view", search=search_segments, label=_("Segments"))
