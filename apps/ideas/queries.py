"""Reading ideas."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.ideas.models import Idea, IdeaComment, IdeaVote
from apps.touchpoints.registry import Use
from cxm.actor import Actor
from cxm.errors import NotFound

OPEN_STATUSES: Final = (Idea.Status.NEW, Idea.Status.UNDER_REVIEW, Idea.Status.PLANNED, Idea.Status.IN_PROGRESS)

_SHORTEST_TITLE: Final = 4
_LONG_WORD: Final = 4


def ideas(actor: Actor) -> QuerySet[Idea]:
    """Every idea with author, touchpoint and persona, and `votes_count`, `comments_count`, `voted` (by this actor)."""
    return (
        Idea.objects.select_related("author", "touchpoint", "persona", "merged_into")
        .defer("title_lower")
        .annotate(
            votes_count=_count(IdeaVote),
            comments_count=_count(IdeaComment),
            voted=Exists(IdeaVote.objects.filter(idea=OuterRef("pk"), voter=actor.id)) if actor.id else Value(False),
        )
    )


def idea_for(actor: Actor, pk: UUID) -> Idea:
    """One idea. Raises NotFound."""
    idea = ideas(actor).filter(pk=pk).first()
    if idea is None:
        raise NotFound
    return idea


def comments_of(idea: Idea) -> QuerySet[IdeaComment]:
    """What was said about an idea, in order."""
    return IdeaComment.objects.filter(idea=idea).select_related("author").order_by("created_at", "pk")


def similar_ideas(actor: Actor, title: str, *, but: UUID | None = None, limit: int = 5) -> list[Idea]:
    """Ideas whose title is like `title` (trigrams) or holds all of its longer words; the most alike first.

    Both conditions are served by the trigram index on the title. Merged ideas are left out: the one that remains is
    found by its own title.
    """
    text = " ".join(title.lower().split())[:200]
    if len(text) < _SHORTEST_TITLE:
        return []
    alike = Q(title_lower__trigram_similar=text)
    words = [word for word in text.split() if len(word) >= _LONG_WORD]
    if words:
        held = Q()
        for word in words[:8]:
            held &= Q(title_lower__contains=word)
        alike |= held
    rows = ideas(actor).filter(alike).exclude(status=Idea.Status.MERGED)
    if but is not None:
        rows = rows.exclude(pk=but)
    return list(rows.annotate(likeness=TrigramSimilarity("title_lower", text)).order_by("-likeness", "-pk")[:limit])


def waiting_count(actor: Actor, organization: Any) -> int:
    """How many new ideas wait for somebody who moderates; nothing is due for the others."""
    return Idea.objects.filter(status=Idea.Status.NEW).count() if actor.can("ideas.moderate") else 0


def ideas_by_touchpoint(
    *, touchpoint_ids: Collection[UUID], start: datetime | None, end: datetime | None
) -> Mapping[UUID, int]:
    """How many open ideas are tied to each touchpoint, submitted from `start` until before `end`. One query."""
    rows = Idea.objects.filter(touchpoint__in=touchpoint_ids, status__in=OPEN_STATUSES)
    if start is not None:
        rows = rows.filter(created_at__gte=start)
    if end is not None:
        rows = rows.filter(created_at__lt=end)
    return dict(rows.order_by().values_list("touchpoint").annotate(n=Count("pk")))


def idea_uses(*, actor: Actor, touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[Use]]:
    """The ideas tied to each touchpoint, the newest first. One query."""
    uses: dict[UUID, list[Use]] = {}
    rows = Idea.objects.filter(touchpoint__in=touchpoint_ids).exclude(status=Idea.Status.MERGED)
    for idea in rows.only("title", "status", "touchpoint_id").order_by("-created_at", "-pk"):
        use = Use(label=idea.title, url_name="ideas:detail", object_id=idea.pk, note=idea.get_status_display())
        uses.setdefault(idea.touchpoint_id, []).append(use)  # type: ignore[arg-type]
    return uses


def _count(model: type[IdeaVote] | type[IdeaComment]) -> Coalesce:
    rows = model.objects.filter(idea=OuterRef("pk")).order_by().values("idea").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(rows, output_field=IntegerField()), 0)
