"""What providers report, in one shape: read from their requests once the signature is theirs.

The signature is checked with the secrets of the one provider row that the address names. django-anymail's views know
how each provider of mail signs and what its events mean; they are made for one account a process, so one is made anew
for every request, with the credentials of its row. Twilio's requests are read here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final
from uuid import UUID

from anymail.exceptions import AnymailNotSupportedWarning, AnymailWebhookValidationFailure
from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now

from apps.customers.rules import clean_phone
from apps.messaging import twilio
from apps.messaging.addresses import HOOK_USER, hook_password, read_reply_address
from apps.messaging.backends import Backend, backend_of
from apps.messaging.credentials import credentials_of
from apps.messaging.mail import REFERENCE
from apps.messaging.models import DeliveryReport, Provider
from apps.messaging.replies import own_words, words_of_html
from cxm.ids import parse_uuid
from cxm.secrets import SecretUnreadable

Kind = DeliveryReport.Kind

MOST_EVENTS: Final = 5_000
"""Events read of one request."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.\d{1,3}\b")
_OUR_MESSAGE_ID: Final = re.compile(r"<?([0-9a-f]{32})(?:\.r\d{1,3})?\.([0-9a-f]{32})@")

warnings.filterwarnings("ignore", category=AnymailNotSupportedWarning)


class NotSigned(Exception):
    """The request does not carry the provider's signature."""


