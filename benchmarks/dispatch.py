"""Dispatch: claiming and finishing, and the whole way to a mail server, against what limits it on this machine."""

from __future__ import annotations

import contextlib
import os
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.template.loader import render_to_string
from django.test import override_settings
from django.utils.timezone import now

from apps.accounts.models import User
from apps.customers.models import Customer
from apps.dispatch.composing import compiled_mail, message_id, sender_of
from apps.dispatch.models import Invitation, InvitationBatch
from apps.dispatch.rendering import Recipient
from apps.dispatch.smtp_pipeline import hand_over
from apps.dispatch.wire import wire_mail
from apps.organizations.models import Organization
from apps.organizations.services import create_organization
from apps.surveys.links import respondent_token, respondent_url
from apps.surveys.models import Survey
from apps.surveys.services import create_survey, publish_survey
from benchmarks import Row, settle
from cxm.actor import Actor
from cxm.scope import current_tenant_id, tenant

SYSTEM = Actor.system("benchmark")
ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 2

_CLAIMER = """
import sys, uuid, django
django.setup()
from django.db import connection
from django.utils.timezone import now
from apps.dispatch.claiming import claim_due
from apps.dispatch.facts import Mark, mark_many, read_many
from cxm.scope import tenant
with tenant(uuid.UUID(sys.argv[1])):
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    while (claim := claim_due(200)).rows:
        facts = read_many(claim.rows, [""] * len(claim.rows), claim.until)
        mark_many([Mark(job=job, at=now()) for job in claim.rows if job.pk in facts])
print("done", flush=True)
"""
_SENDER = """
import sys, uuid, django
django.setup()
from django.db import connection
from apps.dispatch.sending import send_due_invitations
from cxm.scope import tenant
with tenant(uuid.UUID(sys.argv[1])):
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        run = send_due_invitations(most=2000)
        if not run.more and not run.handled:
            break
print("done", flush=True)
"""


