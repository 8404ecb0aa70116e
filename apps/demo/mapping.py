"""What surrounds the demo's maps: a second version, a to-be map, promises, insights, opportunities, talk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from apps.accounts.models import User
from apps.comments.services import add_comment
from apps.demo import map_story
from apps.insights.models import Insight
from apps.insights.services import create_insight
from apps.journeys import services
from apps.journeys.content import StepContent, iter_steps
from apps.journeys.drafts import read_draft
from apps.journeys.models import Journey, JourneyVersion
from apps.opportunities.services import create_opportunity
from apps.organizations.models import Organization
from apps.organizations.queries import actor_for
from apps.personas.models import Persona
from apps.personas.services import publish_persona, update_persona
from apps.touchpoints.backstage import create_record
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import update_touchpoint
from cxm.actor import Actor


def deepen(
    *,
    actor: Actor,
    journey: Journey,
    persona: Persona,
    people: Mapping[str, User],
    touchpoints: Mapping[str, Touchpoint],
    organization: Organization,
    today: dt.date,
) -> None:
    """Give the demo's first map all that a team gathers around one in a year."""
    keep_promises(actor=actor, touchpoints=touchpoints)
    publish_second_version(actor=actor, journey=journey, owner=people["jonas.brandt"], today=today)
    draw_to_be(actor=actor, journey=journey)
    insights = write_insights(actor=actor, journey=journey, persona=persona, today=today)
    write_opportunities(actor=actor, journey=journey, persona=persona, insights=insights, owner=people["mira.lind"])
    update_persona(actor=actor, persona=persona, owner=people["mira.lind"], review_date=today - dt.timedelta(days=9))
    about = {"persona": persona.pk, "map": journey.pk}
    kinds = {"persona": "persona", "map": "journey"}
    for what, who, body in map_story.COMMENTS:
        author = actor_for(people[who], organization, None)
        add_comment(actor=author, kind=kinds[what], object_id=about[what], body=body)


def keep_promises(*, actor: Actor, touchpoints: Mapping[str, Touchpoint]) -> None:
    """What is promised at touchpoints, and what stands behind them."""
    for key, promise in map_story.PROMISES.items():
        update_touchpoint(actor=actor, touchpoint=touchpoints[key], promise=promise)
    for kind, name, description, keys in map_story.BACKSTAGE:
        create_record(actor=actor, kind=kind, name=name, description=description, touchpoints=keys)


def publish_second_version(*, actor: Actor, journey: Journey, owner: User, today: dt.date) -> None:
    """Say how well the steps are known, change what the team changed, and publish it some weeks ago."""

    def known(step: StepContent) -> None:
        step["moment_of_truth"] = step["name"] in map_story.MOMENTS_OF_TRUTH
        step["evidence"] = "measured" if step["name"] in map_story.MEASURED_STEPS else "assumption"
        for card in step["cards"]:
            card["text"] = map_story.REWORDED.get(card["text"], card["text"])
        step["cards"] += map_story.NEW_CARDS.get(step["name"], [])  # type: ignore[arg-type]

    _change_steps(actor, journey, known)
    review = today + dt.timedelta(days=40)
    services.update_journey(actor=actor, journey=journey, owner=str(owner.pk), review_date=review.isoformat())
    version = services.publish_journey(actor=actor, journey=journey, purpose=map_story.SECOND_PURPOSE)
    since = version.published_at - dt.timedelta(days=map_story.SECOND_VERSION_DAYS)
    versions = JourneyVersion.objects.filter(journey=journey)
    versions.filter(number=version.number).update(published_at=since, in_force_from=since)
    before = since - dt.timedelta(days=200)
    versions.filter(number=version.number - 1).update(in_force_to=since, published_at=before)


def draw_to_be(*, actor: Actor, journey: Journey) -> Journey:
    """A map of how it shall be, not yet published."""
    made = services.make_to_be(actor=actor, journey=journey)

    def wished(step: StepContent) -> None:
        step["belief"] = map_story.TO_BE_BELIEFS.get(step["name"], step["belief"])
        step["cards"] += map_story.TO_BE_CARDS.get(step["name"], [])  # type: ignore[arg-type]

    _change_steps(actor, made, wished)
    return made


def write_insights(*, actor: Actor, journey: Journey, persona: Persona, today: dt.date) -> list[Insight]:
    """What the team learned, linked to the steps it is about."""
    steps = {step["name"]: step["id"] for step in _steps(journey)}
    made = []
    for told in map_story.INSIGHTS:
        values = {name: value for name, value in told.items() if name not in ("steps", "days")}
        values["source_date"] = (today - dt.timedelta(days=told["days"])).isoformat()
        values["steps"] = [{"journey": str(journey.pk), "step": steps[name]} for name in told["steps"]]
        made.append(create_insight(actor=actor, persona=persona, **values))
    return made


def write_opportunities(
    *, actor: Actor, journey: Journey, persona: Persona, insights: list[Insight], owner: User
) -> None:
    """What could be better, each written from the pain point it answers."""
    cards = {card["text"]: UUID(card["id"]) for step in _steps(journey) for card in step["cards"]}
    for told in map_story.OPPORTUNITIES:
        values = {name: value for name, value in told.items() if name not in ("step", "card", "insights")}
        if values["status"] in ("planned", "in_progress"):
            values["owner"] = str(owner.pk)
        create_opportunity(
            actor=actor,
            journey=str(journey.pk),
            card=str(cards[told["card"]]),
            persona=str(persona.pk),
            insights=[str(insights[at].pk) for at in told["insights"]],
            **values,
        )


def revise_persona(*, actor: Actor, persona: Persona, insights: list[Insight], owner: User, today: dt.date) -> None:
    """Say what the persona's lines rest on and who looks after it, and publish that; its review has just come due."""
    backing: list[dict[str, Any]] = []
    for section, line, rests_on, level in map_story.BACKING:
        item: dict[str, Any] = {"section": section, "line": line, "level": level}
        if isinstance(rests_on, int):
            item |= {"kind": "insight", "ref": str(insights[rests_on].pk)}
        else:
            item |= {"text": rests_on}
        backing.append(item)
    persona = Persona.objects.get(pk=persona.pk)
    review = today - dt.timedelta(days=9)
    persona = update_persona(actor=actor, persona=persona, owner=owner, review_date=review, backing=backing)
    publish_persona(actor=actor, persona=persona, purpose=map_story.REVISED)


def _steps(journey: Journey) -> Iterator[StepContent]:
    return iter_steps(read_draft(journey).content["stages"])


def _change_steps(actor: Actor, journey: Journey, change: Callable[[StepContent], Any]) -> None:
    """Change every step of a draft in one write."""
    stages = read_draft(journey).content["stages"]
    for step in iter_steps(stages):
        change(step)
    services.update_journey(actor=actor, journey=journey, stages=stages)
