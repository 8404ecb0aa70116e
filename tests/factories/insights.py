"""Insights and opportunities."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.insights import services as insight_services
from apps.insights.models import Insight, InsightLink, InsightSettings
from apps.opportunities import services as opportunity_services
from apps.opportunities.models import Opportunity, OpportunityIdea, OpportunityInsight
from cxm.actor import Actor
from tests.factories.ideas import an_idea
from tests.factories.maps import a_touchpoint
from tests.factories.registry import factory

_numbers = count(1)
SYSTEM = Actor.system("test")


@factory(Insight)
def an_insight(title: str = "", *, actor: Actor = SYSTEM, **values: Any) -> Insight:
    """An observation, linked to nothing unless said."""
    return insight_services.create_insight(actor=actor, title=title or f"Insight {next(_numbers)}", **values)


@factory(InsightLink)
def an_insight_link() -> InsightLink:
    insight = an_insight(touchpoints=[a_touchpoint().key])
    return InsightLink.objects.get(insight=insight)


@factory(InsightSettings)
def insight_settings() -> InsightSettings:
    insight_services.set_old_after(actor=SYSTEM, months=18)
    return InsightSettings.objects.get()


@factory(Opportunity)
def an_opportunity(title: str = "", *, actor: Actor = SYSTEM, **values: Any) -> Opportunity:
    """An opportunity without scores or evidence unless said."""
    title = title or f"How might we do {next(_numbers)} better?"
    return opportunity_services.create_opportunity(actor=actor, title=title, **values)


@factory(OpportunityInsight, OpportunityIdea)
def the_evidence_of_an_opportunity() -> dict[Any, Any]:
    row = an_opportunity(insights=[an_insight().pk], ideas=[an_idea().pk])
    return {
        OpportunityInsight: OpportunityInsight.objects.get(opportunity=row),
        OpportunityIdea: OpportunityIdea.objects.get(opportunity=row),
    }
