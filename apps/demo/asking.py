"""How the demo asks: a longer survey in the shop over two versions, a survey of employees, and a plan after calls.

Deterministic, from random sequences of its own: the answers of ``seeding`` stay the same whatever is added here.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.collectors.services import create_collector
from apps.customers.models import Customer
from apps.demo import story
from apps.dispatch.eligibility import counter_of, kind_of, organization_rules
from apps.dispatch.fatigue import Candidate, Contact, decide
from apps.dispatch.models import Invitation, InvitationBatch, SendPlan
from apps.dispatch.plans import create_plan, start_plan
from apps.interactions.models import Interaction
from apps.organizations.models import Organization, Unit
from apps.surveys.entries import NewResponse
from apps.surveys.models import Survey, SurveyVersion
from apps.surveys.services import create_from_template, create_survey, publish_survey, record_responses, update_survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor

SEED: Final = 20261123
SHOP_DAYS: Final = 400
SHOP_A_DAY: Final = 1.1
SHOP_REWORDED: Final = 120
"""Days before today from which the shop asks about the visit and no longer about the shop."""
EMPLOYEES: Final = {"hamburg": 14, "berlin": 11, "munich": 9}
"""Answers of employees by team."""
CALL_DAYS: Final = 240
CALL_SAMPLE: Final = 0.8
CALL_ANSWERED: Final = 0.41
CALL_BOUNCED: Final = 0.02
PAGE: Final = 1000


def ask_in_the_shop(
    *, actor: Actor, touchpoint: Touchpoint, units: dict[str, Unit], organization: Organization, today: dt.date
) -> Survey:
    """A survey with branches, answered at a kiosk and a poster; its question was worded anew on the way."""
    survey = create_survey(
        actor=actor,
        name="City shop visit",
        kind="csat",
        touchpoint=touchpoint,
        languages=["en", "de"],
        definition=story.shop_survey(reworded=False),
    )
    publish_survey(actor=actor, survey=survey)
    chance = random.Random(SEED)  # noqa: S311 - an invented company, not a secret
    zone = ZoneInfo(organization.timezone)
    entries: dict[bool, list[NewResponse]] = {False: [], True: []}
    due = 0.0
    for days_ago in range(SHOP_DAYS, 0, -1):
        day = today - dt.timedelta(days=days_ago)
        due += 0 if day.weekday() == 6 else SHOP_A_DAY
        while due >= 1:
            due -= 1
            at = dt.datetime.combine(day, dt.time(9 + chance.randrange(9), chance.randrange(60)), zone)
            entries[days_ago <= SHOP_REWORDED].append(_shop_answer(at, units, chance))
    _record(survey, entries[False])
    update_survey(actor=actor, survey=survey, definition=story.shop_survey(reworded=True))
    publish_survey(actor=actor, survey=survey)
    _record(survey, entries[True])
    # Published today, in force since then: the demo's past has to be written into its versions.
    for number, days_ago in ((1, SHOP_DAYS + 1), (2, SHOP_REWORDED)):
        when = dt.datetime.combine(today - dt.timedelta(days=days_ago), dt.time(8), zone)
        SurveyVersion.objects.filter(survey=survey, number=number).update(published_at=when)
    survey.refresh_from_db()
    for kind, name, unit, options in story.PLACES_TO_ANSWER:
        create_collector(
            actor=actor, survey=survey, kind=kind, name=name, unit=units[unit], language="de", settings=options
        )
    return survey


def _shop_answer(at: dt.datetime, units: dict[str, Unit], chance: random.Random) -> NewResponse:
    unit = chance.choices(list(EMPLOYEES), weights=[5, 3, 2])[0]
    waited = max(0, round(chance.gauss(9 if unit == "berlin" else 5, 4)))
    score = min(5, max(1, round(chance.gauss(4.5 - waited / 8, 0.8))))
    rows = {"waiting": 5 - waited / 4, "advice": score, "hours": chance.gauss(3.1, 1)}
    answers: dict[str, Any] = {
        "score": score,
        "why": chance.choices(["bill", "move", "tariff", "other"], weights=[5, 2, 3, 1])[0],
        "minutes": waited,
        "parts": {row: "good" if grade > 3.6 else "fair" if grade > 2.2 else "poor" for row, grade in rows.items()},
    }
    if score <= 3:
        answers["wrong"] = [
            reason
            for reason, share in (("wait", 0.65), ("answer", 0.4), ("tone", 0.12), ("closed", 0.2))
            if chance.random() < share
        ]
    language = chance.choices(["de", "en"], weights=[4, 1])[0]
    words = [text for spoken, low, text in story.SHOP_WORDS if spoken == language and low == (score <= 3)]
    if words and chance.random() < 0.12:
        answers["words"] = chance.choice(words)
    return NewResponse(
        answers=answers,
        unit_id=units[unit].pk,
        channel="kiosk" if chance.random() < 0.7 else "qr",
        language=language,
        occurred_at=at,
    )


def ask_employees(*, actor: Actor, units: dict[str, Unit], organization: Organization, today: dt.date) -> Survey:
    """An anonymous survey of the teams, from the catalogue: answers keep the team and the day, and nothing else."""
    survey = create_from_template(actor=actor, template="enps", name="Working at Nordwind", languages=["en", "de"])
    publish_survey(actor=actor, survey=survey)
    survey.refresh_from_db()
    chance = random.Random(SEED + 1)  # noqa: S311 - an invented company, not a secret
    zone = ZoneInfo(organization.timezone)
    entries = [
        NewResponse(
            answers={"score": min(10, max(0, round(chance.gauss(7.9 if team == "hamburg" else 7.0, 1.7))))},
            unit_id=units[team].pk,
            channel="email",
            language=chance.choice(["en", "de"]),
            occurred_at=dt.datetime.combine(today - dt.timedelta(days=20 + chance.randrange(8)), dt.time(12), zone),
            day_only=True,
        )
        for team, count in EMPLOYEES.items()
        for _one in range(count)
    ]
    _record(survey, entries)
    return survey


def ask_after_calls(
    *, actor: Actor, touchpoint: Touchpoint, customers: list[Customer], organization: Organization, today: dt.date
) -> SendPlan:
    """A plan that asks after calls to the hotline, and what it did in the last months: the rules decided each time."""
    survey = create_survey(
        actor=actor, name="Support call: effort", kind="ces", touchpoint=touchpoint, languages=story.LANGUAGES
    )
    publish_survey(actor=actor, survey=survey)
    survey.refresh_from_db()
    plan = create_plan(
        actor=actor,
        survey=survey,
        name="After every call to the hotline",
        trigger={"event": "Support Called", "where": {}},
        delay_minutes=120,
        sample_percent=CALL_SAMPLE * 100,
        reminder_days=[3],
    )
    start_plan(actor=actor, plan=plan)
    chance = random.Random(SEED + 2)  # noqa: S311 - an invented company, not a secret
    batch = InvitationBatch.objects.create(survey=survey, plan=plan, channel=plan.channel)
    rows = _asked_after_calls(plan, batch, {one.pk: one for one in customers}, organization, today, chance)
    Invitation.objects.bulk_create(rows, batch_size=PAGE)
    batch.eligible = sum(row.state != Invitation.State.BLOCKED for row in rows)
    batch.blocked = dict(Counter(row.reason for row in rows if row.state == Invitation.State.BLOCKED))
    batch.save(update_fields=["eligible", "blocked"])
    begun = dt.datetime.combine(today - dt.timedelta(days=CALL_DAYS), dt.time(8), ZoneInfo(organization.timezone))
    # Started only now: what happened before was decided above, and is not to be decided again.
    SendPlan.objects.filter(pk=plan.pk).update(starts_at=begun)
    _record(survey, [_call_answer(row, chance) for row in rows if row.state == Invitation.State.COMPLETED])
    plan.refresh_from_db()
    return plan


def _asked_after_calls(
    plan: SendPlan,
    batch: InvitationBatch,
    customers: dict[UUID, Customer],
    organization: Organization,
    today: dt.date,
    chance: random.Random,
) -> list[Invitation]:
    """A row for each call that the plan's sample holds, decided by the rules as they would have been on that day."""
    rules = organization_rules(organization)
    kind, counter = kind_of(plan.survey), counter_of(kind_of(plan.survey), plan.survey.touchpoint_id, plan.survey_id)
    ledgers: dict[UUID, list[Contact]] = defaultdict(list)
    since = dt.datetime.combine(today - dt.timedelta(days=CALL_DAYS), dt.time(8), ZoneInfo(organization.timezone))
    calls = Interaction.objects.filter(event="Support Called", occurred_at__gte=since).order_by("occurred_at", "pk")
    rows = []
    for call in calls:
        customer = customers.get(call.customer_id) if call.customer_id else None
        if customer is None or chance.random() >= CALL_SAMPLE:
            continue
        at = call.occurred_at + dt.timedelta(minutes=plan.delay_minutes)
        decision = decide(
            Candidate(at=at, kind=kind, counter=counter, has_address=bool(customer.email)), ledgers[customer.pk], rules
        )
        state, completed = Invitation.State.BLOCKED.value, None
        if decision.eligible:
            ledgers[customer.pk].append(Contact(at=at, kind=kind, counter=counter))
            luck = chance.random()
            state = Invitation.State.SENT.value
            if luck < CALL_ANSWERED:
                state, completed = Invitation.State.COMPLETED.value, at + dt.timedelta(minutes=20 + int(luck * 9000))
            elif luck > 1 - CALL_BOUNCED:
                state = Invitation.State.BOUNCED.value
        rows.append(
            Invitation(
                batch=batch,
                plan=plan,
                survey=plan.survey,
                customer=customer,
                touchpoint_id=plan.survey.touchpoint_id,
                unit_id=customer.unit_id,
                language=customer.language,
                kind=kind,
                state=state,
                reason=decision.rule,
                decision=decision.figures,
                probability=CALL_SAMPLE,
                send_at=at,
                sent_at=at if decision.eligible else None,
                delivered_at=at if state in (Invitation.State.SENT, Invitation.State.COMPLETED) else None,
                completed_at=completed,
                created_at=at,
                experienced_at=call.occurred_at,
                interaction_id=call.pk,
                attributes={"agent": call.properties["agent"]},
            )
        )
    return rows


def _call_answer(row: Invitation, chance: random.Random) -> NewResponse:
    patient = story.AGENTS[row.attributes["agent"]]
    return NewResponse(
        answers={"score": min(7, max(1, round(chance.gauss(patient, 1.3))))},
        customer_id=row.customer_id,
        invitation_id=row.pk,
        unit_id=row.unit_id,
        channel="email",
        language=row.language,
        occurred_at=row.experienced_at,
        attributes=dict(row.attributes),
    )


def _record(survey: Survey, entries: list[NewResponse]) -> None:
    for start in range(0, len(entries), PAGE):
        outcome = record_responses(
            actor=Actor.system("demo"),
            survey_id=survey.pk,
            entries=entries[start : start + PAGE],
            source="demo",
        )
        if outcome.refused:
            raise RuntimeError(f"the demo's own answers were refused: {outcome.refused[0]}")
