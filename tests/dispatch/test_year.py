"""A year of wishes: however they come, no rule of contact frequency is ever broken."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch import plans
from apps.dispatch.fatigue import RELATIONSHIP, TRANSACTIONAL, Candidate, Contact, decide
from apps.dispatch.ledger import may_ask, record_shown
from apps.dispatch.models import Invitation
from apps.dispatch.planning import run_due_plans
from apps.dispatch.sending import LATE, send_due_invitations
from apps.dispatch.services import complete_invitations, invite_customers
from apps.dispatch.suppression import suppress
from apps.messaging.models import Provider
from apps.segments.models import Segment, SegmentMember

from .conftest import Company

START = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMERS = 100_000
DAY = timedelta(days=1)
COUNTERS = ("visit", "bill", "call")


def broken(at: datetime, kind: str, counter: str, others: Iterable[Contact], late: timedelta = timedelta(0)) -> str:
    """The default rule that one more survey at `at` breaks, written once more and simply: by distance, either way.

    `late` is by how much each of two mails may have gone later than planned.
    """
    for other in others:
        if other.purpose != "survey":
            continue
        apart = abs(other.at - at) + late
        if apart < 30 * DAY:
            return "30 days"
        if other.kind == kind == RELATIONSHIP and apart < 90 * DAY:
            return "90 days"
        if other.kind == kind == TRANSACTIONAL and other.counter == counter and apart < 14 * DAY:
            return "14 days"
    return ""


def wishes(chance: random.Random) -> Iterator[tuple[datetime, datetime, str, str, str]]:
    """When it is decided, when it would go (at once or planned ahead), kind, counter and purpose; in order."""
    moments = sorted(chance.random() * 365 for _ in range(chance.randint(1, 5)))
    for moment in moments:
        decided = START + moment * DAY
        ahead = chance.random() * 60 * DAY if chance.random() < 0.2 else timedelta(0)
        kind = RELATIONSHIP if chance.random() < 0.4 else TRANSACTIONAL
        counter = "" if kind == RELATIONSHIP else chance.choice(COUNTERS)
        yield decided, decided + ahead, kind, counter, "reminder" if chance.random() < 0.1 else "survey"


def test_a_hundred_thousand_customers_over_a_year_are_never_asked_too_often() -> None:
    """Two kinds, three touchpoints, planned sendings, reminders; every tenth customer is two records until merged."""
    chance = random.Random(20260101)
    granted = refused = reminders = merged = 0
    for number in range(CUSTOMERS):
        known_since = START + (chance.random() * 365 - 300) * DAY
        records: list[list[Contact]] = [[], []] if number % 10 == 0 else [[]]
        merges_at = START + chance.random() * 365 * DAY
        for decided, at, kind, counter, purpose in wishes(chance):
            if len(records) == 2 and decided >= merges_at:
                records = [records[0] + records[1]]
                merged += 1
            ledger = records[chance.randrange(len(records))]
            wish = Candidate(at=at, kind=kind, counter=counter, purpose=purpose, known_since=known_since)
            decision = decide(wish, ledger)
            if purpose == "reminder":
                assert decision.eligible
                ledger.append(Contact(at=at, kind=kind, counter=counter, purpose=purpose))
                reminders += 1
                continue
            rule = broken(at, kind, counter, ledger)
            is_first = not any(one.purpose == "survey" and one.at <= at for one in ledger)
            too_new = is_first and at < known_since + 3 * DAY
            assert decision.eligible == (not rule and not too_new), (decision, rule, ledger)
            if decision.eligible:
                ledger.append(Contact(at=at, kind=kind, counter=counter))
                granted += 1
            else:
                refused += 1
    assert min(granted, refused, reminders, merged) > 3_000, "the year held all of it"


@pytest.mark.django_db
def test_a_year_in_the_database_breaks_no_rule(nordwind: Company, time_machine: Any) -> None:
    """Calls, a plan with reminders, text messages, widgets, merges and stops, a step every five days."""
    chance = random.Random(7)
    Provider.objects.create(kind="sms", backend="local", name="Texts", is_active=True)
    time_machine.move_to(START)
    people = [nordwind.customer(phone=f"+49151{number:08}", known_days=10) for number in range(30)]
    segment = Segment.objects.create(name="All", kind="static", state="ready", size=30)
    SegmentMember.objects.bulk_create(SegmentMember(segment=segment, customer=one) for one in people)
    surveys = [nordwind.survey(), nordwind.survey(kind="csat", relationship=False)]
    surveys += [
        nordwind.survey(kind="csat", relationship=False, touchpoint=nordwind.touchpoint(key, key)) for key in COUNTERS
    ]
    plan = plans.create_plan(
        actor=nordwind.actor, survey=surveys[0], segment_id=segment.pk, per_day=4, repeat_days=60,
        reminder_days=[3, 7], ends_at=START + timedelta(days=400),
    )  # fmt: skip
    plans.start_plan(actor=nordwind.actor, plan=plan)
    silent: dict[Any, datetime] = {}
    moved: dict[Any, datetime] = {}
    for step in range(1, 45):
        today = START + timedelta(days=8 * step, hours=chance.randrange(24))
        time_machine.move_to(today)
        run_due_plans()
        some = chance.sample([one.pk for one in people if one.pk not in moved], 6)
        ahead = today + timedelta(days=chance.choice([0, 0, 12, 45]))
        invite_customers(
            actor=nordwind.actor, survey=chance.choice(surveys), customer_ids=some, send_at=ahead,
            channel=chance.choice(["email", "sms"]),
        )  # fmt: skip
        shown = chance.choice(surveys)
        if may_ask(survey=shown, customer_id=some[0], channel="widget").eligible:
            record_shown(survey=shown, customer_id=some[0], channel="widget", attributes={})
        send_due_invitations()
        sent = list(Invitation.objects.filter(state="sent").values_list("pk", flat=True))
        complete_invitations(invitation_ids=chance.sample(sent, len(sent) // 5))
        if step % 9 == 0:
            stopped = Customer.objects.get(pk=some[1])
            suppress(actor=nordwind.actor, customer=stopped, reason="unsubscribed")
            silent.setdefault(stopped.pk, today)
        if step % 20 == 0:
            Customer.records.filter(pk=some[2]).update(merged_into_id=some[3])
            Invitation.objects.filter(customer_id=some[2]).update(customer_id=some[3])
            moved[some[2]] = moved[some[3]] = now()
    ledgers = defaultdict(list)
    for row in Invitation.objects.filter(state__in=["queued", "sent", "completed"]).order_by("created_at", "pk"):
        at = row.sent_at or row.send_at
        counter = "" if row.kind == RELATIONSHIP else str(row.touchpoint_id or row.survey_id)
        ledgers[row.customer_id].append((row, Contact(at=at, kind=row.kind, counter=counter)))
    checked = 0
    for customer_id, entries in ledgers.items():
        for place, (row, contact) in enumerate(entries):
            known = [one for _row, one in entries[:place]]
            merged_at = moved.get(customer_id)
            if merged_at is None or row.created_at > merged_at:
                assert not broken(contact.at, contact.kind, contact.counter, known, LATE)
                checked += 1
            stopped_at = silent.get(customer_id)
            last = max(filter(None, (row.sent_at, row.reminded_at)), default=None)
            is_moved = customer_id in moved  # what another record was sent stands here now
            assert stopped_at is None or is_moved or last is None or last <= stopped_at + timedelta(minutes=1)
    assert checked > 60
    assert Invitation.objects.filter(reminders_sent__gt=0).exists()
    assert {"email", "sms", "widget"} <= set(Invitation.objects.values_list("channel", flat=True))
