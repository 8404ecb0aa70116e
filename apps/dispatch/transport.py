"""Handing one finished mail over: to the organisation's provider, else to the mail server of `EMAIL_URL`, else into
the built-in mailbox.

A transport keeps its connection for as long as its `with` block. What goes wrong comes in three kinds, because they
call for three reactions: this address is bad (`AddressRefused`), this mail is refused for now or for good
(`MailRefused`), the server cannot be reached (`ServerUnavailable`: nothing is wrong with the mail).
"""

from __future__ import annotations

import contextlib
import re
import smtplib
from abc import ABC, abstractmethod
from email.utils import formataddr, parseaddr
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from apps.dispatch import mailbox
from apps.dispatch.rendering import Rendered, ascii_address, message_bytes, one_line
from apps.dispatch.smtp_pipeline import hand_over
from apps.dispatch.wire import with_end
from apps.messaging.errors import AddressRefused, DeliveryError, MessageRefused, ProviderUnavailable
from apps.messaging.models import Provider
from apps.messaging.transports import ProviderMail, mail_provider

_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS_CODES: Final = frozenset({550, 551, 553})


TransportError = DeliveryError
MailRefused = MessageRefused
ServerUnavailable = ProviderUnavailable


class Transport(ABC):
    """A way for mail to leave."""

    is_transactional = False
    """Whether handing over happens in the database, and thus together with the caller's transaction or not at all."""
    provider_id: UUID | None = None
    """The provider row that mail leaves through, if it is one."""
    per_second = 0
    """Mails a second that may be handed over, 0 for no limit; likewise ``per_day``."""
    per_day = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is open; nothing is, unless a transport says otherwise."""
        return

    def reply_address(self, reference: UUID) -> str:
        """Where replies to the mail about `reference` are heard, "" where nobody hears them."""
        return ""

    def unsubscribe_headers(self, url: str, reference: UUID) -> dict[str, str]:
        """The headers that let a mail program stop these mails with one click (RFC 2369, RFC 8058).

        `url` accepts the POST; a mail address joins it where replies are heard.
        """
        return {
            "List-Unsubscribe": ", ".join(f"<{way}>" for way in (url, *self._unsubscribe_mails(reference))),
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def _unsubscribe_mails(self, reference: UUID) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
        reference: UUID | None = None,
    ) -> str:
        """Hand one mail over; when this returns, the other side has taken it. Raises `TransportError`.

        Args:
            reference: of what the mail is about (the invitation); comes back in the provider's reports on it.

        Returns:
            the provider's id of the mail, "" where there is none.
        """


class MailboxTransport(Transport):
    """Into the built-in mailbox, in the caller's transaction."""

    is_transactional = True

    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
        reference: UUID | None = None,
    ) -> str:
        everything = {"From": sender, "Message-ID": message_id, **headers}
        if reply_to:
            everything["Reply-To"] = reply_to
        mailbox.keep(to=recipient, subject=rendered.subject, html=rendered.html, text=rendered.text, headers=everything)
        return ""


class SmtpTransport(Transport):
    """To the mail server, over one connection for as many mails as are sent within the `with` block."""

    def __init__(self) -> None:
        self._connection: smtplib.SMTP | None = None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                connection.quit()

    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
        reference: UUID | None = None,
    ) -> str:
        try:
            recipient = ascii_address(recipient)
        except UnicodeError:
            raise AddressRefused("address_not_ascii") from None
        raw = message_bytes(
            rendered, sender=sender, recipient=recipient, message_id=message_id, headers=headers, reply_to=reply_to
        )
        self.send_bytes(with_end(raw), recipient=recipient)
        return ""

    def send_bytes(self, data: bytes, *, recipient: str) -> None:
        """Hand over a whole message with its end (`wire`) to an ASCII address. Raises `TransportError`."""
        connection = self._open()
        try:
            hand_over(connection, settings.DEFAULT_FROM_EMAIL, recipient, data)
        except smtplib.SMTPRecipientsRefused as refused:
            code, answer = next(iter(refused.recipients.values()))
            raise _refusal(code, answer, of_address=True) from None
        except smtplib.SMTPSenderRefused as refused:
            raise _refusal(refused.smtp_code, refused.smtp_error, of_address=False) from None
        except smtplib.SMTPDataError as refused:
            raise _refusal(refused.smtp_code, refused.smtp_error, of_address=False) from None
        except (smtplib.SMTPException, OSError) as broken:
            self._connection = None
            raise ServerUnavailable(type(broken).__name__) from None

    def _open(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        backend = EmailBackend()
        try:
            backend.open()
        except (smtplib.SMTPException, OSError) as broken:
            raise ServerUnavailable(type(broken).__name__) from None
        if backend.connection is None:
            raise ServerUnavailable("no_connection")
        self._connection = backend.connection
        return backend.connection


class ProviderTransport(Transport):
    """To the organisation's own provider."""

    def __init__(self, provider: Provider) -> None:
        self._mail = ProviderMail(provider)
        self._sender = provider.sender
        self.provider_id = provider.pk
        self.per_second = provider.per_second
        self.per_day = provider.per_day

    def close(self) -> None:
        self._mail.close()

    def reply_address(self, reference: UUID) -> str:
        return self._mail.reply_address(reference)

    def _unsubscribe_mails(self, reference: UUID) -> tuple[str, ...]:
        address = self._mail.reply_address(reference, stop=True)
        return (f"mailto:{address}?subject=unsubscribe",) if address else ()

    def send(
        self,
        rendered: Rendered,
        *,
        sender: str,
        recipient: str,
        message_id: str,
        headers: dict[str, str],
        reply_to: str = "",
        reference: UUID | None = None,
    ) -> str:
        """The provider's sender takes the place of the installation's address; the name stays."""
        try:
            recipient = ascii_address(recipient)
        except UnicodeError:
            raise AddressRefused("address_not_ascii") from None
        return self._mail.send(
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            sender=formataddr((parseaddr(sender)[0], parseaddr(self._sender)[1])),
            recipient=recipient,
            message_id=message_id,
            headers={one_line(name): one_line(value) for name, value in headers.items()},
            reply_to=one_line(reply_to),
            reference=reference,
        )


def open_transport() -> Transport:
    """The way mail of the organisation in force leaves: its provider, else the installation's way."""
    provider = mail_provider()
    if provider is not None:
        return ProviderTransport(provider)
    return SmtpTransport() if settings.EMAIL_URL_IS_SET else MailboxTransport()


def _refusal(code: int, answer: bytes | str, *, of_address: bool) -> TransportError:
    """What a refusing answer of the server means (RFC 5321 reply codes, RFC 3463 enhanced codes).

    Only class 5.1 ("addressing") speaks of the address; a 550 for policy or reputation is 5.7 and suppresses nobody.
    """
    if code == 421:
        return ServerUnavailable("smtp_421")
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    enhanced = _ENHANCED.search(text)
    label = f"smtp_{code}" + (f"_{enhanced.group()}" if enhanced else "")
    if code >= 500 and of_address and (enhanced.group(2) == "1" if enhanced else code in _ADDRESS_CODES):
        return AddressRefused(label)
    return MailRefused(label, temporary=code < 500)