class NotUnderstood(Exception):
    """The request is the provider's, but not a report we know how to read."""


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a provider told; see DeliveryReport."""

    event_id: str
    kind: str
    message_id: str
    reference: UUID | None
    address: str
    text: str
    code: str
    happened_at: datetime


def read_reports(provider: Provider, request: HttpRequest, *, replies: bool) -> list[Report]:
    """What a request of the provider reports (or, with `replies`, brings back). Raises `NotSigned`, `NotUnderstood`."""
    backend = backend_of(provider)
    try:
        credentials = credentials_of(provider)
    except SecretUnreadable:
        raise NotSigned from None
    if backend.is_local or (replies and not backend.hears_replies):
        raise NotSigned
    if not backend.anymail:
        return _of_twilio(provider, credentials, request, replies=replies)
    return list(_of_mail(provider, backend, credentials, request, replies=replies))


def _of_mail(
    provider: Provider, backend: Backend, credentials: Mapping[str, str], request: HttpRequest, *, replies: bool
) -> Iterator[Report]:
    view = _anymail_view(provider, backend, credentials, replies=replies)
    try:
        view.run_validators(request)
    except AnymailWebhookValidationFailure:
        raise NotSigned from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # What stands where the signature should be is none.
        raise NotSigned from None
    try:
        events = list(view.parse_events(request))[:MOST_EVENTS]
        found = [
            _reply(provider, event) if replies else _tracked(backend, event)
            for event in events
        ]  # fmt: skip
    except (NotSigned, MemoryError):
        raise
    except Exception as error:
        # Whatever a parser of somebody else's format stumbles over: the provider gets a 400 and its name for it.
        raise NotUnderstood(type(error).__name__) from None
    return (report for report in found if report is not None)


def _anymail_view(provider: Provider, backend: Backend, credentials: Mapping[str, str], *, replies: bool) -> Any:
    module = import_module(f"anymail.webhooks.{backend.anymail}")
    names = [name for name in vars(module) if name.endswith("InboundWebhookView" if replies else "TrackingWebhookView")]
    secret = backend.replies_signed_with if replies else backend.signed_with
    if secret and not credentials.get(secret):
        raise NotSigned
    options = {secret: credentials[secret]} if secret else {"webhook_secret": f"{HOOK_USER}:{hook_password(provider)}"}
    return getattr(module, names[-1])(**options)


def _tracked(backend: Backend, event: AnymailTrackingEvent) -> Report | None:
    kind = _kind(backend, event)
    if kind is None:
        return None
    address = _clean(event.recipient, 254).lower()
    message_id = _clean(event.message_id, 200).strip("<>")
    happened_at = _moment(event.timestamp)
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    reference = parse_uuid(str(metadata.get(REFERENCE, ""))) or _reference_in(message_id)
    code = _clean(event.reject_reason or _enhanced(event) or "", 80)
    return Report(
        event_id=_event_id(event.event_id, event.event_type, message_id, address, event.timestamp, event.esp_event),
        kind=kind,
        message_id=message_id,
        reference=reference,
        address=address,
        text="",
        code=code,
        happened_at=happened_at,
    )


_KINDS: Final[Mapping[str, str]] = {
    EventType.DELIVERED: Kind.DELIVERED,
    EventType.BOUNCED: Kind.BOUNCED,
    EventType.DEFERRED: Kind.DEFERRED,
    EventType.COMPLAINED: Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
    EventType.REJECTED: Kind.FAILED,
    EventType.FAILED: Kind.FAILED,
}
_REJECTED_FOR: Final[Mapping[str, str]] = {
    RejectReason.INVALID: Kind.BOUNCED,
    RejectReason.BOUNCED: Kind.BOUNCED,
    RejectReason.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
    RejectReason.SPAM: Kind.COMPLAINED,
}


def _kind(backend: Backend, event: AnymailTrackingEvent) -> str | None:
    """What happened, in our words; None for what nobody acts on (queued, opened, clicked).

    BOUNCED means that the address is no good, for good, and leads to its suppression. A full mailbox, a policy or a
    reputation says nothing of the address: that is FAILED.
    """
    kind = _KINDS.get(event.event_type)
    if event.event_type == EventType.REJECTED:
        return _REJECTED_FOR.get(event.reject_reason, Kind.FAILED)
    if kind == Kind.BOUNCED and not _is_permanent(backend, event):
        return Kind.FAILED
    return kind


def _is_permanent(backend: Backend, event: AnymailTrackingEvent) -> bool:
    raw: Any = event.esp_event
    match backend.key:
        case "postmark":
            return raw.get("Type") not in ("SoftBounce", "VirusNotification", "DMARCPolicy")
        case "brevo":
            return raw.get("event") != "soft_bounce"
        case "mailjet":
            return bool(raw.get("hard_bounce", True))
        case "mailersend":
            return raw.get("data", {}).get("type") != "soft_bounced"
        case "sendgrid":
            return raw.get("type") != "blocked" and _enhanced(event)[:4] != "5.7."
        case "sparkpost":
            (inner,) = raw["msys"].values()
            return str(inner.get("bounce_class")) in ("10", "30")
    return not _enhanced(event).startswith(("4.", "5.7."))


def _enhanced(event: AnymailTrackingEvent) -> str:
    """The enhanced status code in the receiving server's answer (RFC 3463), "" without one."""
    found = _ENHANCED.search(str(event.mta_response or "")[:2000])
    return found.group() if found else ""


def _reply(provider: Provider, event: Any) -> Report | None:
    message: AnymailInboundMessage = event.message
    recipients = [message.envelope_recipient, *(address.addr_spec for address in (*message.to, *message.cc))]
    ours = next((found for to in recipients if to and (found := read_reply_address(provider, str(to)))), None)
    stop = ours is not None and ours.stop
    submitted = str(message.get("Auto-Submitted", "no")).strip().lower()
    if not stop and (submitted != "no" or message.get("X-Autoreply") or message.get("X-Autorespond")):
        return None
    sender = message.from_email.addr_spec if message.from_email else str(message.envelope_sender or "")
    answers = str(message.get("In-Reply-To", ""))
    text = own_words(str(message.text or "")) or own_words(words_of_html(str(message.html or "")))
    message_id = _clean(answers, 200).strip("<> ")
    return Report(
        event_id=_event_id(
            event.event_id,
            "reply",
            _clean(str(message.get("Message-ID", "")), 200),
            sender.lower(),
            None,
            [str(message.get("Date", "")), text],
        ),
        kind=Kind.UNSUBSCRIBED if stop else Kind.REPLIED,
        message_id=message_id,
        reference=ours.reference if ours else _reference_in(answers),
        address=_clean(sender, 254).lower(),
        text="" if stop else text or _clean(str(message.subject or ""), 400),
        code="",
        happened_at=_moment(event.timestamp),
    )


