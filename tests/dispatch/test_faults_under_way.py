"""Faults while plans run and mails leave: workers killed again and again, planners side by side, a wiped broker."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils.timezone import now

from apps.dispatch import plans
from apps.dispatch.models import Invitation, InvitationBatch
from apps.dispatch.planning import run_due_plans, run_plan
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import invite_customers
from apps.dispatch.suppression import suppress
from apps.dispatch.tasks import WAITING, send_due, sweep_due_invitations, waiting_key
from apps.segments.models import Segment, SegmentMember
from cxm.api.throttles import throttle
from cxm.scope import no_tenant, tenant
from tests.factories import an_api_client, an_organization
from tests.factories.dispatch import a_customer_to_ask
from tests.factories.surveys import a_survey

from .conftest import Company
from .smtp_sink import Sink


@pytest.fixture
def company(transactional_db: None, make_company: Callable[..., Company]) -> Iterator[Company]:
    company = make_company("nordwind")
    with company.scope():
        yield company


def invite(company: Company, number: int, **fields: Any) -> list[UUID]:
    people = [company.customer(**fields).pk for _ in range(number)]
    invite_customers(actor=company.actor, survey=company.survey(), customer_ids=people)
    return people


def fork_worker(company: Company) -> int:
    """A worker process of its own, sending until nothing is due; its id. The connection is not shared."""
    connection.close()
    pid = os.fork()
    if pid == 0:
        try:
            with tenant(company.organization):
                while send_due_invitations().handled:
                    pass
        finally:
            os._exit(0)
    return pid


def in_threads(company: Company, work: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
    def run(argument: Any) -> Any:
        try:
            with tenant(company.organization):
                return work(argument)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=12) as pool:
        return list(pool.map(run, arguments))


def test_workers_killed_again_and_again_lose_nothing_and_repeat_at_most_one_each(company: Company, smtp: Sink) -> None:
    invite(company, 200)
    chance = random.Random(7)
    kill_at = sorted(chance.sample(range(3, 195), 10))
    running: list[int] = []
    killed: list[int] = []

    def kill_sometimes() -> None:
        if kill_at and len(smtp.received) >= kill_at[0] and running:
            kill_at.pop(0)
            killed.append(running.pop(chance.randrange(len(running))))
            os.kill(killed[-1], signal.SIGKILL)

    smtp.after_data = kill_sometimes
    for _ in range(40):
        workers = [fork_worker(company) for _ in range(2)]
        running[:] = workers
        for worker in workers:
            os.waitpid(worker, 0)
            if worker in running:
                running.remove(worker)
        Invitation.objects.filter(state="queued").update(leased_until=now() - timedelta(seconds=1))
        if not Invitation.objects.filter(state="queued").exists():
            break
    assert len(killed) >= 5
    assert Counter(Invitation.objects.values_list("state", flat=True)) == {"sent": 200}
    times = Counter(message["Message-ID"] for _recipient, message in smtp.received)
    assert len(times) == len({recipient for recipient, _message in smtp.received}) == 200, "nobody is left out"
    assert len(smtp.received) - 200 <= len(killed), "each kill repeated at most the mail in hand, under one Message-ID"
    assert max(times.values()) <= 1 + len(killed)


def test_suppressed_in_the_middle_of_a_run_is_not_mailed(company: Company, smtp: Sink) -> None:
    invite(company, 30)
    last = Invitation.objects.order_by("send_at", "pk").select_related("customer").last()
    assert last is not None
    assert last.customer is not None

    def stop() -> None:
        if len(smtp.received) == 10:
            in_threads(
                company,
                lambda email: suppress(actor=company.actor, email=email, reason="unsubscribed"),
                [last.customer.email],  # type: ignore[union-attr]
            )

    smtp.after_data = stop
    while send_due_invitations().handled:
        pass
    assert len(smtp.recipients) == 29
    assert last.customer.email not in smtp.recipients
    last.refresh_from_db()
    assert (last.state, last.reason) == ("blocked", "suppressed")


def test_planners_at_once_consider_everybody_once(company: Company) -> None:
    segment = Segment.objects.create(name="Group", kind="static", state="ready", size=60)
    for _ in range(60):
        SegmentMember.objects.create(segment=segment, customer=company.customer())
    plan = plans.create_plan(
        actor=company.actor, survey=company.survey(), segment_id=segment.pk, per_day=25,
        ends_at=now() + timedelta(days=9),
    )  # fmt: skip
    plans.start_plan(actor=company.actor, plan=plan)
    in_threads(company, lambda turn: run_due_plans() if turn % 2 else run_plan(plan), list(range(8)))
    people = list(Invitation.objects.filter(plan=plan).values_list("customer_id", flat=True))
    assert len(people) == len(set(people)) == 25
    assert InvitationBatch.objects.get(plan=plan).eligible == 25


def test_paused_in_the_middle_sends_no_more_than_what_is_in_hand(company: Company, smtp: Sink) -> None:
    segment = Segment.objects.create(name="Group", kind="static", state="ready", size=20)
    for _ in range(20):
        SegmentMember.objects.create(segment=segment, customer=company.customer())
    plan = plans.create_plan(
        actor=company.actor, survey=company.survey(), segment_id=segment.pk, ends_at=now() + timedelta(days=9)
    )
    plans.start_plan(actor=company.actor, plan=plan)
    run_due_plans()

    def pause() -> None:
        if len(smtp.received) == 5:
            in_threads(company, lambda one: plans.pause_plan(actor=company.actor, plan=one), [plan])

    smtp.after_data = pause
    while send_due_invitations().handled:
        pass
    assert len(smtp.received) == 5
    plans.resume_plan(actor=company.actor, plan=plan)
    while send_due_invitations().handled:
        pass
    assert len(set(smtp.recipients)) == len(smtp.recipients) == 20


def test_fifty_calls_at_once_for_one_customer_ask_once(transactional_db: None) -> None:
    organization = an_organization("Acme")
    with tenant(organization):
        customer = a_customer_to_ask()
        surveys = [a_survey(relationship=True) for _ in range(5)]
        client = an_api_client(organization)
        token = client._credentials["HTTP_AUTHORIZATION"]

    def call(number: int) -> int:
        from django.test import Client

        body = json.dumps({"customers": [str(customer.pk)]})
        address = f"/api/v1/surveys/{surveys[number % 5].pk}/invitations/"
        answer = Client().post(address, body, content_type="application/json", headers={"authorization": token})
        assert answer.status_code == 202
        return int(answer.json()["eligible"])

    def run(number: int) -> int:
        try:
            return call(number)
        finally:
            connection.close()

    with no_tenant(), ThreadPoolExecutor(max_workers=12) as pool:
        assert sum(pool.map(run, range(50))) == 1
    with tenant(organization):
        assert Invitation.objects.filter(state="queued").count() == 1


@pytest.fixture
def broker(company: Company) -> Any:
    client = throttle().client
    client.delete(waiting_key(company.organization.pk))
    return client


def test_wiped_broker_is_filled_again_by_the_sweep(company: Company, broker: Any, smtp: Sink) -> None:
    invite(company, 5)
    key = waiting_key(company.organization.pk)
    assert 0 < broker.ttl(key) <= WAITING, "a message is on its way"
    for name in broker.scan_iter("cxm:*"):
        broker.delete(name)
    with no_tenant():
        sweep_due_invitations()
    assert broker.exists(key)
    with no_tenant():
        send_due.apply(headers={"cxm_organization": str(company.organization.pk)}).get()
    assert len(set(smtp.recipients)) == 5


def test_organisation_with_many_due_rows_has_one_message_waiting_and_others_come_next(
    company: Company, broker: Any, make_company: Callable[..., Company]
) -> None:
    invite(company, 900)
    small = make_company("small")
    with small.scope():
        invite(small, 1)
    keys = {each.organization.pk: waiting_key(each.organization.pk) for each in (company, small)}
    for key in keys.values():
        broker.delete(key)
    queue: list[UUID] = []

    def sweep() -> None:
        """The queue of the broker: who has a message that was not there before."""
        before = {pk for pk, key in keys.items() if broker.exists(key)}
        with no_tenant():
            sweep_due_invitations()
        queue.extend(pk for pk, key in keys.items() if broker.exists(key) and pk not in before)

    for _ in range(5):
        sweep()
    assert sorted(queue) == sorted(keys), "one message each, however often it is swept"
    if queue[0] != company.organization.pk:
        queue.reverse()
    served: list[UUID] = []
    while queue:
        turn = queue.pop(0)
        served.append(turn)
        with no_tenant():
            send_due.apply(headers={"cxm_organization": str(turn)}).get()
        if broker.exists(keys[turn]):
            queue.append(turn)
        sweep()
    assert served[:2] == [company.organization.pk, small.organization.pk], "one slice, then the next organisation"
    assert served.count(company.organization.pk) >= 3
    assert Invitation.objects.filter(state="sent").count() == 900
