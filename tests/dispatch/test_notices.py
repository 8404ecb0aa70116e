"""Notices to people who work here, and the one click that stops them."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.dispatch.models import MailboxMessage, Suppression
from apps.dispatch.notices import send_notice, stop_url
from apps.organizations.models import Organization
from apps.surveys.links import respondent_token
from cxm.scope import tenant
from tests.factories import a_person, an_organization


@pytest.fixture
def organization(db: None, settings: Any) -> Organization:
    settings.EMAIL_BACKEND = "apps.dispatch.mailbox.MailboxBackend"
    return an_organization("Nordwind")


def notice(organization: Organization, person: User) -> bool:
    with tenant(organization):
        return send_notice(
            recipient=person,
            identity=uuid4(),
            subject="Your export is ready",
            lines=["It holds 12 rows."],
            note="You asked for it.",
            button="Open",
            url="/o/nordwind/exports/",
        )


def test_notice_has_an_absolute_button_and_a_link_that_stops_it(organization: Organization) -> None:
    person = a_person()
    assert notice(organization, person)
    mail = MailboxMessage.objects.get(organization=organization)
    assert re.search(r'href="http://[^"]+/o/nordwind/exports/"', mail.html)
    assert stop_url(organization.pk, person.pk) in mail.html
    assert mail.headers["List-Unsubscribe"] == f"<{stop_url(organization.pk, person.pk)}>"


def test_get_changes_nothing_and_one_click_is_the_end(organization: Organization) -> None:
    person, other = a_person(), an_organization("Other")
    path = stop_url(organization.pk, person.pk).partition("localhost")[2]
    path = path[path.index("/") :]
    client = Client(enforce_csrf_checks=True)
    assert "Stop notices" in client.get(path).content.decode()
    assert client.head(path).status_code == 200
    assert notice(organization, person)
    answer = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert client.post(path).status_code == 200
    assert not notice(organization, person)
    assert notice(other, person), "only this organisation's notices stop"
    with tenant(organization):
        assert Suppression.objects.get().reason == "unsubscribed"


def test_token_of_another_purpose_or_altered_finds_nothing(organization: Organization) -> None:
    person = a_person()
    good = stop_url(organization.pk, person.pk).split("/")[-3]
    wrong = [
        respondent_token(organization.pk, person.pk),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good[:40],
        "x",
        "%00",
    ]
    for token in wrong:
        assert Client().post(f"/n/{token}/stop/").status_code == 404
    with tenant(organization):
        assert not Suppression.objects.exists()


def test_deactivated_person_gets_none(organization: Organization) -> None:
    person = a_person()
    person.is_active = False
    person.save()
    assert not notice(organization, person)
