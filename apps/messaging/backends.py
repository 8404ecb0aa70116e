"""The providers we can send through: what each wants to know, and how to set it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.messaging.models import Provider


@dataclass(frozen=True, slots=True)
class Credential:
    """Something a provider wants to know; what is `secret` is never shown again."""

    name: str
    label: str | Promise
    help: str | Promise = ""
    secret: bool = True
    required: bool = True
    choices: tuple[tuple[str, str | Promise], ...] = ()


@dataclass(frozen=True, slots=True)
class Backend:
    """A provider's interface.

    `anymail` names the module of django-anymail that speaks it ("" where we do ourselves), `keeps_message_id` the
    headers that make it keep our Message-ID. Its reports are signed with what stands in `signed_with`; where that is
    empty they carry a password of ours in their address. `events` is what has to be switched on there.
    """

    key: str
    kind: str
    name: str
    credentials: tuple[Credential, ...] = ()
    anymail: str = ""
    keeps_message_id: Mapping[str, str] | None = None
    signed_with: str = ""
    hears_replies: bool = False
    replies_signed_with: str = ""
    events: str | Promise = ""
    replies: str | Promise = ""
    default_url: str = ""

    @property
    def is_local(self) -> bool:
        """Whether messages stay here instead of leaving."""
        return self.key == LOCAL


LOCAL: Final = "local"
INBOUND_ADDRESS: Final = "inbound_address"

_INBOUND: Final = Credential(
    INBOUND_ADDRESS,
    _("Address for replies"),
    _("Mail to this address has to reach the provider, for example replies@in.example.com. Empty: no replies."),
    secret=False,
    required=False,
)
_API_KEY: Final = Credential("api_key", _("API key"))
_REPLIES_TO_ADDRESS: Final = _("Have mail to the address for replies posted to the second address below.")

BACKENDS: Final[Mapping[str, Backend]] = {
    backend.key: backend
    for backend in (
        Backend(
            "mailgun",
            Provider.Kind.EMAIL,
            "Mailgun",
            (
                _API_KEY,
                Credential(
                    "sender_domain",
                    _("Sending domain"),
                    _("As Mailgun lists it, for example mg.example.com."),
                    secret=False,
                ),
                Credential("webhook_signing_key", _("HTTP webhook signing key"), _("Under API security in Mailgun.")),
                Credential(
                    "region",
                    _("Region"),
                    secret=False,
                    required=False,
                    choices=(("", _("United States")), ("eu", _("European Union"))),
                ),
                _INBOUND,
            ),
            anymail="mailgun",
            keeps_message_id={},
            signed_with="webhook_signing_key",
            hears_replies=True,
            replies_signed_with="webhook_signing_key",
            events=_("Under Sending, Webhooks: Delivered, Permanent failure, Temporary failure, Spam complaints,"
                     " Unsubscribes."),
            replies=_("Under Receiving: a route that matches the address for replies and its plus addresses"
                      " (replies+…@) and forwards to the second address below."),
            default_url="https://api.mailgun.net/v3/",
        ),
        Backend(
            "postmark",
            Provider.Kind.EMAIL,
            "Postmark",
            (
                Credential("server_token", _("Server API token")),
                Credential(
                    "message_stream",
                    _("Message stream"),
                    _("Empty for the stream “outbound”; surveys belong into a broadcast stream."),
                    secret=False,
                    required=False,
                ),
                _INBOUND,
            ),
            anymail="postmark",
            keeps_message_id={"X-PM-KeepID": "true"},
            hears_replies=True,
            events=_("In the message stream, Webhooks: Delivery, Bounce, Spam complaint, Subscription change."),
            replies=_("In the inbound stream, Settings: the second address below as webhook."),
            default_url="https://api.postmarkapp.com/",
        ),
        Backend(
            "sendgrid",
            Provider.Kind.EMAIL,
            "SendGrid",
            (
                _API_KEY,
                Credential(
                    "tracking_webhook_verification_key",
                    _("Verification key of the event webhook"),
                    _("Shown by SendGrid once Signed event webhook is switched on."),
                ),
                _INBOUND,
            ),
            anymail="sendgrid",
            signed_with="tracking_webhook_verification_key",
            hears_replies=True,
            events=_("Under Mail settings, Event webhook: Delivered, Bounced, Deferred, Dropped, Spam reports,"
                     " Unsubscribes; Signed event webhook on."),
            replies=_("Under Inbound parse: the domain of the address for replies, with the second address below."),
            default_url="https://api.sendgrid.com/v3/",
        ),
        Backend(
            "brevo",
            Provider.Kind.EMAIL,
            "Brevo",
            (_API_KEY,),
            anymail="brevo",
            events=_("Under Transactional, Settings, Webhook: Delivered, Soft bounce, Hard bounce, Invalid, Deferred,"
                     " Complaint, Unsubscribed, Blocked, Error."),
            default_url="https://api.brevo.com/v3/",
        ),
        Backend(
            "mailjet",
            Provider.Kind.EMAIL,
            "Mailjet",
            (_API_KEY, Credential("secret_key", _("Secret key")), _INBOUND),
            anymail="mailjet",
            hears_replies=True,
            events=_("Under Event tracking: Sent, Bounce, Spam, Blocked, Unsub."),
            replies=_REPLIES_TO_ADDRESS,
            default_url="https://api.mailjet.com/v3.1/",
        ),
        Backend(
            "mailersend",
            Provider.Kind.EMAIL,
            "MailerSend",
            (
                Credential("api_token", _("API token")),
                Credential("signing_secret", _("Signing secret of the webhook")),
                Credential("inbound_secret", _("Secret of the inbound route"), required=False),
                _INBOUND,
            ),
            anymail="mailersend",
            signed_with="signing_secret",
            hears_replies=True,
            replies_signed_with="inbound_secret",
            events=_("In the domain, Webhooks: delivered, soft bounced, hard bounced, deferred, spam complaint,"
                     " unsubscribed."),
            replies=_("In the domain, Inbound: a route for the address for replies to the second address below."),
            default_url="https://api.mailersend.com/v1/",
        ),
        Backend(
            "sparkpost",
            Provider.Kind.EMAIL,
            "SparkPost",
            (_API_KEY, _INBOUND),
            anymail="sparkpost",
            hears_replies=True,
            events=_("Under Webhooks: Delivery, Bounce, Out of band, Delay, Policy rejection, Spam complaint,"
                     " List unsubscribe, Link unsubscribe."),
            replies=_REPLIES_TO_ADDRESS,
            default_url="https://api.sparkpost.com/api/v1/",
        ),
        Backend(
            "twilio",
            Provider.Kind.SMS,
            "Twilio",
            (
                Credential("account_sid", _("Account SID"), _("Begins with AC."), secret=False),
                Credential("auth_token", _("Auth token")),
                Credential(
                    "messaging_service_sid",
                    _("Messaging service SID"),
                    _("Begins with MG. Empty: messages come from the sender above."),
                    secret=False,
                    required=False,
                ),
            ),
            signed_with="auth_token",
            hears_replies=True,
            replies_signed_with="auth_token",
            events=_("Nothing to switch on: every message names the address for its reports."),
            replies=_("At the number or the messaging service, A message comes in: the second address below, POST."),
            default_url="https://api.twilio.com/2010-04-01/",
        ),
        Backend(LOCAL, Provider.Kind.SMS, "Local", hears_replies=True),
    )
}  # fmt: skip

CHOICES: Final = [(key, backend.name) for key, backend in BACKENDS.items()]
"""Providers as a form or the API offers them."""


def backend_of(provider: Provider) -> Backend:
    """The interface a provider row speaks. Raises KeyError for one that an installation does not know any more."""
    return BACKENDS[provider.backend]
