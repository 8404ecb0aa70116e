"""Reading share links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from apps.organizations.models import Organization
from apps.sharing.keys import hash_of, organization_of
from apps.sharing.models import ShareLink
from apps.sharing.registry import Described, shareable
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.scope import tenant


@dataclass(frozen=True, slots=True)
class ListedLink:
    """A link with what it leads to; ``described`` is None when that is gone."""

    link: ShareLink
    kind: str
    described: Described | None


def share_links(actor: Actor) -> QuerySet[ShareLink]:
    """All links of the organisation, newest first, whoever made them."""
    actor.require("maps.share")
    return ShareLink.objects.select_related("created_by").order_by("-created_at", "-id")


def share_link_for(actor: Actor, pk: UUID) -> ShareLink:
    """One link. Raises NotFound."""
    link = share_links(actor).filter(pk=pk).first()
    if link is None:
        raise NotFound
    return link


def listed(links: Iterable[ShareLink]) -> list[ListedLink]:
    """Links with the names of what they lead to. As many queries as there are kinds among them."""
    rows = list(links)
    wanted: defaultdict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        wanted[row.kind].add(row.object_id)
    found = {kind: entry.describe(ids) for kind, ids in wanted.items() if (entry := shareable(kind)) is not None}
    return [
        ListedLink(
            row,
            str(entry.title) if (entry := shareable(row.kind)) is not None else row.kind,
            found.get(row.kind, {}).get(row.object_id),
        )
        for row in rows
    ]


def find_link(key: str) -> tuple[Organization, ShareLink] | None:
    """The link behind a key that came from outside; None for one that is unknown, revoked or of a closed organisation.

    Two queries.
    """
    organization_id = organization_of(key)
    if organization_id is None:
        return None
    organization = Organization.objects.filter(pk=organization_id, deleted_at=None).first()
    if organization is None:
        return None
    with tenant(organization):
        link = ShareLink.objects.filter(key_hash=hash_of(key), revoked_at=None).first()
    return None if link is None else (organization, link)
