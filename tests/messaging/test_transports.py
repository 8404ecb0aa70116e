"""The way out, against a stand-in that speaks the providers' interfaces over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit
from uuid import uuid4

import pytest
from django.test import override_settings

from apps.dispatch.rendering import Rendered
from apps.dispatch.transport import MailboxTransport, ProviderTransport, open_transport
from apps.messaging.addresses import read_reply_address
from apps.messaging.errors import (
    AddressRefused,
    DeliveryError,
    MessageRefused,
    NoProvider,
    ProviderUnavailable,
    RecipientOptedOut,
)
from apps.messaging.models import LocalMessage, Provider
from apps.messaging.outgoing import open_session
from apps.messaging.services import deactivate_provider
from apps.messaging.transports import open_text_transport
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_organization

from .provider_double import Call, ProviderDouble

pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
Add = Callable[..., Provider]
REFERENCE = uuid4()
MAIL = Rendered(subject="One question", html="<p>How?</p>", text="How?")
LENA = "lena@customer.example"
NUMBER = "+4915123456789"


def send(**changes: Any) -> str:
    with open_transport() as transport:
        headers = transport.unsubscribe_headers("https://cxm.example/r/T/stop/", REFERENCE)
        return transport.send(
            MAIL,
            **{
                "sender": "Nordwind <noreply@cxm.example>",
                "recipient": LENA,
                "message_id": "<1.2@cxm.example>",
                "headers": headers | {"Feedback-ID": "a:b"},
                "reply_to": transport.reply_address(REFERENCE),
                "reference": REFERENCE,
                **changes,
            },
        )


def _key(call: Call) -> str:
    """The secret a call carries, wherever this provider wants it."""
    sent = call.headers
    if sent.get("Authorization", "").startswith("Basic "):
        return base64.b64decode(sent["Authorization"][6:]).decode().split(":")[1]
    bearer = sent.get("Authorization", "").removeprefix("Bearer ")
    return sent.get("X-Postmark-Server-Token") or sent.get("api-key") or bearer


@pytest.mark.parametrize(
    ("backend", "message_id", "key"),
    [
        ("postmark", "pm-1", "postmark-secret"),
        ("mailgun", "mg-1@mg.nordwind.example", "key-mailgun-secret"),
        ("sendgrid", None, "sendgrid-secret"),
        ("brevo", "br-1@smtp-relay.example", "brevo-secret"),
        ("mailjet", "1152921504606846976", "mailjet-secret"),
        ("sparkpost", "sp-1", "sparkpost-secret"),
        ("mailersend", "ms-1", "mailersend-secret"),
    ],
)
def test_mail_leaves_through_the_organisations_provider(
    add: Add, double: ProviderDouble, backend: str, message_id: str | None, key: str
) -> None:
    provider = add(backend)
    if backend == "mailersend":
        double.answer = (202, {})
    taken = send()
    assert taken == message_id or (message_id is None and taken)
    (call,) = double.calls
    assert _key(call) == key
    body = unquote_plus(call.body.decode())
    for part in ("One question", LENA, "survey@nordwind.example", "List-Unsubscribe-Post"):
        assert part in body
    # MailerSend hands nothing back but its own id.
    assert (REFERENCE.hex in body) == (backend != "mailersend")
    assert "noreply@cxm.example" not in body
    with open_transport() as transport:
        assert transport.provider_id == provider.pk


def test_id_is_known_also_when_the_provider_writes_the_address_otherwise(add: Add, double: ProviderDouble) -> None:
    add("postmark")
    double.answer = (200, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-9", "To": "lena@xn--other.example"})
    assert send() == "pm-9"


def test_mail_without_a_provider_in_use_leaves_as_the_installation_sends(add: Add) -> None:
    with open_transport() as transport:
        assert isinstance(transport, MailboxTransport)
    provider = add("postmark")
    with open_transport() as transport:
        assert isinstance(transport, ProviderTransport)
    deactivate_provider(actor=Actor.system("test"), provider=provider)
    with open_transport() as transport:
        assert isinstance(transport, MailboxTransport)


def test_provider_of_one_organisation_carries_nothing_of_another(add: Add) -> None:
    add("postmark"), add("local")
    with tenant(an_organization("Südwind")):
        with open_transport() as transport:
            assert transport.provider_id is None
        with pytest.raises(NoProvider):
            open_text_transport()


def test_mail_can_be_stopped_by_one_click_and_by_mail(add: Add) -> None:
    provider = add("postmark")
    with open_transport() as transport:
        headers = transport.unsubscribe_headers("https://cxm.example/r/T/stop/", REFERENCE)
        reply = transport.reply_address(REFERENCE)
    web, mail = headers["List-Unsubscribe"].split(", ")
    assert web == "<https://cxm.example/r/T/stop/>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    parts = urlsplit(mail.strip("<>"))
    assert parts.scheme == "mailto" and parse_qs(parts.query) == {"subject": ["unsubscribe"]}
    stopped, replied = read_reply_address(provider, parts.path), read_reply_address(provider, reply)
    assert stopped is not None and stopped.stop and stopped.reference == REFERENCE
    assert replied is not None and not replied.stop and replied.reference == REFERENCE
    assert all(len(address.partition("@")[0]) <= 64 for address in (parts.path, reply))


def test_mail_of_an_installation_without_replies_is_stopped_on_the_web_only(add: Add, double: ProviderDouble) -> None:
    assert (
        MailboxTransport().unsubscribe_headers("https://c/stop/", REFERENCE)["List-Unsubscribe"] == "<https://c/stop/>"
    )
    add("brevo")
    with open_transport() as transport:
        assert transport.unsubscribe_headers("https://c/stop/", REFERENCE)["List-Unsubscribe"] == "<https://c/stop/>"
        assert transport.reply_address(REFERENCE) == ""


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        ((401, {"ErrorCode": 10, "Message": "bad token"}), ProviderUnavailable, "http_401"),
        ((429, {}), ProviderUnavailable, "http_429"),
        ((500, {}), ProviderUnavailable, "http_500"),
        ((503, {}), ProviderUnavailable, "http_503"),
        ((302, {}), ProviderUnavailable, "http_302"),
        (
            (
                422,
                {
                    "ErrorCode": 406,
                    "Message": "You tried to send to a recipient that has been marked as inactive. Found inactive"
                    f" addresses: {LENA}. Inactive recipients are ones that have generated a hard bounce.",
                },
            ),
            AddressRefused,
            "provider_rejected",
        ),
    ],
)
def test_refusal_says_what_to_do_and_never_to_whom(
    add: Add, double: ProviderDouble, answer: Any, error: type[DeliveryError], code: str
) -> None:
    add("postmark")
    double.answer = answer
    with pytest.raises(error) as raised:
        send()
    assert raised.value.code == code
    assert type(raised.value) is error
    assert len(double.calls) == 1


def test_message_that_a_provider_does_not_take_may_be_tried_again(add: Add, double: ProviderDouble) -> None:
    add("brevo")
    double.answer = (400, {"code": "invalid_parameter", "message": "sender not valid"})
    with pytest.raises(MessageRefused) as raised:
        send()
    assert raised.value.temporary


def test_address_that_is_no_ascii_is_refused_before_anything_is_sent(add: Add, double: ProviderDouble) -> None:
    add("postmark")
    with pytest.raises(AddressRefused):
        send(recipient="léna@customer.example")
    assert double.calls == []


def test_line_breaks_cannot_become_headers(add: Add, double: ProviderDouble) -> None:
    add("postmark")
    send(
        sender="Nord\r\nBcc: x@evil.example <noreply@cxm.example>",
        headers={"X-Test": "a\r\nBcc: x@evil.example", "X\r\nEvil": "1"},
        reply_to="a@b.example\r\nBcc: x@evil.example",
    )
    (call,) = double.calls
    assert "\\r" not in call.body.decode() and "\\n" not in call.body.decode().replace("\\n\\n", "")
    assert not call.json.get("Bcc")


def test_no_provider_answers_at_a_private_address(add: Add) -> None:
    """Without the installation's leave nothing on this machine or in its network is reached, by name or by number."""
    with ProviderDouble() as server:
        for url in (
            server.url,
            server.url.replace("127.0.0.1", "localhost"),
            "http://169.254.169.254/",
            "http://10.0.0.1/",
        ):
            with open_session("postmark") as session, pytest.raises(OSError):
                session.post(url, data=b"x", timeout=(0.5, 0.5))
        assert server.calls == []