def measure(size: str) -> Iterable[Row]:
    """20,000 invitations to claim and 10,000 to send, or a tenth of them when small."""
    mails = 10_000 if size == "full" else 1_000
    user = User.objects.create_user(email="bench.dispatch@example.com", name="Bench")
    organization = create_organization(actor=SYSTEM, owner=user, name="Nordwind", slug="bench-dispatch")
    with tenant(organization):
        survey = create_survey(actor=SYSTEM, name="Relationship", kind="nps", relationship=True)
        publish_survey(actor=SYSTEM, survey=survey)
        survey.refresh_from_db()
        customers = fill_customers(2 * mails)
        yield claiming_row(organization, survey, customers)
        with null_sink() as port, mail_server(port):
            tasks = rate(lambda: one_task_each(organization, survey, customers[: mails // 20]), mails // 20)
            bare = rate(lambda: bare_loop(port, organization, survey, customers[:mails]), mails)
            ours = sending_rate(organization, survey, customers[:mails])
        yield Row(
            f"{mails:,} invitations to a null sink, {CONNECTIONS} connections, against one task for each",
            f"{tasks:,.0f}/s one task each",
            f"{ours:,.0f}/s",
            ours / tasks,
            6.0,
        )
        yield Row(
            f"{mails:,} invitations to a null sink against a bare pipelined loop, {CONNECTIONS} connections",
            f"{bare:,.0f}/s",
            f"{ours:,.0f}/s",
            ours / bare,
            0.25,
        )


def fill_customers(number: int) -> list[UUID]:
    """So many customers with an address, known long enough."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO customers_customer (tenant_id, id, external_id, email, name, stage, account, language, timezone,
                   attributes, said_at, alias_of, created_at, updated_at)
            SELECT %(tenant)s, gen_random_uuid(), 'bench-' || i, 'lena.' || i || '@example.com', 'Lena ' || i,
                   'customer', '', 'en', '', '{}', '{}', '', now() - interval '400 days', now()
              FROM generate_series(1, %(n)s) i
            """,
            {"tenant": current_tenant_id(), "n": number},
        )
    settle("customers_customer")
    return list(Customer.objects.filter(external_id__startswith="bench-").values_list("pk", flat=True))


def queue(survey: Survey, customers: list[UUID]) -> None:
    """Queue an invitation for each, and forget those of before."""
    Invitation.objects.all().delete()
    batch = InvitationBatch.objects.create(survey=survey)
    due = now() - timedelta(minutes=1)
    Invitation.objects.bulk_create(
        (
            Invitation(batch=batch, survey=survey, customer_id=pk, language="en", kind="relationship", send_at=due)
            for pk in customers
        ),
        batch_size=2000,
    )
    settle("dispatch_invitation")


def claiming_row(organization: Organization, survey: Survey, customers: list[UUID]) -> Row:
    """Leases, the facts that are read before sending, and marks: sets of 200, each in two transactions."""
    queue(survey, customers)
    ours = sent_by_workers(_CLAIMER, organization, len(customers))
    what = f"claim and finish {len(customers):,} due invitations, {CONNECTIONS} workers"
    return Row(what, "10,000/s", f"{ours:,.0f}/s", ours / 10_000, 1.0)


def rate(work: Callable[[], None], number: int) -> float:
    """Mails a second."""
    started = time.perf_counter()
    work()
    return number / (time.perf_counter() - started)


def one_task_each(organization: Organization, survey: Survey, customers: list[UUID]) -> None:
    """What a plain build does in a task for each invitation: load it, render, connect, send, save."""
    queue(survey, customers)
    batch = InvitationBatch.objects.latest("created_at")
    mail = compiled_mail(organization=organization, survey=survey, batch=batch, language="en")
    assert mail.html
    for pk in Invitation.objects.values_list("pk", flat=True):
        invitation = Invitation.objects.select_related("customer", "survey", "batch").get(pk=pk)
        assert invitation.customer is not None
        context = {
            "organization": organization.name, "language": "en", "direction": "ltr", "subject": "One question",
            "question": "How likely are you to recommend Nordwind?", "rows": [list(range(6)), list(range(6, 11))],
            "columns": 6, "width": "16%", "lowest": 0, "highest": 10, "lowest_label": "Not at all likely",
            "highest_label": "Extremely likely", "accent": "#0F766E", "on_accent": "#FFFFFF", "opening": "Hello",
            "greeting": f"Hello {invitation.customer.name}", "words": {},
            "link": respondent_url(respondent_token(organization.pk, invitation.pk)),
        }  # fmt: skip
        message = EmailMultiAlternatives(
            "One question", render_to_string("mail/invitation.txt", context), sender_of(organization),
            [invitation.customer.email or ""], headers={"Message-ID": message_id(organization.pk, invitation.pk)},
        )  # fmt: skip
        message.attach_alternative(render_to_string("mail/invitation.html", context), "text/html")
        message.send()
        invitation.state, invitation.sent_at = Invitation.State.SENT, now()
        invitation.save(update_fields=["state", "sent_at"])


def bare_loop(port: int, organization: Organization, survey: Survey, customers: list[UUID]) -> None:
    """The limit: the same bytes for everybody, pipelined over as many connections, no database."""
    batch = InvitationBatch.objects.latest("created_at")
    mail = compiled_mail(organization=organization, survey=survey, batch=batch, language="en")
    wire = wire_mail(mail, sender=sender_of(organization))
    assert wire is not None
    data = wire.fill(Recipient(link="http://localhost/r/x/"), to="lena@example.com", message_id="<x@y>", headers={})

    def send(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            for _ in range(number):
                hand_over(server, "noreply@localhost", "lena@example.com", data)

    threads = [threading.Thread(target=send, args=(len(customers) // CONNECTIONS,)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sending_rate(organization: Organization, survey: Survey, customers: list[UUID]) -> float:
    """Invitations a second from queued rows to marked ones, by as many worker processes as there are connections."""
    queue(survey, customers)
    return sent_by_workers(_SENDER, organization, len(customers))


def sent_by_workers(script: str, organization: Organization, number: int) -> float:
    """Invitations a second that workers with this script mark as sent, from when all of them are ready."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {**os.environ, "DATABASE_URL": url, "EMAIL_URL": f"smtp://127.0.0.1:{settings.EMAIL_PORT}"}
    command = [sys.executable, "-c", script, str(organization.pk)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) for _ in range(CONNECTIONS)]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    started = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    took = time.perf_counter() - started
    for worker in workers:
        worker.communicate()
    sent = Invitation.objects.filter(state=Invitation.State.SENT).count()
    if sent != number:
        raise RuntimeError(f"{sent} of {number} were sent")
    return sent / took


@contextlib.contextmanager
def null_sink(journal: str = "") -> Iterator[int]:
    """A mail server of its own process; its port."""
    command = [sys.executable, "-m", "benchmarks.null_sink", *([journal] if journal else [])]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sink:
        assert sink.stdout is not None
        try:
            yield int(sink.stdout.readline())
        finally:
            sink.kill()


@contextlib.contextmanager
def mail_server(port: int) -> Iterator[None]:
    """Mail leaves to this port."""
    with override_settings(
        EMAIL_URL_IS_SET=True,
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
    ):
        yield
