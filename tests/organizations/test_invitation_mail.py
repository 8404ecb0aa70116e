"""The mail that invites a colleague, from the service to the mailbox."""

import re

import pytest
from django.core import mail
from django.test import Client

from apps.organizations import services
from apps.organizations.invitation_mail import send_colleague_invitation
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.outbox.tasks import drain_organization
from cxm.scope import tenant
from tests.factories import an_actor, an_organization


@pytest.mark.django_db(transaction=True)
def test_invitation_is_mailed_by_the_relay_and_its_link_opens():
    acme = an_organization("Acme <b>")
    with tenant(acme):
        Organization.objects.filter(pk=acme.pk).update(accent="#5B21B6")
        services.invite_colleague(actor=an_actor(acme), email="bob@example.com", role="analyst")
        drain_organization()
        assert not OutboxEvent.objects.filter(handler="organizations.send_colleague_invitation").exists()
    [message] = mail.outbox
    assert message.to == ["bob@example.com"]
    assert "Acme <b>" in message.subject
    [html] = [body for body, kind in message.alternatives if kind == "text/html"]
    assert "Acme &lt;b&gt;" in html
    assert "<b>Acme" not in html.replace('<b dir="auto">', "")
    link = re.search(r"(/invite/[\w-]+/)", message.body)[1]
    assert b"analyst" in Client().get(link).content.lower()


@pytest.mark.django_db
def test_withdrawn_invitation_is_not_mailed():
    acme = an_organization("Acme")
    with tenant(acme):
        owner = an_actor(acme)
        invitation = services.invite_colleague(actor=owner, email="bob@example.com", role="analyst")
        services.revoke_invitation(actor=owner, invitation=invitation)
        assert not send_colleague_invitation(invitation.pk)
    assert mail.outbox == []


@pytest.mark.django_db
def test_repetition_carries_the_same_message_id():
    acme = an_organization("Acme")
    with tenant(acme):
        invitation = services.invite_colleague(actor=an_actor(acme), email="bob@example.com", role="analyst")
        send_colleague_invitation(invitation.pk)
        send_colleague_invitation(invitation.pk)
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