def _of_twilio(
    provider: Provider, credentials: Mapping[str, str], request: HttpRequest, *, replies: bool
) -> list[Report]:
    if not constant_time_compare(
        request.headers.get("X-Twilio-Signature", ""), _twilio_signature(credentials, request)
    ):
        raise NotSigned
    form = request.POST
    sid = _clean(form.get("MessageSid") or form.get("SmsSid"), 60)
    if not sid:
        raise NotUnderstood("MessageSid")
    if replies:
        said_stop = form.get("OptOutType") == "STOP"
        return [
            Report(
                event_id=f"{sid}:in",
                kind=Kind.UNSUBSCRIBED if said_stop else Kind.REPLIED,
                message_id="",
                reference=None,
                address=_phone(form.get("From")),
                text="" if said_stop else own_words(form.get("Body", "")),
                code="",
                happened_at=now(),
            )
        ]
    status = _clean(form.get("MessageStatus") or form.get("SmsStatus"), 20)
    code = _clean(form.get("ErrorCode"), 20)
    kind = _twilio_kind(status, code)
    if kind is None:
        return []
    return [
        Report(
            event_id=f"{sid}:{status}",
            kind=kind,
            message_id=sid,
            reference=parse_uuid(request.GET.get("reference", "")),
            address=_phone(form.get("To")),
            text="",
            code=code,
            happened_at=now(),
        )
    ]


def _twilio_kind(status: str, code: str) -> str | None:
    if status in ("delivered", "read"):
        return Kind.DELIVERED
    if status not in ("undelivered", "failed"):
        return None
    number = int(code) if code.isdecimal() else 0
    if number in twilio.OPTED_OUT:
        return Kind.UNSUBSCRIBED
    return Kind.BOUNCED if number in twilio.NO_SUCH_NUMBER else Kind.FAILED


def _twilio_signature(credentials: Mapping[str, str], request: HttpRequest) -> str:
    """What Twilio signs: the address it was given, and every field with its value, sorted by name."""
    signed = f"{settings.BASE_URL}{request.get_full_path()}"
    for name in sorted(request.POST):
        signed += "".join(name + value for value in sorted(set(request.POST.getlist(name))))
    mac = hmac.new(credentials["auth_token"].encode(), signed.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def _phone(value: str | None) -> str:
    try:
        return clean_phone((value or "").rpartition(":")[2]) or ""
    except ValueError:
        return ""


def _clean(value: object, most: int) -> str:
    return _UNPRINTABLE.sub("", str(value or ""))[:most]


def _moment(timestamp: Any) -> datetime:
    """When it happened; now for a time that is missing, cannot be, or lies ahead."""
    if not isinstance(timestamp, datetime):
        return now()
    moment = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
    return moment if datetime(2000, 1, 1, tzinfo=UTC) < moment < now() else now()


def _reference_in(message_id: str) -> UUID | None:
    """The invitation in a Message-ID of ours."""
    found = _OUR_MESSAGE_ID.search(message_id)
    return UUID(found.group(1)) if found else None


def _event_id(given: object, kind: str, message_id: str, address: str, timestamp: object, raw: object) -> str:
    """The provider's id of the event, else one that the same report has again: made of all that it says."""
    identity = _clean(given, 200)
    if identity:
        return identity
    if message_id and timestamp:
        said = [kind, message_id, address, str(timestamp)]
    else:
        said = [kind, message_id, address, json.dumps(raw, sort_keys=True, default=str)]
    return hashlib.sha256("\0".join(said).encode("utf-8", "replace")).hexdigest()
