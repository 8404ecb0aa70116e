"""What the demo's customers did: offers, contracts, invoices, calls; the companies some belong to; and their segments.

Deterministic, from a random sequence of its own, so that the answers of ``seeding`` stay the same whatever is added
here.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.customers.models import Customer
from apps.demo import story
from apps.interactions.activities import add_customers, create_activity
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Organization
from apps.personas.models import Persona
from apps.personas.services import update_persona
from apps.segments.models import Segment
from apps.segments.services import create_segment
from cxm.actor import Actor

SEED = 20261122
DAYS = 540
PAGE = 1000
INVOICE_EVERY = 30
QUICK_PAYMENT = 0.72
"""Share of invoices that are paid in time."""
CALLS_AFTER_INVOICE = 0.07
LEAVES = 0.06
CALLED = 90
CAMPAIGN_DAY = 42
CONVERTS = 0.3

Event = tuple[dt.datetime, str, str, dict[str, Any]]


def record_lives(*, customers: list[Customer], organization: Organization, today: dt.date) -> int:
    """Store what every customer did in the last eighteen months; how many interactions that were."""
    chance = random.Random(SEED)  # noqa: S311 - an invented company, not a secret
    zone = ZoneInfo(organization.timezone)
    rows: list[NewInteraction] = []
    for customer in customers:
        happened = sorted(life_of(customer, today, zone, chance), key=lambda event: event[0])
        rows += [
            NewInteraction(
                event=name,
                occurred_at=at,
                customer_id=customer.pk,
                channel=channel,
                properties=properties,
                source="import",
                key=f"demo:{customer.external_id}:{number}",
                order=number,
            )
            for number, (at, name, channel, properties) in enumerate(happened)
        ]
    for start in range(0, len(rows), PAGE):
        record_interactions(actor=Actor.system("demo"), rows=rows[start : start + PAGE])
    return len(rows)


def life_of(customer: Customer, today: dt.date, zone: ZoneInfo, chance: random.Random) -> Iterator[Event]:
    """One customer from the first look at an offer until yesterday. Not everybody takes every step."""

    def at(day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(8 + chance.randrange(12), chance.randrange(60)), zone)

    yesterday = today - dt.timedelta(days=1)
    tariff = customer.attributes["tariff"]
    business = customer.attributes["segment"] == "Business"
    price = round(chance.gauss(340 if business else 82, 18), 2)
    day = today - dt.timedelta(days=chance.randrange(20, DAYS))
    if chance.random() < 0.6:
        yield at(day), "Comparison Viewed", "web", {"portal": chance.choice(["Preisblick", "Tarifkompass"])}
    day += dt.timedelta(days=chance.randrange(0, 6))
    if not business or chance.random() < 0.5:
        yield at(min(day, yesterday)), "Quote Requested", "web", {"tariff": tariff, "monthly_price": price}
    if business or chance.random() < 0.25:
        yield at(min(day, yesterday)), "Contract Call", "phone", {"minutes": chance.randrange(4, 30)}
    day += dt.timedelta(days=chance.randrange(0, 8))
    if day > yesterday:
        return
    yield at(day), "Order Completed", "web", {"tariff": tariff, "monthly_price": price, "total": round(price * 12, 2)}
    steps = [(2, "Welcome E-mail Opened", "email", 0.83), (5, "App Registered", "app", 0.64)]
    for after, name, channel, share in [*steps, (14, "Meter Read", "in_person", 0.93)]:
        when = day + dt.timedelta(days=after + chance.randrange(0, 4))
        if chance.random() < share and when <= yesterday:
            yield at(when), name, channel, {}
    leaves = day + dt.timedelta(days=chance.randrange(90, 400)) if chance.random() < LEAVES else None
    yield from _invoices(customer, day, min(leaves or yesterday, yesterday), price, at, chance)
    if leaves and leaves <= yesterday:
        yield at(leaves), "Contract Cancelled", chance.choice(["web", "mail", "phone"]), {"tariff": tariff}


def _invoices(
    customer: Customer, start: dt.date, end: dt.date, price: float, at: Any, chance: random.Random
) -> Iterator[Event]:
    """A month after the order the first invoice, then one every month; most are paid in time, some lead to a call."""
    careful = chance.random() < QUICK_PAYMENT
    issued, number = start + dt.timedelta(days=INVOICE_EVERY), 1
    while issued <= end:
        amount = round(price * (1.35 if number == 1 else chance.uniform(0.95, 1.05)), 2)
        yield at(issued), "Invoice Issued", "mail", {"number": number, "amount": amount}
        late = 0 if chance.random() < (0.95 if careful else 0.45) else chance.randrange(1, 40)
        paid = issued + dt.timedelta(days=chance.randrange(3, 14) + late)
        if paid <= end:
            yield at(paid), "Invoice Paid", "other", {"number": number, "amount": amount, "days_late": late}
        if chance.random() < (3 * CALLS_AFTER_INVOICE if number == 1 else CALLS_AFTER_INVOICE):
            called = issued + dt.timedelta(days=chance.randrange(1, 12))
            if called <= end:
                moment, minutes = at(called), chance.randrange(2, 25)
                agent = story.agent_of(customer.external_id or "", number)
                yield moment, "Support Called", "phone", {"topic": "invoice", "minutes": minutes, "agent": agent}
                solved = _solved_after(customer, number)
                if solved and (moment + solved).date() <= end:
                    yield moment + solved, "Question Solved", "phone", {"topic": "invoice"}
        issued, number = issued + dt.timedelta(days=INVOICE_EVERY), number + 1


def _solved_after(customer: Customer, number: int) -> dt.timedelta | None:
    """How long a question of a call stayed open; None for one that was never solved."""
    chance = random.Random(f"{customer.external_id}-{number}")  # noqa: S311 - an invented company, not a secret
    if chance.random() < 0.06:
        return None
    return dt.timedelta(minutes=chance.randrange(3, 100) if chance.random() < 0.85 else chance.randrange(130, 3000))


def record_campaign(*, actor: Actor, customers: list[Customer], organization: Organization, today: dt.date) -> None:
    """Calls to people who had not signed in to the app six weeks ago; some of them did afterwards."""
    chance = random.Random(SEED + 1)  # noqa: S311 - an invented company, not a secret
    zone = ZoneInfo(organization.timezone)
    called_on = dt.datetime.combine(today - dt.timedelta(days=CAMPAIGN_DAY), dt.time(15), zone)
    with_app = set(
        Interaction.objects.filter(event="App Registered", occurred_at__lt=called_on).values_list("customer", flat=True)
    )
    chosen = [customer for customer in customers if customer.pk not in with_app][:CALLED]
    activity = create_activity(actor=actor, values={**story.CAMPAIGN, "starts_on": called_on.date()})
    for outcome, group in (("reached", chosen[: CALLED * 2 // 3]), ("not_reached", chosen[CALLED * 2 // 3 :])):
        references = "\n".join(str(customer.external_id) for customer in group)
        add_customers(
            actor=actor, activity=activity, references=references, kind="call", occurred_at=called_on, outcome=outcome
        )
    rows = [
        NewInteraction(
            event="App Registered",
            occurred_at=called_on + dt.timedelta(days=chance.randrange(0, 25), minutes=chance.randrange(5, 300)),
            customer_id=customer.pk,
            channel="app",
            source="import",
            key=f"demo:{customer.external_id}:campaign",
        )
        for customer in chosen[: CALLED * 2 // 3]
        if chance.random() < CONVERTS
    ]
    record_interactions(actor=Actor.system("demo"), rows=rows)


def make_segments(*, actor: Actor, personas: dict[str, Persona]) -> dict[str, UUID]:
    """The demo's segments by name; each persona is bound to the one that is like it."""
    made: dict[str, Segment] = {}
    for name, description, rule in story.SEGMENTS:
        references = {key: str(segment.pk) for key, segment in made.items()}
        made[name] = create_segment(actor=actor, name=name, description=description, rule=_resolved(rule, references))
    for persona, segment in story.PERSONA_SEGMENTS.items():
        update_persona(actor=actor, persona=personas[persona], segment=made[segment].pk)
    return {name: segment.pk for name, segment in made.items()}


def _resolved(rule: Any, references: dict[str, str]) -> Any:
    """The rule with segments named by id where the story names them by name."""
    if isinstance(rule, list):
        return [_resolved(inner, references) for inner in rule]
    if isinstance(rule, dict):
        if set(rule) == {"segment"}:
            return {"segment": references[rule["segment"]]}
        return {key: _resolved(inner, references) for key, inner in rule.items()}
    return rule
