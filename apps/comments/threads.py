"""What the template of a thread needs, the same for a page that shows one and for the fragment that replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.comments import queries
from apps.comments.registry import commentable
from cxm.errors import NotFound
from cxm.ids import parse_uuid
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url


@dataclass(frozen=True, slots=True)
class Refused:
    """What was typed and why it was not taken. `where` is the comment to be answered or changed, or ""."""

    where: str
    body: str
    message: str
    change: bool = False

    @property
    def form(self) -> str:
        """By what the template calls the form it came from."""
        return f"{self.where}:edit" if self.change else self.where or "new"


def thread_context(
    request: MemberRequest,
    kind: str,
    object_id: UUID,
    *,
    anchor: UUID | None = None,
    page: int = 1,
    refused: Refused | None = None,
) -> dict[str, Any]:
    """The thread of a thing, with its addresses. Raises NotFound when the actor may not see the thing."""
    thing = commentable(kind)
    found = thing.find(request.actor, object_id)
    if found is None:
        raise NotFound
    anchors = thing.anchors_of(request.actor, object_id)
    address = org_url(request.organization, "comments:thread", kind=kind, object_id=object_id)
    return {
        "request": request,
        "thread": queries.thread_of(request.actor, kind, object_id, anchor=anchor, anchors=anchors, page=page),
        "thing_title": thing.title_of(found),
        "thing_url": org_url(request.organization, thing.url_name, pk=object_id),
        "thread_url": address,
        "post_url": f"{address}?anchor={anchor}" if anchor else address,
        "people_url": org_url(request.organization, "comments:people", kind=kind, object_id=object_id),
        "anchors": anchors,
        "anchor": str(anchor) if anchor else "",
        "may_write": request.actor.can("comments.write"),
        "refused": refused,
    }


def anchor_asked(request: MemberRequest) -> UUID | None:
    """The part that `?anchor=` names; None for none or for anything that is no id."""
    return parse_uuid(request.GET.get("anchor", ""))
