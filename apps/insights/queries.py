"""Reading insights: who may read which, where they belong, and what they say of the steps of a map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, DateField, F, Q, QuerySet
from django.db.models.functions import Cast, Coalesce
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.customers.masking import mask_text, may_read_unmasked
from apps.insights.models import Insight, InsightLink, InsightSettings
from apps.insights.places import Place, Ref, resolve
from apps.insights.registry import Linked, opportunities_of
from apps.insights.scoring import weighted_mean
from apps.journeys.models import Card
from apps.journeys.registry import StepInsights
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import NotFound

OLD_AFTER_MONTHS: Final = 12
_MONTHS_BEFORE_YEARS: Final = 36


@dataclass(frozen=True)
class ShownInsight:
    """An insight as one reader sees it: its texts masked by role, its age, and where it belongs."""

    insight: Insight
    title: str
    body: str
    source: str
    months: int
    is_old: bool
    places: Sequence[Place] = field(default_factory=tuple)
    touchpoints: Sequence[Touchpoint] = field(default_factory=tuple)
    opportunities: Sequence[Linked] = field(default_factory=tuple)
    links: Sequence[InsightLink] = field(default_factory=tuple)

    @property
    def age(self) -> str:
        """ "14 months old"."""
        return age_in_words(self.months)


def insights(actor: Actor) -> QuerySet[Insight]:
    """The insights an actor may read, with persona, customer and author, and `learned` (when it was learned).

    What was said without consent is for those who may edit insights. `learned` is the source's date, else the day it
    was written down.
    """
    rows = Insight.objects.select_related("persona", "customer", "author").defer("title_lower")
    rows = rows.annotate(learned=Coalesce(F("source_date"), Cast("created_at", DateField()), output_field=DateField()))
    return rows if actor.can("insights.edit") else rows.exclude(consent=Insight.Consent.NOT_GIVEN)


def insight_for(actor: Actor, pk: UUID) -> Insight:
    """One insight the actor may read. Raises NotFound."""
    row = insights(actor).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def old_after_months() -> int:
    """From how many months on an insight is marked as old, in the organisation in force."""
    chosen = InsightSettings.objects.values_list("old_after_months", flat=True).first()
    return OLD_AFTER_MONTHS if chosen is None else chosen


def months_between(start: date, end: date) -> int:
    """Whole months from a day to another; 0 where the first is the later one."""
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    return max(months, 0)


def old_before(months: int, today: date) -> date:
    """The last day that is `months` old today: what was learned then or before is old."""
    years, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    for day in range(today.day, 0, -1):
        try:
            return date(years, month + 1, day)
        except ValueError:
            continue
    raise ValueError("no such day")


def age_in_words(months: int) -> str:
    """ "14 months old"; years from three on."""
    if not months:
        return _("less than a month old")
    if months < _MONTHS_BEFORE_YEARS:
        return ngettext("%(n)d month old", "%(n)d months old", months) % {"n": months}
    return ngettext("%(n)d year old", "%(n)d years old", months // 12) % {"n": months // 12}


def learned_on(insight: Insight) -> date:
    """When it was learned: the source's date, else the day it was written down."""
    return insight.source_date or insight.created_at.date()


def readable(actor: Actor, insight: Insight, text: str) -> str:
    """A text of an insight, without names and numbers for those who may neither edit insights nor read such anyway."""
    if not text or actor.can("insights.edit") or may_read_unmasked(actor):
        return text
    return mask_text(text, (insight.customer.name,) if insight.customer else ())


def show(actor: Actor, rows: Iterable[Insight]) -> list[ShownInsight]:
    """Insights as the actor reads them. At most eight queries, however many there are."""
    rows = list(rows)
    links: dict[UUID, list[InsightLink]] = defaultdict(list)
    ids = [row.pk for row in rows]
    for link in InsightLink.objects.filter(insight__in=ids).select_related("touchpoint").order_by("pk") if ids else ():
        links[link.insight_id].append(link)
    places = resolve(actor, (ref for found in links.values() for link in found if (ref := ref_of(link))))
    opportunities = opportunities_of(actor, ids)
    threshold, today = old_after_months(), localdate()
    shown = []
    for row in rows:
        months = months_between(learned_on(row), today)
        shown.append(
            ShownInsight(
                insight=row,
                title=readable(actor, row, row.title),
                body=readable(actor, row, row.body),
                source=readable(actor, row, row.source),
                months=months,
                is_old=months >= threshold,
                places=[places[ref] for link in links[row.pk] if (ref := ref_of(link)) in places],
                touchpoints=[link.touchpoint for link in links[row.pk] if link.touchpoint],
                opportunities=opportunities.get(row.pk, []),
                links=links[row.pk],
            )
        )
    return shown


def ref_of(link: InsightLink) -> Ref | None:
    """The place on a map that a link names; None for a touchpoint."""
    return Ref(link.journey_id, link.step_id, link.card_id) if link.journey_id else None


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a mean needs of an insight."""

    score: float | None
    people: int
    learned: date


def insights_of_steps(*, actor: Actor, journey_id: UUID) -> Mapping[str, StepInsights]:
    """What insights say of the steps of a map, by step id. Two queries.

    Insights count for the steps they are linked to and for those on which their cards stand, once each. Those without
    consent count as well: a mean shows nobody's words.
    """
    links = InsightLink.objects.filter(journey_id=journey_id).values_list(
        "insight_id",
        "step_id",
        "card_id",
        "insight__score",
        "insight__people",
        Coalesce("insight__source_date", Cast("insight__created_at", DateField()), output_field=DateField()),
    )
    rows = list(links)
    standing = dict(Card.objects.filter(step__stage__journey=journey_id).values_list("pk", "step_id")) if rows else {}
    by_step: dict[UUID, dict[UUID, _Counted]] = defaultdict(dict)
    for insight, step, card, score, people, learned in rows:
        place = step or standing.get(card)
        if place:
            by_step[place][insight] = _Counted(score, people, learned)
    return {str(step): _summary(list(found.values())) for step, found in by_step.items()}


def _summary(rows: Sequence[_Counted]) -> StepInsights:
    mean = weighted_mean((row.score, row.people) for row in rows if row.score is not None)
    return StepInsights(
        score=mean.value if mean else None,
        count=len(rows),
        scored=mean.n if mean else 0,
        newest=max(row.learned for row in rows),
        low=mean.low if mean else None,
        high=mean.high if mean else None,
    )


def counts_on_map(*, actor: Actor, journey_id: UUID) -> Mapping[str, int]:
    """How many insights are linked to each card and each step of a map, by id. One query."""
    rows = InsightLink.objects.filter(journey_id=journey_id).order_by().values_list("step_id", "card_id")
    return {str(step or card): n for step, card, n in rows.annotate(n=Count("insight", distinct=True))}


def at_step(step: UUID) -> Q:
    """A condition: the insight is linked to the step, or to a card that stands on it."""
    cards = Card.objects.filter(step_id=step).values("pk")
    links = InsightLink.objects.filter(Q(step_id=step) | Q(card_id__in=cards))
    return Q(pk__in=links.values("insight_id"))


def represent_for_person(row: Insight) -> dict[str, Any]:
    """An insight of a customer, for the person to read."""
    return {
        "kind": row.kind,
        "title": row.title,
        "body": row.body,
        "source": row.source,
        "source_date": row.source_date,
        "link": row.link,
        "score": row.score,
        "consent": row.consent,
        "created_at": row.created_at,
    }
