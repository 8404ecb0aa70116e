"""Seeding the demo organisation by calling the services that people and programs call.

Deterministic: a fixed random seed, so that everybody looks at the same company (dates count back from today).
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.customers.models import Customer
from apps.customers.services import create_customer
from apps.demo import asking, living, mapping, story
from apps.dispatch.services import invite_customers
from apps.ideas.models import Idea
from apps.ideas.services import comment_on_idea, submit_idea, vote_for_idea
from apps.journeys.services import create_journey, publish_journey
from apps.organizations.models import Organization, Unit
from apps.organizations.queries import actor_for
from apps.organizations.services import create_unit, update_settings
from apps.personas.models import Persona
from apps.personas.services import create_persona, publish_persona
from apps.surveys.models import Survey
from apps.surveys.services import create_survey, publish_survey, record_responses
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import create_touchpoint
from cxm.actor import Actor

SEED = 20261121
DAYS = 548
CUSTOMERS = 600
INVITED = 40
COMMENT_SHARE = 0.42
POINTS = {"nps": 11, "csat": 5, "ces": 7}
CHANNELS = {"web": "web", "app": "app", "email": "email", "phone": "sms", "in_person": "qr", "mail": "email"}


@dataclass(frozen=True, slots=True)
class Answering:
    """A survey of the demo with what seeding needs to answer it."""

    survey: Survey
    metric: str
    place: story.Place | None
    per_day: float
    mood: float


def seed_organization(organization: Organization, people: dict[str, User], today: dt.date) -> None:
    """Fill the organisation in force: units, customers, personas, maps, surveys, 18 months of answers, ideas.

    Args:
        people: the demo's members by the part of the address before the @.
        today: answers end the day before.
    """
    chance = random.Random(SEED)  # noqa: S311 - an invented company, not a secret
    actor = actor_for(people["mira.lind"], organization, None)
    with transaction.atomic():
        update_settings(actor=actor, languages=story.LANGUAGES)
        units = _units(actor)
        touchpoints = {place.key: _touchpoint(actor, place, units) for place in story.PLACES}
        customers = _customers(actor, units, chance)
        personas = {str(values["name"]): _persona(actor, values) for values in story.PERSONAS}
        maps = {}
        for content in story.MAPS:
            journey = maps[content["name"]] = create_journey(
                actor=actor, name=content["name"], persona=personas[content["persona"]], stages=content["stages"]
            )
            publish_journey(
                actor=actor, journey=journey, purpose="First map of this journey, from the workshop in spring"
            )
        surveys = _surveys(actor, touchpoints)
    for asked in surveys:
        _answer(asked, customers, organization, today, chance)
    with transaction.atomic():
        living.record_lives(customers=customers, organization=organization, today=today)
        living.record_campaign(actor=actor, customers=customers, organization=organization, today=today)
    with transaction.atomic():
        living.make_segments(actor=actor, personas=personas)
    with transaction.atomic():
        mapping.deepen(
            actor=actor,
            journey=maps[story.SWITCHING["name"]],
            persona=personas[str(story.SWITCHING["persona"])],
            people=people,
            touchpoints=touchpoints,
            organization=organization,
            today=today,
        )
    with transaction.atomic():
        asking.ask_in_the_shop(
            actor=actor, touchpoint=touchpoints["city-shop"], units=units, organization=organization, today=today
        )
        asking.ask_employees(actor=actor, units=units, organization=organization, today=today)
        asking.ask_after_calls(
            actor=actor,
            touchpoint=touchpoints["support-hotline"],
            customers=customers[INVITED:],
            organization=organization,
            today=today,
        )
    with transaction.atomic():
        _ideas(organization, people, touchpoints)
        _invite(actor, surveys[0].survey, customers)


def _units(actor: Actor) -> dict[str, Unit]:
    made: dict[str, Unit] = {}
    for name, code, parent in story.UNITS:
        made[code] = create_unit(actor=actor, name=name, code=code, parent=made.get(parent or ""))
    return made


def _touchpoint(actor: Actor, place: story.Place, units: dict[str, Unit]) -> Touchpoint:
    return create_touchpoint(
        actor=actor,
        name=place.name,
        key=place.key,
        channel=place.channel,
        target=place.target,
        event_match=story.EVENTS.get(place.key),
        owner_unit=units.get(place.owner),
    )


def _customers(actor: Actor, units: dict[str, Unit], chance: random.Random) -> list[Customer]:
    branches = [units["hamburg"], units["berlin"], units["munich"]]
    made = []
    for number in range(1, CUSTOMERS + 1):
        first, last = chance.choice(story.FIRST_NAMES), chance.choice(story.LAST_NAMES)
        private = chance.random() < 0.86
        company = "" if private else story.COMPANIES[number % len(story.COMPANIES)]
        made.append(
            create_customer(
                actor=actor,
                external_id=f"K-{10000 + number}",
                email=f"kunde{number}@mail.example",
                name=f"{first} {last}",
                account=company,
                language=chance.choices(story.LANGUAGES, weights=[34, 40, 9, 9, 8])[0],
                unit=chance.choices(branches, weights=[45, 35, 20])[0],
                attributes={
                    "segment": "Private" if private else "Business",
                    "tariff": chance.choice(["Wind Basic", "Wind Plus", "Wind Flex"]),
                },
            )
        )
    return made


def _persona(actor: Actor, values: dict[str, Any]) -> Persona:
    persona = create_persona(actor=actor, **values)
    publish_persona(actor=actor, persona=persona, purpose="Agreed in the workshop in spring")
    return persona


def _surveys(actor: Actor, touchpoints: dict[str, Touchpoint]) -> list[Answering]:
    made = [
        Answering(
            _published(actor, "How we are doing (relationship NPS)", "nps", None, relationship=True),
            "nps",
            None,
            story.RELATIONSHIP_PER_DAY,
            story.RELATIONSHIP_MOOD,
        )
    ]
    for place in story.PLACES:
        for asked in place.asked:
            name = f"{place.name}: {asked.metric.upper()}"
            survey = _published(actor, name, asked.metric, touchpoints[place.key])
            made.append(Answering(survey, asked.metric, place, asked.per_day, asked.mood))
    return made


def _published(
    actor: Actor, name: str, kind: str, touchpoint: Touchpoint | None, *, relationship: bool = False
) -> Survey:
    survey = create_survey(
        actor=actor, name=name, kind=kind, touchpoint=touchpoint, relationship=relationship, languages=story.LANGUAGES
    )
    publish_survey(actor=actor, survey=survey)
    survey.refresh_from_db()
    return survey


# -- answers ----------------------------------------------------------------------------------------------------------


def mood_on(asked: Answering, days_ago: int) -> float:
    """The mean latent mood (0 bad .. 1 good) so many days ago: a price letter, and two changes that helped."""
    mood = asked.mood
    since_letter = story.PRICE_LETTER_DAY - days_ago
    if 0 <= since_letter < story.PRICE_LETTER_LASTS and asked.place is None:
        mood += story.PRICE_LETTER_EFFECT * (1 - since_letter / story.PRICE_LETTER_LASTS)
    key = asked.place.key if asked.place else ""
    if key == "first-invoice" and days_ago <= story.CLEAR_INVOICE_DAY:
        mood += story.CLEAR_INVOICE_EFFECT
    if key == "app-onboarding" and days_ago <= story.NEW_ONBOARDING_DAY:
        mood += story.NEW_ONBOARDING_EFFECT
    return mood


def score_of(metric: str, mood: float, chance: random.Random) -> int:
    """One answer: the latent mood with a spread of its own, on the metric's scale; customers tend to the ends."""
    latent = chance.gauss(mood, 0.24)
    latent = min(1.0, max(0.0, latent))
    points = POINTS[metric]
    step = round(latent * (points - 1))
    return step if metric == "nps" else step + 1


