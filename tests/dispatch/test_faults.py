"""Killed workers, many at once, a broker that forgot: nothing lost, nothing doubled but the one in flight."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils.timezone import now

from apps.dispatch.models import Invitation
from apps.dispatch.queries import organizations_with_due_invitations
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import invite_customers
from apps.dispatch.tasks import send_due
from apps.surveys.models import Survey
from cxm.queues import queue_states
from cxm.scope import TenantNotSet, no_tenant, tenant

from .conftest import Company
from .smtp_sink import Sink

ROOT = Path(__file__).resolve().parent.parent.parent
WORKER = """
import sys, uuid, django
django.setup()
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.tasks import send_due
from cxm.queues import queue_states
from cxm.scope import TenantNotSet, no_tenant, tenant
with tenant(uuid.UUID(sys.argv[1])):
    send_due_invitations()
"""


@pytest.fixture
def company(transactional_db: None, make_company: Callable[..., Company]) -> Iterator[Company]:
    company = make_company("nordwind")
    with company.scope():
        yield company


def invite_all(company: Company, number: int) -> None:
    customers = [company.customer().pk for _ in range(number)]
    invite_customers(actor=company.actor, survey=company.survey(), customer_ids=customers)


def leases_run_out() -> None:
    Invitation.objects.filter(state="queued").update(leased_until=now() - timedelta(seconds=1))


def start_worker(company: Company) -> subprocess.Popen[bytes]:
    """A worker process of its own on the test database, sending to the sink."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{django_settings.EMAIL_PORT}",
    }
    return subprocess.Popen([sys.executable, "-c", WORKER, str(company.organization.pk)], cwd=ROOT, env=environment)


def test_worker_killed_after_the_server_took_a_mail_repeats_only_that_one(company: Company, smtp: Sink) -> None:
    invite_all(company, 6)
    workers: list[subprocess.Popen[bytes]] = []

    def kill_in_flight() -> None:
        if len(smtp.received) in (2, 5):
            workers[-1].kill()

    smtp.after_data = kill_in_flight
    for _ in range(2):
        workers.append(start_worker(company))
        assert workers[-1].wait(60) == -9
        leases_run_out()
    workers.append(start_worker(company))
    assert workers[-1].wait(60) == 0

    assert list(Invitation.objects.values_list("state", flat=True)) == ["sent"] * 6
    times = Counter(message["Message-ID"] for _recipient, message in smtp.received)
    assert len(times) == 6, "everyone got it"
    assert sorted(times.values()) == [1, 1, 1, 1, 2, 2], "each kill repeated the one mail in flight"
    assert len({(recipient, message["Message-ID"]) for recipient, message in smtp.received}) == 6


def in_threads(company: Company, work: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
    def run(argument: Any) -> Any:
        try:
            with tenant(company.organization):
                return work(argument)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=12) as pool:
        return list(pool.map(run, arguments))


def test_fifty_invitations_at_once_never_break_the_cap(company: Company) -> None:
    people: list[UUID] = [company.customer().pk for _ in range(3)]
    surveys = [company.survey(kind="csat", relationship=False) for _ in range(5)]

    def invite(number: int) -> int:
        order = people if number % 2 else people[::-1]
        survey: Survey = surveys[number % 5]
        return invite_customers(actor=company.actor, survey=survey, customer_ids=order).eligible

    eligible = in_threads(company, invite, list(range(50)))
    assert sum(eligible) == 3
    queued = Invitation.objects.filter(state="queued")
    assert sorted(queued.values_list("customer_id", flat=True)) == sorted(people)
    assert Invitation.objects.filter(state="blocked", reason="global_cap").count() == 147


def test_workers_side_by_side_send_each_mail_once(company: Company, smtp: Sink) -> None:
    invite_all(company, 40)
    in_threads(company, lambda _: send_due_invitations(), list(range(8)))
    while send_due_invitations().handled:
        pass
    assert len(smtp.recipients) == len(set(smtp.recipients)) == 40


def test_sweep_finds_what_nobody_was_woken_for(company: Company, make_company: Callable[..., Company]) -> None:
    """As after a wiped broker: only the rows know."""
    idle = make_company("idle")
    with idle.scope():
        idle.customer()
    planned = make_company("planned")
    with planned.scope():
        invite_customers(
            actor=planned.actor,
            survey=planned.survey(),
            customer_ids=[planned.customer().pk],
            send_at=now() + timedelta(hours=1),
        )
    invite_all(company, 2)
    assert organizations_with_due_invitations() == [company.organization.pk]
    send_due_invitations()
    assert organizations_with_due_invitations() == []


def test_task_works_in_the_organisation_of_its_message(company: Company) -> None:
    invite_all(company, 1)
    with no_tenant():
        send_due.apply(headers={"cxm_organization": str(company.organization.pk)}).get()
    assert Invitation.objects.get().state == "sent"
    with no_tenant(), pytest.raises(TenantNotSet):
        send_due.apply().get()


def test_due_invitations_are_among_the_figures_of_the_queues(company: Company) -> None:
    def depth() -> int:
        return next(state.depth for state in queue_states() if state.name == "invitations")

    assert depth() == 0
    invite_all(company, 3)
    assert depth() == 3
    send_due_invitations()
    assert depth() == 0
