"""The way out: which provider of the organisation in force takes a message, and handing it over.

Mail without a provider of its own leaves through the installation (`apps.dispatch.transport`); text messages do not
leave without one.
"""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Self

from apps.messaging.backends import BACKENDS, LOCAL
from apps.messaging.credentials import credentials_of
from apps.messaging.errors import NoProvider, ProviderUnavailable
from apps.messaging.mail import ProviderMail
from apps.messaging.models import LocalMessage, Provider
from apps.messaging.twilio import Twilio
from cxm.scope import current_scope
from cxm.secrets import SecretUnreadable

__all__ = [
    "LocalTexts",
    "ProviderMail",
    "ProviderTexts",
    "TextTransport",
    "mail_provider",
    "open_text_transport",
    "text_provider",
    "text_transport",
]


class TextTransport:
    """A way for text messages to leave, kept open for as long as its `with` block.

    `per_second` and `per_day` are the provider's limits, 0 for none.
    """

    is_transactional = False
    """Whether handing over happens in the database, together with the caller's transaction or not at all."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.provider_id = provider.pk
        self.per_second = provider.per_second
        self.per_day = provider.per_day

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is open; nothing is, unless a transport says otherwise."""
        return

    def send(self, to: str, text: str, *, reference: uuid.UUID | None = None) -> str:
        """Hand one message over; the provider's id of it. Raises `DeliveryError`.

        Args:
            to: a number as customers have it, `+4915112345678`.
            reference: of what the message is about (the invitation); comes back in the reports on it.
        """
        raise NotImplementedError


class LocalTexts(TextTransport):
    """Keeps messages to be read on a page, for trying out."""

    is_transactional = True

    def send(self, to: str, text: str, *, reference: uuid.UUID | None = None) -> str:
        return str(LocalMessage.objects.create(provider=self.provider, to=to[:40], text=text).pk)


class ProviderTexts(TextTransport):
    """Through Twilio."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        try:
            self._account = Twilio(provider, credentials_of(provider))
        except SecretUnreadable:
            raise ProviderUnavailable("credentials_unreadable") from None

    def close(self) -> None:
        self._account.close()

    def send(self, to: str, text: str, *, reference: uuid.UUID | None = None) -> str:
        return self._account.send(to, text, reference=reference)


def mail_provider() -> Provider | None:
    """The organisation's provider of mail in use; None where it has none, or no organisation is in force."""
    return _in_use(Provider.Kind.EMAIL)


def text_provider() -> Provider | None:
    """The organisation's provider of text messages in use."""
    return _in_use(Provider.Kind.SMS)


def open_text_transport() -> TextTransport:
    """The way text messages of the organisation in force leave. Raises `NoProvider`, `ProviderUnavailable`."""
    provider = text_provider()
    if provider is None:
        raise NoProvider("no_sms_provider")
    return text_transport(provider)


def text_transport(provider: Provider) -> TextTransport:
    """The way out through one provider, in use or not."""
    return LocalTexts(provider) if provider.backend == LOCAL else ProviderTexts(provider)


def _in_use(kind: str) -> Provider | None:
    if not isinstance(current_scope(), uuid.UUID):
        return None
    return Provider.objects.filter(kind=kind, is_active=True, backend__in=BACKENDS.keys()).first()
