"""The whole way out and back: an invitation leaves, the provider reports or the person says stop, nobody asks again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client, override_settings

from apps.dispatch.models import Invitation, Suppression
from apps.dispatch.sending import send_due_invitations
from apps.messaging.addresses import read_reply_address
from apps.messaging.models import DeliveryReport, LocalMessage, Provider
from apps.organizations.models import Organization
from apps.outbox.relay import drain
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey

from .provider_double import ProviderDouble
from .signing import BASE, signed

pytestmark = pytest.mark.usefixtures("inside")
Add = Callable[..., Provider]
NUMBER = "+4915123456789"


def a_text_invitation() -> Invitation:
    return an_invitation(a_survey(relationship=True), a_customer_to_ask(phone=NUMBER, name="Lena Berg"), channel="sms")


def test_text_message_goes_out_stop_comes_back_and_nobody_writes_again(
    organization: Organization, admin: Client, add: Add
) -> None:
    provider = add("local")
    invitation = a_text_invitation()
    assert send_due_invitations().sent == 1
    message = LocalMessage.objects.get()
    assert message.to == NUMBER
    assert "/r/" in message.text and "STOP" in message.text
    invitation.refresh_from_db()
    assert (invitation.state, invitation.provider_id, invitation.provider_message_id) == (
        "sent",
        provider.pk,
        str(message.pk),
    )
    path = f"/o/{organization.slug}/settings/messaging/{provider.pk}/messages/{message.pk}/reply/"
    admin.post(path, {"text": "Great service, do not stop"})
    drain()
    assert not Suppression.objects.exists()
    admin.post(path, {"text": "Stop!"})
    drain()
    assert list(Suppression.objects.values_list("phone", "reason")) == [(NUMBER, "opt_out_word")]
    again = an_invitation(a_survey(relationship=False), invitation.customer, channel="sms")
    assert (again.state, again.reason) == ("blocked", "suppressed")
    assert not DeliveryReport.objects.exclude(address="", text="").exists()


@override_settings(BASE_URL=BASE)
def test_stop_of_a_number_that_nobody_knows_is_kept(add: Add) -> None:
    provider = add("twilio")
    request = signed(provider, {"MessageSid": "SM1", "From": "+15550199", "Body": "stop"}, replies=True)
    assert request.post(provider, replies=True).status_code == 200
    drain()
    assert Suppression.objects.get().phone == "+15550199"


@override_settings(BASE_URL=BASE)
def test_report_that_comes_twice_late_or_before_another_changes_nothing(add: Add, double: ProviderDouble) -> None:
    provider = add("twilio")
    invitation = a_text_invitation()
    assert send_due_invitations().sent == 1
    form = {"MessageSid": "SM" + "0" * 32, "To": NUMBER}
    query = f"?reference={invitation.pk.hex}"
    bounced = signed(provider, {**form, "MessageStatus": "undelivered", "ErrorCode": "30005"}, query=query)
    delivered = signed(provider, {**form, "MessageStatus": "delivered"}, query=query)
    for request in (bounced, bounced, delivered, bounced):
        assert request.post(provider, query=query).status_code == 200
        drain()
    invitation.refresh_from_db()
    assert invitation.state == "bounced"
    assert invitation.delivered_at is not None
    assert Suppression.objects.get().phone == NUMBER
    assert DeliveryReport.objects.filter(handled_at=None).count() == 0


def test_bounced_mail_suppresses_its_address(add: Add, double: ProviderDouble) -> None:
    provider = add("postmark")
    invitation = an_invitation()
    assert send_due_invitations().sent == 1
    (call,) = double.calls
    sent = call.json
    assert sent["Metadata"] == {"cxm": invitation.pk.hex}
    headers = {header["Name"]: header["Value"] for header in sent["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/stop/>, <mailto:replies+u" in headers["List-Unsubscribe"]
    reply = read_reply_address(provider, sent["ReplyTo"])
    assert reply is not None and reply.reference == invitation.pk
    event = {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "ID": 7,
        "Email": sent["To"],
        "MessageID": "pm-1",
        "Metadata": sent["Metadata"],
        "BouncedAt": "2023-11-14T22:13:20Z",
    }
    assert signed(provider, event).post(provider).status_code == 200
    drain()
    invitation.refresh_from_db()
    assert invitation.state == "bounced"
    assert invitation.customer is not None
    assert list(Suppression.objects.values_list("email", "reason")) == [(invitation.customer.email, "bounce")]


def test_mail_to_the_stop_address_suppresses_the_person_who_was_asked(add: Add, double: ProviderDouble) -> None:
    provider = add("postmark")
    invitation = an_invitation()
    send_due_invitations()
    headers = {header["Name"]: header["Value"] for header in double.calls[0].json["Headers"]}
    address = headers["List-Unsubscribe"].split("<mailto:")[1].split("?")[0]
    raw = f"From: somebody.else@example.com\r\nTo: {address}\r\nSubject: unsubscribe\r\nMessage-ID: <1@x>\r\n\r\n"
    event = {"FromFull": {"Email": "somebody.else@example.com"}, "RawEmail": raw, "Headers": []}
    assert signed(provider, event, replies=True).post(provider, replies=True).status_code == 200
    drain()
    assert invitation.customer is not None
    assert invitation.customer.email in Suppression.objects.values_list("email", flat=True)


def test_provider_that_is_away_loses_nothing(add: Add, double: ProviderDouble) -> None:
    add("postmark")
    invitation = an_invitation()
    double.answer = (503, {})
    assert send_due_invitations().sent == 0
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason) == ("queued", "http_503")
    double.answer = None
    Invitation.objects.filter(pk=invitation.pk).update(leased_until=None)
    assert send_due_invitations().sent == 1


def test_number_that_said_stop_at_the_provider_is_suppressed_at_once(add: Add, double: ProviderDouble) -> None:
    add("twilio")
    double.answer = (400, {"code": 21610})
    a_text_invitation()
    assert send_due_invitations().sent == 0
    assert Suppression.objects.get().phone == NUMBER
