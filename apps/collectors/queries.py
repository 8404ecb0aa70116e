"""Reading places: the list of a survey, what each brought, and what a token means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, QuerySet
from django.db.models.functions import Left

from apps.collectors.addresses import read_address
from apps.collectors.models import Collector, RefusedAnswer
from apps.surveys.models import Response
from apps.surveys.places import Place
from cxm.errors import NotFound
from cxm.scope import current_tenant_id


def collectors() -> QuerySet[Collector]:
    """Every place, with what its row shows, in one query."""
    return Collector.objects.select_related("survey", "unit", "touchpoint")


def collector_for(pk: UUID, survey_id: UUID | None = None) -> Collector:
    """One place, of this survey when given. Raises NotFound."""
    rows = collectors().filter(pk=pk)
    found = (rows.filter(survey_id=survey_id) if survey_id else rows).first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Yield:
    """What a place brought: how many sent answers, and when the last one came."""

    answers: int = 0
    last_at: datetime | None = None


def yields_of(rows: Collection[Collector]) -> dict[UUID, Yield]:
    """What each place brought; none for a place without answers. One query over the answers of the places' surveys.

    An answer's source id begins with its place, so that nothing needs to be counted when an answer comes.
    """
    if not rows:
        return {}
    by_prefix = {row.pk.hex: row.pk for row in rows}
    counted = (
        Response.objects.filter(
            survey_id__in={row.survey_id for row in rows}, source_id__isnull=False, state=Response.State.SUBMITTED
        )
        .annotate(place=Left("source_id", 32))
        .filter(place__in=list(by_prefix))
        .values("place")
        .annotate(n=Count("pk"), last=Max("recorded_at"))
        .order_by()
    )
    return {by_prefix[found["place"]]: Yield(found["n"], found["last"]) for found in counted}


def refusal_counts(rows: Collection[Collector]) -> dict[UUID, int]:
    """How many answers kiosks still keep because they were refused. One query."""
    found = RefusedAnswer.objects.filter(collector__in=[row.pk for row in rows]).values("collector").order_by()
    return {row["collector"]: row["n"] for row in found.annotate(n=Count("pk"))} if rows else {}


def poster_place(*, token: str, survey_id: UUID) -> Place | None:
    """The place that a poster's link names; None for a token that is wrong, ended, or of another survey. One query."""
    read = read_address(Collector.Kind.POSTER, token)
    if read is None or read[0].organization_id != current_tenant_id():
        return None
    row = Collector.objects.filter(
        pk=read[0].row_id, kind=Collector.Kind.POSTER, survey_id=survey_id, key_version=read[1], revoked_at=None
    ).first()
    return place_at(row, "qr", carried=(("p", token),)) if row else None


def place_at(
    collector: Collector,
    channel: str,
    *,
    customer_id: UUID | None = None,
    customer_unit_id: UUID | None = None,
    invitation_id: UUID | None = None,
    carried: tuple[tuple[str, str], ...] = (),
    embedded: bool = False,
) -> Place:
    """The place as answers are stored with it. The place's own unit counts before the customer's."""
    return Place(
        id=collector.pk,
        channel=channel,
        unit_id=collector.unit_id or customer_unit_id,
        touchpoint_id=collector.touchpoint_id,
        customer_id=customer_id,
        invitation_id=invitation_id,
        embedded=embedded,
        carried=carried,
    )
