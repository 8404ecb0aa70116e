"""Reading opportunities: lists, boards, the matrix, and what hangs on cards and steps of maps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from apps.ideas.models import Idea
from apps.insights.models import Insight
from apps.insights.places import Place, Ref, resolve
from apps.insights.queries import ShownInsight, show
from apps.insights.queries import insights as readable_insights
from apps.insights.registry import Linked
from apps.opportunities.models import Opportunity, OpportunityIdea, OpportunityInsight
from apps.opportunities.services import CLOSED, link_insight
from cxm.actor import Actor
from cxm.errors import NotFound

MOST_CARDS: Final = 30
"""Cards drawn of one column of a board; the rest is in the list."""
BOARDS: Final[Mapping[str, Any]] = {"status": Opportunity.Status, "horizon": Opportunity.Horizon}


@dataclass(frozen=True)
class BoardCard:
    """A card of a board, with what it may be moved after: one up, one down (None = cannot)."""

    opportunity: Opportunity
    evidence: int
    place: Place | None
    up: str | None
    down: str | None


@dataclass(frozen=True)
class Column:
    """A column of a board; `hidden` of its `n` opportunities are not drawn."""

    key: str
    title: Any
    cards: list[BoardCard]
    n: int

    @property
    def hidden(self) -> int:
        """How many are in the list only."""
        return self.n - len(self.cards)


def opportunities(actor: Actor) -> QuerySet[Opportunity]:
    """Every opportunity with map, touchpoint, persona and owner, and how many pieces of evidence it has.

    `evidence_count` is `insight_count` and `idea_count` and one for the pain point it was written from.
    """
    rows = Opportunity.objects.select_related("journey", "touchpoint", "persona", "owner", "created_by")
    pain = Case(When(pain_point="", then=0), default=1, output_field=IntegerField())
    return (
        rows.defer("title_lower")
        .annotate(insight_count=_count(OpportunityInsight), idea_count=_count(OpportunityIdea))
        .annotate(evidence_count=F("insight_count") + F("idea_count") + pain)
    )


def opportunity_for(actor: Actor, pk: UUID) -> Opportunity:
    """One opportunity. Raises NotFound."""
    row = opportunities(actor).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def places_of(actor: Actor, rows: Iterable[Opportunity]) -> dict[UUID, Place]:
    """Where opportunities stand on maps the actor may see, by id. At most four queries."""
    refs = {row.pk: ref for row in rows if (ref := ref_of(row))}
    found = resolve(actor, refs.values())
    maps = {ref: Ref(ref.journey) for ref in refs.values() if ref not in found}
    found |= {ref: place for ref, whole in maps.items() if (place := found.get(whole))}
    return {pk: found[ref] for pk, ref in refs.items() if ref in found}


def ref_of(row: Opportunity) -> Ref | None:
    """The place on a map that an opportunity names."""
    if row.journey_id is None:
        return None
    return Ref(row.journey_id, None if row.card_id else row.step_id, row.card_id)


def columns(actor: Actor, rows: QuerySet[Opportunity], board: str) -> list[Column]:
    """The columns of a board (`status` or `horizon`) in order, thirty cards of each. At most six queries."""
    if board == "horizon":
        rows = rows.exclude(status__in=CLOSED)
    counts = dict(rows.order_by().values_list(board).annotate(n=Count("pk")))
    drawn: dict[str, list[Opportunity]] = defaultdict(list)
    wanted: list[UUID] = []
    for key in BOARDS[board].values:
        if counts.get(key):
            wanted += rows.filter(**{board: key}).order_by("rank", "pk").values_list("pk", flat=True)[:MOST_CARDS]
    found = list(rows.filter(pk__in=wanted).order_by("rank", "pk"))
    for row in found:
        drawn[getattr(row, board)].append(row)
    places = places_of(actor, found)
    return [Column(key, label, _cards(drawn[key], places), counts.get(key, 0)) for key, label in BOARDS[board].choices]


def _cards(rows: Sequence[Opportunity], places: Mapping[UUID, Place]) -> list[BoardCard]:
    ids = [str(row.pk) for row in rows]
    return [
        BoardCard(
            opportunity=row,
            evidence=row.evidence_count,  # type: ignore[attr-defined]
            place=places.get(row.pk),
            up=None if index == 0 else ids[index - 2] if index > 1 else "",
            down=ids[index + 1] if index + 1 < len(ids) else None,
        )
        for index, row in enumerate(rows)
    ]


def insights_for(actor: Actor, opportunity: Opportunity) -> list[ShownInsight]:
    """The insights that speak for an opportunity and that the actor may read, the newest first."""
    if not actor.can("insights.view"):
        return []
    linked = OpportunityInsight.objects.filter(opportunity=opportunity).values("insight_id")
    return show(actor, readable_insights(actor).filter(pk__in=linked).order_by(F("learned").desc(), "-pk"))


def ideas_for(opportunity: Opportunity) -> list[Idea]:
    """The ideas that answer an opportunity, the newest first."""
    linked = OpportunityIdea.objects.filter(opportunity=opportunity).values("idea_id")
    return list(Idea.objects.filter(pk__in=linked).defer("title_lower").order_by("-created_at", "-pk"))


def counts_on_map(*, actor: Actor, journey_id: UUID) -> Mapping[str, int]:
    """How many opportunities were written from each card and each step of a map, by id. One query.

    One written from a card is counted at the card and not again at its step.
    """
    rows = Opportunity.objects.filter(journey_id=journey_id).order_by().values_list("step_id", "card_id")
    found: dict[str, int] = defaultdict(int)
    for step, card, n in rows.annotate(n=Count("pk")):
        if card or step:
            found[str(card or step)] += n
    return dict(found)


class KnownOpportunities:
    """What insights are told of opportunities (apps/insights/registry.py)."""

    def linked(self, insights: Collection[UUID]) -> Mapping[UUID, list[Linked]]:
        """See the registry."""
        found: dict[UUID, list[Linked]] = defaultdict(list)
        links = OpportunityInsight.objects.filter(insight__in=insights).select_related("opportunity")
        for link in links.order_by("opportunity__rank", "opportunity"):
            found[link.insight_id].append(_as_linked(link.opportunity))
        return found

    def named(self, ids: Collection[UUID]) -> list[Linked]:
        """See the registry."""
        return [_as_linked(row) for row in Opportunity.objects.filter(pk__in=ids).order_by("rank", "pk")]

    def link(self, *, actor: Actor, insight: Insight, opportunities: Collection[UUID]) -> None:
        """See the registry."""
        link_insight(actor=actor, insight=insight, opportunities=opportunities)


def _as_linked(row: Opportunity) -> Linked:
    return Linked(row.pk, row.title, "opportunities:detail", str(row.get_status_display()))


def _count(model: Any) -> Coalesce:
    rows = model.objects.filter(opportunity=OuterRef("pk")).order_by().values("opportunity").annotate(n=Count("pk"))
    return Coalesce(Subquery(rows.values("n"), output_field=IntegerField()), 0)
