"""Whom to send a survey to, as a person says it: everyone, a stage, a segment, pasted ids, one customer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.customers.models import Customer
from apps.dispatch.models import Invitation
from apps.dispatch.services import MOST_CUSTOMERS, MOST_MEMBERS
from apps.segments.models import Segment, SegmentMember
from apps.segments.references import read_rule
from apps.segments.services import create_segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import DomainError

EVERYONE: Final = "everyone"
STAGE: Final = "stage"
SEGMENT: Final = "segment"
IDS: Final = "ids"
ONE: Final = "one"

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Audience:
    """The customers chosen; `total` is larger than their number when only the first `most` go in one sending."""

    customer_ids: list[UUID]
    total: int
    most: int = MOST_CUSTOMERS

    @property
    def left_out(self) -> int:
        """How many wait for the next sending."""
        return self.total - len(self.customer_ids)


def everyone(actor: Actor, survey: Survey, *, stage: str = "") -> Audience:
    """Customers with an e-mail address, of one stage or all; those never invited to this survey first.

    Raises `DomainError` when there is nobody.
    """
    rows = sendable(actor).exclude(email=None).exclude(email="")
    if stage:
        rows = rows.filter(stage=stage)
    invited = Invitation.objects.filter(customer=OuterRef("pk"), survey=survey)
    ids = list(rows.order_by(Exists(invited), "pk").values_list("pk", flat=True)[:MOST_CUSTOMERS])
    if not ids:
        raise DomainError(
            _("No customer of this choice has an e-mail address."), field="stage" if stage else "who", code="nobody"
        )
    return Audience(ids, len(ids) if len(ids) < MOST_CUSTOMERS else rows.count())


def members_of(actor: Actor, survey: Survey, segment_id: UUID | None) -> Audience:
    """The people of a segment now, those never invited to this survey first, at most 50,000.

    Whoever has no address, is suppressed or asked not to be worked on is among them: the rules block them and say why.
    Raises `DomainError` naming `segment` when there is no such segment, nobody in it that the actor may send to, or
    when its members are not known yet.
    """
    segment = Segment.objects.filter(pk=segment_id).first() if segment_id else None
    if segment is None:
        raise DomainError(_("There is no segment with this id."), field="segment", code="not_found")
    if segment.size is None:
        message = _("The segment is still being computed for the first time. Try again in a moment.")
        raise DomainError(message, field="segment", code="computing")
    rows = sendable(actor).filter(Exists(SegmentMember.objects.filter(segment=segment, customer=OuterRef("pk"))))
    invited = Invitation.objects.filter(customer=OuterRef("pk"), survey=survey)
    ids = list(rows.order_by(Exists(invited), "pk").values_list("pk", flat=True)[:MOST_MEMBERS])
    if not ids:
        raise DomainError(_("Nobody whom you may ask belongs to this segment."), field="segment", code="nobody")
    return Audience(ids, len(ids) if len(ids) < MOST_MEMBERS else rows.count(), MOST_MEMBERS)


def segment_of_stage(actor: Actor, stage: str = "") -> Segment:
    """The live segment of everybody, or of one stage: the one there is, else a new one."""
    stages = [stage] if stage else list(Customer.Stage.values)
    rule = {"all": [{"field": "stage", "op": "in", "value": stages}]}
    found = (
        Segment.objects.filter(kind=Segment.Kind.LIVE, rule=read_rule(rule).as_json()).order_by("created_at").first()
    )
    if found is not None:
        return found
    name = _("Stage: %(stage)s") % {"stage": Customer.Stage(stage).label} if stage else _("Everyone")
    if Segment.objects.filter(name=name).exists():
        name = f"{name} ({now():%Y-%m-%d %H:%M:%S})"
    return create_segment(actor=actor, name=name, rule=rule)


def by_external_ids(actor: Actor, text: str) -> Audience:
    """The customers whose external ids (or e-mail addresses) stand in `text`, one a line or with commas between.

    Raises `DomainError` naming `ids` when it is empty, too long or names somebody unknown.
    """
    wanted = list(dict.fromkeys(part.strip() for part in re.split(r"[\n\r,;\t]+", text) if part.strip()))
    if not wanted:
        raise DomainError(_("Paste the ids of your customers, one a line."), field="ids", code="required")
    if len(wanted) > MOST_CUSTOMERS:
        raise DomainError(_("Choose at most 10,000 customers at a time."), field="ids", code="too_many")
    return _named(actor, wanted, field="ids")


def one_customer(actor: Actor, text: str) -> Audience:
    """The customer with this external id or e-mail address. Raises `DomainError` naming `customer`."""
    return _named(actor, [text.strip()], field="customer")


def _named(actor: Actor, wanted: list[str], *, field: str) -> Audience:
    rows = sendable(actor)
    found: dict[str, UUID] = {}
    for email, pk in rows.filter(email__in=[one.lower() for one in wanted if "@" in one]).values_list("email", "pk"):
        found.setdefault(email or "", pk)
    found.update((name or "", pk) for name, pk in rows.filter(external_id__in=wanted).values_list("external_id", "pk"))
    if missing := [one for one in wanted if one not in found and one.lower() not in found]:
        merged = Customer.records.filter(external_id__in=missing, merged_into__in=rows)
        found.update((name or "", pk) for name, pk in merged.values_list("external_id", "merged_into_id"))
    unknown = [one for one in wanted if one not in found and one.lower() not in found]
    if unknown:
        names = ", ".join(unknown[:_SHOWN])
        message = ngettext(
            "%(count)d id is unknown: %(names)s. Correct or remove it.",
            "%(count)d ids are unknown: %(names)s. Correct or remove them.",
            len(unknown),
        )
        more = " …" if len(unknown) > _SHOWN else ""
        raise DomainError(message % {"count": len(unknown), "names": names + more}, field=field, code="not_found")
    ids = list(dict.fromkeys(found.get(one) or found[one.lower()] for one in wanted))
    return Audience(ids, len(ids))


def sendable(actor: Actor) -> QuerySet[Customer]:
    """The customers this actor may send to: all, or those of the actor's branch."""
    units = actor.visible_units("surveys.send")
    rows = Customer.objects.order_by("pk")
    return rows if units is None else rows.filter(unit_id__in=units)
