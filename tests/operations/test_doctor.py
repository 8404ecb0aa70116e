"""The doctor names what is wrong and what to do about it."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from cxm.doctor import Finding, examine
from cxm.scope import tenant

pytestmark = pytest.mark.django_db(transaction=True)


def wrong() -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine() if finding.state != "ok"}


def test_each_finding_that_is_not_ok_says_what_to_do(settings) -> None:
    settings.SECRET_KEY = "short"
    settings.BASE_URL = "http://cxm.example"
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    settings.OWNER_DATABASE_URL = ""
    found = wrong()
    assert {"Secret key", "Hosts", "Broker", "Roles"} <= set(found)
    assert all(finding.mend for finding in found.values())


def test_one_broken_part_does_not_hide_the_others(settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    subjects = [finding.subject for finding in examine()]
    assert subjects.index("Broker") < subjects.index("Clock") < subjects.index("Mail")


def test_mail_server_that_does_not_answer_is_found(settings) -> None:
    settings.EMAIL_URL_IS_SET = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "EMAIL_URL" in wrong()["Mail"].mend


def test_work_that_nobody_does_is_found() -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    with tenant(acme):
        event = OutboxEvent.objects.create(topic="tests.happened", handler="tests.late", payload={})
        event.available_at = event.created_at.replace(year=2020)
        event.save()
    assert "worker and beat" in wrong()["Queues"].mend


def test_command_ends_with_one_when_something_is_wrong(settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.SECRET_KEY = "short"
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    assert "-> Set SECRET_KEY" in capsys.readouterr().out
