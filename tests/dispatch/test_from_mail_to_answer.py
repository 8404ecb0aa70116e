"""The whole way: a mail, its link, the answer, and the word stop, through the doors that customers use."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client

from apps.dispatch.models import Invitation, LinkEvent, MailboxMessage, Suppression
from apps.dispatch.sending import send_due_invitations
from apps.organizations.models import Organization
from apps.outbox.relay import drain
from apps.surveys.models import Response
from cxm.scope import no_tenant, tenant
from tests.factories import an_organization
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    organization = an_organization("Nordwind")
    with tenant(organization):
        yield organization


def mailed_path(organization: Organization) -> str:
    """The address that the newest mail asks to open."""
    mail = MailboxMessage.objects.filter(organization=organization).latest("created_at")
    found = re.search(r"https?://[^/]+(/r/[^/]+/)", mail.text)
    assert found is not None
    return found.group(1)


def form_of(html: str) -> dict[str, str]:
    """What a browser would send of the respondent's form as it is: hidden fields and the choice that is made."""
    fields = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is not None and value is not None and ('type="hidden"' in tag or " checked" in tag):
            fields[name.group(1)] = value.group(1)
    return fields


def test_score_in_the_mail_counts_when_a_person_sends_it(organization: Organization) -> None:
    invitation = an_invitation(a_survey(relationship=True))
    send_due_invitations()
    path = mailed_path(organization)
    visitor = Client(enforce_csrf_checks=True)
    with no_tenant():
        for score in range(11):
            assert visitor.get(path, {"s": score}).status_code == 200
        assert visitor.head(path).status_code == 200
        page = visitor.get(path, {"s": "9"})
    assert not Response.objects.exists(), "opening the link is no answer"
    assert LinkEvent.objects.filter(invitation=invitation, kind="prefill").count() >= 11
    assert LinkEvent.objects.filter(invitation=invitation, kind="head").count() == 1

    html = page.content.decode()
    with no_tenant():
        sent = visitor.post(path, form_of(html))
    assert sent.status_code in (200, 302, 303), sent.content.decode()[:500]
    response = Response.objects.get()
    assert (response.score, response.invitation_id, response.customer_id) == (
        9,
        invitation.pk,
        invitation.customer_id,
    )
    drain()
    invitation.refresh_from_db()
    assert invitation.state == "completed"


def test_one_click_stops_at_once_without_cookie_or_redirect(organization: Organization) -> None:
    customer = a_customer_to_ask()
    an_invitation(a_survey(relationship=True), customer)
    send_due_invitations()
    mail = MailboxMessage.objects.get(organization=organization)
    found = re.fullmatch(r"<https?://[^/]+(/r/[^/]+/stop/)>", mail.headers["List-Unsubscribe"])
    assert found is not None
    program = Client(enforce_csrf_checks=True)
    with no_tenant():
        assert program.get(found.group(1)).status_code == 200
    assert not Suppression.objects.exists(), "a scanner that opens the link stops nothing"
    with no_tenant():
        answer = program.post(found.group(1), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert Suppression.objects.get().email == customer.email
    assert an_invitation(customer=customer).reason == "suppressed"


def test_link_of_an_unsent_or_foreign_invitation_tells_nothing(organization: Organization) -> None:
    invitation = an_invitation()
    send_due_invitations()
    path = mailed_path(organization)
    Invitation.objects.filter(pk=invitation.pk).update(state="blocked", sent_at=None)
    never = path[:10] + ("A" if path[10] != "A" else "B") + path[11:]
    with no_tenant():
        blocked, altered = Client().get(path), Client().get(never)
    assert blocked.status_code == altered.status_code == 404