def test_a_provider_that_is_away_is_unavailable(add: Add) -> None:
    with ProviderDouble() as server:
        url = server.url
    with override_settings(CXM_PROVIDER_URLS={"postmark": url, "twilio": url}):
        add("postmark"), add("twilio")
        with pytest.raises(ProviderUnavailable):
            send()
        with open_text_transport() as transport, pytest.raises(ProviderUnavailable):
            transport.send(NUMBER, "x")


# -- text messages ----------------------------------------------------------------------------------------------------


@override_settings(BASE_URL="https://cxm.example")
def test_text_message_leaves_through_twilio(add: Add, double: ProviderDouble) -> None:
    provider = add("twilio")
    with open_text_transport() as transport:
        assert transport.provider_id == provider.pk
        sid = transport.send(NUMBER, "Nordwind: Wie war’s?", reference=REFERENCE)
    assert sid == "SM" + "0" * 32
    (call,) = double.calls
    assert call.path == f"/Accounts/AC{'1' * 32}/Messages.json"
    assert base64.b64decode(call.headers["Authorization"][6:]).decode() == f"AC{'1' * 32}:twilio-secret"
    form = call.form
    assert (form["To"], form["From"], form["Body"]) == (NUMBER, "+4930123456", "Nordwind: Wie war’s?")
    assert form["StatusCallback"].startswith("https://cxm.example/hooks/")
    assert form["StatusCallback"].endswith(f"/?reference={REFERENCE.hex}")


