"""What providers report: believed with their own signature only, stored once, and never another organisation's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings

from apps.messaging.addresses import hook_token, reply_address
from apps.messaging.models import DeliveryReport, Provider
from apps.messaging.services import add_provider, deactivate_provider, delete_provider, finish_reports
from apps.outbox.models import OutboxEvent
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_organization

from .signing import BASE, CREDENTIALS, Signed, signed

pytestmark = [
    pytest.mark.usefixtures("base_url"),
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]
REFERENCE = uuid4()
LENA = "lena@customer.example"
WHEN = 1_700_000_000
"""14 November 2023, 22:13:20 UTC."""
SIGNING = ["mailgun", "postmark", "sendgrid", "brevo", "mailjet", "mailersend", "sparkpost"]
Add = Callable[..., Provider]


@pytest.fixture
def base_url() -> Any:
    with override_settings(BASE_URL=BASE):
        yield


def said(backend: str, what: str) -> Any:
    """One event as the provider words it."""
    reference = REFERENCE.hex
    words: dict[str, dict[str, Any]] = {
        "mailgun": {
            "delivered": {"event": "delivered"},
            "bounced": {"event": "failed", "severity": "permanent", "reason": "bounce"},
            "soft": {"event": "failed", "severity": "temporary", "reason": "generic"},
            "complained": {"event": "complained"},
            "unsubscribed": {"event": "unsubscribed"},
        },
        "postmark": {
            "delivered": {"RecordType": "Delivery", "DeliveredAt": "2023-11-14T22:13:20Z", "Recipient": LENA},
            "bounced": {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "BouncedAt": "2023-11-14T22:13:20Z"},
            "soft": {"RecordType": "Bounce", "Type": "SoftBounce", "ID": 43, "BouncedAt": "2023-11-14T22:13:20Z"},
            "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "ID": 44},
            "unsubscribed": {
                "RecordType": "SubscriptionChange",
                "SuppressSending": True,
                "SuppressionReason": "ManualSuppression",
                "Recipient": LENA,
                "ChangedAt": "2023-11-14T22:13:20Z",
            },
        },
        "sendgrid": {
            "delivered": {"event": "delivered"},
            "bounced": {"event": "bounce", "type": "bounce", "reason": "550 5.1.1 no such user"},
            "soft": {"event": "bounce", "type": "blocked", "reason": "550 5.7.1 reputation"},
            "complained": {"event": "spamreport"},
            "unsubscribed": {"event": "unsubscribe"},
        },
        "brevo": {
            "delivered": {"event": "delivered"},
            "bounced": {"event": "hard_bounce"},
            "soft": {"event": "soft_bounce"},
            "complained": {"event": "spam"},
            "unsubscribed": {"event": "unsubscribe"},
        },
        "mailjet": {
            "delivered": {"event": "sent"},
            "bounced": {"event": "bounce", "hard_bounce": True, "error": "user unknown"},
            "soft": {"event": "bounce", "hard_bounce": False, "error": "mailbox full"},
            "complained": {"event": "spam"},
            "unsubscribed": {"event": "unsub"},
        },
        "mailersend": {
            "delivered": {"type": "delivered"},
            "bounced": {"type": "hard_bounced"},
            "soft": {"type": "soft_bounced"},
            "complained": {"type": "spam_complaint"},
            "unsubscribed": {"type": "unsubscribed"},
        },
        "sparkpost": {
            "delivered": {"type": "delivery"},
            "bounced": {"type": "bounce", "bounce_class": "10"},
            "soft": {"type": "bounce", "bounce_class": "22"},
            "complained": {"type": "spam_complaint"},
            "unsubscribed": {"type": "list_unsubscribe"},
        },
    }
    event = words[backend][what]
    match backend:
        case "mailgun":
            return {
                **event,
                "recipient": LENA,
                "timestamp": WHEN,
                "message": {"headers": {"message-id": "mg-1@mg"}},
                "user-variables": {"cxm": reference},
            }
        case "postmark":
            return {"Email": LENA, "MessageID": "pm-1", "Metadata": {"cxm": reference}, **event}
        case "sendgrid":
            return [
                {
                    **event,
                    "email": LENA,
                    "timestamp": WHEN,
                    "sg_event_id": f"sg-{what}",
                    "anymail_id": "sg-1",
                    "cxm": reference,
                }
            ]
        case "brevo":
            return {
                **event,
                "email": LENA,
                "ts_epoch": WHEN * 1000,
                "message-id": "<br-1@relay>",
                "X-Mailin-custom": f'{{"cxm": "{reference}"}}',
            }
        case "mailjet":
            return {
                **event,
                "email": LENA,
                "time": WHEN,
                "MessageID": 1152921504606846976,
                "Payload": f'{{"cxm": "{reference}"}}',
            }
        case "mailersend":
            return {
                "type": f"activity.{event['type']}",
                "data": {
                    "type": event["type"],
                    "id": f"ms-{what}",
                    "created_at": "2023-11-14T22:13:20.000000Z",
                    "email": {"message": {"id": "ms-1"}, "recipient": {"email": LENA}},
                },
            }
    inner = {
        **event,
        "event_id": f"sp-{what}",
        "raw_rcpt_to": LENA,
        "timestamp": str(WHEN),
        "transmission_id": "sp-1",
        "rcpt_meta": {"cxm": reference},
    }
    return [{"msys": {"message_event": inner}}]


@pytest.mark.parametrize("backend", SIGNING)
@pytest.mark.parametrize("what", ["delivered", "bounced", "complained", "unsubscribed"])
def test_signed_report_is_stored_once_and_told(add: Add, backend: str, what: str) -> None:
    provider = add(backend)
    request = signed(provider, said(backend, what))
    assert request.post(provider).status_code == 200
    assert request.post(provider).status_code == 200
    report = DeliveryReport.objects.get()
    assert (report.kind, report.address, report.provider_id) == (what, LENA, provider.pk)
    assert report.reference == (REFERENCE if backend != "mailersend" else None)
    assert report.message_id
    if backend != "postmark" or what != "complained":
        assert report.happened_at == datetime.fromtimestamp(WHEN, tz=UTC)
    told = OutboxEvent.objects.filter(topic="messaging.reported").values_list("payload", flat=True)
    assert list(told) == [{"report": str(report.pk)}]
    provider.refresh_from_db()
    assert provider.last_event_at is not None


@pytest.mark.parametrize("backend", SIGNING)
def test_trouble_that_may_pass_is_no_bounce(add: Add, backend: str) -> None:
    provider = add(backend)
    assert signed(provider, said(backend, "soft")).post(provider).status_code == 200
    assert DeliveryReport.objects.get().kind in ("failed", "deferred")


@pytest.mark.parametrize("backend", [*SIGNING, "twilio"])
@pytest.mark.parametrize("replies", [False, True])
def test_without_the_providers_signature_nothing_is_stored(add: Add, backend: str, replies: bool) -> None:
    provider = add(backend)
    what: Any = said(backend, "bounced") if backend != "twilio" else {"MessageSid": "SM1", "MessageStatus": "failed"}
    good = signed(provider, what) if not replies else Signed(b"{}")
    forged = [
        Signed(good.body, good.content_type),
        Signed(good.body, good.content_type, {name: value[:-4] + "AAA=" for name, value in good.headers.items()}),
        Signed(b"", good.content_type, {"Authorization": "Basic !!!", "Signature": "", "X-Twilio-Signature": "é"}),
        Signed(b"not json"),
        Signed(b"a=b", "application/x-www-form-urlencoded"),
    ]
    if backend == "mailgun":
        # Here the signature stands in the body.
        forged = [Signed(good.body.replace(b"token-of", b"token-fo")), *forged[2:]]
    for request in forged:
        assert request.post(provider, replies=replies).status_code == 403
    assert not DeliveryReport.objects.exists()


@pytest.mark.parametrize("backend", ["mailgun", "sendgrid", "mailersend"])
def test_report_signed_for_one_account_means_nothing_to_another(add: Add, backend: str) -> None:
    ours = add(backend)
    request = signed(ours, said(backend, "bounced"))
    with tenant(an_organization("Südwind")):
        theirs = add_provider(
            actor=Actor.system("test"),
            backend="postmark" if backend == "sendgrid" else backend,
            name="Theirs",
            sender="survey@suedwind.example",
            credentials={
                **CREDENTIALS["postmark" if backend == "sendgrid" else backend],
                **{
                    name: "another-secret"
                    for name in ("webhook_signing_key", "signing_secret")
                    if name in CREDENTIALS[backend]
                },
            },
        )
        assert request.post(theirs).status_code == 403
        assert not DeliveryReport.objects.exists()
    assert not DeliveryReport.objects.exists()


def test_report_is_stored_with_the_organisation_of_its_address(add: Add) -> None:
    add("postmark")
    with tenant(an_organization("Südwind")):
        theirs = add_provider(
            actor=Actor.system("test"),
            backend="postmark",
            name="Theirs",
            sender="survey@suedwind.example",
            credentials={"server_token": "other"},
        )
        assert signed(theirs, said("postmark", "bounced")).post(theirs).status_code == 200
        assert DeliveryReport.objects.get().tenant_id == theirs.tenant_id
    assert not DeliveryReport.objects.exists()


def test_unknown_or_ended_address_is_not_found(add: Add) -> None:
    provider = add("postmark")
    request = signed(provider, said("postmark", "bounced"))
    token = hook_token(provider)
    altered = token[:-1] + ("Q" if token.endswith("A") else "A")
    for path in (f"/hooks/{altered}/", f"/hooks/{token}x/", "/hooks/x/", f"/hooks/{token[:-2]}%00/in/"):
        assert Client().post(path, request.body, "application/json", secure=True).status_code == 404
    delete_provider(actor=Actor.system("test"), provider=provider)
    assert request.post(provider).status_code == 404


def test_provider_that_is_switched_off_is_still_heard(add: Add) -> None:
    provider = deactivate_provider(actor=Actor.system("test"), provider=add("postmark"))
    assert signed(provider, said("postmark", "bounced")).post(provider).status_code == 200
    assert DeliveryReport.objects.count() == 1


def test_provider_may_ask_whether_the_address_is_there(add: Add) -> None:
    token = hook_token(add("mailgun"))
    assert Client().head(f"/hooks/{token}/", secure=True).status_code == 200
    assert Client().get(f"/hooks/{token}/", secure=True).status_code == 405


NONSENSE: list[Any] = [
    None, 5, "text", [], {}, [[]], [None], [5], {"event": None}, {"event": []}, [{"event": {}}],
    {"RecordType": 7}, {"RecordType": "Bounce"}, {"data": {}}, {"data": None}, {"data": {"type": 5}},
    [{"msys": {"message_event": {"type": "bounce", "bounce_class": {}}}}], [{"msys": 5}], [{"msys": {"a": 1}}],
    {"event": "delivered", "email": {"x": 1}, "time": "x", "ts_epoch": "x", "timestamp": {}, "recipient": []},
    [{"event": "delivered", "timestamp": 1e30, "email": "\x00\ud800", "sg_event_id": "x" * 5000}],
    {"event": "delivered", "recipient": "a\x00b", "timestamp": 1e12, "message": {"headers": 5}},
    {"event": "delivered", "ts_epoch": -1e15, "time": 10**25, "email": 5, "message-id": ["x"]},
]  # fmt: skip


@pytest.mark.parametrize("backend", SIGNING)
def test_nonsense_with_a_good_signature_is_answered_without_an_error_of_ours(add: Add, backend: str) -> None:
    provider = add(backend)
    for what in NONSENSE:
        assert signed(provider, what).post(provider).status_code in (200, 400), what
    body = b"[" * 50_000 + b"]" * 50_000
    assert Signed(body, headers=signed(provider, []).headers).post(provider).status_code in (400, 403)
    assert Signed(b'{"a": "' + b"x" * 6_000_000 + b'"}').post(provider).status_code in (400, 403, 413)


def test_time_that_cannot_be_becomes_now(add: Add) -> None:
    provider = add("mailgun")
    event = {**said("mailgun", "delivered"), "timestamp": 32503680000}
    assert signed(provider, event).post(provider).status_code == 200
    assert DeliveryReport.objects.get().happened_at.year < 3000


def test_opens_and_clicks_are_not_kept(add: Add) -> None:
    provider = add("brevo")
    assert signed(provider, {"event": "click", "email": LENA}).post(provider).status_code == 200
    assert not DeliveryReport.objects.exists()


def test_report_forgets_the_person_once_it_was_acted_on(add: Add) -> None:
    provider = add("postmark")
    signed(provider, said("postmark", "bounced")).post(provider)
    report = DeliveryReport.objects.get()
    assert finish_reports([report.pk]) == 1
    assert finish_reports([report.pk]) == 0
    report.refresh_from_db()
    assert (report.address, report.text, report.kind) == ("", "", "bounced")
    assert report.handled_at is not None


# -- text messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("delivered", "", "delivered"),
        ("undelivered", "30003", "failed"),
        ("undelivered", "30005", "bounced"),
        ("failed", "21211", "bounced"),
        ("failed", "21610", "unsubscribed"),
        ("failed", "x", "failed"),
    ],
)
def test_twilio_tells_what_became_of_a_message(add: Add, status: str, code: str, kind: str) -> None:
    provider = add("twilio")
    form = {"MessageSid": "SM" + "0" * 32, "MessageStatus": status, "To": "+4915123456789", "ErrorCode": code}
    query = f"?reference={REFERENCE.hex}"
    request = signed(provider, form, query=query)
    assert request.post(provider, query=query).status_code == 200
    assert request.post(provider, query=query).status_code == 200
    report = DeliveryReport.objects.get()
    assert (report.kind, report.code, report.address) == (kind, code, "+4915123456789")
    assert (report.reference, report.message_id) == (REFERENCE, form["MessageSid"])
    assert request.post(provider, query="?reference=" + uuid4().hex).status_code == 403


def test_twilio_says_nothing_of_messages_on_their_way(add: Add) -> None:
    provider = add("twilio")
    for status in ("queued", "sending", "sent", "", "\x00"):
        assert signed(provider, {"MessageSid": "SM1", "MessageStatus": status}).post(provider).status_code == 200
    assert signed(provider, {"MessageStatus": "failed"}).post(provider).status_code == 400
    assert not DeliveryReport.objects.exists()


@pytest.mark.parametrize(
    ("form", "kind", "text"),
    [
        ({"Body": "STOP"}, "replied", "STOP"),
        ({"Body": "Stopp\n-- \nLena"}, "replied", "Stopp"),
        ({"Body": "x" * 900}, "replied", "x" * 400),
        ({"Body": "stop", "OptOutType": "STOP"}, "unsubscribed", ""),
        ({"Body": ""}, "replied", ""),
        ({}, "replied", ""),
    ],
)
def test_text_message_that_comes_in_is_kept_with_its_number(
    add: Add, form: dict[str, str], kind: str, text: str
) -> None:
    provider = add("twilio")
    request = signed(provider, {"MessageSid": "SM7", "From": "+4915123456789", **form}, replies=True)
    answer = request.post(provider, replies=True)
    assert answer.status_code == 200
    assert answer.content.endswith(b"<Response/>")
    report = DeliveryReport.objects.get()
    assert (report.kind, report.text, report.address) == (kind, text, "+4915123456789")


# -- mail that comes in -----------------------------------------------------------------------------------------------


def raw_mail(to: str, text: str, **headers: str) -> str:
    lines = {
        "From": "Lena Berg <Lena@Customer.example>",
        "To": to,
        "Subject": "Re: One question",
        "Message-ID": "<reply-1@customer.example>",
        "Content-Type": "text/plain; charset=utf-8",
        **headers,
    }
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items()) + f"\r\n{text}"


def incoming(provider: Provider, raw: str, to: str) -> Signed:
    match provider.backend:
        case "postmark":
            what: Any = {
                "FromFull": {"Email": LENA},
                "RawEmail": raw,
                "Headers": [],
                "OriginalRecipient": to,
                "MessageID": "in-1",
            }
        case "mailgun":
            what = {"body-mime": raw, "recipient": to, "sender": LENA, "token": "x"}
        case "sendgrid":
            what = {"email": raw, "envelope": f'{{"from": "{LENA}", "to": ["{to}"]}}'}
        case "mailersend":
            what = {"type": "inbound.message", "data": {"id": "in-1", "raw": raw, "sender": {"email": LENA}}}
        case "sparkpost":
            what = [
                {
                    "msys": {
                        "relay_message": {
                            "protocol": "smtp",
                            "content": {
                                "email_rfc822": base64.b64encode(raw.encode()).decode(),
                                "email_rfc822_is_base64": True,
                            },
                            "msg_from": LENA,
                            "rcpt_to": to,
                        }
                    }
                }
            ]
        case _:
            body = raw.partition("\r\n\r\n")[2]
            what = {
                "Sender": LENA,
                "Recipient": to,
                "Headers": {"From": "Lena <Lena@Customer.example>", "To": to, "Message-ID": "<reply-1@c>"},
                "Text-part": body,
                "Parts": [],
            }
    return signed(provider, what, replies=True)


REPLYING = ["mailgun", "postmark", "sendgrid", "mailjet", "mailersend", "sparkpost"]


@pytest.mark.parametrize("backend", REPLYING)
def test_reply_is_kept_with_its_invitation_and_first_line(add: Add, backend: str) -> None:
    provider = add(backend)
    to = reply_address(provider, "replies@in.nordwind.example", REFERENCE)
    text = "\r\nStop!\r\n\r\nOn Monday Nordwind wrote:\r\n> One question\r\n"
    request = incoming(provider, raw_mail(to, text), to)
    assert request.post(provider, replies=True).status_code == 200
    assert request.post(provider, replies=True).status_code == 200
    report = DeliveryReport.objects.get()
    assert (report.kind, report.text, report.address, report.reference) == ("replied", "Stop!", LENA, REFERENCE)


@pytest.mark.parametrize("backend", REPLYING)
def test_mail_to_the_stop_address_ends_it_whatever_it_says(add: Add, backend: str) -> None:
    provider = add(backend)
    to = reply_address(provider, "replies@in.nordwind.example", REFERENCE, stop=True)
    assert (
        incoming(provider, raw_mail(to, "", Subject="unsubscribe"), to).post(provider, replies=True).status_code == 200
    )
    report = DeliveryReport.objects.get()
    assert (report.kind, report.reference, report.text) == ("unsubscribed", REFERENCE, "")


def test_automatic_answer_is_no_reply(add: Add) -> None:
    provider = add("postmark")
    to = reply_address(provider, "replies@in.nordwind.example", REFERENCE)
    mail = raw_mail(to, "End\r\nI am on holiday", Auto_Submitted="auto-replied")
    assert incoming(provider, mail, to).post(provider, replies=True).status_code == 200
    assert not DeliveryReport.objects.exists()


def test_reply_address_of_another_organisation_or_altered_names_no_invitation(add: Add) -> None:
    provider = add("postmark")
    with tenant(an_organization("Südwind")):
        theirs = add_provider(
            actor=Actor.system("test"),
            backend="postmark",
            name="Theirs",
            sender="survey@suedwind.example",
            credentials=CREDENTIALS["postmark"],
        )
    foreign = reply_address(theirs, "replies@in.nordwind.example", REFERENCE, stop=True)
    mine = reply_address(provider, "replies@in.nordwind.example", REFERENCE, stop=True)
    altered = mine.replace("@", "@", 1)[:12] + ("a" if mine[12] != "a" else "b") + mine[13:]
    for number, to in enumerate((foreign, altered)):
        mail = raw_mail(to, "hello", Message_ID=f"<{number}@c>")
        assert incoming(provider, mail, to).post(provider, replies=True).status_code == 200
    assert set(DeliveryReport.objects.values_list("kind", "reference")) == {("replied", None)}


def test_reply_that_names_our_message_finds_its_invitation(add: Add, organization: Any) -> None:
    provider = add("postmark")
    to = "replies@in.nordwind.example"
    mail = raw_mail(to, "Thanks", In_Reply_To=f"<{REFERENCE.hex}.{organization.pk.hex}@cxm.example>")
    assert incoming(provider, mail, to).post(provider, replies=True).status_code == 200
    assert DeliveryReport.objects.get().reference == REFERENCE


@pytest.mark.parametrize("backend", REPLYING)
@pytest.mark.parametrize(
    "raw",
    ["", "\x00", "From: \r\n\r\n",
     "From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x" + "\r\n--x" * 500,
     "Content-Type: text/plain; charset=nonsense\r\n\r\n\xff", "To: " + "a@b.example," * 2000 + "\r\n\r\nx",
     "From: =?utf-8?b?////?=\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!"],
)  # fmt: skip
def test_hostile_mail_is_answered_without_an_error_of_ours(add: Add, backend: str, raw: str) -> None:
    provider = add(backend)
    assert incoming(provider, raw, "x").post(provider, replies=True).status_code in (200, 400)
