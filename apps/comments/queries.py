"""Reading comments and mentions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, F, Prefetch, Q, QuerySet

from apps.comments.mentions import parts_of
from apps.comments.models import Comment, CommentMention
from apps.comments.registry import COMMENTABLES
from apps.comments.services import is_own
from cxm.actor import Actor
from cxm.errors import NotFound

ROOTS_A_PAGE = 30


@dataclass(frozen=True)
class Shown:
    """A comment as the page shows it: its text in pieces, and what the reader may do with it."""

    comment: Comment
    parts: list[tuple[str, bool]]
    own: bool
    may_delete: bool
    where: str = ""
    replies: list[Shown] = field(default_factory=list)


@dataclass(frozen=True)
class Thread:
    """What is said about a thing: the newest comments first, answers in order. `total` counts comments and answers."""

    shown: list[Shown]
    total: int
    open: int
    older: bool
    page: int


def comments(actor: Actor) -> QuerySet[Comment]:
    """All comments on things the actor may see, with author and mentions. Two queries when read."""
    seen = Q(pk__in=[])
    for kind, thing in COMMENTABLES.items():
        if actor.can(thing.permission):
            seen |= Q(kind=kind, object_id__in=thing.rows(actor).order_by().values("pk"))
    return _with_people(Comment.objects.filter(seen))


def comment_for(actor: Actor, pk: UUID) -> Comment:
    """One comment on a thing the actor may see. Raises NotFound."""
    comment = _with_people(Comment.objects.filter(pk=pk)).first()
    thing = COMMENTABLES.get(comment.kind) if comment else None
    if comment is None or thing is None or thing.find(actor, comment.object_id) is None:
        raise NotFound
    return comment


def thread_of(
    actor: Actor,
    kind: str,
    object_id: UUID,
    *,
    anchor: UUID | None = None,
    anchors: Mapping[str, str] | None = None,
    page: int = 1,
) -> Thread:
    """What is said about a thing the actor may see, or about one part of it; 30 comments a page. Five queries."""
    rows = Comment.objects.filter(kind=kind, object_id=object_id)
    if anchor is not None:
        rows = rows.filter(anchor=anchor)
    counted = rows.aggregate(
        total=Count("pk", filter=Q(deleted_at=None)), open=Count("pk", filter=Q(parent=None, resolved_at=None))
    )
    first = (page - 1) * ROOTS_A_PAGE
    replies = _with_people(Comment.objects.order_by("created_at", "pk"))
    roots = _with_people(rows.filter(parent=None)).prefetch_related(Prefetch("replies", queryset=replies))
    found = list(roots.order_by("-created_at", "-pk")[first : first + ROOTS_A_PAGE + 1])
    moderates = actor.can("comments.moderate")
    shown = [_shown(actor, root, moderates, anchors or {}) for root in found[:ROOTS_A_PAGE]]
    return Thread(shown, counted["total"], counted["open"], len(found) > ROOTS_A_PAGE, page)


def counts_by_anchor(kind: str, object_id: UUID) -> dict[str, int]:
    """Open comments by the part they are about. One query."""
    rows = Comment.objects.filter(
        kind=kind, object_id=object_id, parent=None, resolved_at=None, deleted_at=None, anchor__isnull=False
    )
    return {str(anchor): n for anchor, n in rows.values_list("anchor").annotate(n=Count("pk"))}


def open_count(kind: str, object_id: UUID) -> int:
    """Open comments on a thing. One query."""
    return Comment.objects.filter(
        kind=kind, object_id=object_id, parent=None, resolved_at=None, deleted_at=None
    ).count()


def mentions_of(actor: Actor) -> QuerySet[CommentMention]:
    """Where somebody was called upon, the unread first, then the newest, with the comment."""
    rows = CommentMention.objects.filter(user_id=actor.user_id) if actor.user_id else CommentMention.objects.none()
    return rows.select_related("comment__author").order_by(F("read_at").desc(nulls_first=True), "-at", "-pk")


def unread_count(actor: Actor) -> int:
    """Mentions a person has not looked at. One query on an index; none for anybody but a person."""
    if actor.user_id is None:
        return 0
    return CommentMention.objects.filter(user_id=actor.user_id, read_at=None).count()


def titles_of(actor: Actor, wanted: set[tuple[str, UUID]]) -> dict[tuple[str, UUID], str]:
    """What the things are called, of those the actor still may see. One query a kind."""
    found: dict[tuple[str, UUID], str] = {}
    for kind in {kind for kind, _pk in wanted}:
        thing = COMMENTABLES.get(kind)
        if thing is None or not actor.can(thing.permission):
            continue
        ids = [pk for other, pk in wanted if other == kind]
        for row in thing.rows(actor).filter(pk__in=ids):
            found[kind, row.pk] = str(thing.title_of(row))
    return found


def _with_people(rows: QuerySet[Comment]) -> QuerySet[Comment]:
    mentions = CommentMention.objects.select_related("user").order_by("at", "pk")
    return rows.select_related("author", "resolved_by").prefetch_related(Prefetch("mentions", queryset=mentions))


def _shown(actor: Actor, comment: Comment, moderates: bool, anchors: Mapping[str, str]) -> Shown:
    own = is_own(actor, comment)
    return Shown(
        comment=comment,
        parts=parts_of(comment.body, [mention.text for mention in comment.mentions.all()]),
        own=own,
        may_delete=own or moderates,
        where=anchors.get(str(comment.anchor), "") if comment.anchor else "",
        replies=[_shown(actor, reply, moderates, {}) for reply in comment.replies.all()]
        if comment.parent_id is None
        else [],
    )