def test_messaging_service_takes_the_place_of_the_sender(add: Add, double: ProviderDouble) -> None:
    add("twilio", messaging_service_sid="MG" + "2" * 32)
    with open_text_transport() as transport:
        transport.send(NUMBER, "x")
    assert double.calls[0].form["MessagingServiceSid"] == "MG" + "2" * 32
    assert "From" not in double.calls[0].form


@pytest.mark.parametrize(
    ("status", "code", "error", "temporary"),
    [
        (400, 21211, AddressRefused, None),
        (400, 21614, AddressRefused, None),
        (400, 21610, RecipientOptedOut, None),
        (400, 30003, MessageRefused, True),
        (400, 21617, MessageRefused, False),
        (400, 21606, ProviderUnavailable, None),
        (401, 20003, ProviderUnavailable, None),
        (429, 20429, ProviderUnavailable, None),
        (503, None, ProviderUnavailable, None),
        (400, "x", MessageRefused, False),
    ],
)
def test_error_codes_of_twilio_say_what_to_do(
    add: Add, double: ProviderDouble, status: int, code: Any, error: type[DeliveryError], temporary: bool | None
) -> None:
    add("twilio")
    double.answer = (status, {"code": code, "message": f"about {NUMBER}", "status": status})
    with open_text_transport() as transport, pytest.raises(DeliveryError) as raised:
        transport.send(NUMBER, "x")
    assert type(raised.value) is error
    assert getattr(raised.value, "temporary", None) == temporary
    assert NUMBER not in raised.value.code


def test_number_without_a_country_is_not_sent_and_not_suppressed(add: Add, double: ProviderDouble) -> None:
    add("twilio")
    with open_text_transport() as transport, pytest.raises(MessageRefused) as raised:
        transport.send("015123456789", "x")
    assert not raised.value.temporary
    assert double.calls == []


def test_local_provider_keeps_the_message(add: Add) -> None:
    add("local")
    with open_text_transport() as transport:
        assert transport.is_transactional
        kept = transport.send(NUMBER, "Nordwind: How?", reference=REFERENCE)
    message = LocalMessage.objects.get()
    assert (str(message.pk), message.to, message.text, message.incoming) == (kept, NUMBER, "Nordwind: How?", False)


def test_changed_secret_key_makes_a_provider_unavailable_not_broken(
    add: Add, settings: Any, organization: Organization
) -> None:
    add("postmark"), add("twilio")
    former = settings.SECRET_KEY
    settings.SECRET_KEY = "another-key-of-this-installation-0123456789"
    with pytest.raises(ProviderUnavailable, match="credentials_unreadable"):
        open_transport()
    with pytest.raises(ProviderUnavailable, match="credentials_unreadable"):
        open_text_transport()
    settings.SECRET_KEY_FALLBACKS = [former]
    with open_text_transport() as transport:
        assert transport.provider_id is not None
