"""Mail through a provider's interface, as django-anymail speaks it, with the credentials of one organisation."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final
from uuid import UUID

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailInvalidAddress, AnymailRecipientsRefused
from anymail.message import AnymailMessage
from django.core.mail.backends.base import BaseEmailBackend

from apps.messaging.addresses import reply_address
from apps.messaging.backends import INBOUND_ADDRESS, backend_of
from apps.messaging.credentials import credentials_of
from apps.messaging.errors import AddressRefused, DeliveryError, MessageRefused, ProviderUnavailable
from apps.messaging.models import Provider
from apps.messaging.outgoing import TIMEOUT, base_url, open_session
from cxm.secrets import SecretUnreadable

REFERENCE: Final = "cxm"
"""The name under which a mail carries our reference, which comes back in its reports."""
_OF_MESSAGE: Final = frozenset({400, 413, 422})
_MAILGUN_EUROPE: Final = "https://api.eu.mailgun.net/v3/"


class ProviderMail:
    """Mail of one provider row, over one connection for as long as the `with` block."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.backend = backend_of(provider)
        try:
            self._credentials = credentials_of(provider)
        except SecretUnreadable:
            raise ProviderUnavailable("credentials_unreadable") from None
        self._connection: BaseEmailBackend | None = None

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(requests.RequestException):
                connection.close()

    def reply_address(self, reference: UUID, *, stop: bool = False) -> str:
        """Where replies to one message go, "" where this provider hears none."""
        return reply_address(self.provider, self._credentials.get(INBOUND_ADDRESS, ""), reference, stop=stop)

    def send(
        self,
        *,
        subject: str,
        html: str,
        text: str,
        sender: str,
        recipient: str,
        message_id: str,
        headers: Mapping[str, str],
        reply_to: str = "",
        reference: UUID | None = None,
    ) -> str:
        """Hand one mail over; the provider's id of it. Raises `DeliveryError`."""
        all_headers = dict(headers)
        if self.backend.keeps_message_id is not None:
            all_headers |= {"Message-ID": message_id, **self.backend.keeps_message_id}
        message = AnymailMessage(
            subject=subject,
            body=text,
            from_email=sender,
            to=[recipient],
            reply_to=[reply_to] if reply_to else None,
            headers=all_headers,
            connection=self._open(),
        )
        message.attach_alternative(html, "text/html")
        if reference is not None:
            message.metadata = {REFERENCE: reference.hex}
        message.track_opens = False
        message.track_clicks = False
        try:
            message.send()
        except (AnymailError, requests.RequestException, UnicodeError) as error:
            raise _meaning(error, message) from None
        return _message_id(message)

    def _open(self) -> BaseEmailBackend:
        if self._connection is None:
            module = import_module(f"anymail.backends.{self.backend.anymail}")
            connection = module.EmailBackend(**self._options())
            connection.session = open_session(self.backend.key)
            self._connection = connection
        return self._connection

    def _options(self) -> dict[str, Any]:
        """The credentials anymail's backend knows of, and where the provider stands."""
        url = _MAILGUN_EUROPE if self._credentials.get("region") == "eu" else self.backend.default_url
        names = {credential.name for credential in self.backend.credentials} - _NOT_FOR_SENDING
        options: dict[str, Any] = {name: self._credentials[name] for name in names if self._credentials.get(name)}
        options |= {
            "api_url": base_url(self.backend.key, url),
            "timeout": TIMEOUT,
            "ignore_unsupported_features": True,
            "debug_api_requests": False,
        }
        return options


def _message_id(message: AnymailMessage) -> str:
    """The provider's id of a mail to one recipient; a provider that writes the address otherwise gives it beside ""."""
    ids = [status.message_id for status in message.anymail_status.recipients.values() if status.message_id]
    return str(ids[0]).strip("<>")[:200] if ids else ""


_NOT_FOR_SENDING: Final = frozenset(
    {
        INBOUND_ADDRESS,
        "region",
        "webhook_signing_key",
        "tracking_webhook_verification_key",
        "signing_secret",
        "inbound_secret",
    }
)


def _meaning(error: Exception, message: AnymailMessage) -> DeliveryError:
    """What to do about an error; never its text, which can hold the address."""
    if isinstance(error, AnymailRecipientsRefused):
        statuses = sorted(message.anymail_status.status or {"refused"})
        return AddressRefused(f"provider_{statuses[0]}"[:40])
    if isinstance(error, AnymailInvalidAddress | UnicodeError):
        return AddressRefused("address_not_valid")
    if isinstance(error, AnymailAPIError):
        status = error.status_code
        if status in _OF_MESSAGE:
            # A sender that is not confirmed there is answered like this as well: worth another try later.
            return MessageRefused(f"http_{status}", temporary=True)
        return ProviderUnavailable(f"http_{status}" if status else "no_connection")
    if isinstance(error, requests.RequestException):
        return ProviderUnavailable("no_connection")
    return MessageRefused(f"provider_{type(error).__name__}"[:40], temporary=False)