def _answer(
    asked: Answering, customers: list[Customer], organization: Organization, today: dt.date, chance: random.Random
) -> None:
    zone = ZoneInfo(organization.timezone)
    channel = CHANNELS[asked.place.channel] if asked.place else "email"
    definition = asked.survey.definition
    score_question, comment_question = _questions(definition)
    entries: list[dict[str, Any]] = []
    due = 0.0
    for days_ago in range(DAYS, 0, -1):
        day = today - dt.timedelta(days=days_ago)
        due += asked.per_day * (0.5 if day.weekday() >= 5 else 1.2)
        while due >= 1:
            due -= 1
            customer = chance.choice(customers)
            score = score_of(asked.metric, mood_on(asked, days_ago), chance)
            answers: dict[str, Any] = {score_question: score}
            comment = _comment(asked, score, customer, day, chance)
            if comment:
                answers[comment_question] = comment
            at = dt.datetime.combine(day, dt.time(8 + chance.randrange(12), chance.randrange(60)), zone)
            entries.append(
                {
                    "answers": answers,
                    "customer": {"id": str(customer.pk)},
                    "channel": channel,
                    "language": customer.language,
                    "occurred_at": at.isoformat(),
                }
            )
    system = Actor.system("demo")
    for start in range(0, len(entries), 1000):
        outcome = record_responses(
            actor=system, survey_id=asked.survey.pk, entries=entries[start : start + 1000], source="demo"
        )
        if outcome.refused:
            raise RuntimeError(f"the demo's own answers were refused: {outcome.refused[0]}")


