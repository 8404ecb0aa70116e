"""Reading the touchpoint library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.touchpoints import registry
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import parse_uuid


@dataclass(frozen=True)
class Coverage:
    """How many of the touchpoints in the lists have an owner, an event and a survey."""

    touchpoints: int
    owner: int
    event: int
    survey: int


def touchpoints() -> QuerySet[Touchpoint]:
    """The whole library, archived ones too, with the owner unit in the same query."""
    return Touchpoint.objects.select_related("owner_unit")


def touchpoint_for(key_or_id: object) -> Touchpoint:
    """One touchpoint by key, else by id. Raises NotFound. One query."""
    found = touchpoints().filter(named(str(key_or_id)))
    rows = sorted(found[:2], key=lambda row: row.key != str(key_or_id))
    if not rows:
        raise NotFound
    return rows[0]


def named(key_or_id: str) -> Q:
    """The condition for a key, or for an id when the text is one."""
    if "\x00" in key_or_id:
        return Q(pk__in=[])
    identifier = parse_uuid(key_or_id)
    return Q(key=key_or_id) | Q(pk=identifier) if identifier else Q(key=key_or_id)


def touchpoint_by_key_or_name(text: str) -> Touchpoint | None:
    """What a file may mean by this text: the key, else the name in any case. Two queries at most."""
    if not text or "\x00" in text:
        return None
    by_key = touchpoints().filter(key=text).first()
    return by_key or touchpoints().filter(name__iexact=text.strip()).order_by("archived_at", "created_at").first()


def matching(rows: QuerySet[Touchpoint], text: str) -> QuerySet[Touchpoint]:
    """Touchpoints whose name or key holds the text, in any case."""
    text = text.replace("\x00", "")
    return rows.filter(Q(name__icontains=text) | Q(key__icontains=text))


def coverage(actor: Actor) -> Coverage:
    """Coverage of the library. One query, and one for the surveys."""
    rows = list(Touchpoint.objects.filter(archived_at=None).values_list("pk", "owner_unit", "event_match"))
    ids = [pk for pk, _owner, _event in rows]
    return Coverage(
        touchpoints=len(rows),
        owner=sum(owner is not None for _pk, owner, _event in rows),
        event=sum(event is not None for _pk, _owner, event in rows),
        survey=len(surveyed(actor, ids)),
    )


def surveyed(actor: Actor, touchpoint_ids: Collection[UUID]) -> set[UUID]:
    """Those that a survey is bound to."""
    kind = registry.USES.get("surveys")
    if kind is None:
        return set()
    return {pk for pk, uses in kind.source(actor=actor, touchpoint_ids=touchpoint_ids).items() if uses}
