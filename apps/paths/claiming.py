"""Giving events that no touchpoint claims to the library."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from apps.interactions.models import Interaction
from apps.touchpoints.models import Channel, Touchpoint
from apps.touchpoints.services import create_touchpoint, update_touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError

LOOKED_AT = 1_000


def usual_channel(event: str) -> str:
    """The channel that the newest interactions of this name mostly came by; "web" for what has none. One query."""
    newest = Interaction.objects.filter(event=event).order_by("-id").values("pk")[:LOOKED_AT]
    rows = Interaction.objects.filter(pk__in=newest).order_by().values("channel").annotate(n=Count("pk"))
    row = rows.order_by("-n", "channel").first()
    return str(row["channel"]) if row else str(Channel.WEB)


def claim_event(*, actor: Actor, event: str, name: str, channel: str) -> Touchpoint:
    """A new touchpoint of the library that this event says somebody met. Raises as `create_touchpoint` does."""
    return create_touchpoint(actor=actor, name=name, channel=channel, event_match={"event": event, "where": {}})


@transaction.atomic
def give_event(*, actor: Actor, event: str, touchpoint: Touchpoint) -> Touchpoint:
    """Let this event say that somebody met a touchpoint that had no event. Raises as `update_touchpoint` does."""
    row = Touchpoint.objects.select_for_update().get(pk=touchpoint.pk)
    if row.event_match:
        raise DomainError(_("This touchpoint has an event by now."), field="touchpoint", code="conflict")
    return update_touchpoint(actor=actor, touchpoint=row, event_match={"event": event, "where": {}})