def _questions(definition: dict[str, Any]) -> tuple[str, str]:
    questions = [question for page in definition["pages"] for question in page["questions"]]
    score = next(q["id"] for q in questions if q["type"] in POINTS)
    return score, next(q["id"] for q in questions if q["type"] == "text")


def _comment(asked: Answering, score: int, customer: Customer, day: dt.date, chance: random.Random) -> str:
    """Words that fit the score, in the customer's language where the story has some."""
    language = customer.language
    if chance.random() > COMMENT_SHARE:
        return ""
    points = POINTS[asked.metric]
    share = score / 10 if asked.metric == "nps" else (score - 1) / (points - 1)
    level = "high" if share >= 0.85 else "low" if share <= 0.6 else "mid"
    fitting = [
        (spoken, text)
        for spoken, mood, text in story.VERBATIMS[asked.place.key if asked.place else ""]
        if mood == level
    ]
    own = [text for spoken, text in fitting if spoken == language]
    english = [text for spoken, text in fitting if spoken == "en"]
    choices = own or english
    if not choices:
        return ""
    text = chance.choice(choices)
    return " ".join([text, *_additions(language if own else "en", level, customer, day)])


def _additions(language: str, level: str, customer: Customer, day: dt.date) -> list[str]:
    """None to two sentences more, by who says it when: people do not repeat each other word for word."""
    own = random.Random(f"{customer.external_id}{day}")  # noqa: S311 - an invented company, not a secret
    offered = story.ADDED[language][level]
    return own.sample(offered, k=min(len(offered), own.choices((0, 1, 2), weights=(1, 4, 4))[0]))


# -- ideas and invitations --------------------------------------------------------------------------------------------


def _ideas(organization: Organization, people: dict[str, User], touchpoints: dict[str, Touchpoint]) -> None:
    everybody = [actor_for(user, organization, None) for user in people.values()]
    for title, body, key, author, votes in story.IDEAS:
        idea: Idea = submit_idea(
            actor=actor_for(people[author], organization, None), title=title, body=body, touchpoint=touchpoints[key]
        )
        for voter in everybody[:votes]:
            vote_for_idea(actor=voter, idea=idea)
    comment_on_idea(
        actor=everybody[1], idea=Idea.objects.earliest("number"), body="The new invoice page goes half the way."
    )


def _invite(actor: Actor, survey: Survey, customers: list[Customer]) -> None:
    """A few invitations to click in the built-in mailbox; none where mail would leave the machine."""
    if not settings.EMAIL_URL_IS_SET:
        chosen = [customer.pk for customer in customers[:INVITED]]
        invite_customers(actor=actor, survey=survey, customer_ids=chosen, ignore_new_customer_wait=True)
